# SPDX-License-Identifier: Apache-2.0
"""The access log as a file and its rotation, and what is kept of slow and malformed requests."""

import json
import os
import signal

import pytest

from harness import config, web
from harness.appliance import Appliance
from harness.network import VIP
from harness.procs import wait_for


class Site:
    def __init__(self, network, folder, certificate, ca):
        settings, routes = config.make(network, certificate, "joint")
        self.path = os.path.join(str(folder), "access.log")
        settings["access_log"] = {"to": "file", "file": self.path, "slow_ms": 300}
        settings["services"].append({**config.l7("h2", VIP, 8444),
                                     "tls": {"certificates": ["shop"]}})
        self.client, self.ca = network.client, ca
        self.appliance = Appliance(network, folder, settings, routes)

    def rows(self, target, path=None):
        """The lines of requests for a target, once there are some."""
        def read():
            with open(path or self.path, encoding="ascii") as log:
                rows = [json.loads(line) for line in log]
            return [row for row in rows if row["target"] == target]
        return wait_for(read, "a line of " + target)


@pytest.fixture(scope="module")
def logged(site_network, site_servers, authority, certificate, tmp_path_factory):
    made = Site(site_network, tmp_path_factory.mktemp("access"), certificate, authority.path)
    with made.appliance:
        yield made


def test_lines_of_both_versions(logged):
    url = "://origin.example"
    for words, port, name, version, scheme in (
            (["--http1.1"], 80, "http", "1.1", "http"),
            (["--http2"], 8444, "h2", "2", "https")):
        answer = web.curl(logged.client, *words, "-A", 'my "agent"', "-o", "/dev/null",
                          f"{scheme}{url}:{port}/bytes/1000?{name}", ca=logged.ca)
        assert answer.status == 200, answer.errors
        row = logged.rows(f"/bytes/1000?{name}")[0]
        assert (row["service"], row["version"], row["status"]) == (name, version, 200)
        assert (row["pool"], row["member"], row["tries"]) == ("origin", "origin-1", 1)
        assert (row["bytes_out"], row["ending"], row["code"]) == (1000, "complete", "--")
        assert row["user_agent"] == 'my "agent"'
        assert row["client"].startswith("192.0.2.1") and row["vip"] == f"{VIP}:{port}"
        spans = [row[key] for key in ("header_us", "queue_us", "connect_us", "first_us")]
        assert all(span is not None for span in spans) and sum(spans) <= row["total_us"]
        assert (row["handshake_us"] is not None) == (scheme == "https")
        assert (row["sni"], row["tls"]) == (
            ("origin.example", "TLSv1.3") if scheme == "https" else ("", ""))


def test_failures_are_told_apart(logged):
    for host, status, ending in (("refusing", 502, "connect_refused"), ("slow", 504, None),
                                 ("absent", 504, "connect_timeout"), ("down", 503, "no_member")):
        path = f"/slow/3000?{host}"
        assert web.curl(logged.client, f"http://{host}.example{path}").status == status
        row = logged.rows(path)[0]
        assert row["status"] == status
        assert row["ending"] == (ending or "member_timeout")
    slow = logged.appliance.table("show slow")
    assert any(row["request"] == "GET slow.example/slow/3000?slow" and
               row["ending"] == "member_timeout" and 350000 < row["total_us"] < 3000000
               for row in slow)


def test_malformed_requests_are_shown_with_the_place(logged):
    with logged.client.connect(VIP, 80) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nBad\x01Name: x\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 400 ")
    row = wait_for(lambda: logged.appliance.table("show errors"), "it is kept")[0]
    assert (row["rule"], row["status"], row["offset"]) == ("header_name", 400, 28)
    assert row["ahead"].endswith("\\x0d\\x0aBad") and row["from"].startswith("\\x01Name: x")


def test_rotation_loses_no_line(logged):
    moved = logged.path + ".1"
    web.curl(logged.client, "http://origin.example/bytes/1?before")
    logged.rows("/bytes/1?before")
    os.rename(logged.path, moved)
    web.curl(logged.client, "http://origin.example/bytes/1?between")
    logged.rows("/bytes/1?between", moved)
    logged.appliance.process.child.send_signal(signal.SIGUSR1)
    wait_for(lambda: os.path.exists(logged.path), "a new file")
    web.curl(logged.client, "http://origin.example/bytes/1?behind")
    logged.rows("/bytes/1?behind")
    assert logged.appliance.counters()["l7.access_lost"] == 0
