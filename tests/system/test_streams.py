# SPDX-License-Identifier: Apache-2.0
"""Answers that take their time: Server-Sent Events, long polling, interim heads and trailers."""

import re
import signal
import subprocess

import pytest

from harness import config, web
from harness.appliance import Appliance
from harness.listener import NO_STREAM_YET, H1Listener, H2Listener
from harness.network import VIP, server
from harness.played import HINT, Exchange, H2Exchange, Stage
from harness.procs import wait_for
from harness.servers import PLAYED

HOSTS = {"h1": "live.shop.example", "h2": "live-h2.shop.example"}
IMPATIENT = "impatient.shop.example"
PORTS = {"h1": 8090, "h2": 8091}
TLS_PORT = 8444
IDLE_MS = 400
WAYS = [(version, is_tls) for version in ("h1", "h2") for is_tls in (False, True)]
WAY_NAMES = [version + ("-tls" if is_tls else "") for version, is_tls in WAYS]


class Site:
    """Members over HTTP/1.1 and HTTP/2 that the test plays, and listeners with short idle times."""

    def __init__(self, network, folder, certificate, ca):
        settings, routes = config.make(network, certificate, "joint")
        address = server(PLAYED)
        settings["pools"].update({
            "live": {"members": [f"{address}:{PORTS['h1']}"]},
            "live-h2": {"members": [f"{address}:{PORTS['h2']}"], "protocol": "h2"},
            "impatient": {"members": [f"{address}:{PORTS['h1']}"], "response_timeout_ms": 300}})
        routes[:0] = [config.route("live", HOSTS["h1"], prefix="/"),
                      config.route("live-h2", HOSTS["h2"], prefix="/"),
                      config.route("impatient", IMPATIENT, prefix="/")]
        settings["services"] = [
            config.l7("http", VIP, 80, http={"idle_timeout_ms": IDLE_MS}),
            {**config.l7("https", VIP, TLS_PORT, http={"idle_timeout_ms": IDLE_MS}),
             "tls": {"certificates": ["shop"]}}]
        settings["drain_timeout_ms"] = 20000
        self.client, self.ca = network.client, ca
        self.stages = {"h1": Stage(network.servers, address, PORTS["h1"], Exchange),
                       "h2": Stage(network.servers, address, PORTS["h2"], H2Exchange)}
        self.appliance = Appliance(network, folder, settings, routes)

    def close(self):
        for stage in self.stages.values():
            stage.close()

    def listener(self, way, host):
        version, is_tls = way
        made = H1Listener if version == "h1" else H2Listener
        return made(self.client, TLS_PORT if is_tls else 80, self.ca if is_tls else None, host)

    def wait_idle(self):
        """Until a connection with nothing to do, opened now, was closed for that."""
        idle = web.connection(self.client)
        try:
            idle.request("GET", "/img/x")
            assert idle.getresponse().read()
            assert idle.sock.recv(1) == b""
        finally:
            idle.close()


@pytest.fixture(scope="module")
def live(site_network, site_servers, authority, certificate, tmp_path_factory):
    made = Site(site_network, tmp_path_factory.mktemp("live"), certificate, authority.path)
    try:
        with made.appliance:
            for member in made.appliance.servers("static"):
                made.appliance.wait_state("static", member, "UP")
            yield made
    finally:
        made.close()


def event(number):
    return f"data: event {number}\n\n".encode()


@pytest.mark.parametrize("member", ["h1", "h2"])
@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_events_arrive_one_by_one(live, way, member):
    """The member says the next one only when the client has the one before."""
    with live.listener(way, HOSTS[member]) as client:
        client.ask("/events")
        with live.stages[member].accept() as source:
            source.begin()
            for number in range(5):
                source.say(event(number))
                client.hears(event(number))
                assert event(number + 1) not in client.bytes
            source.end()
            client.ends()


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_quiet_streams_are_not_idle_connections(live, way):
    """Before the answer, and between two events, for longer than idle connections may live."""
    with live.listener(way, HOSTS["h1"]) as client:
        client.ask("/poll")
        with live.stages["h1"].accept() as source:
            live.wait_idle()
            source.begin()
            source.say(event(0))
            client.hears(event(0))
            live.wait_idle()
            source.say(event(1))
            client.hears(event(1))
            source.end()
            client.ends()


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_a_source_that_falls_silent_is_given_up(live, way):
    """response_timeout_ms of the pool, between two pieces: nobody takes it for a whole answer."""
    with live.listener(way, IMPATIENT) as client:
        client.ask("/events")
        with live.stages["h1"].accept() as source:
            source.begin()
            source.say(event(0))
            client.hears(event(0))
            wait_for(client.is_cut, "the client is cut")


def test_a_poll_without_answer_gets_504(live):
    with live.listener(("h1", False), IMPATIENT) as client:
        client.ask("/poll")
        with live.stages["h1"].accept():
            client.hears(b"HTTP/1.1 504 ")


