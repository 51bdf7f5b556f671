# SPDX-License-Identifier: Apache-2.0
"""A change told beforehand, then made under connections that stay."""

import copy
import json
import os

from harness.appliance import check
from harness.network import VIP
from harness.servers import ECHO
from test_l4 import ask_tcp

CONNECTIONS = 120


class Held:
    """An open connection that says which member it has."""

    def __init__(self, client):
        self.sock = client.connect(VIP, 7001)
        self.stream = self.sock.makefile("rwb")
        self.member = self.stream.readline().decode().strip()

    def is_alive(self, word):
        self.stream.write(word + b"\n")
        self.stream.flush()
        return self.stream.readline() == word + b"\n"

    def close(self):
        self.stream.close()
        self.sock.close()


def plan_of(daemon, settings, tmp_path):
    path = tmp_path / "next.json"
    path.write_text(json.dumps({**settings, "stats": {"socket": daemon.socket}}),
                    encoding="utf-8")
    rows = {row["service"]: row for row in daemon.table(f"plan {path}")}
    # The name counts from where penstockctl was called.
    text = daemon.ctl(f"plan {os.path.relpath(path)}")
    assert text.startswith("# service") and "flows_moved" in text
    return rows


def test_plan_then_reweight_under_connections(own_site, tmp_path):
    daemon = own_site.appliance
    held = [Held(own_site.client) for _ in range(CONNECTIONS)]
    try:
        assert {conn.member for conn in held} == set(ECHO)
        generation = daemon.info("Config_generation")
        same = plan_of(daemon, daemon.config, tmp_path)["echo"]
        assert same["slots"] == 65537 and same["slots_moved"] == 0
        assert same["flows"] >= CONNECTIONS and same["flows_moved"] == 0

        settings = copy.deepcopy(daemon.config)
        settings["pools"]["echo"]["members"][0]["weight"] = 8
        row = plan_of(daemon, settings, tmp_path)["echo"]
        # From a third to eight tenths, by a table that moves little else.
        assert 46 <= row["slots_moved_pct"] <= 49
        assert row["collateral_pct"] < 2
        expected = row["flows"] * row["slots_moved_pct"] / 100
        assert abs(row["flows_moved"] - expected) < 5 * (expected / 2) ** 0.5
        assert row["flows_cut"] == 0
        assert daemon.info("Config_generation") == generation

        daemon.write(settings)
        daemon.ctl("reload")
        assert all(conn.is_alive(b"reweighted") for conn in held)
        counts = [ask_tcp(own_site.client, VIP) for _ in range(CONNECTIONS)].count("echo-1")
        assert 0.6 * CONNECTIONS < counts < 0.95 * CONNECTIONS

        settings["pools"]["echo"]["members"].pop()
        settings["services"] = [service for service in settings["services"]
                                if service["name"] != "sticky"]
        rows = plan_of(daemon, settings, tmp_path)
        assert rows["echo"]["removed"] == 1 and rows["echo"]["flows_cut"] == 0
        assert rows["sticky"]["pool"] == "(gone)"
        assert all(conn.is_alive(b"still here") for conn in held)
        # The flows that the plan spoke of are where they were.
        conns = [row for row in daemon.table("show conns l4") if row["state"] == "ESTABLISHED"]
        assert len(conns) >= CONNECTIONS
    finally:
        for conn in held:
            conn.close()


def test_a_bad_file_is_explained_as_check_does(site):
    daemon = site.appliance
    settings = copy.deepcopy(daemon.config)
    settings["pools"]["echo"]["balance"] = "maglve"
    settings["services"][0]["listen"] = "192.0.2.100:70000/tcp"
    path = os.path.join(daemon.folder, "bad.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(settings, out, indent=1)
    checked = [line for line in check(path).stderr.splitlines() if line.startswith(path + ":")]
    explained = [line for line in checked if ": pools.echo.balance: " in line
                 or ": services[0].listen: " in line]
    assert len(explained) == 2
    done = daemon.run_ctl(f"plan {path}")
    assert done.returncode == 1
    assert [line for line in explained if line not in done.stdout + done.stderr] == []
    missing = daemon.run_ctl(f"plan {daemon.folder}/nothing.json")
    assert missing.returncode == 1 and "nothing.json" in missing.stdout + missing.stderr


def test_slow_start_grows_the_share_of_a_new_member(own_site):
    daemon = own_site.appliance
    settings = copy.deepcopy(daemon.config)
    settings["pools"]["echo"]["slow_start_ms"] = 600000
    last = settings["pools"]["echo"]["members"].pop()
    daemon.write(settings)
    daemon.ctl("reload")
    settings["pools"]["echo"]["members"].append(last)
    daemon.write(settings)
    daemon.ctl("reload")
    # At the start of ten minutes it has a 256th of its share: a hundred connections hardly see it.
    names = [ask_tcp(own_site.client, VIP) for _ in range(100)]
    assert names.count(last["name"]) < 10
    settings["pools"]["echo"]["slow_start_ms"] = 0
    daemon.write(settings)
    daemon.ctl("reload")
    deadline = 200
    while ask_tcp(own_site.client, VIP) != last["name"]:
        deadline -= 1
        assert deadline > 0
