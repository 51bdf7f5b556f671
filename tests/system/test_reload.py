# SPDX-License-Identifier: Apache-2.0
"""A reload publishes the new file whole, or changes nothing; nobody notices but those meant."""

import copy
import signal

import pytest

from harness import config, web
from harness.network import VIP
from harness.procs import wait_for
from test_l4 import ask_tcp


def reload_by_command(appliance):
    appliance.ctl("reload")


def reload_by_signal(appliance):
    appliance.reload_by_signal()


HOW = {"command": reload_by_command, "signal": reload_by_signal}


@pytest.mark.parametrize("how", HOW)
def test_reload_under_load_fails_no_request(own_site, how):
    appliance = own_site.appliance
    context = web.tls_context(own_site.ca)
    with own_site.client.connect(VIP, 7001) as sock, \
            web.Load(own_site.client, ["/checkout/1", "/img/x"]) as plain, \
            web.Load(own_site.client, ["/checkout/1"], port=443, context=context,
                      threads=2) as secure:
        stream = sock.makefile("rwb")
        stream.readline()
        for number in range(10):
            settings = copy.deepcopy(appliance.config)
            settings["pools"]["payments"]["balance"] = ["p2c", "round-robin"][number % 2]
            settings["services"] = config.services()[:len(config.services()) - number % 3]
            appliance.write(settings)
            HOW[how](appliance)
            plain.wait_requests(50)
            secure.wait_requests(10)
            stream.write(b"%d\n" % number)
            stream.flush()
            assert stream.readline() == b"%d\n" % number
        assert plain.failures == [] and secure.failures == []


def test_reload_takes_effect(own_site):
    appliance = own_site.appliance
    url = "http://shop.example/checkout/1"
    assert web.curl(own_site.client, url).body.startswith("payments-")
    rows = [row for row in config.routes() if row["match"].get("path", {}).get("prefix")
            != "/checkout"]
    appliance.write(routes=[config.route("static", "shop.example", prefix="/checkout"), *rows])
    appliance.ctl("reload")
    assert web.curl(own_site.client, url).body.startswith("static-")
    # A service more, one less, and a member less.
    settings = copy.deepcopy(appliance.config)
    settings["services"] = [service for service in settings["services"]
                            if service["name"] != "sticky"]
    settings["services"].append(config.l4("late", VIP, 7010, "echo"))
    settings["pools"]["echo"]["members"].pop()
    appliance.write(settings)
    appliance.ctl("reload")
    assert {ask_tcp(own_site.client, VIP, 7010) for _ in range(60)} == {"echo-1", "echo-2"}
    with pytest.raises(OSError):
        own_site.client.connect(VIP, 7003, timeout=0.3)


def test_flows_of_a_removed_member_live_on(own_site):
    appliance = own_site.appliance
    socks = [own_site.client.connect(VIP, 7001) for _ in range(20)]
    streams = [sock.makefile("rwb") for sock in socks]
    for stream in streams:
        stream.readline()
    settings = copy.deepcopy(appliance.config)
    settings["pools"]["echo"]["members"] = settings["pools"]["echo"]["members"][:1]
    appliance.write(settings)
    appliance.ctl("reload")
    for stream in streams:
        stream.write(b"here\n")
        stream.flush()
        assert stream.readline() == b"here\n"
    for stream, sock in zip(streams, socks):
        stream.close()
        sock.close()


@pytest.mark.parametrize("damage,words", [
    (lambda c: c["services"][0].update(listen="192.0.2.100:70000/tcp"), "services[0].listen"),
    (lambda c: c["services"][0].update(pool="ecoh"), "echo"),
    (lambda c: c["pools"]["echo"].update(balanse="maglev"), "balance"),
    (lambda c: c["certificates"][0].update(chain="/nonexistent.pem"), "nonexistent.pem"),
], ids=["port", "pool", "key", "certificate"])
def test_bad_file_changes_nothing_and_is_explained(site, damage, words):
    appliance = site.appliance
    good, generation = appliance.config, appliance.info("Config_generation")
    try:
        bad = copy.deepcopy(good)
        damage(bad)
        appliance.write(bad)
        done = appliance.run_ctl("reload")
        assert done.returncode != 0
        assert words in done.stdout + done.stderr
        assert appliance.info("Config_generation") == generation
        assert web.curl(site.client, "http://shop.example/checkout/1").status == 200
        assert ask_tcp(site.client, VIP).startswith("echo-")
    finally:
        appliance.write(good)
        appliance.ctl("reload")


def test_broken_json_on_sighup_is_logged_and_changes_nothing(site):
    appliance = site.appliance
    try:
        with open(appliance.config_path, "w", encoding="ascii") as out:
            out.write('{\n  "cores": {,}\n}\n')
        appliance.process.child.send_signal(signal.SIGHUP)
        wait_for(lambda: "penstock.json:2" in appliance.log(), "the error is in the log")
        assert appliance.is_alive()
        assert web.curl(site.client, "http://shop.example/img/x").status == 200
    finally:
        appliance.write(appliance.config)
        appliance.ctl("reload")
