# SPDX-License-Identifier: Apache-2.0
"""Appliances of a fabric with the same configuration, and BIRD beside each and on the router."""

from . import bird, config, fabric
from .appliance import Appliance
from .procs import wait_for

SEED = "fleet"


def settings(side):
    """Echo services by full NAT."""
    pools = config.pools()
    return {
        "cores": {"control": 0, "l4": [1], "l7": [1], "idle": "adaptive"},
        "memory": {"pages": "auto", "packet_buffers": 16384},
        "seed": SEED,
        "ports": side.ports(),
        "routes": [{"to": "0.0.0.0/0", "via": fabric.ROUTER}, {"to": "::/0", "via": fabric.ROUTER6}],
        "announce": {"table": 100},
        "pools": {name: pools[name] for name in ("echo", "echo6")},
        "services": [config.l4("echo", fabric.VIP, 7001, "echo"),
                     config.l4("echo6", fabric.VIP6, 7001, "echo6")],
        "drain_timeout_ms": 5000,
    }


class Pair:
    """An appliance and the BIRD beside it."""

    def __init__(self, side, folder, configuration):
        number = side.number
        self.side = side
        self.daemon = Appliance(side, folder, configuration)
        self.daemon.start()
        self.bird = bird.Bird(side.appliance, folder, "bird",
                              bird.appliance_config(fabric.wan(number), fabric.wan6(number),
                                                    fabric.ROUTER))

    def close(self):
        self.bird.kill()
        if self.daemon.process:
            self.daemon.process.terminate(15)


class Fleet:
    def __init__(self, net, folder, make_settings=settings):
        """make_settings(side): the configuration of one appliance."""
        self.net = net
        self.make_settings = make_settings
        self.pairs = []
        self.router = bird.Bird(net.router, folder, "router", bird.router_config(
            fabric.ROUTER, {f"appliance{side.number}": fabric.wan(side.number)
                            for side in net.sides}))
        self.folder = folder

    def start(self, number):
        folder = self.folder / f"appliance-{number}"
        folder.mkdir()
        side = self.net.sides[number - 1]
        pair = Pair(side, folder, self.make_settings(side))
        self.pairs.append(pair)
        return pair

    def next_hops(self, vip=fabric.VIP):
        """Where the router sends packets for the address."""
        words = ["-6"] if ":" in vip else []
        text = self.net.router.ip(*words, "route", "show", vip)
        hops = [fabric.wan6(n) if ":" in vip else fabric.wan(n)
                for n in (side.number for side in self.net.sides)]
        words = text.split()
        return {hop for hop in hops if hop in words}

    def wait_hops(self, *hops, vip=fabric.VIP, timeout=15):
        wait_for(lambda: self.next_hops(vip) == set(hops),
                 f"the router reaches {vip} by {hops or 'nobody'}; now {self.next_hops(vip)}\n"
                 + self.router.show("protocols"), timeout, pause=0.1)

    def close(self):
        for pair in self.pairs:
            pair.close()
        self.router.kill()
