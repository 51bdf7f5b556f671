# SPDX-License-Identifier: Apache-2.0
"""Looking inside: trace, filtered connections, captures with verdicts."""

import socket

import pytest
from scapy.layers.inet import TCP, UDP

from harness import pcapng, web
from harness.network import CLIENTS, VIP, VIP6
from harness.procs import wait_for
from harness.servers import ECHO
from test_l4 import ask_tcp, ask_udp


def trace(site, words):
    return site.appliance.table("trace " + words)


def capture(site, path, filter_words, limits=""):
    site.appliance.ctl(f"capture {filter_words} {path} {limits}")


def captured(site, path, count):
    """The packets of the file, once there are so many and the capture has been stopped."""
    wait_for(lambda: site.appliance.table("show capture")["packets"] >= count,
             f"{count} packets are captured")
    if site.appliance.table("show capture")["state"] == "running":
        site.appliance.ctl("capture stop")
    assert site.appliance.table("show capture")["lost"] == 0
    return pcapng.read(path)


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_trace_foretells_the_member(everywhere, vip):
    bracketed = f"[{vip}]" if ":" in vip else vip
    opened = everywhere.appliance.counters()["l4.conns_opened"]
    for _ in range(10):
        with everywhere.client.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET,
                                      socket.SOCK_STREAM) as sock:
            source = "2001:db8:1::10" if ":" in vip else CLIENTS[0]
            sock.bind((source, 0))
            port = sock.getsockname()[1]
            words = f"tcp {'[' + source + ']' if ':' in vip else source}:{port} {bracketed}:7001"
            foretold = trace(everywhere, words)
            assert foretold["verdict"] == "forward" and foretold["flow"] == "new", foretold
            assert foretold["slots"] == 65537 and foretold["slot"] < 65537
            sock.settimeout(5)
            sock.connect((vip, 7001))
            assert sock.makefile("rb").readline().decode().strip() == foretold["member"]
            known = trace(everywhere, words + " ack")
            assert known["flow"] == "known" and known["state"] == "ESTABLISHED"
            assert known["mac"]
            for key in ("member", "local", "next_hop", "core", "port"):
                assert known[key] == foretold[key], key
    # Twice ten questions opened nothing: only the connections did.
    assert everywhere.appliance.counters()["l4.conns_opened"] == opened + 10


def test_trace_tells_why_not(site):
    before = site.appliance.drops()
    rows = {
        "tcp 192.0.2.10:4000 192.0.2.100:9999": "no_service",
        "tcp 192.0.2.10:4000 192.0.2.100:7009": "no_backend",
        "tcp 192.0.2.10:4000 192.0.2.100:7001 ack": "no_conn",
    }
    for words, reason in rows.items():
        answer = trace(site, words)
        assert (answer["verdict"], answer["reason"]) == ("drop", reason), words
    assert trace(site, "tcp 192.0.2.10:4000 192.0.2.100:443")["verdict"] == "to the TCP stack"
    after = site.appliance.drops()
    assert all(before[reason] == after[reason] for reason in rows.values())


def test_connections_are_filtered(site):
    socks = [site.client.connect(VIP, 7001, source=source) for source in CLIENTS[:3]]
    try:
        for sock in socks:
            assert sock.makefile("rb").readline().decode().strip() in ECHO
        rows = site.appliance.table(f"show conns l4 client {CLIENTS[1]} port 7001 "
                                    "proto tcp state established")
        assert len(rows) == 1 and rows[0]["client"].startswith(CLIENTS[1] + ":")
        assert site.appliance.table("show conns l4 client 203.0.113.0/24") == []
        name = next(iter(ECHO))
        by_name = site.appliance.table(f"show conns l4 member {name}")
        address = f"198.51.100.{ECHO[name]}"
        assert all(row["member"].startswith(address + ":") for row in by_name)
    finally:
        for sock in socks:
            sock.close()


def test_a_capture_has_the_verdicts(everywhere, tmp_path):
    path = str(tmp_path / "c.pcapng")
    capture(everywhere, path, "port 7001 or (udp and dst port 7999)")
    member = ask_tcp(everywhere.client, VIP)
    ask_udp(everywhere.client, VIP)  # does not fit the filter
    with everywhere.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"nobody", (VIP, 7999))
    packets = captured(everywhere, path, 9)
    syn = [packet for packet, _ in packets if packet.haslayer(TCP) and packet[TCP].flags == "S"]
    assert len(syn) == 1
    for packet, comment in packets:
        if packet.haslayer(UDP):
            assert packet[UDP].dport == 7999 and comment.startswith("dropped: no_service (")
        elif packet[TCP].sport == syn[0][TCP].sport:  # others may still be closing
            assert comment.startswith(f"forwarded to member {member}, core "), comment
    assert sum(packet.haslayer(UDP) for packet, _ in packets) == 1


def test_a_capture_tells_replies_and_the_stack(site, tmp_path):
    path = str(tmp_path / "c.pcapng")
    capture(site, path, "tcp")
    member = ask_tcp(site.client, VIP)
    assert web.curl(site.client, "http://origin.example/").status == 200
    comments = {comment.rsplit(",", 1)[0] for _, comment in captured(site, path, 12)}
    assert {f"forwarded to member {member}", f"reply of member {member}",
            "to the TCP stack"} <= comments


def test_a_capture_is_bounded(site, tmp_path):
    path = str(tmp_path / "c.pcapng")
    capture(site, path, "udp port 7002", "packets 5")
    for _ in range(10):
        ask_udp(site.client, VIP)
    packets = captured(site, path, 5)
    assert len(packets) == 5
    assert site.appliance.table("show capture")["because"] == "all packets were taken"
    assert site.appliance.run_ctl(f"capture udp {path}").returncode == 1  # it is there already
    capture(site, str(tmp_path / "d.pcapng"), "", "seconds 1")
    wait_for(lambda: site.appliance.table("show capture")["state"] == "ended", "a second is over")
    assert site.appliance.table("show capture")["because"] == "the time is over"


def test_a_wrong_filter_is_explained(site, tmp_path):
    path = tmp_path / "c.pcapng"
    done = site.appliance.run_ctl(f"capture tcp prot 80 {path}")
    assert done.returncode == 1 and "syntax error" in done.stderr
    assert not path.exists()
