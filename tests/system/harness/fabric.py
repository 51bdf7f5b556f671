# SPDX-License-Identifier: Apache-2.0
"""A router with a client behind it, one or two appliances beside each other, and their servers."""

from . import netns
from .network import server, server6

CLIENT = "198.18.0.10"
CLIENT6 = "2001:db8:18::10"
ROUTER = "192.0.2.1"
ROUTER6 = "2001:db8:1::1"
VIP = "203.0.113.10"
VIP6 = "2001:db8:203::10"


def wan(number):
    return f"192.0.2.{1 + number}"


def wan6(number):
    return f"2001:db8:1::{1 + number}"


def lan(number):
    return f"198.51.100.{1 + number}"


def lan6(number):
    return f"2001:db8:2::{1 + number}"


class Side:
    """What harness.appliance needs of a network: the namespace that the daemon runs in."""

    def __init__(self, appliance, number):
        self.appliance = appliance
        self.number = number

    def ports(self):
        n = self.number
        return [
            {"name": "wan", "device": "net_af_xdp0,iface=lb0", "kernel_interface": "kwan",
             "addresses": [wan(n) + "/24", wan6(n) + "/64"]},
            {"name": "lan", "device": "net_af_xdp1,iface=lb1",
             "addresses": [lan(n) + "/24", lan6(n) + "/64"]},
        ]


class Fabric(netns.Namespaces):
    def __init__(self, count=2):
        super().__init__()
        try:
            self.client = self._namespace("fabric-client")
            self.router = self._namespace("fabric-router")
            self.servers = self._namespace("fabric-servers")
            self.sides = [Side(self._namespace(f"fabric-appliance-{n}"), n)
                          for n in range(1, count + 1)]
            self._connect()
        except BaseException:
            self.close()
            raise

    def _bridge(self, namespace, name):
        namespace.ip("link", "add", name, "type", "bridge")
        namespace.ip("link", "set", name, "up")

    def _connect(self):
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                        "net.ipv4.fib_multipath_hash_policy=1",
                        "net.ipv6.fib_multipath_hash_policy=1")
        netns.veth(self.client, "c0", self.router, "rc")
        self._bridge(self.router, "ra")
        self._bridge(self.servers, "s0")
        for side in self.sides:
            self._connect_side(side)
        for namespace, device, addresses in (
                (self.client, "c0", (CLIENT + "/24", CLIENT6 + "/64")),
                (self.router, "rc", ("198.18.0.1/24", "2001:db8:18::1/64")),
                (self.router, "ra", (ROUTER + "/24", ROUTER6 + "/64"))):
            for address in addresses:
                namespace.add_address(device, address)
        for number in range(10, 60):
            self.servers.add_address("s0", server(number) + "/24")
            self.servers.add_address("s0", server6(number) + "/64")
        self.client.ip("route", "add", "default", "via", "198.18.0.1")
        self.client.ip("-6", "route", "add", "default", "via", "2001:db8:18::1")

    def _connect_side(self, side):
        appliance, number = side.appliance, side.number
        # On the ports that the appliance owns; its kernel interface may have IPv6.
        appliance.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        netns.veth(self.router, f"ra{number}", appliance, "lb0")
        netns.veth(self.servers, f"s{number}", appliance, "lb1")
        appliance.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=0")
        self.router.ip("link", "set", f"ra{number}", "master", "ra")
        self.servers.ip("link", "set", f"s{number}", "master", "s0")
