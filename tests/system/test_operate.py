# SPDX-License-Identifier: Apache-2.0
"""The operator's side: --check, exit codes, the socket, ending in order."""

import csv
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import threading

import pytest

from harness import config, web
from harness.appliance import binary, check
from harness.certs import Authority
from harness.network import VIP
from harness.procs import wait_for
from test_l4 import ask_tcp

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")


def run(*words):
    return subprocess.run([binary("penstock"), *words], capture_output=True, text=True,
                          check=False, timeout=20)


def test_check_accepts_the_running_file(site):
    done = check(site.appliance.config_path)
    assert done.returncode == 0, done.stderr
    assert "valid" in done.stdout


def test_check_reports_every_error_with_its_place(site, tmp_path):
    settings = config.changed(site.appliance.config)
    settings["services"][0]["listen"] = "192.0.2.100:70000/tcp"
    settings["pools"]["echo"]["helth"] = {}
    settings["cores"]["idle"] = "lazy"
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(settings, indent=2))
    (tmp_path / "routes.json").write_text(json.dumps({"routes": config.routes()}))
    done = check(str(path))
    assert done.returncode == 3
    lines = [line for line in done.stderr.splitlines() if "bad.json:" in line]
    for words in (("services[0].listen", "70000", "65535"), ("helth", "health"),
                  ("cores.idle", "lazy", "adaptive")):
        assert any(all(word in line for word in words) for line in lines), (words, lines)


@pytest.mark.parametrize("words,code", [
    (["--check", "/nonexistent.json"], 3),
    (["-c", "/nonexistent.json"], 3),
    ([], 2),
    (["--nonsense"], 2),
    (["--version"], 0),
    (["--help"], 0),
])
def test_exit_codes(words, code):
    assert run(*words).returncode == code


def test_a_missing_device_ends_with_one(tmp_path, network, certificate):
    settings, routes = config.make(network, certificate)
    settings["ports"] = settings["ports"][:1]
    settings["ports"][0]["device"] = "net_af_xdp0,iface=nonexistent0"
    settings["stats"] = {"socket": str(tmp_path / "s")}
    (tmp_path / "p.json").write_text(json.dumps(settings))
    (tmp_path / "routes.json").write_text(json.dumps({"routes": routes}))
    command = network.client.command(binary("penstock"), "-c", str(tmp_path / "p.json"))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert "nonexistent0" in done.stderr


@pytest.mark.parametrize("name", ["first.json", "nic.json", "demo/penstock.json"])
def test_examples_are_valid(name, tmp_path):
    """With certificates where they expect them, which no repository has."""
    chain, key = Authority(str(tmp_path)).issue("site", ["shop.example"])
    shutil.copytree(os.path.join(ROOT, "docs", "examples"), tmp_path / "examples")
    path = tmp_path / "examples" / name
    settings = json.loads(path.read_text())
    for certificate in settings["certificates"]:
        certificate.update(chain=chain, key=key)
    path.write_text(json.dumps(settings))
    done = check(str(path))
    assert done.returncode == 0, done.stderr


def test_socket_permissions(site):
    mode = os.stat(site.appliance.socket).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660


@pytest.mark.parametrize("command,words", [
    ("show version", "0."), ("show info", "Uptime"), ("show servers", "payments-1"),
    ("show conns", ""), ("show config", "\"services\""), ("show cores", "idle"),
    ("show drops all", "no_service"), ("show neigh", ""), ("help", "show info"),
])
def test_commands_answer(site, command, words):
    assert words in site.appliance.ctl(command)


def test_unknown_command_is_an_error_with_a_hint(site):
    done = site.appliance.run_ctl("show statt")
    assert done.returncode != 0
    assert "show stat" in done.stdout + done.stderr


def test_no_daemon_is_an_error(tmp_path):
    done = subprocess.run([binary("penstockctl"), "-s", str(tmp_path / "none"), "show", "info"],
                          capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode != 0 and done.stderr


def test_stat_is_haproxys_csv(site):
    ask_tcp(site.client, VIP)
    text = site.appliance.ctl("show stat")
    assert text.startswith("# pxname,svname,qcur,qmax,scur")
    rows = list(csv.DictReader(io.StringIO(text[2:])))
    by_name = {(row["pxname"], row["svname"]): row for row in rows}
    assert int(by_name["echo", "FRONTEND"]["stot"]) > 0
    members = [row for row in rows if row["pxname"] == "echo" and row["svname"].startswith("echo-")]
    assert sum(int(row["stot"]) for row in members) > 0
    assert {row["status"] for row in members} == {"UP"}


def test_counters_add_up(site):
    before = site.appliance.counters()
    answer = web.curl(site.client, *[f"http://shop.example/checkout/{n}" for n in range(10)])
    assert len(answer.transfers) == 10
    wait_for(lambda: site.appliance.counters()["l7.requests_done"]
             == before["l7.requests_done"] + 10, "ten requests are counted")
    assert site.appliance.counters()["l7.conns_opened"] == before["l7.conns_opened"] + 1


def test_sigterm_drains_and_exits_zero(own_site):
    """A request in flight is answered; a new connection is not taken."""
    made = web.connection(own_site.client, "origin.example")
    made.request("GET", "/slow/1500")
    wait_for(lambda: own_site.appliance.counters()["l7.upstream_opened"] > 0, "it is on its way")
    own_site.appliance.process.child.send_signal(signal.SIGTERM)
    answers = []

    def read():
        response = made.getresponse()
        answers.append((response.status, response.read()))

    reader = threading.Thread(target=read)
    reader.start()
    reader.join(10)
    assert answers and answers[0][0] == 200, own_site.appliance.log()
    made.close()
    assert own_site.appliance.process.child.wait(10) == 0
    assert not os.path.exists(own_site.appliance.socket)


def test_sigterm_when_idle_is_quick_and_a_restart_works(own_site):
    assert own_site.appliance.stop(5) == 0
    own_site.appliance.start()
    assert web.curl(own_site.client, "http://origin.example/").status == 200
    assert own_site.appliance.stop(5) == 0


def test_idle_cores_sleep(own_site):
    """Adaptive idling: an idle daemon leaves most of the CPU to others."""
    process = own_site.appliance.process
    before = process.cpu_seconds()
    threading.Event().wait(1.0)  # CPU time is measured over this second
    assert process.cpu_seconds() - before < 0.8
