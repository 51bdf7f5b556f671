# SPDX-License-Identifier: Apache-2.0
"""The configuration that most tests run on, and the ways in which they vary it."""

import copy

from . import servers
from .network import VIP, VIP6, server, server6

# name: (l4 CPUs, l7 CPUs)
LAYOUTS = {
    "split": ([0], [1]),        # packets cross a ring between the two kinds of worker
    "joint": ([1], [1]),        # one CPU runs both loops
    "pairs": ([0, 1], [0, 1]),  # one queue for two cores: half of the packets change cores
}

HOSTS = ["shop.example", "*.shop.example"]
FAST_CHECK = {"interval_ms": 200, "timeout_ms": 150, "rise": 2, "fall": 2}


def members(table, port, family=4):
    text = (lambda n: f"{server(n)}:{port}") if family == 4 else (lambda n: f"[{server6(n)}]:{port}")
    return [{"address": text(number), "name": name} for name, number in table.items()]


def pools():
    tcp = {"type": "tcp", **FAST_CHECK}
    http = {"type": "http", "path": "/health", "expect": 200, **FAST_CHECK}
    echo, port = servers.ECHO, servers.HTTP_PORT
    return {
        "echo": {"members": members(echo, servers.ECHO_PORT), "health": tcp},
        "echo6": {"members": members(echo, servers.ECHO_PORT, 6), "health": tcp},
        "datagrams": {"members": members(echo, servers.UDP_PORT)},
        "datagrams6": {"members": members(echo, servers.UDP_PORT, 6)},
        "payments": {"balance": "round-robin", "members": members(servers.PAYMENTS, port),
                     "health": http},
        "static": {"balance": "p2c", "members": members(servers.STATIC, port, 6), "health": http},
        "origin": {"members": members(servers.ORIGIN, port), "response_timeout_ms": 10000},
        "origin-tls": {"members": members(servers.ORIGIN, servers.HTTPS_PORT)},
        "slow": {"members": members(servers.ORIGIN, port), "response_timeout_ms": 400},
        # A host that has no such port says so, by ICMP.
        "closed": {"members": [f"{server(servers.NOBODY)}:9"]},
        "closed6": {"members": [f"[{server6(servers.NOBODY)}]:9"]},
        # What a test itself plays.
        "played": {"members": [f"{server(servers.PLAYED)}:0"]},
        "associations": {"members": [f"{server(servers.PLAYED)}:7005"]},
        # Nobody listens: refused at once.
        "refusing": {"members": [f"{server(servers.NOBODY)}:9"]},
        # No such host: neither ARP nor NDP is answered.
        "absent": {"members": ["198.51.100.250:80"], "connect_timeout_ms": 500},
        # Never healthy.
        "down": {"members": [f"{server(servers.NOBODY)}:9"], "health": tcp},
    }


def l4(name, address, port, pool, protocol="tcp", **more):
    host = f"[{address}]" if ":" in address else address
    return {"name": name, "listen": f"{host}:{port}/{protocol}", "mode": "l4",
            "forward": "full-nat", "pool": pool, **more}


def l7(name, address, port, is_tls=False, **more):
    host = f"[{address}]" if ":" in address else address
    service = {"name": name, "listen": f"{host}:{port}/tcp", "mode": "l7",
               "routes": "routes.json", **more}
    if is_tls:
        service["tls"] = {"certificates": ["shop"], "alpn": ["http/1.1"]}
    return service


def services():
    return [
        l4("echo", VIP, 7001, "echo"),
        l4("echo6", VIP6, 7001, "echo6"),
        l4("datagrams", VIP, 7002, "datagrams", "udp"),
        l4("datagrams6", VIP6, 7002, "datagrams6", "udp"),
        l4("sticky", VIP, 7003, "echo", hash="source-ip"),
        l4("closed", VIP, 7004, "closed", "udp"),
        l4("closed6", VIP6, 7004, "closed6", "udp"),
        l4("associations", VIP, 7005, "associations", "sctp"),
        l4("played", VIP, "7100-7199", "played", "udp"),
        l4("none", VIP, 7009, "down"),
        l4("l4-http", VIP, 8080, "origin"),
        l4("l4-https", VIP, 8443, "origin-tls"),
        l7("http", VIP, 80),
        l7("https", VIP, 443, is_tls=True),
        l7("http6", VIP6, 80),
        l7("https6", VIP6, 443, is_tls=True),
    ]


def route(pool, host=None, prefix=None, exact=None):
    match = {}
    if host:
        match["host"] = host
    if prefix:
        match["path"] = {"prefix": prefix}
    if exact:
        match["path"] = {"exact": exact}
    return {"match": match, "pool": pool}


def routes():
    return [
        route("payments", "shop.example", prefix="/checkout"),
        route("static", prefix="/img/"),
        route("static", "*.shop.example", prefix="/"),
        route("payments", "pay.shop.example", prefix="/"),
        route("payments", "shop.example", exact="/img/pay"),
        *(route(pool, pool + ".example", prefix="/")
          for pool in ("origin", "slow", "refusing", "absent", "down")),
    ]


def make(network, certificate, layout="joint"):
    """(configuration, rows of the routing table)"""
    l4_cpus, l7_cpus = LAYOUTS[layout]
    chain, key = certificate
    return {
        "cores": {"control": 0, "l4": l4_cpus, "l7": l7_cpus, "idle": "adaptive"},
        "memory": {"pages": "auto", "packet_buffers": 32768},
        "ports": network.ports(),
        "certificates": [{"name": "shop", "chain": chain, "key": key}],
        "pools": pools(),
        "services": services(),
        "drain_timeout_ms": 3000,
    }, routes()


def changed(config, **sections):
    """A deep copy with sections replaced."""
    return {**copy.deepcopy(config), **sections}
