# SPDX-License-Identifier: Apache-2.0
"""A narrow link behind a router: who sends too much hears of it, through NAT and in our stack."""

import pytest

from harness import netns, origin
from harness.network import CLIENT, LAN, VIP

FAR = "203.0.113.10"


@pytest.fixture
def far(own_site):
    """A host behind the client, over a link on which only 1300 bytes fit."""
    client, appliance = own_site.client, own_site.appliance
    namespace = netns.Namespace("far")
    try:
        netns.veth(client, "f0", namespace, "f1")
        client.add_address("f0", "203.0.113.1/24")
        client.ip("link", "set", "f0", "mtu", "1300")
        client.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        namespace.add_address("f1", FAR + "/24")
        namespace.ip("route", "add", "default", "via", "203.0.113.1")
        appliance.write({**appliance.config,
                         "routes": [{"to": "203.0.113.0/24", "via": CLIENT}]})
        appliance.ctl("reload")
        yield namespace
    finally:
        client.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
        namespace.remove()
        own_site.network.servers.ip("route", "flush", "cache")


def errors_forwarded(site):
    return site.appliance.counters()["l4.icmp_errors_forwarded"]


@pytest.mark.parametrize("port", [8080, 80], ids=["l4", "l7"])
def test_path_mtu_discovery(own_site, far, port):
    """The sender of 1500-byte segments, a kernel behind NAT or our own stack, learns to do less."""
    length = 300_000
    before = errors_forwarded(own_site)
    with far.connect(VIP, port, timeout=10.0) as sock:
        sock.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: origin.example\r\n"
                     b"Connection: close\r\n\r\n" % length)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b"".join(origin.body_pieces(length))
    if port == 8080:
        assert errors_forwarded(own_site) > before
        assert "mtu 1300" in own_site.network.servers.ip("route", "get", LAN)
    else:
        assert errors_forwarded(own_site) == before
