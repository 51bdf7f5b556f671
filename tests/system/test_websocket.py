# SPDX-License-Identifier: Apache-2.0
"""WebSocket, plain and over TLS, by HTTP/1.1 and HTTP/2: python3-websockets, curl and python3-h2."""

import os
import signal
import subprocess
import sys

import pytest

import h2.events

from harness import config, origin, web
from harness.appliance import Appliance
from harness.h2client import H2Client
from harness.network import VIP, server
from harness.procs import Process, wait_for

MEMBER, PORT = 53, 8090
HOST = "ws.shop.example"
MASK = bytes([1, 2, 3, 4])


def script(name):
    return os.path.join(os.path.dirname(origin.__file__), name)


class Site:
    def __init__(self, network, folder, certificate, ca):
        settings, routes = config.make(network, certificate, "joint")
        settings["pools"] = {**settings["pools"], "ws": {"members": [f"{server(MEMBER)}:{PORT}"]}}
        routes.insert(0, config.route("ws", HOST, prefix="/"))
        tunnels = {"idle_timeout_ms": 1500, "close_timeout_ms": 1000}
        settings["services"] = [
            config.l7("http", VIP, 80), config.l7("https", VIP, 443, is_tls=True),
            {**config.l7("h2", VIP, 8444), "tls": {"certificates": ["shop"]}},
            config.l7("idle", VIP, 81, tunnels=tunnels),
            config.l7("none", VIP, 82, tunnels={"websocket": False})]
        self.network, self.client, self.ca, self.folder = network, network.client, ca, str(folder)
        self.member = Process("ws", network.servers.command(
            sys.executable, "-B", script("ws_server.py"), server(MEMBER), str(PORT)),
            os.path.join(self.folder, "member.log"))
        wait_for(lambda: "ready" in self.member.output(), "the member listens")
        self.appliance = Appliance(network, folder, settings, routes)

    def run(self, mode, url, *words):
        return self.client.command(sys.executable, "-B", script("ws_client.py"), mode, VIP, url,
                                   *words)

    def waiting(self, url, *words):
        """A client that has opened its WebSocket, and waits."""
        log = os.path.join(self.folder, f"client.{len(os.listdir(self.folder))}.log")
        client = Process("client", self.run("wait", url, *words), log, web.clean_env())
        wait_for(lambda: "open" in client.output() or not client.is_alive(), "it is open")
        assert client.is_alive(), client.output()
        return client


@pytest.fixture(scope="module")
def ws(site_network, authority, certificate, tmp_path_factory):
    made = Site(site_network, tmp_path_factory.mktemp("ws"), certificate, authority.path)
    try:
        with made.appliance:
            yield made
    finally:
        made.member.kill()


def counter(site, name):
    return site.appliance.counters()["l7." + name]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_messages_go_both_ways(ws, scheme):
    done = subprocess.run(ws.run("echo", f"{scheme}://{HOST}/chat", *([ws.ca] * (scheme == "wss"))),
                          capture_output=True, text=True, check=False, timeout=60,
                          env=web.clean_env())
    assert done.stdout.split() == ["echoed", "4001"], done.stdout + done.stderr
    wait_for(lambda: "closed 4001" in ws.member.output(), "the member saw the client's reason")


