# SPDX-License-Identifier: Apache-2.0
"""The one topology of all system tests: client -- wan [appliance] lan -- servers."""

from . import netns

CLIENT = "192.0.2.10"
CLIENTS = [f"192.0.2.{n}" for n in range(10, 20)]
CLIENT6 = "2001:db8:1::10"
WAN = "192.0.2.2"
WAN6 = "2001:db8:1::2"
VIP = "192.0.2.100"
VIP6 = "2001:db8:1::100"
LAN = "198.51.100.2"
LAN6 = "2001:db8:2::2"
SERVERS = [f"198.51.100.{n}" for n in range(10, 60)]


def server(number):
    return f"198.51.100.{number}"


def server6(number):
    return f"2001:db8:2::{number}"


class Network(netns.Namespaces):
    """Makes the three namespaces; close() removes them, half-built ones too."""

    def __init__(self, tag=""):
        super().__init__()
        try:
            self.client = self._namespace(tag + "client")
            self.appliance = self._namespace(tag + "appliance")
            self.servers = self._namespace(tag + "servers")
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self):
        # The kernel's own IPv6 must not speak on ports that the appliance owns.
        self.appliance.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                           "net.ipv6.conf.default.disable_ipv6=1")
        netns.veth(self.client, "c0", self.appliance, "lb0")
        netns.veth(self.servers, "s0", self.appliance, "lb1")
        for address in CLIENTS:
            self.client.add_address("c0", address + "/24")
        self.client.add_address("c0", CLIENT6 + "/64")
        for number in range(10, 60):
            self.servers.add_address("s0", server(number) + "/24")
            self.servers.add_address("s0", server6(number) + "/64")

    def ports(self):
        """The "ports" of a configuration that owns the appliance's two cables."""
        return [
            {"name": "wan", "device": "net_af_xdp0,iface=lb0",
             "addresses": [WAN + "/24", WAN6 + "/64"]},
            {"name": "lan", "device": "net_af_xdp1,iface=lb1",
             "addresses": [LAN + "/24", LAN6 + "/64"]},
        ]
