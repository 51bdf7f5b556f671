# SPDX-License-Identifier: Apache-2.0
"""Layer 7: TLS, routing, headers, keep-alive and the proxy's own answers."""

import json
import ssl
import time

import pytest

from harness import web
from harness.network import CLIENT, CLIENT6, LAN, LAN6, VIP, VIP6
from harness.servers import PAYMENTS, STATIC

SHOP = "https://shop.example"


def test_paths_reach_their_pools_over_one_tls_connection(everywhere):
    """The sentence of the main job, with real curl."""
    answer = web.curl(everywhere.client, "--tlsv1.3", "--http1.1", SHOP + "/checkout/1",
                       SHOP + "/img/x", SHOP + "/checkout/2", ca=everywhere.ca)
    assert answer.exit_code == 0, answer.errors
    assert [t["status"] for t in answer.transfers] == [200, 200, 200]
    assert [t["connects"] for t in answer.transfers] == [1, 0, 0]
    assert [t["version"] for t in answer.transfers] == ["1.1"] * 3
    pools = [body.split("-")[0] for body in answer.bodies]
    assert pools == ["payments", "static", "payments"]


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_plain_listener(everywhere, vip):
    answer = web.curl(everywhere.client, "http://shop.example/checkout/1",
                       "http://shop.example/img/x", vip=vip)
    assert [t["status"] for t in answer.transfers] == [200, 200], answer.errors
    assert [t["connects"] for t in answer.transfers] == [1, 0]
    assert answer.bodies[0].startswith("payments-") and answer.bodies[1].startswith("static-")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions_and_alpn(site, version):
    context = web.tls_context(site.ca, version)
    connection = web.connection(site.client, port=443, context=context)
    assert connection.sock.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    assert connection.sock.selected_alpn_protocol() == "http/1.1"
    connection.request("GET", "/img/a")
    assert connection.getresponse().status == 200
    connection.close()


def test_tls_over_ipv6(everywhere):
    answer = web.curl(everywhere.client, SHOP + "/img/x", vip=VIP6, ca=everywhere.ca)
    assert answer.exit_code == 0 and answer.status == 200, answer.errors


@pytest.mark.parametrize("url,pool", [
    ("http://shop.example/img/x", "static"),          # no host in the route
    ("http://a.shop.example/anything", "static"),     # *.suffix
    ("http://pay.shop.example/anything", "payments"),  # an exact host beats the suffix
    ("http://SHOP.example/checkout", "payments"),     # hosts are not case-sensitive
    ("http://shop.example/img/pay", "payments"),      # an exact path beats the prefix
    ("http://shop.example/img/pay/x", "static"),
])
def test_routing(site, url, pool):
    answer = web.curl(site.client, url)
    assert answer.status == 200, answer.errors
    assert answer.body.startswith(pool + "-")


def test_round_robin_takes_turns(site):
    answer = web.curl(site.client, *[f"http://shop.example/checkout/{n}" for n in range(20)])
    names = [body.split()[0] for body in answer.bodies]
    assert {name: names.count(name) for name in PAYMENTS} == {name: 10 for name in PAYMENTS}


def test_choice_of_two_uses_both(site):
    answer = web.curl(site.client, *[f"http://shop.example/img/{n}" for n in range(60)])
    assert {body.split()[0] for body in answer.bodies} == set(STATIC)


@pytest.mark.parametrize("url,status", [
    ("http://shop.example/nothing", 404),
    ("http://unknown.example/", 404),
    ("http://down.example/", 503),
    ("http://refusing.example/", 502),
    ("http://slow.example/slow/3000", 504),
    ("http://origin.example/break/silent", 502),
    ("http://origin.example/break/garbage", 502),
    ("http://origin.example/break/half", 502),
    ("http://origin.example/break/conflict", 502),
    ("http://origin.example/break/header-nul", 502),
])
def test_own_answers(everywhere, url, status):
    started = time.monotonic()
    assert web.curl(everywhere.client, url).status == status
    assert time.monotonic() - started < 2.5


def test_absent_member_is_an_error_within_the_connect_timeout(site):
    started = time.monotonic()
    assert web.curl(site.client, "http://absent.example/").status in (502, 504)
    assert time.monotonic() - started < 3


def test_short_body_is_not_passed_off_as_whole(site):
    answer = web.curl(site.client, "http://origin.example/break/short")
    assert answer.exit_code in (18, 56), (answer.exit_code, answer.errors)


