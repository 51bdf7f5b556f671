# SPDX-License-Identifier: Apache-2.0
"""What the wire sees of the appliance's addresses: ARP, NDP, echo."""

import re
import subprocess

import pytest

from harness.network import LAN, LAN6, VIP, VIP6, WAN, WAN6

ALL = {"wan": WAN, "vip": VIP, "wan6": WAN6, "vip6": VIP6}


@pytest.mark.parametrize("address", ALL.values(), ids=ALL)
def test_address_resolves_and_answers_echo(everywhere, address):
    client = everywhere.client
    subprocess.run(["ip", "-n", client.name, "neigh", "flush", "to", address],
                   capture_output=True, check=False)
    output = client.run("ping", "-n", "-c", "3", "-i", "0.05", "-W", "2", address)
    assert "3 received" in output
    ports = everywhere.network.appliance.ip("link", "show", "lb0")
    assert re.search(r"lladdr (\S+)", client.ip("neigh", "show", address))[1] in ports


@pytest.mark.parametrize("size", [0, 1, 1000, 1452])
def test_echo_of_every_size(site, size):
    for address in (VIP, VIP6):
        assert "1 received" in site.client.run("ping", "-n", "-c", "1", "-W", "2", "-s", str(size),
                                               address)


@pytest.mark.parametrize("address", [LAN, LAN6], ids=["ipv4", "ipv6"])
def test_servers_reach_the_other_port(site, address):
    assert "1 received" in site.network.servers.run("ping", "-n", "-c", "1", "-W", "2", address)


def test_foreign_addresses_are_not_answered(site):
    for address in ("192.0.2.77", "2001:db8:1::77"):
        done = subprocess.run(site.client.command("ping", "-n", "-c", "1", "-W", "1", address),
                              capture_output=True, text=True, check=False)
        assert done.returncode != 0
    assert "FAILED" in site.client.ip("neigh", "show", "192.0.2.77") or \
        "INCOMPLETE" in site.client.ip("neigh", "show", "192.0.2.77")


def test_neighbors_are_shown(site):
    site.client.run("ping", "-n", "-c", "1", "-W", "2", VIP)
    shown = site.appliance.ctl("show neigh")
    mac = re.search(r"link/ether (\S+)", site.client.ip("link", "show", "c0"))[1]
    assert mac in shown
