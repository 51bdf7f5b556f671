# SPDX-License-Identifier: Apache-2.0
"""Members that hang and fail: what clients notice of it, under load, and what is shown of it."""

import os
import re
import subprocess

import pytest

from harness import config, origin, web
from harness.appliance import Appliance
from harness.network import VIP, server
from harness.procs import Process, wait_for

PORT = 9100
# name: (address, habit)
MEMBERS = {"hanging": (51, "hang"), "failing": (52, "flaky"), "good": (53, "none")}

RETRY = {"on": ["connect-failure", "reset", "timeout", "5xx"], "attempts": 2,
         "try_timeout_ms": 300, "budget_pct": 200}
OUTLIER = {"consecutive": 5, "error_pct": 30, "window_ms": 2000, "eject_ms": 500,
           "max_eject_ms": 1000, "max_ejected_pct": 67}


def start_members(network, folder):
    started = []
    for name, (number, habit) in MEMBERS.items():
        process = Process(name, network.servers.command(
            "/usr/bin/python3", origin.__file__, "--name", name, "--habit", habit,
            "--http", server(number), str(PORT)), os.path.join(folder, name + ".log"))
        started.append(process)
        wait_for(lambda p=process: "ready" in p.output() or not p.is_alive(), name + " listens")
        assert process.is_alive(), process.output()
    return started


def pool(**more):
    return {"balance": "round-robin", "response_timeout_ms": 2000,
            "members": [{"name": name, "address": f"{server(number)}:{PORT}"}
                        for name, (number, _) in MEMBERS.items()], **more}


@pytest.fixture(scope="module")
def daemon(network, tmp_path_factory, certificate):
    folder = tmp_path_factory.mktemp("resilience")
    settings, _ = config.make(network, certificate, "pairs")
    settings["pools"] = {
        "mended": pool(retry=RETRY, outlier=OUTLIER),
        "retried": pool(retry=RETRY),
        "few": {"members": [f"{server(51)}:{PORT}"], "response_timeout_ms": 1500,
                "limits": {"requests": 4, "queue": 2, "queue_ms": 300}},
    }
    settings["services"] = [config.l7("http", VIP, 80)]
    routes = [config.route(name, name + ".example") for name in settings["pools"]]
    members = start_members(network, str(folder))
    made = Appliance(network, folder, settings, routes)
    try:
        with made:
            yield made
    finally:
        for member in members:
            member.kill()


def h2load(network, host, *words):
    """(answers by class of status, requests that got none)"""
    done = subprocess.run(
        network.client.command("h2load", "-t", "1", "-H", f":authority: {host}", *words,
                               f"http://{VIP}/page"),
        capture_output=True, text=True, check=False, timeout=120, env=web.clean_env())
    assert done.returncode == 0, done.stderr
    classes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
    assert classes and failed, done.stdout
    return ([int(n) for n in classes.groups()],
            int(failed[1]) - int(classes[4]) if int(failed[1]) else 0)


def rows_of(daemon, name):
    return {row["server"]: row for row in daemon.table("show resilience " + name)}


@pytest.mark.parametrize("words", [("--h1", "-n", "3000", "-c", "12"),
                                   ("-n", "3000", "-c", "4", "-m", "10")], ids=["h1", "h2"])
@pytest.mark.parametrize("name", ["mended", "retried"])
def test_what_is_idempotent_sees_no_error(network, daemon, name, words):
    """One of three hangs, one fails half of its requests."""
    if name == "retried":
        # Without ejection each third request waits for its first try to end.
        words = [word.replace("3000", "600") for word in words]
    requests = int(words[words.index("-n") + 1])
    wait_for(lambda: all(row["state"] != "EJECTED" for row in rows_of(daemon, name).values()),
             "all members get requests")
    before = rows_of(daemon, name)
    classes, lost = h2load(network, name + ".example", *words)
    assert (classes, lost) == ([requests, 0, 0, 0], 0)
    after = rows_of(daemon, name)
    gained = {key: after["BACKEND"][key] - before["BACKEND"][key]
              for key in ("tries", "failed", "retries", "saved", "not_retried")}
    # All that failed was sent again, once more for each that failed, and was saved.
    assert gained["retries"] > 0 and gained["saved"] > 0
    assert gained["tries"] == requests + gained["retries"]
    assert gained["failed"] == gained["retries"]
    assert gained["not_retried"] == 0
    if name == "mended":
        assert after["hanging"]["ejections"] > 0 and after["failing"]["ejections"] > 0
        assert after["good"]["ejections"] == 0
        assert gained["retries"] < requests / 2
    else:
        assert gained["retries"] >= requests / 3
        assert after["hanging"]["failed"] - before["hanging"]["failed"] >= requests / 4


def test_what_is_not_idempotent_is_sent_once(network, daemon, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * 2000)
    before = rows_of(daemon, "retried")
    classes, lost = h2load(network, "retried.example", "--h1", "-n", "240", "-c", "24",
                           "-d", str(body))
    after = rows_of(daemon, "retried")
    gained = {key: after["BACKEND"][key] - before["BACKEND"][key]
              for key in ("tries", "failed", "retries", "not_retried")}
    assert lost == 0 and sum(classes) == 240
    assert gained["tries"] == 240 and gained["retries"] == 0
    # A third hangs, a sixth fails: just these the client sees.
    assert classes[3] == gained["failed"] == gained["not_retried"]
    assert 80 <= classes[3] <= 160


def test_a_full_queue_answers_at_once(network, daemon):
    """Four requests hang in the member, two may wait; all others are refused."""
    before = rows_of(daemon, "few")
    started = [web.connection(network.client, host="few.example", timeout=8) for _ in range(20)]
    for made in started:
        made.request("GET", "/page")
    statuses = [made.getresponse().status for made in started]
    for made in started:
        made.close()
    after = rows_of(daemon, "few")
    # Two workers may each pass the limit by one.
    assert 4 <= statuses.count(504) <= 5 and statuses.count(503) == 20 - statuses.count(504)
    assert after["BACKEND"]["refused"] - before["BACKEND"]["refused"] == statuses.count(503)
    text = daemon.ctl("show metrics")
    timeouts = int(re.search(r'pool_queue_timeout_total{pool="few"} (\d+)', text)[1])
    full = int(re.search(r'pool_queue_full_total{pool="few"} (\d+)', text)[1])
    assert 2 <= timeouts <= 3 and timeouts + full == statuses.count(503)
