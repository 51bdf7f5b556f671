# SPDX-License-Identifier: Apache-2.0
"""BIRD, a routing daemon, in a namespace."""

import os
import subprocess

from .procs import Process

# What docs/operate/bgp.md recommends, with timers that suit a test.
BESIDE_APPLIANCE = """
log stderr all;
router id {own};
protocol device {{ scan time 1; }}
protocol kernel vips4 {{
	learn;
	scan time 1;
	kernel table 100;
	ipv4 {{ import all; export none; }};
}}
protocol kernel vips6 {{
	learn;
	scan time 1;
	kernel table 100;
	ipv6 {{ import all; export none; }};
}}
protocol bgp uplink {{
	local {own} as 65001;
	neighbor {router} as 65000;
	passive;
	hold time 6;
	ipv4 {{ import none; export where source = RTS_INHERIT; }};
	ipv6 {{ import none; export where source = RTS_INHERIT; next hop address {own6}; }};
}}
"""

ROUTER_HEAD = """
log stderr all;
router id {own};
protocol device {{ scan time 1; }}
protocol kernel k4 {{ merge paths on; ipv4 {{ import none; export all; }}; }}
protocol kernel k6 {{ merge paths on; ipv6 {{ import none; export all; }}; }}
"""

ROUTER_PEER = """
protocol bgp {name} {{
	local {own} as 65000;
	neighbor {peer} as 65001;
	connect delay time 1;
	connect retry time 1;
	error wait time 1, 2;
	hold time 6;
	ipv4 {{ import all; export none; }};
	ipv6 {{ import all; export none; }};
}}
"""


def appliance_config(own, own6, router):
    return BESIDE_APPLIANCE.format(own=own, own6=own6, router=router)


def router_config(own, peers):
    """peers: {name: address}"""
    return ROUTER_HEAD.format(own=own) + "".join(
        ROUTER_PEER.format(name=name, own=own, peer=peer) for name, peer in peers.items())


class Bird:
    def __init__(self, namespace, folder, name, config):
        self.socket = os.path.join(str(folder), name + ".ctl")
        path = os.path.join(str(folder), name + ".conf")
        with open(path, "w", encoding="ascii") as out:
            out.write(config)
        self.process = Process(
            name, namespace.command("bird", "-f", "-c", path, "-s", self.socket,
                                    "-P", os.path.join(str(folder), name + ".pid")),
            os.path.join(str(folder), name + ".log"))

    def show(self, *words):
        done = subprocess.run(["birdc", "-s", self.socket, "show", *words],
                              capture_output=True, text=True, check=False, timeout=10)
        return done.stdout

    def kill(self):
        self.process.kill()
