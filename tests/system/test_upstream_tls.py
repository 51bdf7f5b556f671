# SPDX-License-Identifier: Apache-2.0
"""TLS toward members: who is trusted, what is resumed, what is spoken."""

import filecmp
import json
import os

import pytest

from harness import config, secure, web
from harness.appliance import check
from harness.network import VIP, server
from harness.procs import wait_for

MEMBER = server(45)
NAME = "member.example"
STRICT, WRONG, EXPIRED, STRANGER, MUTUAL, NOBODY, H2, CHOICE, BLIND, OLD = range(5600, 5610)


@pytest.fixture(scope="module")
def members(site, authority, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("secure"))
    nginx = secure.SecureNginx(site.network.servers, folder, MEMBER, authority, NAME).start()
    chain, key = authority.issue("appliance", ["appliance.example"])
    settings = config.changed(site.appliance.config)
    settings["certificates"].append({"name": "appliance", "chain": chain, "key": key})
    good = {"ca": authority.path, "server_name": NAME}
    both = ["h2", "http/1.1"]
    rows = [
        ("strict", STRICT, secure.GOOD, good),
        ("wrong", WRONG, secure.GOOD, {**good, "server_name": "other.example"}),
        ("expired", EXPIRED, secure.EXPIRED, good),
        ("stranger", STRANGER, secure.STRANGER, good),
        ("mutual", MUTUAL, secure.MUTUAL, {**good, "certificate": "appliance"}),
        ("nobody", NOBODY, secure.MUTUAL, good),
        ("h2", H2, secure.GOOD, {**good, "alpn": ["h2"]}),
        ("choice", CHOICE, secure.GOOD, {**good, "alpn": both}),
        ("blind", BLIND, secure.STRANGER, {"verify": False, "alpn": both}),
        ("old", OLD, secure.GOOD, {**good, "max_version": "1.2"}),
    ]
    for name, port, member_port, tls in rows:
        checks = {"type": "http" if name in ("strict", "mutual") else "tls", "path": "/health"}
        if checks["type"] == "tls":
            del checks["path"]
        settings["pools"]["secure-" + name] = {
            "members": [f"{MEMBER}:{member_port}"], "tls": tls, "idle_timeout_ms": 300}
        settings["pools"]["checked-" + name] = {
            "members": [f"{MEMBER}:{member_port}"], "tls": tls,
            "health": {**checks, **config.FAST_CHECK}}
        settings["services"].append({"name": "secure-" + name, "listen": f"{VIP}:{port}/tcp",
                                     "mode": "l7", "pool": "secure-" + name})
    site.appliance.write(settings)
    site.appliance.ctl("reload")
    yield site
    nginx.stop()


def get(site, port, path="/x"):
    return web.curl(site.client, f"http://member.test:{port}{path}")


def counters(site):
    return {name.removeprefix("l7."): value for name, value in site.appliance.counters().items()}


def grown(site, before):
    after = counters(site)
    return {name: value - before.get(name, 0) for name, value in after.items()
            if "upstream" in name and value != before.get(name, 0)}


def test_verified_members_serve(members):
    before = counters(members)
    answer = get(members, STRICT)
    assert answer.status == 200, answer.errors
    assert answer.body.startswith(f"{secure.GOOD} HTTP/1.1 TLSv1.3 sni={NAME} reused=. client= ")
    assert "host=member.test" in answer.body
    change = grown(members, before)
    assert change["upstream_tls_handshakes"] == 1 and "upstream_tls_failures" not in change


@pytest.mark.parametrize("port,reason", [
    (WRONG, "wrong_name"), (EXPIRED, "out_of_date"), (STRANGER, "untrusted")])
def test_unverified_members_are_refused(members, port, reason):
    before = counters(members)
    answer = get(members, port)
    assert answer.status == 502
    change = grown(members, before)
    assert change["upstream_tls_failures"] == 1 and change["upstream_tls_" + reason] == 1
    assert change["upstream_failed"] == 1


@pytest.mark.parametrize("name,state", [
    ("strict", "UP"), ("mutual", "UP"), ("h2", "UP"), ("wrong", "DOWN"), ("expired", "DOWN"),
    ("stranger", "DOWN"), ("blind", "UP")])
def test_health_checks_speak_tls(members, name, state):
    pool = "checked-" + name
    (member,) = members.appliance.servers(pool)
    members.appliance.wait_state(pool, member, state)


def test_own_certificate_is_shown(members):
    assert "client=CN=appliance.example" in get(members, MUTUAL).body
    # nginx answers this itself.
    assert get(members, NOBODY).status == 400


@pytest.mark.parametrize("port,version", [(H2, "HTTP/2.0"), (CHOICE, "HTTP/2.0"),
                                          (BLIND, "HTTP/1.1")])
def test_protocol_is_negotiated(members, port, version):
    before = counters(members)
    answer = web.curl(members.client, *(f"http://member.test:{port}/{n}" for n in range(5)))
    assert [t["status"] for t in answer.transfers] == [200] * 5, answer.errors
    assert all(f" {version} TLSv1.3 " in body for body in answer.bodies)
    change = grown(members, before)
    assert change["upstream_opened"] == 1
    assert change.get("h2_upstream_streams", 0) == (5 if version == "HTTP/2.0" else 0)


@pytest.mark.parametrize("port,version", [(STRICT, "TLSv1.3"), (OLD, "TLSv1.2"),
                                          (CHOICE, "TLSv1.3")])
def test_sessions_are_resumed(members, port, version):
    assert get(members, port).status == 200
    closed = members.appliance.servers

    def is_closed():
        (row,) = closed("secure-" + {STRICT: "strict", OLD: "old", CHOICE: "choice"}[port]).values()
        return int(row["conns"]) == 0
    wait_for(is_closed, "the kept connection ends")
    before = counters(members)
    answer = get(members, port)
    assert f" {version} " in answer.body and " reused=r " in answer.body
    change = grown(members, before)
    assert change["upstream_tls_handshakes"] == 1 and change["upstream_tls_resumed"] == 1


def test_check_reads_what_pools_trust(members, tmp_path):
    settings = config.changed(members.appliance.config)
    settings["pools"]["secure-strict"]["tls"]["ca"] = str(tmp_path / "nothing.pem")
    path = tmp_path / "p.json"
    path.write_text(json.dumps(settings))
    (tmp_path / "routes.json").write_text('{"routes": []}')
    done = check(str(path))
    assert done.returncode != 0 and ": pools: " in done.stderr and "nothing.pem" in done.stderr


@pytest.mark.parametrize("port", [STRICT, CHOICE])
def test_large_bodies_pass(members, tmp_path, port):
    sent, back = os.path.join(tmp_path, "sent"), os.path.join(tmp_path, "back")
    with open(sent, "wb") as out:
        out.write(os.urandom(3 << 20))
    url = f"http://member.test:{port}/files/{port}"
    answer = web.curl(members.client, "-T", sent, url)
    assert answer.status in (201, 204), answer.errors
    answer = web.curl(members.client, "-o", back, url)
    assert answer.status == 200, answer.errors
    assert filecmp.cmp(sent, back, shallow=False)


def test_reload_renews_and_forgets(members):
    assert get(members, STRICT).status == 200
    settings = config.changed(members.appliance.config)
    tls = settings["pools"]["secure-strict"]["tls"]
    tls["server_name"] = "other.example"
    members.appliance.write(settings)
    members.appliance.ctl("reload")
    assert get(members, STRICT).status == 502
    tls["server_name"] = NAME
    members.appliance.write(settings)
    members.appliance.ctl("reload")
    assert get(members, STRICT).status == 200
