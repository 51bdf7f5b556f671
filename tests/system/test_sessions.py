# SPDX-License-Identifier: Apache-2.0
"""Sessions of the application's own, over two workers: drains keep them, downs do not."""

import re

import pytest

from harness import config, web
from harness.appliance import Appliance
from harness.network import VIP, server
from harness.procs import Process, wait_for

PORT = 9300
MEMBERS = {"one": 51, "two": 52}

# Gives each client without a session one that has the member's name in it, and knows only its own.
APPLICATION = """
import itertools, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
name, address, port = sys.argv[1:]
turns = itertools.count()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *arguments):
        pass
    def do_GET(self):
        body = (name + "\\n").encode()
        self.send_response(200)
        if "sid=" not in self.headers.get("Cookie", ""):
            self.send_header("Set-Cookie", f"sid={name}-{next(turns)}; Path=/; HttpOnly")
        self.send_header("X-Member", name)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    def server_bind(self):
        self.socket.setsockopt(1, 2, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = address, int(port)
made = Server((address, int(port)), Handler)
print("ready", flush=True)
made.serve_forever()
"""


@pytest.fixture(scope="module")
def daemon(network, tmp_path_factory, certificate):
    folder = tmp_path_factory.mktemp("sessions")
    settings, _ = config.make(network, certificate, "pairs")
    members = [{"name": name, "address": f"{server(number)}:{PORT}"}
               for name, number in MEMBERS.items()]
    pool = {"balance": "round-robin", "members": members}
    settings["pools"] = {
        "shop": {**pool, "sticky": {"learn": {"key": "cookie:sid", "entries": 4096}}},
        "users": {**pool, "sticky": {"learn": {"key": "header:X-User", "from": "request",
                                               "entries": 64}}},
        "plain": pool,
    }
    settings["services"] = [config.l7("http", VIP, 80)]
    routes = [config.route(name, name + ".example") for name in settings["pools"]]
    started = []
    try:
        for name, number in MEMBERS.items():
            process = Process(name, network.servers.command(
                "/usr/bin/python3", "-c", APPLICATION, name, server(number), str(PORT)),
                str(folder / (name + ".log")))
            started.append(process)
            wait_for(lambda p=process: "ready" in p.output() or not p.is_alive(), name)
            assert process.is_alive(), process.output()
        with Appliance(network, folder, settings, routes) as made:
            yield made
    finally:
        for process in started:
            process.kill()


def ask(network, host, *words):
    """(member, session that it gave out)"""
    answer = web.curl(network.client, "-i", *words, f"http://{host}.example/")
    assert answer.status == 200, answer.errors
    given = re.search(r"^set-cookie: (sid=[^;]+)", answer.body, re.M | re.I)
    return re.search(r"^x-member: (\w+)", answer.body, re.M | re.I)[1], given and given[1]


def table(daemon, *words):
    return daemon.table(" ".join(("show table", *words)))


def pool_row(daemon, pool):
    return next(row for row in table(daemon) if row["pool"] == pool)


def test_sessions_stay_with_who_began_them(network, daemon):
    sessions = dict(ask(network, "shop")[::-1] for _ in range(12))
    assert set(sessions.values()) == set(MEMBERS)
    for cookie, member in sessions.items():
        assert cookie.startswith(f"sid={member}-")
        for _ in range(3):
            # Each time another connection, of any worker.
            assert ask(network, "shop", "-b", f"a=1; {cookie}; z=2") == (member, None)
    row = pool_row(daemon, "shop")
    assert row["key"] == "cookie:sid" and row["used"] == row["learned"] == 12
    assert row["found"] == 36 and row["evicted"] == row["moved"] == 0
    rows = table(daemon, "shop")
    assert {r["server"] for r in rows} == set(MEMBERS) and len(rows) == 12
    assert len({r["key"] for r in rows}) == 12 and all(0 < r["expires_in_s"] <= 1800 for r in rows)
    assert len(table(daemon, "shop limit 5")) == 5
    assert "sid" not in daemon.ctl("show table shop")
    # A reload forgets nothing.
    daemon.ctl("reload")
    for cookie, member in sessions.items():
        assert ask(network, "shop", "-b", cookie)[0] == member
    daemon.ctl("clear table shop")
    assert pool_row(daemon, "shop")["used"] == 0


def test_drains_keep_sessions_and_maintenance_does_not(network, daemon):
    member, cookie = ask(network, "shop")
    other = next(name for name in MEMBERS if name != member)
    daemon.ctl(f"set server shop/{member} state drain")
    try:
        assert {ask(network, "shop")[0] for _ in range(4)} == {other}
        assert {ask(network, "shop", "-b", cookie)[0] for _ in range(4)} == {member}
        daemon.ctl(f"set server shop/{member} state maint")
        assert {ask(network, "shop", "-b", cookie)[0] for _ in range(4)} == {other}
        assert pool_row(daemon, "shop")["moved"] == 1
    finally:
        daemon.ctl(f"set server shop/{member} state ready")
    # It is the other's from then on.
    assert {ask(network, "shop", "-b", cookie)[0] for _ in range(4)} == {other}


def test_users_stay_with_who_answered_first(network, daemon):
    first = {f"u{n}": ask(network, "users", "-H", f"X-User: u{n}")[0] for n in range(10)}
    assert set(first.values()) == set(MEMBERS)
    for user, member in first.items():
        assert ask(network, "users", "-H", f"X-User: {user}")[0] == member
    # More users than there is room for: bounded, and said.
    made = web.connection(network.client, host="users.example")
    for n in range(400):
        made.request("GET", "/", headers={"X-User": f"many{n}"})
        answer = made.getresponse()
        assert answer.status == 200 and answer.read()
    made.close()
    row = pool_row(daemon, "users")
    assert 32 <= row["used"] <= 64 and row["learned"] >= 410
    assert row["evicted"] == row["learned"] - row["used"]


@pytest.mark.parametrize("command, words", [
    ("show table plain", "learns no sessions"),
    ("clear table shup", 'did you mean "shop"'),
    ("show table shop limit x", "a limit is a number"),
    ("clear table", "one pool"),
])
def test_wrong_commands_are_explained(daemon, command, words):
    done = daemon.run_ctl(command)
    assert done.returncode != 0 and words in done.stdout + done.stderr
