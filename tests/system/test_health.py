# SPDX-License-Identifier: Apache-2.0
"""Members die, come back, are drained and weighed, while clients go on."""

import collections
import time

import pytest

from harness import web
from harness.config import FAST_CHECK
from harness.network import VIP
from harness.procs import wait_for
from harness.servers import ECHO, PAYMENTS, STATIC
from test_l4 import ask_tcp

# A check that just passed before the death, and its time-outs; and some for a loaded machine.
SLACK = 1.0
FALL_WITHIN = (FAST_CHECK["fall"] + 1) * FAST_CHECK["interval_ms"] / 1000 + SLACK
RISE_WITHIN = (FAST_CHECK["rise"] + 1) * FAST_CHECK["interval_ms"] / 1000 + SLACK


@pytest.fixture
def whole(site):
    """All members run and are ready, before and after."""
    def restore():
        site.servers.ensure([*ECHO, *PAYMENTS, *STATIC])
        for pool, members in (("echo", ECHO), ("payments", PAYMENTS), ("static", STATIC)):
            for member in members:
                site.appliance.ctl(f"set server {pool}/{member} state ready")
                site.appliance.ctl(f"set server {pool}/{member} weight 100%")
                site.appliance.wait_state(pool, member, "UP")
    restore()
    yield site
    restore()


def open_flows(site, count):
    """Open connections by member."""
    flows = collections.defaultdict(list)
    for _ in range(count):
        sock = site.client.connect(VIP, 7001)
        stream = sock.makefile("rwb")
        flows[stream.readline().decode().strip()].append((sock, stream))
    return flows


def test_l4_member_dies_and_revives(whole):
    flows = open_flows(whole, 60)
    assert set(flows) == set(ECHO)
    died = time.monotonic()
    whole.servers.kill("echo-2")
    whole.appliance.wait_state("echo", "echo-2", "DOWN")
    assert time.monotonic() - died < FALL_WITHIN
    # Established flows of the living have not moved and still work.
    for name in ("echo-1", "echo-3"):
        for sock, stream in flows[name]:
            stream.write(name.encode() + b"\n")
            stream.flush()
            assert stream.readline() == name.encode() + b"\n"
    assert {ask_tcp(whole.client, VIP) for _ in range(60)} == {"echo-1", "echo-3"}
    revived = time.monotonic()
    whole.servers.start("echo-2")
    whole.appliance.wait_state("echo", "echo-2", "UP")
    assert time.monotonic() - revived < RISE_WITHIN + 1  # a Python server starts, too
    assert "echo-2" in {ask_tcp(whole.client, VIP) for _ in range(60)}
    for name in ("echo-1", "echo-3"):
        for sock, stream in flows[name]:
            stream.write(b"still\n")
            stream.flush()
            assert stream.readline() == b"still\n"
    for sock, stream in (pair for pairs in flows.values() for pair in pairs):
        stream.close()
        sock.close()


@pytest.mark.parametrize("pool,members,path", [("payments", PAYMENTS, "/checkout/1"),
                                               ("static", STATIC, "/img/x")],
                         ids=["round-robin", "p2c"])
def test_l7_member_dies_and_no_request_fails(whole, pool, members, path):
    victim, survivor = members
    with web.Load(whole.client, [path]) as load:
        load.wait_requests(200)
        died = time.monotonic()
        whole.servers.kill(victim)
        whole.appliance.wait_state(pool, victim, "DOWN")
        assert time.monotonic() - died < FALL_WITHIN
        before = dict(load.members)
        load.wait_requests(200)
        assert load.members[victim] - before[victim] <= 4  # counted when it was answered
        revived = time.monotonic()
        whole.servers.start(victim)
        whole.appliance.wait_state(pool, victim, "UP")
        assert time.monotonic() - revived < RISE_WITHIN
        before = load.members[victim]
        wait_for(lambda: load.members[victim] > before + 20, f"{victim} gets requests again")
    assert load.failures == []
    assert load.members[survivor] > 100


def test_drain_lets_flows_live_and_takes_no_new_ones(whole):
    flows = open_flows(whole, 30)
    whole.appliance.ctl("set server echo/echo-1 state drain")
    assert {ask_tcp(whole.client, VIP) for _ in range(60)} == {"echo-2", "echo-3"}
    assert whole.appliance.state("echo", "echo-1").startswith("DRAIN")
    for sock, stream in flows["echo-1"]:
        stream.write(b"alive\n")
        stream.flush()
        assert stream.readline() == b"alive\n"
    whole.appliance.ctl("set server echo/echo-1 state ready")
    assert "echo-1" in {ask_tcp(whole.client, VIP) for _ in range(60)}
    for sock, stream in (pair for pairs in flows.values() for pair in pairs):
        stream.close()
        sock.close()


def test_maint_under_load_fails_no_request(whole):
    with web.Load(whole.client, ["/checkout/1"]) as load:
        load.wait_requests(100)
        whole.appliance.ctl("set server payments/payments-1 state maint")
        assert whole.appliance.state("payments", "payments-1").startswith("MAINT")
        load.wait_requests(50)
        before = load.members["payments-1"]
        load.wait_requests(200)
        assert load.members["payments-1"] == before
        whole.appliance.ctl("set server payments/payments-1 state ready")
        wait_for(lambda: load.members["payments-1"] > before, "it gets requests again")
    assert load.failures == []


def test_no_member_left_is_503_and_one_back_is_200(whole):
    for member in PAYMENTS:
        whole.appliance.ctl(f"set server payments/{member} state maint")
    assert web.curl(whole.client, "http://shop.example/checkout/1").status == 503
    whole.appliance.ctl("set server payments/payments-2 state ready")
    assert web.curl(whole.client, "http://shop.example/checkout/1").status == 200


def test_weight_moves_the_share(whole):
    whole.appliance.ctl("set server payments/payments-1 weight 3")
    answer = web.curl(whole.client, *[f"http://shop.example/checkout/{n}" for n in range(40)])
    names = [body.split()[0] for body in answer.bodies]
    assert (names.count("payments-1"), names.count("payments-2")) == (30, 10)
    whole.appliance.ctl("set server echo/echo-3 weight 0")
    assert {ask_tcp(whole.client, VIP) for _ in range(60)} == {"echo-1", "echo-2"}


@pytest.mark.parametrize("command,words", [
    ("set server echo/echo-9 state drain", "echo-9"),
    ("set server nowhere/echo-1 state drain", "nowhere"),
    ("set server echo/echo-1 state asleep", "asleep"),
    ("set server echo/echo-1 weight 257", "257"),
    ("set server echo", "usage"),
])
def test_bad_commands_are_explained(whole, command, words):
    done = whole.appliance.run_ctl(command)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
