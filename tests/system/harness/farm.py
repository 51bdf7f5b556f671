# SPDX-License-Identifier: Apache-2.0
"""Two servers, each a Linux of its own with a way to the client that does not pass the appliance.

    client c0 ---- lb0 [appliance] lb1 ---- s0 server 1 r0 ---- c1 client
                                   lb2 ---- s0 server 2 r0 ---- c2 client
"""

import os

from . import decap, netns, origin
from .appliance import ROOT
from .network import CLIENT, CLIENT6, VIP, VIP6, WAN, WAN6
from .procs import Process, wait_for

SETUP = os.path.join(ROOT, "tools", "server-setup")
HTTP_PORT, UDP_PORT = 8080, 7002
GUE_PORTS = {0: 6080, 1: 9886}


class Server:
    """Addresses of a server, of the appliance on its network, and of the client on its way back."""

    def __init__(self, namespace, number):
        self.namespace = namespace
        self.name = f"server-{number}"
        first = 64 * (number - 1)
        self.address, self.gateway = f"198.51.100.{first + 10}", f"198.51.100.{first + 2}"
        self.address6, self.gateway6 = f"2001:db8:2{number}::10", f"2001:db8:2{number}::2"
        self.back, self.client = f"203.0.113.{4 * number + 1}", f"203.0.113.{4 * number + 2}"
        self.back6, self.client6 = f"2001:db8:3{number}::1", f"2001:db8:3{number}::2"
        self.processes = []

    def start(self, folder, name, script, *words):
        process = Process(name, self.namespace.command("/usr/bin/python3", script, *words),
                          os.path.join(str(folder), f"{self.name}-{name}.log"))
        self.processes.append(process)
        wait_for(lambda: "ready" in process.output() or not process.is_alive(), name + " listens")
        if not process.is_alive():
            raise RuntimeError(f"{name} ended:\n{process.output()}")
        return process

    def default_routes_set(self):
        self.namespace.ip("route", "replace", "default", "via", self.client, "dev", "r0")
        self.namespace.ip("-6", "route", "replace", "default", "via", self.client6, "dev", "r0")

    def set_up(self, mode, *words):
        return self.namespace.run(SETUP, "--mode", mode, *words)

    def serve(self, folder, http, udp):
        """http, udp: (address, port) pairs beside the server's own."""
        own = [self.address, self.address6]
        words = ["--name", self.name]
        for address, port in [(one, HTTP_PORT) for one in own] + http:
            words += ["--http", address, str(port)]
        for address, port in [(one, UDP_PORT) for one in own] + udp:
            words += ["--udp", address, str(port)]
        self.start(folder, "origin", origin.__file__, *words)
        self.decap = self.start(folder, "decap", decap.__file__, "decap0",
                                *map(str, GUE_PORTS.values()))


class Farm(netns.Namespaces):
    def __init__(self):
        super().__init__()
        self.servers = []
        try:
            self.client = self._namespace("farm-client")
            self.appliance = self._namespace("farm-appliance")
            self.servers = [Server(self._namespace(f"farm-server{n}"), n) for n in (1, 2)]
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self):
        self.appliance.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                           "net.ipv6.conf.default.disable_ipv6=1")
        netns.veth(self.client, "c0", self.appliance, "lb0")
        self.client.add_address("c0", CLIENT + "/24")
        self.client.add_address("c0", CLIENT6 + "/64")
        for number, server in enumerate(self.servers, 1):
            space = server.namespace
            netns.veth(space, "s0", self.appliance, f"lb{number}")
            netns.veth(space, "r0", self.client, f"c{number}")
            space.add_address("s0", server.address + "/26")
            space.add_address("s0", server.address6 + "/64")
            space.add_address("r0", server.back + "/30")
            space.add_address("r0", server.back6 + "/64")
            self.client.add_address(f"c{number}", server.client + "/30")
            self.client.add_address(f"c{number}", server.client6 + "/64")
            server.default_routes_set()

    def ports(self):
        lans = [{"name": f"lan{number}", "device": f"net_af_xdp{number},iface=lb{number}",
                 "addresses": [server.gateway + "/26", server.gateway6 + "/64"]}
                for number, server in enumerate(self.servers, 1)]
        return [{"name": "wan", "device": "net_af_xdp0,iface=lb0",
                 "addresses": [WAN + "/24", WAN6 + "/64"]}, *lans]

    def set_up(self):
        """By the script that operators get; the tunnels' devices are decap.py's."""
        for server in self.servers:
            for member, gateway in ((server.address, server.gateway),
                                    (server.address6, server.gateway6)):
                server.set_up("nat", "--device", "s0", "--member", member, "--gateway", gateway)
            for mode in ("dsr-l2", "dsr-ipip", "dsr-gue"):
                server.set_up(mode, "--vip", VIP, "--vip", VIP6, "--device", "s0", "--no-tunnel")

    def close(self):
        for server in self.servers:
            for process in server.processes:
                process.kill()
        super().close()
