# SPDX-License-Identifier: Apache-2.0
"""Connections passed through: by the name and protocol of their ClientHello, or without a look."""

import hashlib
import json
import os
import socket
import ssl
import threading

import pytest

from harness import config, secure, web
from harness.appliance import check
from harness.network import CLIENT, CLIENT6, VIP, VIP6, server
from harness.procs import Process, wait_for

ONE, TWO = server(43), server(44)
BY_NAME, STRICT, PLAIN, ECHO, PROXIED, PROXIED_HTTP, PROXIED_V1 = range(5650, 5657)
HAPROXY_V1, HAPROXY_V2, HAPROXY_SNI = 9601, 9602, 9603
NAMES = ["one.example", "two.example", "deep.two.example", "both.example"]
DOCS = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "examples")

HAPROXY = """
global
	maxconn 100
defaults
	mode http
	timeout connect 2s
	timeout client 10s
	timeout server 10s
frontend f
	bind {address}:{v1} accept-proxy
	bind {address}:{v2} accept-proxy
	http-request return status 200 content-type text/plain lf-string "src=%[src] dst=%[dst]:%[dst_port]\\n"
"""


def raw(name, address, port, mode="tls-passthrough", **more):
    host = f"[{address}]" if ":" in address else address
    return {"name": name, "listen": f"{host}:{port}/tcp", "mode": mode, **more}


