# SPDX-License-Identifier: Apache-2.0
"""A second member is asked when the first takes long: what clients, members, counters and log see."""

import json
import os
import re
import subprocess

import pytest

from harness import config, origin, web
from harness.appliance import Appliance
from harness.network import VIP, server
from harness.procs import Process, wait_for

PORT = 9200
# name: (address, habit)
MEMBERS = {"hanging": (51, "hang"), "failing": (52, "flaky"), "good": (53, "none")}
HEDGE = {"delay_ms": 60}
RETRY = {"on": ["connect-failure", "reset", "timeout", "5xx"], "attempts": 2,
         "try_timeout_ms": 1000, "budget_pct": 200, "hedge": HEDGE}
H2_PORT = 9201


def start(network, folder, name, *command):
    process = Process(name, network.servers.command(*command), os.path.join(folder, name + ".log"))
    if "ready" not in name:
        wait_for(lambda: "ready" in process.output() or not process.is_alive(), name + " listens")
    assert process.is_alive(), process.output()
    return process


def start_members(network, folder):
    started = [start(network, folder, name, "/usr/bin/python3", origin.__file__, "--name", name,
                     "--habit", habit, "--http", server(number), str(PORT))
               for name, (number, habit) in MEMBERS.items()]
    pages = os.path.join(folder, "pages")
    os.mkdir(pages)
    with open(os.path.join(pages, "page"), "w", encoding="ascii") as page:
        page.write("h2\n")
    log = os.path.join(folder, "nghttpd.log")
    started.append(Process("nghttpd", network.servers.command(
        "nghttpd", "--no-tls", "-v", "-a", server(54), "-d", pages, str(H2_PORT)), log))
    # Takes connections of HTTP/2, and answers nothing: the kernel's backlog says yes to them.
    started.append(start(network, folder, "mute", "/usr/bin/python3", "-c", f"""
import socket, threading
made = socket.create_server(("{server(55)}", {H2_PORT}), backlog=1024)
print("ready", flush=True)
held = []
while True:
    conn = made.accept()[0]
    held.append(conn)
    conn.sendall(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    threading.Thread(target=lambda c=conn: [None for _ in iter(lambda: c.recv(65536), b"")],
                     daemon=True).start()
"""))
    wait_for(lambda: network.servers.run("ss", "-Hltn", f"sport = :{H2_PORT}").count(server(54)),
             "nghttpd listens")
    return started


def pool(**more):
    return {"balance": "round-robin", "response_timeout_ms": 4000,
            "members": [{"name": name, "address": f"{server(number)}:{PORT}"}
                        for name, (number, _) in MEMBERS.items()], **more}


@pytest.fixture(scope="module")
def daemon(network, tmp_path_factory, certificate):
    folder = tmp_path_factory.mktemp("hedge")
    settings, _ = config.make(network, certificate, "pairs")
    poor = {**RETRY, "budget_pct": 0, "budget_min": 1, "on": ["connect-failure"]}
    del poor["try_timeout_ms"]
    settings["pools"] = {
        "hedged": pool(retry=RETRY),
        "poor": {**pool(retry=poor), "response_timeout_ms": 500},
        "two": {"balance": "round-robin", "protocol": "h2", "response_timeout_ms": 4000,
                "members": [f"{server(54)}:{H2_PORT}", f"{server(55)}:{H2_PORT}"],
                "retry": RETRY},
    }
    settings["services"] = [config.l7("http", VIP, 80)]
    settings["access_log"] = {"to": "file", "file": "access.log", "fields": [
        "method", "host", "status", "member", "tries", "hedge", "total_us"]}
    routes = [config.route(name, name + ".example") for name in settings["pools"]]
    members = start_members(network, str(folder))
    made = Appliance(network, folder, settings, routes)
    made.access_path = os.path.join(str(folder), "access.log")
    try:
        with made:
            yield made
    finally:
        for member in members:
            member.kill()


def h2load(network, host, *words):
    """Answers by class of status; none may be missing."""
    done = subprocess.run(
        network.client.command("h2load", "-t", "1", "-H", f":authority: {host}", *words,
                               f"http://{VIP}/page"),
        capture_output=True, text=True, check=False, timeout=120, env=web.clean_env())
    assert done.returncode == 0, done.stderr
    assert re.search(r" 0 errored, 0 timeout", done.stdout), done.stdout
    found = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    return [int(n) for n in found.groups()]


def counters(daemon, name):
    text = daemon.ctl("show metrics")
    return {key: int(value) for key, value in
            re.findall(rf'penstock_pool_(\w+)_total{{pool="{name}"}} (\d+)', text)}