def describe(client, *words, vip=VIP, ca=None, url="http://origin.example/describe"):
    answer = web.curl(client, *words, url, vip=vip, ca=ca)
    assert answer.status == 200, answer.errors
    seen = json.loads(answer.body)
    fields = {}
    for name, value in seen["headers"]:
        fields.setdefault(name, []).append(value)
    return seen, fields


@pytest.mark.parametrize("vip,address", [(VIP, CLIENT), (VIP6, CLIENT6)], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_forwarded_headers(site, vip, address, scheme):
    """Set by us, whatever the client claims; no peer is trusted here."""
    seen, fields = describe(site.client, "-H", "X-Forwarded-For: 203.0.113.9",
                            "-H", "X-Forwarded-Proto: gopher", vip=vip, ca=site.ca,
                            url=scheme + "://origin.example/describe?a=1")
    assert fields["x-forwarded-for"] == [address]
    assert fields["x-forwarded-proto"] == [scheme]
    assert fields["host"] == ["origin.example"]
    assert seen["path"] == "/describe?a=1"
    assert seen["peer"] in (LAN, LAN6)


def test_hop_by_hop_fields_stay_here(site):
    _, fields = describe(site.client, "-H", "Connection: close, X-Secret", "-H", "X-Secret: 1",
                         "-H", "Keep-Alive: 5", "-H", "X-Kept: 2")
    assert "x-secret" not in fields and "keep-alive" not in fields
    assert fields["x-kept"] == ["2"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_methods_and_bodies(site, method):
    seen, _ = describe(site.client, "-X", method, "--data-binary", "a=b&c")
    assert (seen["method"], seen["body_bytes"]) == (method, 5)


def test_head_has_no_body(site):
    answer = web.curl(site.client, "-I", "http://origin.example/bytes/1000")
    assert answer.status == 200
    assert "ontent-" in answer.body and "1000" in answer.body


def test_chunked_both_ways(site):
    seen, _ = describe(site.client, "-H", "Transfer-Encoding: chunked", "-X", "POST",
                       "--data-binary", "x" * 70000)
    assert seen["body_bytes"] == 70000
    answer = web.curl(site.client, "http://origin.example/drip/10/5")
    assert answer.body == "".join(f"chunk {n}\n" for n in range(10))


def test_a_response_streams(site):
    """The first chunk arrives while the member still works on the last."""
    connection = web.connection(site.client, "origin.example")
    started = time.monotonic()
    connection.request("GET", "/drip/5/200")
    response = connection.getresponse()
    assert response.readline() == b"chunk 0\n"
    assert time.monotonic() - started < 0.6
    assert len(response.read().splitlines()) == 4
    connection.close()


def test_expect_100_continue(site):
    seen, _ = describe(site.client, "-H", "Expect: 100-continue", "-X", "PUT",
                       "--data-binary", "y" * 3000)
    assert seen["body_bytes"] == 3000


def test_http_1_0_is_answered_and_closed(site):
    with site.client.connect(VIP, 80) as sock:
        sock.sendall(b"GET /img/x HTTP/1.0\r\nHost: shop.example\r\n\r\n")
        text = b"".join(iter(lambda: sock.recv(65536), b""))
    assert b" 200 " in text.split(b"\r\n")[0] and b"static-" in text


def test_pipelined_requests_are_answered_in_order(site):
    paths = [b"/checkout/1", b"/img/2", b"/nothing", b"/checkout/3"]
    with site.client.connect(VIP, 80) as sock:
        sock.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: shop.example\r\n\r\n" % p
                              for p in paths[:3]) +
                     b"GET %s HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
                     % paths[3])
        text = b"".join(iter(lambda: sock.recv(65536), b""))
    places = [text.find(word) for word in (b"/checkout/1", b"/img/2", b" 404 ", b"/checkout/3")]
    assert -1 not in places and places == sorted(places), text


def test_connections_to_members_are_kept(site):
    connection = web.connection(site.client, "origin.example")
    ports = set()
    for _ in range(10):
        connection.request("GET", "/describe")
        ports.add(json.loads(connection.getresponse().read())["peer_port"])
    connection.close()
    assert len(ports) == 1


def test_hundred_clients_at_once(everywhere):
    made = [web.connection(everywhere.client) for _ in range(100)]
    for number, connection in enumerate(made):
        connection.request("GET", f"/checkout/{number}")
    for number, connection in enumerate(made):
        response = connection.getresponse()
        assert response.status == 200
        assert f"/checkout/{number} ".encode() in response.read()
        connection.close()
