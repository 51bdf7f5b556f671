# SPDX-License-Identifier: Apache-2.0
"""SYN cookies in front of members, and members that are told of the client: against kernels."""

import hashlib
import json
import re
import socket
import struct
import subprocess
import threading

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from harness import config, told, web
from harness.network import CLIENT, CLIENT6, CLIENTS, VIP, VIP6, WAN, server, server6
from harness.origin import body_pieces, body_sha256
from harness.procs import wait_for
from test_hostile import mac_of
from test_l4 import ask_tcp

SIZE = 40 * 1000 * 1000
ALWAYS = {"syn_proxy": {"when": "always"}}
SYN, ACK, PSH = 2, 16, 8
FORGED = "203.0.113.0/24"  # nobody there


def services():
    made = [
        config.l4("cookie", VIP, 7301, "echo", **ALWAYS),
        config.l4("cookie6", VIP6, 7301, "echo6", **ALWAYS),
        config.l4("cookie64", VIP6, 7302, "echo", **ALWAYS),
        config.l4("cookie-http", VIP, 7303, "origin", **ALWAYS),
        config.l4("cookie-refused", VIP, 7304, "refusing", **ALWAYS),
        config.l4("cookie-absent", VIP, 7305, "absent", **ALWAYS),
        config.l4("flooded", VIP, 7306, "echo",
                  syn_proxy={"when": "flood", "syns_per_s": 200}),
    ]
    for number, way in enumerate(("proxy-v1", "proxy-v2", "toa")):
        port, pool = 7310 + number, "echo" if way == "toa" else "told"
        made += [
            config.l4(way, VIP, port, pool, client_address=way),
            config.l4(way + "6", VIP6, port, pool + "6", client_address=way),
            config.l4(way + "64", VIP6, port + 20, pool, client_address=way),
            config.l4(way + "-cookie", VIP, port + 10, pool, client_address=way, **ALWAYS),
            config.l4(way + "-cookie6", VIP6, port + 10, pool + "6", client_address=way, **ALWAYS),
        ]
    return made


@pytest.fixture(scope="module")
def proxied(site, tmp_path_factory):
    """The shared site with more services, which gets its own configuration back."""
    before = site.appliance.config
    peer = told.ProxyPeer(site.network.servers, str(tmp_path_factory.mktemp("told")))
    changed = config.changed(before, services=before["services"] + services(),
                             routes=[{"to": FORGED, "via": CLIENT}])
    changed["pools"]["told"] = {"members": [f"{server(told.NUMBER)}:{told.PORT}"]}
    changed["pools"]["told6"] = {"members": [f"[{server6(told.NUMBER)}]:{told.PORT}"]}
    try:
        site.appliance.write(changed)
        site.appliance.ctl("reload")
        yield site
    finally:
        site.appliance.write(before)
        site.appliance.ctl("reload")
        peer.close()


def counters(site):
    return {name[3:]: value for name, value in site.appliance.counters().items()
            if name.startswith("l4.")}


@pytest.mark.parametrize("vip,port", [(VIP, 7301), (VIP6, 7301), (VIP6, 7302)],
                         ids=["v4", "v6", "v6-to-v4"])
def test_connections_open_by_cookie(proxied, vip, port):
    before = counters(proxied)
    for _ in range(20):
        assert ask_tcp(proxied.client, vip, port).startswith("echo-")
    after = counters(proxied)
    for name in ("cookies_sent", "cookies_accepted", "syn_proxy_opened"):
        assert after[name] - before[name] == 20


def test_clients_without_options(proxied):
    """No timestamps: neither scaling nor selective acknowledgments, and it works."""
    proxied.client.run("sysctl", "-qw", "net.ipv4.tcp_timestamps=0")
    try:
        assert ask_tcp(proxied.client, VIP, 7301).startswith("echo-")
    finally:
        proxied.client.run("sysctl", "-qw", "net.ipv4.tcp_timestamps=1")


