# SPDX-License-Identifier: Apache-2.0
"""Which pool and which member: splits that keep users, cookies, hashes, fallbacks, spares."""

import copy
import re

import pytest

from harness import config, web
from harness.appliance import Appliance
from harness.network import VIP, server
from harness.procs import wait_for
from harness.servers import HTTP_PORT, PAYMENTS, STATIC

USERS = [f"user-{n}" for n in range(60)]


@pytest.fixture(scope="module")
def daemon(network, servers, tmp_path_factory, certificate):
    folder = tmp_path_factory.mktemp("choose")
    (folder / "sticky.key").write_bytes(bytes(range(32)))
    settings, _ = config.make(network, certificate, "pairs")
    payments = {"balance": "round-robin", "members": config.members(PAYMENTS, HTTP_PORT)}
    static = {"balance": "round-robin", "members": config.members(STATIC, HTTP_PORT)}
    spared = copy.deepcopy(payments)
    spared["members"][1]["tier"] = 1
    settings["pools"] = {
        "payments": payments, "static": static, "spared": spared,
        "sticky": {**payments, "sticky": {"cookie": "srv", "key_file": "sticky.key"}},
        "hashed": {**payments, "balance": "ring-hash", "hash_on": "header:X-User"},
        "quick": {**payments, "balance": "peak-ewma"},
        "nobody": {"members": ["198.51.100.250:80"], "connect_timeout_ms": 500},
        "away": {"members": [f"{server(PAYMENTS['payments-1'])}:{HTTP_PORT}"]},
    }
    settings["services"] = [config.l7("http", VIP, 80), config.l7("https", VIP, 443, is_tls=True)]
    routes = [
        {"match": {"host": "split.example", "header": {"x-version": "2"}}, "pool": "static"},
        {"name": "split", "match": {"host": "split.example"}, "split_by": "cookie:user",
         "split": [{"pool": "payments", "weight": 80}, {"pool": "static", "weight": 20}]},
        {"match": {"host": "away.example"}, "pool": "away", "fallback": "static"},
        *(config.route(name, name + ".example") for name in ("sticky", "hashed", "spared", "quick")),
        config.route("sticky", "shop.example"),
        {"match": {"host": "mirror.example"}, "pool": "payments",
         "mirror": {"pool": "static", "pct": 50}},
        {"match": {"host": "held.example"}, "pool": "payments", "mirror": {"pool": "nobody"}},
    ]
    with Appliance(network, folder, settings, routes) as made:
        yield made


def members_of(network, host, headers, count=1):
    """Who answers each of these requests, over one connection of curl's."""
    words = [word for header in headers for word in ("-H", header)]
    answer = web.curl(network.client, *words, *[f"http://{host}/img/{n}" for n in range(count)])
    assert answer.exit_code == 0 and {t["status"] for t in answer.transfers} == {200}, answer.errors
    return [body.split()[0] for body in answer.bodies]


def pool_of(network, user):
    pools = {name.rsplit("-", 1)[0] for name in
             members_of(network, "split.example", [f"Cookie: user={user}"], 2)}
    assert len(pools) == 1
    return pools.pop()


def test_a_split_keeps_users_while_weights_change(network, daemon):
    before = {user: pool_of(network, user) for user in USERS}
    assert 2 <= list(before.values()).count("static") <= 25
    with web.Load(network.client, ["/img/x"], host="split.example") as load:
        load.wait_requests(50)
        daemon.ctl("set route http/split weight payments=50 static=50")
        after = {user: pool_of(network, user) for user in USERS}
        daemon.ctl("set route http/split weight payments=0")
        assert {pool_of(network, user) for user in USERS[:10]} == {"static"}
        load.wait_requests(50)
    assert not load.failures
    assert all(after[user] == "static" for user in USERS if before[user] == "static")
    assert 18 <= list(after.values()).count("static") <= 42
    rows = {(row["service"], row["pool"]): row for row in daemon.table("show splits")}
    assert rows["http", "payments"]["weight"] == 0
    assert rows["http", "payments"]["file_weight"] == 80
    assert rows["https", "payments"]["weight"] == 80
    # A reload brings the file's weights back.
    daemon.ctl("reload")
    assert {user: pool_of(network, user) for user in USERS[:20]} == {
        user: before[user] for user in USERS[:20]}


def test_a_header_pins_the_version(network, daemon):
    names = members_of(network, "split.example", ["X-Version: 2", "Cookie: user=user-1"], 10)
    assert {name.rsplit("-", 1)[0] for name in names} == {"static"}