@pytest.mark.parametrize("member", ["h1", "h2"])
@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_hints_and_trailers_reach_clients(live, way, member):
    """103, and a trailer, as curl sees them; the hint before there is an answer."""
    version, is_tls = way
    words = {("h1", False): ["--http1.1"], ("h1", True): ["--http1.1"],
             ("h2", False): ["--http2-prior-knowledge"], ("h2", True): ["--http2"]}[way]
    port = TLS_PORT if is_tls else 80
    host = HOSTS[member]
    with subprocess.Popen(live.client.command(
            "curl", "-sSN", "--max-time", "20", "--noproxy", "*", "--cacert", live.ca, *words,
            "-H", "TE: trailers", "--resolve", f"{host}:{port}:{VIP}", "-D", "/dev/stdout",
            f"http{'s' * is_tls}://{host}:{port}/page"), env=web.clean_env(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as curl:
        with live.stages[member].accept() as source:
            source.hint()
            hint = [curl.stdout.readline().strip().lower() for _ in range(3)]
            source.begin("text/plain")
            source.say(b"the page\n")
            source.end(x_sum="7")
            text, errors = curl.communicate(timeout=20)
    assert curl.returncode == 0, errors
    name = "http/1.1" if version == "h1" else "http/2"
    assert hint[0].startswith(name + " 103") and f"link: {HINT}" in hint, hint
    assert re.search(r"(?i)^http/\S+ 200", text)
    assert re.search(r"(?mi)^x-sum: 7\s*$", text), text
    assert "the page\n" in text


def test_trailers_stay_behind_for_who_does_not_take_them(live):
    with live.listener(("h1", False), HOSTS["h1"]) as client:
        client.ask("/page")
        with live.stages["h1"].accept() as source:
            source.begin("text/plain")
            source.say(b"page")
            source.end(x_sum="7")
            client.ends()
    assert b"x-sum" not in client.bytes.lower()


@pytest.mark.parametrize("member", ["h1", "h2"])
def test_trailers_of_nghttp_reach_members(live, member, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"b" * 3000)
    with subprocess.Popen(live.client.command(
            "nghttp", "-v", "--no-content-length", "-d", str(body), "--trailer", "x-sum: 7",
            f"http://{VIP}/up", "-H", ":authority: " + HOSTS[member]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as nghttp:
        with live.stages[member].accept() as source:
            assert source.request_trailers()["x-sum"] == "7"
            source.begin("text/plain")
            source.end()
            text = nghttp.communicate(timeout=20)[0]
    assert nghttp.returncode == 0 and ":status: 200" in text, text


@pytest.mark.parametrize("member", ["h1", "h2"])
def test_trailers_of_http1_reach_members(live, member):
    with live.listener(("h1", True), HOSTS[member]) as client:
        client.sock.sendall(f"POST /up HTTP/1.1\r\nHost: {HOSTS[member]}\r\nTransfer-Encoding: "
                            "chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n".encode())
        with live.stages[member].accept() as source:
            assert source.request_trailers()["x-sum"] == "7"
            source.begin("text/plain")
            source.end()
            client.ends()


def test_draining_is_polite(live):
    """
    The last test. Events go on, and polls are answered, while the appliance drains: HTTP/2 has
    GOAWAY at once, HTTP/1.1 closes behind its answer.
    """
    pairs = []
    try:
        for path in ("/events", "/poll"):
            for way in WAYS:
                client = live.listener(way, HOSTS["h1"])
                client.ask(path)
                pairs.append((path, client, live.stages["h1"].accept()))
        for path, client, source in pairs:
            if path == "/events":
                source.begin()
                source.say(event(0))
                client.hears(event(0))
        live.appliance.process.child.send_signal(signal.SIGTERM)
        multiplexed = [client for _, client, _ in pairs if isinstance(client, H2Listener)]
        for client in multiplexed:
            wait_for(lambda c=client: c.pump() or len(c.goaways) == 2, "both GOAWAY")
            assert client.goaways == [(NO_STREAM_YET, 0), (client.stream, 0)]
        for path, client, source in pairs:
            if path == "/poll":
                source.begin()
            source.say(event(1))
            client.hears(event(1))
            assert live.appliance.is_alive() and not client.is_closed
            is_told = b"connection: close" in client.bytes.lower()
            assert is_told == (path == "/poll" and isinstance(client, H1Listener))
            source.end()
            client.ends()
            wait_for(lambda c=client: c.pump() or c.is_closed, "its connection closes")
        wait_for(lambda: not live.appliance.is_alive(), "the daemon ends")
        assert live.appliance.process.child.returncode == 0
    finally:
        for _, client, source in pairs:
            client.sock.close()
            source.sock.close()