@pytest.mark.parametrize("setting", ["tcp_timestamps", "tcp_window_scaling", "tcp_sack"])
def test_members_without_options(proxied, setting):
    """The client was promised what the member then does not do."""
    proxied.network.servers.run("sysctl", "-qw", f"net.ipv4.{setting}=0")
    try:
        assert ask_tcp(proxied.client, VIP, 7301).startswith("echo-")
        download(proxied, 7303, 2000000)
    finally:
        proxied.network.servers.run("sysctl", "-qw", f"net.ipv4.{setting}=1")


@pytest.fixture
def lossy(proxied):
    """Both sides send through a queue that is too short for what they send at once."""
    devices = [(proxied.client, "c0"), (proxied.network.servers, "s0")]
    for namespace, device in devices:
        namespace.run("tc", "qdisc", "add", "dev", device, "root", "tbf",
                      "rate", "200mbit", "burst", "20000", "limit", "40000")
    try:
        yield proxied
    finally:
        for namespace, device in devices:
            namespace.run("tc", "qdisc", "del", "dev", device, "root")


def download(site, port, size):
    command = ["curl", "-sS", "--fail", "--max-time", "60", "--noproxy", "*", "--resolve",
               f"origin.example:{port}:{VIP}", f"http://origin.example:{port}/bytes/{size}"]
    digest = hashlib.sha256()
    with subprocess.Popen(site.client.command(*command), stdout=subprocess.PIPE) as child:
        while data := child.stdout.read(1 << 20):
            digest.update(data)
    assert child.returncode == 0
    assert digest.hexdigest() == body_sha256(size)


def upload(site, port, size, folder):
    path = folder / "body"
    with open(path, "wb") as out:
        for piece in body_pieces(size):
            out.write(piece)
    answer = web.curl(site.client, "-T", str(path), "-H", "Expect:",
                      f"http://origin.example:{port}/upload", timeout=60)
    assert answer.exit_code == 0 and answer.status == 200, answer.errors
    seen = json.loads(answer.body)
    assert (seen["body_bytes"], seen["body_sha256"]) == (size, body_sha256(size))


def test_bulk_both_ways(proxied, tmp_path):
    download(proxied, 7303, SIZE)
    upload(proxied, 7303, SIZE, tmp_path)


