# SPDX-License-Identifier: Apache-2.0
"""Appliances behind a router: service addresses announced by BGP, from BIRD beside each of them."""

import pytest

from harness import fabric
from harness.fabric import Fabric
from harness.fleet import Fleet
from harness.members import Members
from harness.servers import ECHO


@pytest.fixture(scope="module")
def net():
    made = Fabric()
    yield made
    made.close()


@pytest.fixture(scope="module")
def members(net, tmp_path_factory):
    made = Members(net.servers, tmp_path_factory.mktemp("members"))
    yield made
    made.close()


@pytest.fixture
def site(net, members, tmp_path):
    made = Fleet(net, tmp_path)
    made.members = members
    yield made
    made.close()
    for name, process in members.processes.items():
        if not process.is_alive():
            members.start(name)


def ask(net, vip=fabric.VIP, source_port=0):
    """The member that a new connection reaches, from a port of the client's."""
    source = fabric.CLIENT6 if ":" in vip else fabric.CLIENT
    with net.client.connect(vip, 7001, source=source, source_port=source_port) as sock:
        return sock.makefile("r").readline().strip()


def test_addresses_are_announced_while_members_are_usable(site):
    pair = site.start(1)
    site.wait_hops(fabric.wan(1))
    site.wait_hops(fabric.wan6(1), vip=fabric.VIP6)
    assert ask(site.net) in ECHO
    assert ask(site.net, fabric.VIP6) in ECHO
    for name in ECHO:
        site.members.kill(name)
    site.wait_hops()
    site.wait_hops(vip=fabric.VIP6)
    site.members.start("echo-2")
    site.wait_hops(fabric.wan(1))
    assert ask(site.net) == "echo-2"
    counters = pair.daemon.counters()
    assert counters["core.kernel_out"] > 0 and counters["core.kernel_in"] > 0


def test_a_drain_withdraws_first_and_then_ends_connections(site):
    pair = site.start(1)
    site.wait_hops(fabric.wan(1))
    with site.net.client.connect(fabric.VIP, 7001) as sock:
        stream = sock.makefile("rwb")
        assert stream.readline().decode().strip() in ECHO
        pair.daemon.process.child.terminate()
        site.wait_hops()
        # The router forgot the address; a packet that comes all the same is still served.
        site.net.router.ip("route", "add", fabric.VIP, "via", fabric.wan(1))
        try:
            stream.write(b"still here\n")
            stream.flush()
            assert stream.readline() == b"still here\n"
        finally:
            site.net.router.ip("route", "del", fabric.VIP, "via", fabric.wan(1))
    assert pair.daemon.stop() == 0


def test_an_appliance_that_dies_is_forgotten(site):
    pair = site.start(1)
    site.wait_hops(fabric.wan(1))
    pair.daemon.process.kill()
    # Its interface went with it, and the routes with the interface.
    assert pair.side.appliance.ip("route", "show", "table", "100").strip() == ""
    site.wait_hops()


def test_two_appliances_choose_the_same_member_for_a_flow(site):
    first = site.start(1)
    second = site.start(2)
    site.wait_hops(fabric.wan(1), fabric.wan(2))
    ports = range(20000, 20048)
    before = {port: ask(site.net, source_port=port) for port in ports}
    taken = [int(pair.daemon.counters()["l4.conns_opened"]) for pair in (first, second)]
    assert sum(taken) == len(ports) and min(taken) > 0, taken
    assert set(before.values()) == set(ECHO)
    first.daemon.process.kill()
    site.wait_hops(fabric.wan(2))
    assert {port: ask(site.net, source_port=port) for port in ports} == before
