# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol from real senders: HAProxy, of either version, and curl."""

import pytest

from harness import config, web
from harness.network import CLIENT, VIP
from harness.procs import Process, wait_for

EXPECTED, OTHERS, REFUSING, SECURE = range(5700, 5704)

# HAProxy's own client has an address that nobody else has: it can only come by the header.
CONVEYED = "127.0.0.7"

HAPROXY = """
global
	maxconn 100
defaults
	mode tcp
	timeout connect 2s
	timeout client 10s
	timeout server 10s
"""
PROXY = """
listen l{port}
	bind {address}:{port}
	server s {vip}:{to} {word}
"""
WAYS = [(6001, EXPECTED, "send-proxy"), (6002, EXPECTED, "send-proxy-v2"),
        (6003, SECURE, "send-proxy-v2"), (6004, EXPECTED, "")]


@pytest.fixture(scope="module")
def proxied(site, tmp_path_factory):
    settings = config.changed(site.appliance.config)
    ours, theirs = [CLIENT + "/32"], ["203.0.113.0/24"]
    for port, accept in [(EXPECTED, {"from": ours}), (SECURE, {"from": ours}),
                         (OTHERS, {"from": theirs, "others": "direct"}),
                         (REFUSING, {"from": theirs})]:
        settings["services"].append(config.l7(f"proxied-{port}", VIP, port,
                                              is_tls=port == SECURE, accept_proxy=accept))
    site.appliance.write(settings)
    site.appliance.ctl("reload")
    folder = tmp_path_factory.mktemp("haproxy")
    path = folder / "haproxy.cfg"
    path.write_text(HAPROXY + "".join(
        PROXY.format(address=CONVEYED, port=port, vip=VIP, to=to, word=word)
        for port, to, word in WAYS))
    haproxy = Process("haproxy", site.client.command("haproxy", "-db", "-f", str(path)),
                      str(folder / "log"))
    wait_for(lambda: listens(site), "HAProxy listens")
    yield site
    haproxy.terminate()


def listens(site):
    try:
        site.client.connect(CONVEYED, WAYS[0][0], 1.0).close()
        return True
    except OSError:
        return False


def counter(site, name):
    return site.appliance.counters()["l7." + name]


def get(site, *words, port, scheme="http", **more):
    return web.curl(site.client, *words, f"{scheme}://shop.example:{port}/checkout/1", **more)


@pytest.mark.parametrize("port", [6001, 6002], ids=["v1", "v2"])
def test_haproxy_ahead(proxied, port):
    answer = get(proxied, "--interface", CONVEYED, port=port, vip=CONVEYED)
    assert answer.status == 200, answer.errors
    assert f"xff={CONVEYED} " in answer.body


def test_haproxy_ahead_of_tls(proxied):
    answer = get(proxied, "--interface", CONVEYED, port=6003, vip=CONVEYED, scheme="https",
                 ca=proxied.ca)
    assert answer.status == 200, answer.errors
    assert f"xff={CONVEYED} proto=https" in answer.body


def test_no_header_is_cut(proxied):
    before = counter(proxied, "proxy_missing")
    answer = get(proxied, port=EXPECTED)
    assert answer.exit_code == 56 and answer.body == "", answer.errors
    assert get(proxied, port=6004, vip=CONVEYED).exit_code != 0
    assert counter(proxied, "proxy_missing") == before + 2


def test_curl_sends_a_header(proxied):
    answer = get(proxied, "--haproxy-protocol", port=EXPECTED)
    assert answer.status == 200, answer.errors
    assert f"xff={CLIENT} " in answer.body


def test_others_go_without(proxied):
    answer = get(proxied, port=OTHERS)
    assert answer.status == 200 and f"xff={CLIENT} " in answer.body, answer.errors
    assert get(proxied, "--haproxy-protocol", port=OTHERS).status == 400


def test_others_are_refused(proxied):
    before = counter(proxied, "proxy_refused")
    assert get(proxied, "--haproxy-protocol", port=REFUSING).exit_code != 0
    assert counter(proxied, "proxy_refused") == before + 1