def test_bulk_with_losses(lossy, tmp_path):
    """Selective acknowledgments tell of holes by numbers that are translated."""
    download(lossy, 7303, SIZE // 10)
    upload(lossy, 7303, SIZE // 10, tmp_path)
    for namespace, device in ((lossy.client, "c0"), (lossy.network.servers, "s0")):
        shown = namespace.run("tc", "-s", "qdisc", "show", "dev", device)
        assert int(re.search(r"dropped (\d+)", shown)[1]) > 0, shown


def test_a_member_that_refuses(proxied):
    before = counters(proxied)["syn_proxy_refused"]
    with pytest.raises(ConnectionResetError), proxied.client.connect(VIP, 7304) as sock:
        assert sock.recv(1) == b""
    assert counters(proxied)["syn_proxy_refused"] == before + 1


def test_a_member_that_is_silent(proxied):
    before = counters(proxied)
    with pytest.raises(ConnectionResetError), \
            proxied.client.connect(VIP, 7305, timeout=25.0) as sock:
        assert sock.recv(1) == b""
    after = counters(proxied)
    assert after["syn_proxy_timeouts"] == before["syn_proxy_timeouts"] + 1
    assert after["syn_proxy_retries"] >= before["syn_proxy_retries"] + 3


def flood(site, port, count, sent):
    """SYNs of clients that do not exist."""
    site.client.run("ping", "-c", "1", "-W", "2", WAN)
    frame = bytearray(bytes(
        Ether(src=mac_of(site.client, "c0"), dst=gateway_of(site)) /
        IP(src="203.0.113.1", dst=VIP) / TCP(dport=port, flags="S", options=[("MSS", 1460)])))
    with site.client.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("c0", 0))
        for number in range(count):
            packet = IP(bytes(frame[14:]))
            packet.src = f"203.0.113.{number % 250 + 1}"
            packet[TCP].sport = 1024 + number % 60000
            packet[TCP].seq = number * 7919
            del packet.chksum, packet[TCP].chksum
            sock.send(bytes(frame[:14]) + bytes(packet))
            sent.append(number)


def gateway_of(site):
    return site.client.ip("neigh", "show", WAN).split("lladdr ")[1].split()[0]


def test_a_flood_meets_nobody(proxied):
    """Forged SYNs leave nothing behind, while clients that are there connect."""
    before, sent = counters(proxied), []
    attack = threading.Thread(target=flood, args=(proxied, 7306, 4000, sent))
    attack.start()
    asked = 0
    try:
        while attack.is_alive():
            assert ask_tcp(proxied.client, VIP, 7306).startswith("echo-")
            asked += 1
    finally:
        attack.join()
    after = counters(proxied)
    assert len(sent) == 4000 and asked > 20
    cookies = after["cookies_sent"] - before["cookies_sent"]
    opened = after["conns_opened"] - before["conns_opened"]
    # Up to the threshold, SYNs go to members; health checks are none of ours.
    assert cookies > 2500
    assert opened <= 4000 + asked - cookies + after["cookies_accepted"] - before["cookies_accepted"]
    answer = proxied.appliance.table(f"trace tcp {CLIENTS[1]}:4000 {VIP}:7301")
    assert answer["syn_proxy"] == "answered by a SYN cookie"


@pytest.mark.parametrize("kind", ["", "-cookie"], ids=["direct", "cookie"])
@pytest.mark.parametrize("way,port", [("proxy-v1", 7310), ("proxy-v2", 7311)])
@pytest.mark.parametrize("vip,client,far", [(VIP, CLIENTS[3], 0), (VIP6, CLIENT6, 0),
                                            (VIP6, CLIENT6, 20)], ids=["v4", "v6", "v6-to-v4"])
def test_proxy_headers(proxied, way, port, kind, vip, client, far):
    if far and kind:
        far = 0
    port += far + (10 if kind else 0)
    with proxied.client.connect(vip, port, source=client) as sock:
        for _ in range(3):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            answer = b""
            while not answer.endswith(str(port).encode()):
                data = sock.recv(4096)
                assert data, answer
                answer += data
            told_of = answer.split(b"\r\n\r\n")[1].decode().split()
            assert told_of == [client, str(sock.getsockname()[1]), vip, str(port)]


def test_trace_tells_the_way(proxied):
    answer = proxied.appliance.table(f"trace tcp {CLIENTS[1]}:4000 {VIP}:7311")
    assert (answer["verdict"], answer["client_address"]) == ("forward", "proxy-v2")


@pytest.mark.parametrize("kind", [0, 10], ids=["direct", "cookie"])
@pytest.mark.parametrize("vip,client", [(VIP, CLIENTS[4]), (VIP6, CLIENT6)], ids=["v4", "v6"])
def test_toa_on_the_wire(proxied, vip, client, kind):
    sight = told.Sight(proxied.network.servers, "s0", 7001)
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    try:
        with proxied.client.connect(vip, 7312 + kind, source=client) as sock:
            port = sock.getsockname()[1]
            value = struct.pack("!H", port) + socket.inet_pton(family, client)
            stream = sock.makefile("rwb")
            name = stream.readline()
            assert name.startswith(b"echo-")
            for flags in (SYN, ACK):
                while (options := sight.segment(flags)).get(told.TOA) != value:
                    pass
            stream.write(b"ping\n")
            stream.flush()
            assert stream.readline()
            # Once the member is known to have it, the option costs nothing more.
            assert told.TOA not in sight.segment(ACK | PSH)
    finally:
        sight.close()