def handshake(ws, port, *words):
    return subprocess.run(ws.client.command(
        "curl", "-si", "--http1.1", "--max-time", "1", "--noproxy", "*",
        "--resolve", f"{HOST}:{port}:{VIP}", "-H", "Connection: Upgrade",
        "-H", "Upgrade: h2c, websocket", "-H", "Sec-WebSocket-Version: 13",
        "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *words, f"http://{HOST}:{port}/"),
        capture_output=True, text=True, check=False, timeout=20).stdout


def test_curl_sees_the_handshake(ws):
    text = handshake(ws, 80)
    assert text.startswith("HTTP/1.1 101 ")
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in text
    assert text.count("Upgrade: websocket") == 1


def test_without_tunnels_the_member_gets_no_upgrade(ws):
    assert "101" not in handshake(ws, 82).split("\n")[0]


def test_connect_is_refused(ws):
    done = subprocess.run(ws.client.command(
        "curl", "-sv", "--max-time", "5", "--proxytunnel", "-x", f"http://{VIP}:80",
        f"http://{HOST}/"), capture_output=True, text=True, check=False, timeout=20)
    assert "HTTP/1.1 501 " in done.stderr, done.stderr


class WsStream(H2Client):
    """RFC 8441 by hand: frames are written and read as bytes."""

    def __init__(self, site, path, is_tls):
        if is_tls:
            super().__init__(site.client, VIP, 8444, ca=site.ca, name=HOST)
        else:
            super().__init__(site.client, VIP, 80)
        self.bytes = b""
        wait_for(lambda: self.pump() or self.connection.remote_settings.enable_connect_protocol,
                 "the listener says that it takes CONNECT")
        self.stream = self.connection.get_next_available_stream_id()
        self.received[self.stream] = 0
        self.connection.send_headers(self.stream, [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", self.scheme),
            (":authority", HOST), (":path", path), ("sec-websocket-version", "13")])
        self.flush()
        wait_for(lambda: self.pump() or self.stream in self.status, "an answer")

    def _on(self, event):
        if isinstance(event, h2.events.DataReceived):
            self.bytes += event.data
        super()._on(event)

    def send(self, opcode, payload):
        masked = bytes(b ^ MASK[i % 4] for i, b in enumerate(payload))
        self.connection.send_data(
            self.stream, bytes([0x80 | opcode, 0x80 | len(payload)]) + MASK + masked)
        self.flush()


@pytest.mark.parametrize("is_tls", [True, False], ids=["tls", "plain"])
def test_http2_clients_reach_a_member_of_http1(ws, is_tls):
    opened = counter(ws, "tunnels_opened")
    with WsStream(ws, "/chat", is_tls) as socket:
        assert socket.status[socket.stream] == 200
        socket.send(1, b"over http/2")
        wait_for(lambda: socket.pump() or socket.bytes == b"\x81\x0bover http/2", "the echo")
        # Other streams of the connection go on beside it.
        assert socket.get("origin.example", "/bytes/5")[0] in (200, 502, 503)
        assert counter(ws, "tunnels_opened") == opened + 1
        rows = [row for row in ws.appliance.table("show conns l7") if "websocket" in row["request"]]
        assert [row["request"] for row in rows] == ["websocket /chat"]
        assert rows[0]["member"] == f"{server(MEMBER)}:{PORT}"
        socket.send(8, b"\x03\xe8")
        wait_for(lambda: socket.pump() or socket.stream in socket.ended, "the end")
        assert socket.bytes.endswith(b"\x88\x02\x03\xe8")
    wait_for(lambda: counter(ws, "tunnels_closed") == opened + 1, "it is closed")


def test_an_idle_tunnel_is_told_and_closed(ws):
    client = ws.waiting(f"ws://{HOST}:81/")
    try:
        wait_for(lambda: not client.is_alive(), "the client ends")
        assert "closed 1001" in client.output()
    finally:
        client.kill()
    wait_for(lambda: "closed 1001" in ws.member.output(), "the member was told")
    assert ws.appliance.counters()["l7_ended.tunnel_idle"] >= 1


def test_draining_tells_both_ends(ws):
    """The last test: SIGTERM ends the daemon soon, and nobody is cut off."""
    clients = [ws.waiting(f"ws://{HOST}/"), ws.waiting(f"wss://{HOST}/", ws.ca)]
    try:
        ws.appliance.process.child.send_signal(signal.SIGTERM)
        wait_for(lambda: not ws.appliance.is_alive(), "the daemon ends")
        wait_for(lambda: not any(client.is_alive() for client in clients), "the clients end")
        assert all("closed 1001" in client.output() for client in clients)
    finally:
        for client in clients:
            client.kill()
