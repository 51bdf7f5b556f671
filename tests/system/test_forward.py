# SPDX-License-Identifier: Apache-2.0
"""Each way of forwarding, end to end, with servers that are set up by tools/server-setup.

The kernel's tunnel modules are not needed: harness/decap.py stands in for them.
"""

import json
import socket
import subprocess

import pytest

from harness.appliance import Appliance
from harness.farm import GUE_PORTS, HTTP_PORT, SETUP, UDP_PORT, Farm
from harness.network import CLIENT, CLIENT6, VIP, VIP6
from harness.origin import body_sha256
from harness.procs import wait_for

IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_DO, IP_MTU = 10, 0, 2, 14
UPLOAD = 300_000


class Case:
    """A way of forwarding, the client's IP version and the members'."""

    def __init__(self, number, forward, client, member, **more):
        self.forward, self.client, self.member, self.more = forward, client, member, more
        self.name = "-".join([forward, *map(str, more.values()), f"{client}to{member}"])
        self.vip = VIP if client == 4 else VIP6
        self.http, self.udp = 8100 + number, 8200 + number
        self.host = f"[{self.vip}]" if client == 6 else self.vip
        self.is_dsr = forward.startswith("dsr")
        self.is_tunnel = forward in ("dsr-ipip", "dsr-gue")

    def services(self):
        common = {"mode": "l4", "forward": self.forward, **self.more}
        return [{"name": f"{self.name}-{kind}", "listen": f"{self.host}:{port}/{protocol}",
                 "pool": f"{kind}{self.member}", **common}
                for kind, port, protocol in (("http", self.http, "tcp"), ("udp", self.udp, "udp"))]


def _cases():
    rows = [("full-nat", 6, 4, {}), ("nat", 4, 4, {}), ("nat", 6, 6, {}),
            ("dsr-l2", 4, 4, {}), ("dsr-l2", 6, 6, {})]
    for client in (4, 6):
        for member in (4, 6):
            rows.append(("dsr-ipip", client, member, {}))
            for variant, port in GUE_PORTS.items():
                rows.append(("dsr-gue", client, member, {"gue_variant": variant, "gue_port": port}))
    rows.append(("dsr-l2", 4, 4, {"stateless": True}))
    rows.append(("dsr-ipip", 6, 4, {"stateless": True}))
    return [Case(number, forward, client, member, **more)
            for number, (forward, client, member, more) in enumerate(rows)]


CASES = _cases()
EACH = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def case_of(forward, client, member):
    return next(case for case in CASES
                if (case.forward, case.client, case.member) == (forward, client, member))


def _config(farm):
    pools = {}
    for kind, port in (("http", HTTP_PORT), ("udp", UDP_PORT)):
        pools[f"{kind}4"] = {"members": [f"{one.address}:{port}" for one in farm.servers]}
        pools[f"{kind}6"] = {"members": [f"[{one.address6}]:{port}" for one in farm.servers]}
    return {
        # One queue for two cores: half of the packets, replies included, change cores.
        "cores": {"control": 0, "l4": [0, 1], "l7": [], "idle": "adaptive"},
        "memory": {"pages": "auto", "packet_buffers": 32768},
        "ports": farm.ports(),
        "pools": pools,
        "services": [service for case in CASES for service in case.services()],
    }


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("farm")
    made = Farm()
    try:
        made.set_up()
        direct = [case for case in CASES if case.is_dsr]
        for server in made.servers:
            server.serve(folder, [(case.vip, case.http) for case in direct],
                         [(case.vip, case.udp) for case in direct])
        made.daemon = Appliance(made, folder, _config(made))
        with made.daemon:
            yield made
        for server in made.servers:
            assert "refused" not in server.decap.output()
    finally:
        made.close()


def paths_forget(farm):
    """The client has learned no path MTU."""
    farm.client.ip("route", "flush", "cache")
    farm.client.ip("-6", "route", "flush", "cache")


