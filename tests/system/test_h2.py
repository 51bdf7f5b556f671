# SPDX-License-Identifier: Apache-2.0
"""HTTP/2: curl, nghttp, h2load and python3-h2 as clients; nghttpd and grpcio as members."""

import hashlib
import os
import re
import signal
import subprocess
import sys

import pytest

from harness import config, origin, web
from harness.appliance import Appliance
from harness.h2client import H2Client
from harness.network import VIP, server
from harness.procs import Process, wait_for

SHOP = "https://shop.example:8444"
NGHTTPD, GRPC = 51, 52
BODY_BYTES = 20_000_000


class Backends:
    """nghttpd and a grpcio server beside the usual members."""

    def __init__(self, network, folder):
        self.folder = folder
        self.processes = []
        docs = os.path.join(folder, "docs")
        os.makedirs(docs)
        with open(os.path.join(docs, "large"), "wb") as out:
            out.write(bytes(range(256)) * (BODY_BYTES // 256))
        with open(os.path.join(docs, "small"), "w", encoding="ascii") as out:
            out.write("small\n")
        self.start(network, "nghttpd", "nghttpd", "--no-tls", "-v", "-d", docs, "-a",
                   server(NGHTTPD), "--echo-upload", "8081", ready=lambda text: "listen" in text)
        self.start(network, "grpc", sys.executable, "-B", grpc_file("grpc_server.py"),
                   server(GRPC) + ":50051", ready=lambda text: "ready" in text)

    def start(self, network, name, *command, ready):
        log = os.path.join(self.folder, name + ".log")
        process = Process(name, network.servers.command(*command), log)
        self.processes.append(process)
        wait_for(lambda: ready(process.output()) or not process.is_alive(), name + " listens")
        assert process.is_alive(), process.output()

    def close(self):
        for process in self.processes:
            process.kill()


def grpc_file(name):
    return os.path.join(os.path.dirname(origin.__file__), name)


@pytest.fixture(scope="module")
def h2(site_network, site_servers, authority, certificate, tmp_path_factory):
    """The usual site, with HTTP/2 by ALPN at 8444 and pools that speak it."""
    folder = tmp_path_factory.mktemp("h2")
    settings, routes = config.make(site_network, certificate, "joint")
    settings["pools"]["nghttpd"] = {"protocol": "h2", "members": [f"{server(NGHTTPD)}:8081"]}
    settings["pools"]["grpc"] = {"protocol": "h2", "members": [f"{server(GRPC)}:50051"]}
    routes += [config.route(pool, pool + ".example", prefix="/") for pool in ("nghttpd", "grpc")]
    settings["services"].append({**config.l7("h2", VIP, 8444),
                                 "tls": {"certificates": ["shop"]},
                                 "h2": {"max_resets": 50}})
    (folder / "backends").mkdir()
    backends = Backends(site_network, str(folder / "backends"))
    try:
        with Appliance(site_network, folder, settings, routes) as daemon:
            for name in ("payments", "static"):
                for member in daemon.servers(name):
                    daemon.wait_state(name, member, "UP")
            yield Site(daemon, site_network, authority.path)
    finally:
        backends.close()


class Site:
    def __init__(self, appliance, network, ca):
        self.appliance = appliance
        self.client = network.client
        self.ca = ca


def counter(site, name):
    return site.appliance.counters()["l7." + name]


def test_curl_negotiates_h2_and_multiplexes(h2):
    urls = [f"{SHOP}/checkout/{n}" for n in range(8)] + [SHOP + "/img/x"]
    answer = web.curl(h2.client, "--http2", "--parallel", *urls, ca=h2.ca)
    assert answer.exit_code == 0, answer.errors
    assert {t["version"] for t in answer.transfers} == {"2"}
    assert [t["status"] for t in answer.transfers] == [200] * 9
    assert sum(t["connects"] for t in answer.transfers) == 1
    text = "".join(answer.bodies)
    assert {"payments-1", "payments-2"} <= set(re.findall(r"payments-\d", text))
    assert re.search(r"static-\d", text)


def test_prior_knowledge_and_http1_on_one_port(h2):
    for words, version in ((["--http2-prior-knowledge"], "2"), ([], "1.1")):
        answer = web.curl(h2.client, *words, "http://shop.example/img/x")
        assert answer.exit_code == 0 and answer.status == 200, answer.errors
        assert answer.transfers[0]["version"] == version


def test_http1_clients_without_alpn_stay_http1(h2):
    answer = web.curl(h2.client, "--http1.1", SHOP + "/img/x", ca=h2.ca)
    assert (answer.status, answer.transfers[0]["version"]) == (200, "1.1"), answer.errors


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_large_bodies_up_and_down(h2, tmp_path, scheme):
    """20 MB each way over HTTP/2, with HTTP/1.1 behind; hashes decide."""
    up, down = tmp_path / "up", tmp_path / "down"
    up.write_bytes(os.urandom(BODY_BYTES))
    base = "https://origin.example:8444" if scheme == "https" else "http://origin.example"
    words = ["--http2"] if scheme == "https" else ["--http2-prior-knowledge"]
    answer = web.curl(h2.client, *words, "-T", str(up), base + "/upload", ca=h2.ca, timeout=60)
    assert answer.status == 200 and answer.transfers[0]["version"] == "2", answer.errors
    assert sha256(up) in answer.body
    answer = web.curl(h2.client, *words, "-o", str(down), f"{base}/bytes/{BODY_BYTES}", ca=h2.ca,
                      timeout=60)
    assert answer.exit_code == 0 and down.stat().st_size == BODY_BYTES, answer.errors
    reference = web.curl(h2.client, "--http1.1", "-o", str(up), f"http://origin.example/bytes/"
                         f"{BODY_BYTES}", timeout=60)
    assert reference.exit_code == 0 and sha256(up) == sha256(down)


def test_h2_to_h2_bodies(h2, tmp_path):
    down = tmp_path / "down"
    answer = web.curl(h2.client, "--http2-prior-knowledge", "-o", str(down),
                      "http://nghttpd.example/large", timeout=60)
    assert answer.exit_code == 0, answer.errors
    expected = hashlib.sha256(bytes(range(256)) * (BODY_BYTES // 256)).hexdigest()
    assert sha256(down) == expected
    up = tmp_path / "up"
    up.write_bytes(os.urandom(3_000_000))
    answer = web.curl(h2.client, "--http2-prior-knowledge", "-o", str(down), "--data-binary",
                      "@" + str(up), "http://nghttpd.example/echo", timeout=60)
    assert answer.exit_code == 0 and sha256(up) == sha256(down), answer.errors


def test_h1_to_h2(h2):
    opened = counter(h2, "h2_upstream_opened")
    answer = web.curl(h2.client, "--http1.1",
                      *["http://nghttpd.example/small" for _ in range(10)])
    assert answer.bodies == ["small\n"] * 10, answer.errors
    assert counter(h2, "h2_upstream_opened") - opened <= 1


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def test_a_slow_reader_does_not_make_memory_grow(h2):
    """20 MB for a client that opens no window; another stream goes on meanwhile."""
    with H2Client(h2.client, VIP, 80) as client:
        client.get("origin.example", "/bytes/1000")
        before = resident_kb(h2.appliance.process.child.pid)
        client.hold = True
        slow = client.request("origin.example", f"/bytes/{BODY_BYTES}")
        wait_for(lambda: client.pump() or client.received[slow] >= 65535, "a window's worth")
        assert client.received[slow] == 65535
        client.hold = False
        assert client.get("origin.example", "/bytes/5000")[1] == 5000
        assert resident_kb(h2.appliance.process.child.pid) - before < 4096
        client.release(slow)
        client.finish(slow)
        assert client.received[slow] == BODY_BYTES


def test_rapid_reset_ends_the_connection(h2):
    failed = counter(h2, "h2_failed_reset")
    with H2Client(h2.client, VIP, 8444, ca=h2.ca, name="origin.example") as client:
        for _ in range(60):
            client.reset(client.request("origin.example", "/slow/5000"))
            client.pump()
            if client.goaway is not None:
                break
        wait_for(lambda: client.pump() or client.goaway is not None, "GOAWAY")
        assert client.goaway == 11  # ENHANCE_YOUR_CALM
    assert counter(h2, "h2_failed_reset") == failed + 1


def test_nghttp_sees_push_off_and_our_window(h2):
    done = subprocess.run(h2.client.command(
        "nghttp", "-nv", f"http://{VIP}/img/x", "-H", ":authority: shop.example"),
        capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100" in done.stdout
    assert ":status: 200" in done.stdout


def test_h2load_loses_nothing(h2):
    done = subprocess.run(h2.client.command(
        "h2load", "-n", "3000", "-c", "4", "-m", "20", "-H", ":authority: shop.example",
        f"http://{VIP}/img/x"), capture_output=True, text=True, check=False, timeout=60)
    assert "3000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout


def test_grpc_in_all_its_forms(h2):
    """Unary, both streamings and both at once, errors in trailers, deadlines."""
    done = subprocess.run(h2.client.command(
        sys.executable, "-B", grpc_file("grpc_client.py"), f"{VIP}:80", "grpc.example"),
        capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["unary", "server-stream", "client-stream", "both", "error",
                                   "deadline", "large"]


def test_reload_keeps_the_connection(h2):
    with H2Client(h2.client, VIP, 80) as client:
        client.get("origin.example", "/bytes/10")
        h2.appliance.reload_by_signal()
        assert client.get("origin.example", "/bytes/10")[1] == 10
        assert client.goaway is None


def test_drain_lets_answers_end(h2, tmp_path):
    """The last test: SIGTERM in the middle of an answer, which comes to its end."""
    out = tmp_path / "out"
    with open(out, "wb") as file, subprocess.Popen(h2.client.command(
            "curl", "-sSN", "--max-time", "20", "--http2-prior-knowledge", "-H",
            "Host: origin.example", f"http://{VIP}/drip/5/100"), stdout=file) as client:
        wait_for(lambda: "chunk 0" in out.read_text(), "the first chunk")
        h2.appliance.process.child.send_signal(signal.SIGTERM)
        assert client.wait(20) == 0
    assert out.read_text() == "".join(f"chunk {n}\n" for n in range(5))
    wait_for(lambda: not h2.appliance.is_alive(), "the daemon ends")
