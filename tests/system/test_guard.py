# SPDX-License-Identifier: Apache-2.0
"""Access lists, limits and source checks on real traffic, switched on by a reload."""

import socket

import pytest

from harness import config, web
from harness.network import CLIENTS, CLIENT6, VIP, VIP6
from harness.procs import wait_for
from test_l4 import ask_tcp, ask_udp

ALLOWED, DENIED = CLIENTS[0], CLIENTS[5]


def reload_with(site, guard=None, **services):
    """The site's configuration with a guard, and with more keys in the services named."""
    changed = config.changed(site.appliance.config)
    changed["guard"] = guard or {}
    for service in changed["services"]:
        service.update(services.get(service["name"].replace("-", "_"), {}))
    site.appliance.write(changed)
    site.appliance.ctl("reload")


@pytest.fixture
def guarded(site):
    """The shared site, which gets its own configuration back."""
    before = site.appliance.config
    yield site
    site.appliance.write(before)
    site.appliance.ctl("reload")


def refused(site, vip, port, source):
    with pytest.raises(OSError):
        site.client.connect(vip, port, source=source, timeout=0.4).close()


def test_lists_hold_for_both_layers(guarded, tmp_path):
    path = tmp_path / "deny.txt"
    path.write_text("".join(f"203.{n // 256}.{n % 256}.0/24\n" for n in range(10000))
                    + f"{DENIED} # the one\n2001:db8:1::10/128\n")
    reload_with(guarded, {"acl": {"deny_file": str(path)}})
    before = guarded.appliance.drops()["acl_denied"]
    for port in (7001, 80):
        refused(guarded, VIP, port, DENIED)
    refused(guarded, VIP6, 7001, CLIENT6)
    assert ask_tcp(guarded.client, VIP, source=ALLOWED)
    assert web.curl(guarded.client, "http://origin.example/").status == 200
    assert guarded.appliance.drops()["acl_denied"] >= before + 3
    answer = guarded.appliance.table(f"trace tcp {DENIED}:4000 {VIP}:443")
    assert (answer["reason"], answer["acl"]) == ("acl_denied", f"denied by {DENIED}/32")


def test_a_service_has_its_own_list(guarded):
    reload_with(guarded, echo={"acl": {"allow": ["192.0.2.8/30"]}})
    assert ask_tcp(guarded.client, VIP, source=CLIENTS[1])
    refused(guarded, VIP, 7001, CLIENTS[2])
    assert ask_tcp(guarded.client, VIP, 7003, source=CLIENTS[2])
    answer = guarded.appliance.table(f"trace tcp {CLIENTS[1]}:4000 {VIP}:7001")
    assert (answer["verdict"], answer["acl"]) == ("forward", "allowed by 192.0.2.8/30")


def test_a_list_that_changes_holds_for_flows_that_are_there(guarded):
    with guarded.client.connect(VIP, 7001, source=DENIED) as sock:
        stream = sock.makefile("rwb")
        stream.readline()
        reload_with(guarded, {"acl": {"deny": [DENIED + "/32"]}})
        sock.settimeout(0.4)
        with pytest.raises(OSError):
            stream.write(b"ping\n")
            stream.flush()
            stream.readline()


def test_datagrams_are_limited(guarded):
    reload_with(guarded, datagrams={"limits": {"packets_per_s": 20}})
    before = guarded.appliance.drops()["limit_packets"]
    with guarded.client.udp(VIP, 7002) as sock:
        for _ in range(300):
            sock.send(b"x")
        wait_for(lambda: guarded.appliance.drops()["limit_packets"] > before + 200,
                 "most of them are dropped")
        answers = 0
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            while True:
                sock.recv(2048)
                answers += 1
    # The burst, and what the rate gave while they came.
    assert 20 <= answers <= 60
    assert guarded.appliance.drops()["limit_packets"] - before == 300 - answers


def test_connections_of_one_client_are_limited(guarded):
    reload_with(guarded, echo={"limits": {"source_connections_per_s": 5, "burst_ms": 1000}})
    before = guarded.appliance.drops()["limit_source_connections"]
    opened = 0
    for _ in range(15):
        try:
            guarded.client.connect(VIP, 7001, source=DENIED, timeout=0.05).close()
            opened += 1
        except OSError:
            pass
    assert 5 <= opened < 13
    assert guarded.appliance.drops()["limit_source_connections"] > before
    assert ask_tcp(guarded.client, VIP, source=ALLOWED)


def test_pings_are_limited(guarded):
    reload_with(guarded, {"icmp_per_s": 5})
    before = guarded.appliance.drops()["limit_icmp"]
    guarded.client.run("sh", "-c", f"ping -q -c 50 -i 0.002 -W 1 {VIP} || true")
    assert guarded.appliance.drops()["limit_icmp"] - before >= 40
    assert ask_udp(guarded.client, VIP)


def test_our_own_address_is_no_source(guarded):
    """A client that pretends to be the VIP: the kernel lets it, the appliance does not."""
    before = guarded.appliance.drops()["source_ours"]
    guarded.client.run("ip", "address", "add", VIP + "/32", "dev", "lo")
    try:
        with guarded.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"c0")
            sock.bind((VIP, 0))
            sock.sendto(bytes((15, 160, 27, 90, 0, 9, 0, 0, 0)), ("192.0.2.2", 0))
        wait_for(lambda: guarded.appliance.drops()["source_ours"] == before + 1, "it is counted")
    finally:
        guarded.client.run("ip", "address", "del", VIP + "/32", "dev", "lo")
