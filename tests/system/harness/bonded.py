# SPDX-License-Identifier: Apache-2.0
"""An appliance with two legs to a switch, the kernel's bridge or Open vSwitch in userspace.

    client c0 ------.
    guest vlan10 -- t0 switch ==== a1, a2 [appliance] lb1 ---- s0 servers
"""

import os
import re
import time

from . import netns, tag
from .network import CLIENT, CLIENT6, server, server6
from .procs import Process, wait_for
from .servers import ECHO

LEGS = ("p1", "p2")  # the switch's ends of a1 and a2
GUEST, GUEST_OWN = "203.0.113.10", "203.0.113.2"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class Bonded(netns.Namespaces):
    def __init__(self, folder, kind="bridge"):
        super().__init__()
        self.folder = str(folder)
        self.processes = []
        try:
            self.appliance = self._namespace(kind + "-appliance")
            self.switch = self._namespace(kind + "-switch")
            self.client = self._namespace(kind + "-client")
            self.guest = self._namespace(kind + "-guest")
            self.servers = self._namespace(kind + "-servers")
            self._connect()
            if kind == "ovs":
                self._start_ovs()
            else:
                self._make_bridge()
            self._make_guest()
        except BaseException:
            self.close()
            raise

    def _connect(self):
        for space in (self.appliance, self.switch, self.guest):
            space.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                      "net.ipv6.conf.default.disable_ipv6=1")
        netns.veth(self.switch, "p1", self.appliance, "a1")
        netns.veth(self.switch, "p2", self.appliance, "a2")
        netns.veth(self.switch, "p3", self.client, "c0")
        netns.veth(self.switch, "p4", self.guest, "t0")
        netns.veth(self.servers, "s0", self.appliance, "lb1")
        for address in (CLIENT + "/24", CLIENT6 + "/64"):
            self.client.add_address("c0", address)
        for number in ECHO.values():
            self.servers.add_address("s0", server(number) + "/24")
            self.servers.add_address("s0", server6(number) + "/64")

    def _run(self, name, *command, **options):
        process = Process(name, command, os.path.join(self.folder, name + ".log"), **options)
        self.processes.append(process)
        return process

    def _make_bridge(self):
        self.switch.ip("link", "add", "br0", "type", "bridge")
        # The bridge takes a tag off the frame; the cable puts it in again.
        for port in LEGS:
            self.switch.run("ethtool", "-K", port, "txvlan", "off")
        for port in (*LEGS, "p3", "p4"):
            self.switch.ip("link", "set", port, "master", "br0")
        self.switch.ip("link", "set", "br0", "up")

    def _make_guest(self):
        process = self._run("tag", *self.guest.command("/usr/bin/python3", tag.__file__, "t0", "10"))
        wait_for(lambda: "ready" in process.output(), "the tags are put on and taken off")
        self.guest.add_address("vlan10", GUEST + "/24")

    def _start_ovs(self):
        """Its own database, sockets and processes: none of the machine's."""
        path = lambda name: os.path.join(self.folder, name)
        environment = {name: self.folder for name in
                       ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR")}
        self.database = "unix:" + path("db.sock")
        netns.run("ovsdb-tool", "create", path("conf.db"), SCHEMA)
        self._run("ovsdb", *self.switch.command(
            "ovsdb-server", path("conf.db"), "--remote=p" + self.database,
            "--unixctl=" + path("db.ctl")), env=environment)
        wait_for(lambda: os.path.exists(path("db.sock")), "ovsdb-server listens")
        self._vsctl("--no-wait", "init")
        self.ovs = self._run("ovs", *self.switch.command(
            "ovs-vswitchd", self.database, "--unixctl=" + path("ovs.ctl")), env=environment)
        self._vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                    "--", "add-bond", "br0", "bond0", *LEGS, "lacp=active",
                    "bond_mode=balance-tcp", "other_config:lacp-time=fast",
                    "--", "add-port", "br0", "p3", "--", "add-port", "br0", "p4")

    def _vsctl(self, *words):
        netns.run("ovs-vsctl", "--db=" + self.database, "--timeout=10", *words)

    def lacp(self):
        """Of each leg, the words of Open vSwitch: {"p1": "current attached"}; and its system."""
        text = netns.run("ovs-appctl", "-t", os.path.join(self.folder, "ovs.ctl"), "lacp/show")
        return (dict(re.findall(r"^(?:member|slave): (\S+): (.*)$", text, re.M)),
                re.search(r"sys_id: (\S+)", text)[1])

    def cut(self, leg):
        self.switch.ip("link", "set", leg, "down")

    def mend(self, leg):
        self.switch.ip("link", "set", leg, "up")

    def close(self):
        for process in reversed(self.processes):
            process.kill()
        super().close()


def longest_silence(sock, event, settle=0.5):
    """Datagrams back and forth, event() among them: the longest time without an answer, in s.

    Ends when answers have come for settle seconds after the event, or none did for 10 s.
    """
    began = last = time.monotonic()
    silence, since, number = 0.0, None, 0
    sock.settimeout(0.02)
    while since is None or last - since < settle:
        number += 1
        text = b"%d" % number
        sock.send(text)
        try:
            while not sock.recv(65536).endswith(b" " + text):
                pass
            now = time.monotonic()
            silence, last = max(silence, now - last), now
        except TimeoutError:
            if time.monotonic() - last > 10.0:
                return 10.0
        if since is None and time.monotonic() - began > 0.2:
            event()
            since = time.monotonic()
    return silence