def cookie_line(answer):
    return re.search(r"^set-cookie: (srv=[^;]+)(.*)\r?$", answer.body, re.M | re.I)


def sticky_curl(network, *words, host="sticky.example", tls=None):
    scheme = "https" if tls else "http"
    answer = web.curl(network.client, "-i", *words, f"{scheme}://{host}/img/x", ca=tls)
    assert answer.status == 200, answer.errors
    return re.search(r"payments-\d", answer.body)[0], cookie_line(answer)


def test_a_cookie_leads_back_and_drains_honour_it(network, daemon, authority):
    member, line = sticky_curl(network)
    assert re.fullmatch(r"srv=[\w-]{32}", line[1])
    assert line[2].strip() == "; Path=/; SameSite=Lax; HttpOnly"
    cookie = line[1]
    for _ in range(4):
        assert sticky_curl(network, "-b", cookie) == (member, None)
    # Over TLS the next one is for TLS only, and leads to the same member.
    other, line = sticky_curl(network, host="shop.example", tls=authority.path)
    assert line[2].strip() == "; Path=/; SameSite=Lax; Secure; HttpOnly"
    assert sticky_curl(network, "-b", line[1])[0] == other
    # What clients make up leads nowhere.
    assert sticky_curl(network, "-b", cookie[:-1] + ("A" if cookie[-1] != "A" else "B"))[1]
    daemon.ctl(f"set server sticky/{member} state drain")
    try:
        assert {sticky_curl(network)[0] for _ in range(4)} == set(PAYMENTS) - {member}
        assert sticky_curl(network, "-b", cookie) == (member, None)
        daemon.ctl(f"set server sticky/{member} state maint")
        assert sticky_curl(network, "-b", cookie)[0] != member
    finally:
        daemon.ctl(f"set server sticky/{member} state ready")


def test_a_header_is_hashed(network, daemon):
    chosen = {}
    for user in USERS[:24]:
        names = set(members_of(network, "hashed.example", [f"X-User: {user}"], 2))
        assert len(names) == 1
        chosen[user] = names.pop()
    assert set(chosen.values()) == set(PAYMENTS)


def test_the_quick_are_used(network, daemon):
    assert set(members_of(network, "quick.example", [], 40)) == set(PAYMENTS)


def test_spares_and_fallback(network, daemon):
    first, spare = PAYMENTS
    assert set(members_of(network, "spared.example", [], 8)) == {first}
    daemon.ctl(f"set server spared/{first} state maint")
    daemon.ctl(f"set server away/{server(PAYMENTS[first])}:{HTTP_PORT} state maint")
    try:
        assert set(members_of(network, "spared.example", [], 4)) == {spare}
        assert set(members_of(network, "away.example", [], 4)) <= set(STATIC)
    finally:
        daemon.ctl(f"set server spared/{first} state ready")
        daemon.ctl(f"set server away/{server(PAYMENTS[first])}:{HTTP_PORT} state ready")
    wait_for(lambda: set(members_of(network, "spared.example", [], 2)) == {first}, "the first is back")


def counter(daemon, name, pool):
    return int(re.search(rf'penstock_pool_{name}_total{{pool="{pool}"}} (\d+)',
                         daemon.ctl("show metrics"))[1])


def test_copies_are_sent_and_forgotten(network, daemon):
    before = counter(daemon, "mirrors", "static")
    assert {name.rsplit("-", 1)[0] for name in members_of(network, "mirror.example", [], 100)} == {
        "payments"}
    assert 20 <= counter(daemon, "mirrors", "static") - before <= 80
    wait_for(lambda: counter(daemon, "mirrors_done", "static") ==
             counter(daemon, "mirrors", "static"), "all copies are answered")
    # A mirror that is not there is noticed by nobody.
    with web.Load(network.client, ["/img/x"], host="held.example") as load:
        load.wait_requests(300)
    assert not load.failures
    assert counter(daemon, "mirrors", "nobody") > 0


def test_balance_holds_over_workers_and_streams(network, daemon):
    """Streams of one connection are spread, and so are connections over two workers."""
    done = network.client.run("h2load", "-n", "600", "-c", "4", "-m", "10", "-H",
                              ":authority: quick.example", f"http://{VIP}/img/x")
    assert "600 succeeded" in done
    rows = {row["server"]: row for row in daemon.table("show resilience quick")}
    assert rows["BACKEND"]["failed"] == 0
    assert all(rows[name]["tries"] >= 60 for name in PAYMENTS)