def gained(daemon, name, before):
    return {key: value - before[key] for key, value in counters(daemon, name).items()}


def lines(daemon, host):
    with open(daemon.access_path, encoding="utf-8") as file:
        return [row for row in map(json.loads, file) if row["host"] == host]


def settled(daemon, name):
    wait_for(lambda: (c := counters(daemon, name))["tries"] == c["tries_done"] and
             c["hedges"] == c["hedges_won"] + c["hedges_lost"], "no try is under way")


@pytest.mark.parametrize("words", [("--h1", "-n", "900", "-c", "12"),
                                   ("-n", "900", "-c", "4", "-m", "6")], ids=["h1", "h2"])
def test_under_load_nobody_waits_for_who_hangs(network, daemon, words):
    """One of three hangs, one fails half its requests: no error, and no time-out waited for."""
    before, seen = counters(daemon, "hedged"), len(lines(daemon, "hedged.example"))
    assert h2load(network, "hedged.example", *words) == [900, 0, 0, 0]
    settled(daemon, "hedged")
    got = gained(daemon, "hedged", before)
    assert got["hedges"] >= 250 and got["hedges_won"] >= 100
    assert got["retries_timeout"] == 0
    assert got["tries"] == 900 + got["retries"]
    assert got["conns_opened"] - got["conns_closed"] < 100
    # The log says the same.
    wait_for(lambda: len(lines(daemon, "hedged.example")) == seen + 900, "all lines are written")
    rows = lines(daemon, "hedged.example")[seen:]
    assert {row["status"] for row in rows} == {200}
    assert sum(row["tries"] for row in rows) == got["tries"]
    assert [row["hedge"] for row in rows].count("won") == got["hedges_won"]
    assert all(row["tries"] > 1 for row in rows if row["hedge"])
    assert not [row for row in rows if row["member"] == "hanging"]
    row = {r["server"]: r for r in daemon.table("show resilience hedged")}["BACKEND"]
    assert row["hedges"] == counters(daemon, "hedged")["hedges"]


def test_what_cannot_be_repeated_is_asked_once(network, daemon, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * 2000)
    before, seen = counters(daemon, "hedged"), len(lines(daemon, "hedged.example"))
    classes = h2load(network, "hedged.example", "--h1", "-n", "120", "-c", "24", "-d", str(body))
    settled(daemon, "hedged")
    got = gained(daemon, "hedged", before)
    assert got["tries"] == 120 and got["hedges"] == got["retries"] == 0
    assert sum(classes) == 120 and classes[3] == got["retries_unsafe"]
    wait_for(lambda: len(lines(daemon, "hedged.example")) == seen + 120, "all lines are written")
    rows = lines(daemon, "hedged.example")[seen:]
    assert sum(row["status"] >= 500 for row in rows) == classes[3]
    assert {(row["tries"], row["hedge"]) for row in rows} == {(1, "")}


def test_a_body_that_is_kept_goes_along(network, daemon, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(os.urandom(50000))
    before = counters(daemon, "hedged")
    for _ in range(12):
        answer = web.curl(network.client, "-X", "PUT", "--data-binary", f"@{body}",
                          "http://hedged.example/page")
        assert answer.status == 200, answer.errors
        assert json.loads(answer.body)["body_bytes"] == 50000
    assert gained(daemon, "hedged", before)["hedges_won"] >= 1


def test_the_budget_holds(network, daemon):
    """Without one, who asks a member that hangs gets its time-out."""
    before = counters(daemon, "poor")
    classes = h2load(network, "poor.example", "--h1", "-n", "60", "-c", "30")
    settled(daemon, "poor")
    got = gained(daemon, "poor", before)
    assert got["hedges"] + got["hedges_refused"] >= 20
    # A second's worth and what a second brings, for each of two workers.
    assert got["hedges"] <= 6 and got["hedges_refused"] >= 14
    assert classes[3] >= got["hedges_refused"]


def test_members_of_http2(network, daemon):
    """The stream of who is late is reset, and its connection is not the request's last hope."""
    before = counters(daemon, "two")
    assert h2load(network, "two.example", "-n", "60", "-c", "2", "-m", "5") == [60, 0, 0, 0]
    settled(daemon, "two")
    got = gained(daemon, "two", before)
    assert got["hedges"] >= 20 and got["hedges_won"] >= 10
    rows = {row["server"]: row for row in daemon.table("show resilience two")}
    assert rows["BACKEND"]["requests"] == 0
