# SPDX-License-Identifier: Apache-2.0
"""Ids of requests and trailers, by a real client, a member and the access log together."""

import json
import os
import re

import pytest

from harness import config, web
from harness.appliance import Appliance
from harness.procs import wait_for

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def logged(site_network, site_servers, certificate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("identify")
    settings, routes = config.make(site_network, certificate, "joint")
    path = os.path.join(str(folder), "access.log")
    settings["access_log"] = {"to": "file", "file": path}
    for service in settings["services"]:
        if service["name"] in ("http", "https"):
            service["request_id"] = {"mode": "trust", "from": ["192.0.2.11/32"]}
            service["trace_context"] = "make"
    for route in routes:
        route["response_headers"] = {"set": {"X-Request-ID": "${request_id}"}}
    with Appliance(site_network, folder, settings, routes) as appliance:
        yield appliance, site_network.client, path


def row_of(path, target):
    def read():
        with open(path, encoding="ascii") as log:
            rows = [json.loads(line) for line in log]
        return [row for row in rows if row["target"] == target]
    return wait_for(read, "a line of " + target)[0]


def test_ids_are_the_same_everywhere(logged):
    appliance, client, path = logged
    for name, words, trace in (
            ("made", [], None),
            ("kept", ["--interface", "192.0.2.11", "-H", "X-Request-ID: from-ahead",
                      "-H", "traceparent: " + PARENT], PARENT[3:35]),
            ("forged", ["-H", "X-Request-ID: from-nobody", "-H", "traceparent: x"], None)):
        answer = web.curl(client, *words, "-o", "/dev/null", "-D", "-",
                          f"http://origin.example/bytes/10?{name}")
        row = row_of(path, f"/bytes/10?{name}")
        shown = re.search(r"(?mi)^x-request-id: (.*?)\r?$", answer.body)[1]
        assert shown == row["request_id"]
        if name == "kept":
            assert shown == "from-ahead"
        else:
            assert UUID.fullmatch(shown)
        assert re.fullmatch("[0-9a-f]{32}", row["trace_id"])
        assert trace is None or row["trace_id"] == trace
    assert appliance.counters()["l7.trace_malformed"] == 1
