# SPDX-License-Identifier: Apache-2.0
"""The TCP stack as it runs in the appliance: traces of its connections, and floods of SYNs."""

import socket

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from harness import config, web
from harness.appliance import Appliance
from harness.network import CLIENTS, VIP
from harness.procs import wait_for

HALF_OPEN_MAX = 1024
# Addresses that nobody has: the answers go nowhere.
FLOOD_SOURCES = ("192.0.2.200", "192.0.2.201")
FLOOD_PORTS = range(10000, 30000)
URL = "http://shop.example/checkout/1"


def lines(text, word):
    """Rows of a table without marks that begin so, split into words."""
    return [row.split() for row in text.splitlines() if word in row.split()]


def test_trace_of_a_connection(site):
    words = f"trace conn {CLIENTS[3]}:45001"
    with site.client.connect(VIP, 80, source=CLIENTS[3], source_port=45001) as sock:
        begun = site.appliance.ctl(words)
        assert lines(begun, "running") and lines(begun, "begin")
        sock.sendall(b"GET /checkout/1 HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        seen = site.appliance.ctl(words)
        assert lines(seen, "in") and lines(seen, "out")
    wait_for(lambda: lines(site.appliance.ctl(words), "over"), "the end is told")
    ended = site.appliance.ctl(words)
    assert [row[3] for row in lines(ended, "state")] == ["CLOSE-WAIT", "LAST-ACK", "CLOSED:done"]
    site.appliance.ctl(words + " off")
    assert not lines(site.appliance.ctl(words), "over")
    site.appliance.ctl(words + " off")


def test_trace_waits_for_the_next_connection(site):
    words = f"trace conn {CLIENTS[4]}"
    assert lines(site.appliance.ctl(words), "waiting")
    assert web.curl(site.client, "--interface", CLIENTS[4], URL).status == 200
    answer = site.appliance.ctl(words)
    assert lines(answer, f"{VIP}:80") and lines(answer, "in")
    site.appliance.ctl(words + " off")


@pytest.fixture
def small_site(network, servers, certificate, tmp_path):
    """Few half-open connections are remembered."""
    settings, routes = config.make(network, certificate, "joint")
    settings["tcp"] = {"max_half_open": HALF_OPEN_MAX}
    with Appliance(network, tmp_path, settings, routes) as appliance:
        yield appliance


def flood(network):
    """A SYN from each source and port. The sequence number makes up for the port, so that the
    checksum of a template stays right."""
    mac = network.appliance.run("cat", "/sys/class/net/lb0/address").strip()
    own = network.client.run("cat", "/sys/class/net/c0/address").strip()
    sock = network.client.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sent = 0
    with sock:
        sock.bind(("c0", 0))
        for source in FLOOD_SOURCES:
            frame = bytearray(bytes(
                Ether(src=own, dst=mac) / IP(src=source, dst=VIP) /
                TCP(sport=0, dport=80, flags="S", seq=0xffff, options=[
                    ("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None),
                    ("WScale", 7)])))
            for port in FLOOD_PORTS:
                frame[34:36] = port.to_bytes(2, "big")
                frame[40:42] = (0xffff - port).to_bytes(2, "big")
                sock.send(frame)
                sent += 1
    return sent


def test_half_open_flood_ends_at_the_limit(small_site, network):
    """The table ends where the configuration says; beyond it cookies let genuine clients in."""
    assert web.curl(network.client, URL).status == 200
    assert flood(network) == len(FLOOD_SOURCES) * len(FLOOD_PORTS)
    wait_for(lambda: small_site.counters()["tcp.cookies_sent"] > 0, "cookies are sent")
    assert small_site.info("Tcp_half_open") == HALF_OPEN_MAX
    for _ in range(5):
        assert web.curl(network.client, URL).status == 200
    counters = small_site.counters()
    assert counters["tcp.cookies_ok"] >= 5 and counters["tcp.cookies_bad"] == 0