def curl(farm, case, path, *words):
    done = subprocess.run(
        farm.client.command("curl", "-sS", "-g", "--noproxy", "*", "--max-time", "10", *words,
                            f"http://{case.host}:{case.http}{path}"),
        capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def gather(farm, ask):
    """Asks until every server has answered: one in two does, so 60 are more than enough."""
    answers = []
    while len(answers) < 60 and {name for name, _ in answers} != {one.name for one in farm.servers}:
        answers.append(ask())
    assert {name for name, _ in answers} == {one.name for one in farm.servers}
    return [answer for _, answer in answers]


@EACH
def test_http_reaches_all_servers_and_shows_the_client(farm, case):
    def ask():
        answer = json.loads(curl(farm, case, "/"))
        return answer["member"], answer["peer"]

    peers = set(gather(farm, ask))
    if case.forward == "full-nat":
        assert peers == {one.gateway for one in farm.servers}
    else:
        assert peers == {CLIENT if case.client == 4 else CLIENT6}


def upload(farm, case, tmp_path):
    """How many ICMP errors it took, of a client that knows no path MTU."""
    paths_forget(farm)
    before = farm.daemon.counters()["l4.too_big_out"]
    body = tmp_path / "body"
    body.write_bytes(curl(farm, case, f"/bytes/{UPLOAD}"))
    answer = json.loads(curl(farm, case, "/", "-H", "Expect:", "--data-binary", f"@{body}"))
    assert (answer["body_bytes"], answer["body_sha256"]) == (UPLOAD, body_sha256(UPLOAD))
    return farm.daemon.counters()["l4.too_big_out"] - before


@EACH
def test_large_uploads_find_the_path_mtu(farm, case, tmp_path):
    told = upload(farm, case, tmp_path)
    assert told > 0 if case.is_tunnel else told == 0


def test_servers_can_announce_what_fits(farm, tmp_path):
    for server in farm.servers:
        server.set_up("dsr-ipip", "--vip", VIP, "--no-tunnel", "--advmss", "1440")
    try:
        for server in farm.servers:
            for family in ("-4", "-6"):
                assert "advmss 1440" in server.namespace.ip(family, "route", "show", "default")
        assert upload(farm, case_of("dsr-ipip", 4, 4), tmp_path) == 0
    finally:
        for server in farm.servers:
            server.default_routes_set()


@EACH
def test_udp_flows_stay_with_their_server(farm, case):
    def ask():
        with farm.client.udp(case.vip, case.udp) as sock:
            names = set()
            for number in range(4):
                sock.send(b"%d" % number)
                name, _, echoed = sock.recv(2048).partition(b" ")
                assert echoed == b"%d" % number
                names.add(name.decode())
        assert len(names) == 1
        return names.pop(), None

    gather(farm, ask)


@pytest.mark.parametrize("case, overhead", [
    (case_of("dsr-ipip", 4, 4), 20), (case_of("dsr-ipip", 4, 6), 40), (case_of("dsr-gue", 4, 4), 32),
    (case_of("dsr-gue", 4, 6), 52)], ids=lambda value: getattr(value, "name", str(value)))
def test_a_datagram_that_does_not_fit(farm, case, overhead):
    """With DF the client learns what fits; without, the datagram arrives in pieces."""
    paths_forget(farm)
    with farm.client.udp(case.vip, case.udp) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        before = farm.daemon.counters()
        sock.send(b"x" * 1472)
        assert sock.recv(2048).partition(b" ")[2] == b"x" * 1472
        after = farm.daemon.counters()
        assert after["l4.packets_fragmented"] == before["l4.packets_fragmented"] + 1
        assert after["l4.fragments_out"] == before["l4.fragments_out"] + 2
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        sock.send(b"x" * 1472)
        wait_for(lambda: sock.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1500 - overhead,
                 "the client learns the path MTU")
    with farm.client.udp(case.vip, case.udp) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        sock.send(b"y" * (1500 - overhead - 28))
        assert sock.recv(2048).partition(b" ")[2] == b"y" * (1500 - overhead - 28)
        with pytest.raises(OSError, match="too long"):
            sock.send(b"y" * (1500 - overhead - 27))


def test_stateless_services_enter_no_connection(farm):
    case = next(case for case in CASES if case.more.get("stateless"))
    before = farm.daemon.counters()
    for _ in range(5):
        curl(farm, case, "/")
    after = farm.daemon.counters()
    assert after["l4.conns_opened"] == before["l4.conns_opened"]
    assert after["l4.packets_stateless"] >= before["l4.packets_stateless"] + 5 * 4


def test_connections_show_how_the_member_sees_them(farm):
    with farm.client.udp(VIP, case_of("nat", 4, 4).udp) as sock:
        sock.send(b"x")
        assert sock.recv(2048)
        client = "%s:%d" % sock.getsockname()
        rows = [row for row in farm.daemon.table("show conns") if row["client"] == client]
    assert [row["local"] for row in rows] == [client]
    assert rows[0]["member"] in [f"{one.address}:{UDP_PORT}" for one in farm.servers]


def test_a_dsr_connection_survives_a_restart(farm):
    """Maglev sends what is not in the new table to where the old one did."""
    case = case_of("dsr-ipip", 4, 4)
    with farm.client.connect(case.vip, case.http) as sock:
        for turn in range(2):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            text = b""
            while b"\r\n\r\n" not in text or not text.endswith(b"}\n"):
                text += sock.recv(65536)
            if turn == 0:
                assert farm.daemon.stop() == 0
                farm.daemon.start()


def test_the_setup_script_sets_and_undoes(farm):
    server = farm.servers[0]
    sysctl = server.namespace.run("sysctl", "-n", "net.ipv4.conf.all.arp_ignore",
                                  "net.ipv4.conf.all.arp_announce", "net.ipv4.conf.s0.rp_filter")
    assert sysctl.split() == ["1", "2", "2"]
    server.set_up("dsr-l2", "--vip", "192.0.2.200", "--vip", "2001:db8:1::200")
    addresses = server.namespace.ip("-br", "address", "show", "dev", "lo")
    assert "192.0.2.200/32" in addresses and "2001:db8:1::200/128" in addresses
    server.set_up("dsr-l2", "--vip", "192.0.2.200", "--vip", "2001:db8:1::200", "--undo")
    addresses = server.namespace.ip("-br", "address", "show", "dev", "lo")
    assert "192.0.2.200" not in addresses and "2001:db8:1::200" not in addresses
    assert VIP in addresses


@pytest.mark.parametrize("words, expected", [
    (["--mode", "dsr-gue", "--vip", VIP, "--gue-port", "6081"],
     ["modprobe ipip", "modprobe fou", "ip link set tunl0 up", "ip link set sit0 up",
      "ip -6 tunnel change ip6tnl0 mode any", "ip -4 fou add port 6081 gue",
      "ip -6 fou add port 6081 gue", f"ip address replace {VIP}/32 dev lo"]),
    (["--mode", "dsr-ipip", "--vip", VIP6, "--undo"],
     [f"ip address del {VIP6}/128 dev lo", "ip link set tunl0 down"]),
    (["--mode", "nat", "--member", "198.51.100.10", "--gateway", "198.51.100.2", "--device", "s0"],
     ["ip -4 rule add from 198.51.100.10 lookup 7080 priority 7080",
      "ip -4 route replace default via 198.51.100.2 dev s0 table 7080"]),
])
def test_the_setup_script_says_what_it_would_do(words, expected):
    done = subprocess.run([SETUP, "--dry-run", *words], capture_output=True, text=True, check=True)
    for line in expected:
        assert line in done.stdout.splitlines()


@pytest.mark.parametrize("words", [["--mode", "ipip"], ["--mode", "nat"], ["--mode", "dsr-l2"],
                                   ["--mode"], ["--vip", VIP]])
def test_the_setup_script_refuses(words):
    done = subprocess.run([SETUP, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr
