# SPDX-License-Identifier: Apache-2.0
"""gRPC: grpcio as client and member, over TLS and plain; statuses, deadlines, cancellation."""

import os
import subprocess
import sys

import pytest

from harness import config, origin, servers
from harness.appliance import Appliance
from harness.network import VIP, server
from harness.procs import Process, wait_for

GRPC, PORT, TLS_PORT = 54, 50051, 8447
NAME = "grpc.shop.example"
TARGETS = {"plain": 80, "tls": TLS_PORT}


def script(name):
    return os.path.join(os.path.dirname(origin.__file__), name)


class Site:
    def __init__(self, appliance, network, ca):
        self.appliance = appliance
        self.client = network.client
        self.ca = ca

    def run(self, name, target):
        ca = [self.ca] if target == "tls" else []
        done = subprocess.run(self.client.command(
            sys.executable, "-B", script(name), f"{VIP}:{TARGETS[target]}", NAME, *ca),
            capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.split()

    def curl(self, body, host, *fields):
        """The head of the answer to a call whose deadline curl knows nothing of."""
        done = subprocess.run(self.client.command(
            "curl", "-sS", "--max-time", "20", "--http2-prior-knowledge", "-o", "/dev/null", "-D",
            "-", "-H", "Content-Type: application/grpc", "-H", "TE: trailers", "--data-binary",
            "@" + str(body), *(word for field in fields for word in ("-H", field)),
            "-H", "Host: " + host, f"http://{VIP}/test.Test/Slow"),
            capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def counter(self, name):
        return self.appliance.counters()["l7." + name]


@pytest.fixture(scope="module")
def grpc_site(site_network, certificate, authority, site_servers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grpc")
    settings, routes = config.make(site_network, certificate, "joint")
    member = {"protocol": "h2", "members": [f"{server(GRPC)}:{PORT}"]}
    settings["pools"]["grpc"] = member
    for name, service in (("whole", ""), ("shop", "shop"), ("unknown", "other")):
        settings["pools"]["health-" + name] = {
            **member, "health": {"type": "grpc", "service": service, **config.FAST_CHECK}}
    settings["pools"]["health-tls"] = {
        "protocol": "h2", "members": [f"{server(GRPC)}:{PORT + 1}"], "tls": {"verify": False},
        "health": {"type": "grpc", **config.FAST_CHECK}}
    settings["pools"]["health-http1"] = {
        "members": config.members(servers.PAYMENTS, servers.HTTP_PORT),
        "health": {"type": "grpc", **config.FAST_CHECK}}
    settings["pools"]["impatient"] = {**member, "response_timeout_ms": 300}
    routes += [config.route("grpc", NAME, prefix="/"),
               config.route("impatient", "impatient.example", prefix="/"),
               {**config.route("grpc", "limited.example", prefix="/"),
                "fault": {"abort_share": "100%", "abort_status": 429}}]
    settings["services"].append({**config.l7("grpc", VIP, TLS_PORT),
                                 "tls": {"certificates": ["shop"]}})
    chain, key = certificate
    processes = [Process("grpc", site_network.servers.command(
        sys.executable, "-B", script("grpc_server.py"), f"{server(GRPC)}:{port}", *files),
        str(folder / f"grpc-{port}.log")) for port, files in ((PORT, ()), (PORT + 1, (key, chain)))]
    try:
        for process in processes:
            wait_for(lambda p=process: "ready" in p.output(), "a gRPC member listens")
        with Appliance(site_network, folder, settings, routes) as daemon:
            yield Site(daemon, site_network, authority.path)
    finally:
        for process in processes:
            process.kill()


@pytest.mark.parametrize("target", TARGETS)
def test_all_forms(grpc_site, target):
    assert grpc_site.run("grpc_client.py", target) == [
        "unary", "server-stream", "client-stream", "both", "error", "deadline", "large"]


@pytest.mark.parametrize("target", TARGETS)
def test_ends(grpc_site, target):
    """Who cancels is heard by the member; who is refused hears why in gRPC's own terms."""
    before = grpc_site.counter("grpc_answered")
    assert grpc_site.run("grpc_ends.py", target) == [
        "cancelled", "deadline", "nobody.test", "down.example", "refusing.example",
        "impatient.example", "limited.example"]
    assert grpc_site.counter("grpc_answered") - before >= 5


def test_a_deadline_is_kept_for_the_client(grpc_site, tmp_path):
    """The appliance ends the call, not the client, and not a member: there is none."""
    body = tmp_path / "message"
    body.write_bytes(bytes(5))
    before = grpc_site.counter("grpc_deadline")
    head = grpc_site.curl(body, "absent.example", "grpc-timeout: 300m")
    assert head.startswith("HTTP/2 200") and "grpc-status: 4" in head
    assert grpc_site.counter("grpc_deadline") == before + 1
    before = grpc_site.counter("grpc_timeout_malformed")
    assert "grpc-status: 13" in grpc_site.curl(body, NAME, "grpc-timeout: 3s")
    assert grpc_site.counter("grpc_timeout_malformed") == before + 1


def test_health(grpc_site):
    """SERVING is up, over TLS too; what says something else, or nothing of the kind, is down."""
    daemon = grpc_site.appliance
    states = {"health-whole": "UP", "health-shop": "UP", "health-tls": "UP",
              "health-unknown": "DOWN", "health-http1": "DOWN"}
    for pool, state in states.items():
        for member in daemon.servers(pool):
            daemon.wait_state(pool, member, state)
    for number, state in ((2, "DOWN"), (1, "UP")):
        subprocess.run(grpc_site.client.command(
            sys.executable, "-B", script("grpc_set_health.py"), f"{VIP}:80", NAME, str(number)),
            check=True, timeout=30)
        for member in daemon.servers("health-shop"):
            daemon.wait_state("health-shop", member, state)
        for member in daemon.servers("health-whole"):
            assert daemon.state("health-whole", member) == "UP"
