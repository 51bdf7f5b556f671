# SPDX-License-Identifier: Apache-2.0
"""Members behind ports of a smaller MTU: what NAT does with packets that are too large for them."""

import json
import socket

import pytest

from harness.appliance import Appliance
from harness.farm import HTTP_PORT, UDP_PORT, Farm
from harness.network import VIP, VIP6
from harness.procs import wait_for

IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_DO, IP_MTU = 10, 0, 2, 14
IPV6_MTU_DISCOVER, IPV6_MTU = 23, 24
NARROW = 1400
UDP_PORTS = {"nat": 8200, "full-nat": 8201}
DROP_PORT, CLAMP_PORTS = 8300, {"nat": 8100, "full-nat": 8101}


def service(name, vip, port, protocol, pool, forward, **more):
    host = f"[{vip}]" if ":" in vip else vip
    return {"name": name, "listen": f"{host}:{port}/{protocol}", "mode": "l4", "forward": forward,
            "pool": pool, **more}


def services():
    rows = [service("refusing", VIP, DROP_PORT, "udp", "udp4", "nat", oversize="drop")]
    for family, vip in ((4, VIP), (6, VIP6)):
        for forward in UDP_PORTS:
            rows.append(service(f"udp{family}-{forward}", vip, UDP_PORTS[forward], "udp",
                                f"udp{family}", forward))
            rows.append(service(f"http{family}-{forward}", vip, CLAMP_PORTS[forward], "tcp",
                                f"http{family}", forward, oversize="clamp-mss"))
    return rows


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("narrow")
    made = Farm()
    try:
        made.set_up()
        for server in made.servers:
            server.serve(folder, [], [])
        pools = {}
        for kind, port in (("http", HTTP_PORT), ("udp", UDP_PORT)):
            pools[f"{kind}4"] = {"members": [f"{one.address}:{port}" for one in made.servers]}
            pools[f"{kind}6"] = {"members": [f"[{one.address6}]:{port}" for one in made.servers]}
        ports = [{**port, "mtu": 1500 if port["name"] == "wan" else NARROW}
                 for port in made.ports()]
        made.daemon = Appliance(made, folder, {
            "cores": {"control": 0, "l4": [1], "l7": [], "idle": "adaptive"},
            "memory": {"pages": "auto", "packet_buffers": 32768},
            "ports": ports, "pools": pools, "services": services()})
        with made.daemon:
            yield made
    finally:
        made.close()


@pytest.fixture
def client(farm):
    """One that has learned no path MTU."""
    farm.client.ip("route", "flush", "cache")
    farm.client.ip("-6", "route", "flush", "cache")
    return farm.client


@pytest.fixture
def narrow_servers(farm):
    """Servers that know their link's MTU: what they answer fits, or comes in pieces."""
    for server in farm.servers:
        server.namespace.ip("link", "set", "s0", "mtu", str(NARROW))
    yield farm.servers
    for server in farm.servers:
        server.namespace.ip("link", "set", "s0", "mtu", "1500")


def changes(farm, before):
    """What was counted since, of these."""
    now = {**farm.daemon.counters(), "mtu_exceeded": farm.daemon.drops()["mtu_exceeded"]}
    return {key: now[key] - before.get(key, 0) for key in
            ("l4.packets_fragmented", "l4.fragments_out", "l4.too_big_out", "mtu_exceeded")}


def counted(farm):
    return {**farm.daemon.counters(), "mtu_exceeded": farm.daemon.drops()["mtu_exceeded"]}


@pytest.mark.parametrize("forward", UDP_PORTS)
def test_without_df_a_datagram_arrives_in_pieces(farm, narrow_servers, client, forward):
    with client.udp(VIP, UDP_PORTS[forward]) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        before = counted(farm)
        sock.send(b"x" * 1472)
        assert sock.recv(2048).partition(b" ")[2] == b"x" * 1472
    assert changes(farm, before) == {"l4.packets_fragmented": 1, "l4.fragments_out": 2,
                                     "l4.too_big_out": 0, "mtu_exceeded": 0}


@pytest.mark.parametrize("forward", UDP_PORTS)
@pytest.mark.parametrize("vip, level, discover, mtu, headers", [
    (VIP, socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_MTU, 28),
    (VIP6, socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_MTU, 48)], ids=["ipv4", "ipv6"])
def test_the_sender_learns_what_fits(farm, narrow_servers, client, vip, level, discover, mtu,
                                     headers, forward):
    with client.udp(vip, UDP_PORTS[forward]) as sock:
        sock.setsockopt(level, discover, IP_PMTUDISC_DO)
        before = counted(farm)
        sock.send(b"x" * (1500 - headers))
        wait_for(lambda: sock.getsockopt(level, mtu) == NARROW, "the client learns the path MTU")
        assert changes(farm, before) == {"l4.packets_fragmented": 0, "l4.fragments_out": 0,
                                         "l4.too_big_out": 1, "mtu_exceeded": 1}
    with client.udp(vip, UDP_PORTS[forward]) as sock:
        sock.setsockopt(level, discover, IP_PMTUDISC_DO)
        sock.send(b"y" * (NARROW - headers))
        assert sock.recv(2048).partition(b" ")[2] == b"y" * (NARROW - headers)
        with pytest.raises(OSError, match="too long"):
            sock.send(b"y" * (NARROW - headers + 1))


def test_pieces_can_be_refused(farm, client):
    with client.udp(VIP, DROP_PORT) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        before = counted(farm)
        sock.send(b"x" * 1472)
        wait_for(lambda: changes(farm, before)["mtu_exceeded"] == 1, "the datagram is dropped")
        assert changes(farm, before)["l4.packets_fragmented"] == 0
        sock.send(b"x" * 100)
        assert sock.recv(2048).partition(b" ")[2] == b"x" * 100


@pytest.mark.parametrize("forward", CLAMP_PORTS)
@pytest.mark.parametrize("vip, headers", [(VIP, 40), (VIP6, 60)], ids=["ipv4", "ipv6"])
def test_tcp_that_is_clamped_at_its_syn_never_sends_too_much(farm, client, vip, headers, forward):
    before = counted(farm)
    body = b"z" * 300_000
    with client.connect(vip, CLAMP_PORTS[forward], timeout=10.0) as sock:
        # The servers announce what their own 1500 bytes would take; less the 12 bytes of time stamps that every segment has.
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) == NARROW - headers - 12
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["body_bytes"] == len(body)
    assert farm.daemon.counters()["l4.mss_clamped"] > before["l4.mss_clamped"]
    assert set(changes(farm, before).values()) == {0}