@pytest.fixture(scope="module")
def passed(site, authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("passed")
    members = []
    for number, (address, name) in enumerate([(ONE, "one.example"), (TWO, "two.example")]):
        part = folder / str(number)
        part.mkdir()
        members.append(secure.SecureNginx(site.network.servers, str(part), address, authority,
                                          name).start())
    path = folder / "haproxy.cfg"
    path.write_text(HAPROXY.format(address=ONE, v1=HAPROXY_V1, v2=HAPROXY_V2))
    haproxy = Process("haproxy", site.network.servers.command("haproxy", "-db", "-f", str(path)),
                      str(folder / "log"))
    settings = config.changed(site.appliance.config)
    checks = {"health": {"type": "tcp", **config.FAST_CHECK}}
    settings["pools"].update({
        "passed-one": {"members": [f"{ONE}:{secure.GOOD}"], **checks},
        "passed-two": {"members": [f"{TWO}:{secure.GOOD}"], **checks},
        "passed-both": {"balance": "round-robin", **checks,
                        "members": [f"{ONE}:{secure.GOOD}", f"{TWO}:{secure.GOOD}"]},
        "passed-v2": {"members": [f"{ONE}:{secure.PROXIED}"], "client_address": "proxy-v2",
                      "health": {"type": "tcp", **config.FAST_CHECK}},
        "passed-v1": {"members": [f"{ONE}:{secure.PROXIED}"], "client_address": "proxy-v1"},
        "told-v1": {"members": [f"{ONE}:{HAPROXY_V1}"], "client_address": "proxy-v1",
                    "health": {"type": "http", "path": "/", **config.FAST_CHECK}},
        "told-v2": {"members": [f"{ONE}:{HAPROXY_V2}"], "client_address": "proxy-v2",
                    "health": {"type": "http", "path": "/", **config.FAST_CHECK}},
    })
    settings["services"] += [
        raw("passed", VIP, BY_NAME, pool="passed-both", routes=[
            {"match": {"sni": "one.example"}, "pool": "passed-one"},
            {"name": "two", "match": {"sni": "*.two.example"}, "pool": "passed-two"},
            {"match": {"sni": "two.example"}, "pool": "passed-two"},
            {"match": {"sni": "both.example", "alpn": ["h2"]}, "pool": "passed-one"},
            {"match": {"sni": "both.example", "alpn": ["http/1.1"]}, "pool": "passed-two"}]),
        raw("strict", VIP, STRICT, passthrough={
            "hello_timeout_ms": 400, "max_hello_bytes": 2048, "idle_timeout_ms": 700,
            "close_timeout_ms": 300}, routes=[
                {"match": {"sni": "one.example", "alpn": ["h2"]}, "pool": "passed-one"}]),
        raw("plain", VIP, PLAIN, "tcp", pool="origin"),
        raw("echoed", VIP, ECHO, "tcp", pool="echo"),
        raw("proxied-tls", VIP, PROXIED, pool="passed-v2"),
        raw("proxied-tls6", VIP6, PROXIED, pool="passed-v1"),
        *({"name": f"told-{pool}-{family}", "mode": "l7", "pool": pool,
           "listen": f"{host}:{port}/tcp"}
          for pool, port in [("told-v1", PROXIED_V1), ("told-v2", PROXIED_HTTP)]
          for family, host in [(4, VIP), (6, f"[{VIP6}]")]),
    ]
    log = folder / "access.log"
    settings["access_log"] = {"to": "file", "file": str(log)}
    site.appliance.write(settings)
    site.appliance.ctl("reload")
    for pool, member in [("passed-one", f"{ONE}:{secure.GOOD}"), ("passed-two", f"{TWO}:{secure.GOOD}"),
                         ("told-v1", f"{ONE}:{HAPROXY_V1}"), ("told-v2", f"{ONE}:{HAPROXY_V2}")]:
        site.appliance.wait_state(pool, member, "UP")
    site.log = log
    site.members = members
    yield site
    haproxy.terminate()
    for member in members:
        member.stop()


def get(site, host, *words, port=BY_NAME, path="/x", **more):
    return web.curl(site.client, *words, f"https://{host}:{port}{path}", ca=more.pop("ca", site.ca),
                    **more)


def lines(site):
    return [json.loads(line) for line in site.log.read_text().splitlines()]


def logged(site, service, **wanted):
    def found():
        return [line for line in lines(site) if line["service"] == service and
                all(line[key] == value for key, value in wanted.items())]
    wait_for(found, f"a line of {service} with {wanted}")
    return found()


def counter(site, name):
    return site.appliance.counters()["l7." + name]


def hello(name, alpn=None):
    """What OpenSSL sends first."""
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols([alpn])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def received(connection):
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


@pytest.mark.parametrize("host, member", [("one.example", ONE), ("two.example", TWO)])
def test_name_chooses_the_pool(passed, host, member):
    # The member's own certificate is verified: nobody in between has ended TLS.
    answer = get(passed, host)
    assert answer.status == 200, answer.errors
    assert f"sni={host} " in answer.body and f"{secure.GOOD} HTTP/" in answer.body
    line = logged(passed, "passed", sni=host)[-1]
    assert line["member"] == f"{member}:{secure.GOOD}" and line["ending"] == "complete"
    assert line["bytes_in"] > 500 and line["bytes_out"] > 500
    assert line["status"] == 0 and line["version"] == "" and line["method"] == ""
    assert 0 < line["connect_us"] <= line["total_us"] and line["tries"] == 1


def test_suffix_and_default(passed):
    get(passed, "deep.two.example", "-k")
    assert logged(passed, "passed", sni="deep.two.example")[-1]["pool"] == "passed-two"
    for _ in range(2):
        assert get(passed, "else.example", "-k").status == 200
    used = {line["member"] for line in logged(passed, "passed", sni="else.example")}
    assert used == {f"{ONE}:{secure.GOOD}", f"{TWO}:{secure.GOOD}"}


def test_protocol_chooses_the_pool(passed):
    for words, pool in [(["--http2"], "passed-one"), (["--http1.1"], "passed-two")]:
        assert get(passed, "both.example", "-k", *words).status == 200
        wait_for(lambda: lines(passed)[-1]["sni"] == "both.example" and
                 lines(passed)[-1]["pool"] == pool, f"{words} went to {pool}")


@pytest.mark.parametrize("name, alpn, alert", [("nobody.example", "h2", 112),
                                               ("one.example", "http/1.1", 120)])
def test_alerts_say_why(passed, name, alpn, alert):
    with passed.client.connect(VIP, STRICT, 5.0) as connection:
        connection.sendall(hello(name, alpn))
        assert received(connection) == bytes([21, 3, 1, 0, 2, 2, alert])
    assert logged(passed, "strict", sni=name)[-1]["ending"] == "no_route"


def test_hello_in_two_pieces_at_every_byte(passed):
    whole = hello("one.example")
    for cut in range(1, len(whole)):
        with passed.client.connect(VIP, BY_NAME, 5.0) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(whole[:cut])
            connection.sendall(whole[cut:])
            assert connection.recv(3) == b"\x16\x03\x03", cut


def test_what_is_no_hello(passed):
    before = counter(passed, "hello_invalid")
    with passed.client.connect(VIP, STRICT, 5.0) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert received(connection) == bytes([21, 3, 1, 0, 2, 2, 50])
    assert counter(passed, "hello_invalid") == before + 1
    assert logged(passed, "strict", ending="hello")[-1]["tries"] == 0


def test_hello_too_long_slow_or_cut_short(passed):
    before = {name: counter(passed, "hello_" + name) for name in ("too_long", "timeout", "truncated")}
    with passed.client.connect(VIP, STRICT, 5.0) as connection:
        connection.sendall(b"\x16\x03\x01\x20\x00\x01\x00\x1f\xfc" + bytes(3000))
        assert received(connection)[-1:] == b"\x32"
    with passed.client.connect(VIP, STRICT, 5.0) as connection:
        connection.sendall(hello("one.example", "h2")[:100])
        assert received(connection) == b""
    with passed.client.connect(VIP, STRICT, 5.0) as connection:
        connection.sendall(hello("one.example", "h2")[:100])
        connection.shutdown(socket.SHUT_WR)
        assert received(connection)[-1:] == b"\x32"
    for name, count in before.items():
        assert counter(passed, "hello_" + name) == count + 1, name


def test_idle_ends(passed):
    with passed.client.connect(VIP, STRICT, 5.0) as connection:
        connection.sendall(hello("one.example", "h2"))
        assert received(connection)[:3] == b"\x16\x03\x03"
    assert logged(passed, "strict", ending="tunnel_idle")[-1]["code"] == "cT"


def test_half_close(passed):
    with passed.client.connect(VIP, ECHO, 5.0) as connection:
        connection.sendall(b"last words")
        connection.shutdown(socket.SHUT_WR)
        assert received(connection).endswith(b"last words")


def test_much_both_ways_at_once(passed):
    total, piece = 50 << 20, os.urandom(1 << 20)
    wanted, got = hashlib.sha256(), hashlib.sha256()
    with passed.client.connect(VIP, ECHO, 30.0) as connection:
        def send():
            for _ in range(total // len(piece)):
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        assert connection.makefile("rb", 0).readline().startswith(b"echo-")
        count = 0
        while data := connection.recv(1 << 18):
            got.update(data)
            count += len(data)
        sender.join()
    for _ in range(total // len(piece)):
        wanted.update(piece)
    assert count == total and got.digest() == wanted.digest()


def test_bulk_over_tls_passed_through(passed):
    body = os.path.join(passed.members[0].folder, "files", "big")
    os.makedirs(os.path.dirname(body), exist_ok=True)
    content = os.urandom(1 << 20) * 20
    with open(body, "wb") as out:
        out.write(content)
    target = body + ".got"
    answer = get(passed, "one.example", "-o", target, path="/files/big")
    assert answer.exit_code == 0, answer.errors
    with open(target, "rb") as got:
        assert hashlib.sha256(got.read()).digest() == hashlib.sha256(content).digest()


def test_http_over_tcp_mode(passed):
    answer = web.curl(passed.client, f"http://origin.example:{PLAIN}/x")
    assert answer.status == 200, answer.errors


def test_dead_member_is_passed_over(passed):
    passed.members[1].kill()
    try:
        for _ in range(4):
            assert get(passed, "else.example", "-k").status == 200
        passed.appliance.wait_state("passed-two", f"{TWO}:{secure.GOOD}", "DOWN")
        assert get(passed, "two.example").exit_code == 35
        assert logged(passed, "passed", sni="two.example", ending="no_member")
    finally:
        passed.members[1].start()
        passed.appliance.wait_state("passed-two", f"{TWO}:{secure.GOOD}", "UP")


def test_explain_and_stats(passed):
    ctl = passed.appliance.ctl
    text = ctl(f"explain tls one.example:{BY_NAME}")
    assert "passed-one" in text and "sni one.example" in text
    assert "passed-two" in ctl(f"explain tls both.example:{BY_NAME} alpn http/1.1")
    assert "passed-both" in ctl(f"explain tls both.example:{BY_NAME}")
    assert "unrecognized_name" in ctl(f"explain tls no.example:{STRICT} alpn h2")
    assert "no_application_protocol" in ctl(f"explain tls one.example:{STRICT}")
    assert "echo" in ctl(f"explain tcp {VIP}:{ECHO}")
    rows = passed.appliance.table("show stat")
    row = next(row for row in rows if row["pxname"] == "passed" and row["svname"] == "FRONTEND")
    assert row["mode"] == "tcp" and int(row["bout"]) > 1000


def test_members_learn_the_client_by_tls(passed):
    answer = get(passed, "one.example", port=PROXIED)
    assert answer.status == 200, answer.errors
    assert f"from={CLIENT}:" in answer.body and f"to={VIP} " in answer.body
    answer = get(passed, "one.example", port=PROXIED, vip=VIP6)
    assert answer.status == 200, answer.errors
    assert f"from={CLIENT6}:" in answer.body and f"to={VIP6} " in answer.body


@pytest.mark.parametrize("port", [PROXIED_V1, PROXIED_HTTP], ids=["v1", "v2"])
@pytest.mark.parametrize("vip, client", [(VIP, CLIENT), (VIP6, CLIENT6)], ids=["ipv4", "ipv6"])
def test_members_learn_the_client_of_a_request(passed, port, vip, client):
    before = counter(passed, "proxy_sent")
    answer = web.curl(passed.client, f"http://shop.example:{port}/a", f"http://shop.example:{port}/b",
                      vip=vip)
    assert answer.exit_code == 0, answer.errors
    assert answer.bodies == [f"src={client} dst={vip}:{port}\n"] * 2
    assert counter(passed, "proxy_sent") == before + 2


def test_drain_lets_what_moves_go_on(own_site):
    settings = config.changed(own_site.appliance.config)
    settings["services"].append(raw("echoed", VIP, ECHO, "tcp", pool="echo",
                                    passthrough={"close_timeout_ms": 500}))
    own_site.appliance.write(settings)
    own_site.appliance.ctl("reload")
    with own_site.client.connect(VIP, ECHO, 5.0) as connection:
        stopping = threading.Thread(target=own_site.appliance.stop)
        assert connection.makefile("rb", 0).readline().startswith(b"echo-")
        for turn in range(4):
            connection.sendall(b"%d" % turn)
            assert connection.recv(100) == b"%d" % turn
            if turn == 0:
                stopping.start()
        assert received(connection) == b""
        stopping.join()


def test_the_example_is_accepted():
    assert check(os.path.join(DOCS, "passthrough.json")).returncode == 0


def test_what_does_not_fit_is_told(passed, tmp_path):
    settings = config.changed(passed.appliance.config)
    settings["services"].append(raw("wrong", VIP, 5699, tls={"certificates": ["shop"]}, routes=[
        {"match": {"host": "a.example"}, "pool": "passed-one"},
        {"match": {"sni": "b.example"}, "pool": "passed-one", "rewrite": {"prefix": "/"}}]))
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(settings))
    result = check(str(path))
    assert result.returncode != 0
    for words in ["].tls: is for services of mode", "match.host: is of HTTP",
                  "rewrite: is of HTTP"]:
        assert words in result.stdout + result.stderr, result.stdout + result.stderr
