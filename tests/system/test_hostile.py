# SPDX-License-Identifier: Apache-2.0
"""500 malformed frames and 500 malformed requests, and the daemon serves on."""

import re
import socket

import pytest

from harness import hostile, web
from harness.network import VIP, VIP6, WAN
from harness.procs import wait_for
from test_l4 import ask_tcp, ask_udp

SEED = 20240229
COUNT = 500


def assert_serves(site):
    assert site.appliance.is_alive()
    for vip in (VIP, VIP6):
        assert ask_tcp(site.client, vip).startswith("echo-")
        assert ask_udp(site.client, vip).startswith("echo-")
    answer = web.curl(site.client, "https://shop.example/checkout/1",
                       "https://shop.example/img/x", ca=site.ca)
    assert [t["status"] for t in answer.transfers] == [200, 200], answer.errors


def mac_of(namespace, device):
    return re.search(r"link/ether (\S+)", namespace.ip("link", "show", device))[1]


def test_malformed_frames(everywhere):
    client = everywhere.client
    client.run("ping", "-c", "1", "-W", "2", WAN)
    gateway = re.search(r"lladdr (\S+)", client.ip("neigh", "show", WAN))[1]
    received = everywhere.appliance.counters()["core.rx_packets"]
    dropped = sum(everywhere.appliance.drops().values())
    with client.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("c0", 0))
        for frame in hostile.frames(COUNT, SEED, mac_of(client, "c0"), gateway):
            sock.send(frame)
    wait_for(lambda: everywhere.appliance.counters()["core.rx_packets"] >= received + COUNT,
             "all frames have arrived")
    assert sum(everywhere.appliance.drops().values()) > dropped + COUNT / 3
    # Frames may have claimed the client's addresses for other Ethernet addresses.
    client.run("ping", "-c", "1", "-W", "2", WAN)
    assert_serves(everywhere)


def send_request(client, request):
    """The first line of the answer, b"" when the connection was closed or reset instead."""
    with client.connect(VIP, 80, timeout=1.0) as sock:
        try:
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            answer = sock.recv(65536)
        except ConnectionError:
            return b""
        except socket.timeout:
            return None
        return answer.split(b"\r\n")[0]


def test_malformed_requests(everywhere):
    wrong = []
    for request, allowed in hostile.bad_requests(COUNT, SEED):
        line = send_request(everywhere.client, request)
        match = re.match(rb"HTTP/1\.[01] (\d{3})", line or b"")
        status = int(match[1]) if match else 0
        if allowed is None:
            is_good = not line or status > 0
        elif allowed == ():
            is_good = line == b"" or 400 <= status < 600
        else:
            is_good = status in allowed
        if not is_good:
            wrong.append((request[:120], allowed, line))
    assert wrong == []
    assert_serves(everywhere)


@pytest.mark.parametrize("first", [
    b"POST /a HTTP/1.1\r\n" + hostile.HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
    b"\r\n0\r\n\r\n",
    b"POST /a HTTP/1.1\r\n" + hostile.HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n"
    b"0\r\n\r\n",
], ids=["length-and-chunked", "two-codings"])
def test_no_request_is_smuggled_behind_a_refused_one(site, first):
    before = site.appliance.counters()["l7.requests"]
    with site.client.connect(VIP, 80, timeout=3.0) as sock:
        sock.sendall(first + b"GET /smuggled HTTP/1.1\r\n" + hostile.HOST + b"\r\n")
        text = b"".join(iter(lambda: sock.recv(65536), b""))
    assert text.count(b"HTTP/1.1 ") == 1 and b"smuggled" not in text
    assert site.appliance.counters()["l7.requests"] - before <= 1


def test_plain_http_on_the_tls_port(site):
    before = site.appliance.counters()["l7.tls_failures"]
    with site.client.connect(VIP, 443) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n" + hostile.HOST + b"\r\n")
        sock.shutdown(socket.SHUT_WR)
        try:
            while sock.recv(65536):
                pass
        except ConnectionError:
            pass
    wait_for(lambda: site.appliance.counters()["l7.tls_failures"] > before, "it is counted")
    assert_serves(site)
