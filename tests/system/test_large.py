# SPDX-License-Identifier: Apache-2.0
"""Several segments as one packet: cut by the driver of a device that offers it (DPDK's net_tap cuts
in software, but the port and the stack cannot tell), and by the port for one that does not."""

import contextlib
import hashlib
import random

import pytest

from harness.netns import Namespace
from harness.procs import Process, wait_for
from test_tcp import (CHARGEN, ECHO, KERNEL, KERNEL6, OURS, OURS6, Lab, echo_through, report,
                      stream, tool)

BULK = 3_000_000


class TapLab:
    """The kernel's stack and ours at the two ends of a tap."""

    mtu = 1440

    def __init__(self, folder):
        self.kernel = Namespace("tcp-tap")
        self.processes = []
        self.folder = str(folder)

    def serve(self, family):
        local = OURS if family == 4 else OURS6
        peer = Process("peer", self.kernel.command(
            tool("perf", "tcp-peer"), "--no-huge", "--no-shconf", "-m", "512", "--no-telemetry",
            "--no-pci", "--log-level", "error", "--lcores", "0@1",
            "--vdev", "net_tap0,iface=p0,mac=02:00:00:00:00:0e", "--", "--local", local,
            "--remote-mac", "02:00:00:00:00:0e", "serve"), f"{self.folder}/peer{family}.log")
        self.processes.append(peer)
        wait_for(lambda: self.has_device() or not peer.is_alive(), "the tap is there", 15)
        assert peer.is_alive(), peer.output()
        self.kernel.ip("link", "set", "p0", "address", "02:00:00:00:00:0e")
        self.kernel.ip("link", "set", "p0", "up")
        self.kernel.add_address("p0", KERNEL + "/24")
        self.kernel.add_address("p0", KERNEL6 + "/64")
        self.kernel.ip("neigh", "replace", local, "lladdr", "02:00:00:00:00:0c", "dev", "p0")
        wait_for(lambda: self.answers(local), "our server answers", 15)
        # The driver refuses to cut what fills its MTU (is_for_device() knows): a little less.
        self.kernel.ip("link", "set", "p0", "mtu", str(self.mtu))
        return peer

    def has_device(self):
        with contextlib.suppress(Exception):
            self.kernel.ip("link", "show", "p0")
            return True
        return False

    def answers(self, address):
        try:
            self.kernel.connect(address, ECHO, 0.3).close()
            return True
        except OSError:
            return False

    def close(self):
        for process in self.processes:
            process.terminate()
        self.kernel.remove()


@pytest.fixture(name="tap")
def fixture_tap(tmp_path):
    made = TapLab(tmp_path)
    yield made
    made.close()


@pytest.fixture(name="lab")
def fixture_lab(tmp_path):
    made = Lab(tmp_path)
    yield made
    made.close()


def download(namespace, address):
    """What we send arrives byte for byte."""
    seen = b""
    with namespace.connect(address, CHARGEN, 20) as sock:
        while len(seen) < BULK:
            seen += sock.recv(1 << 16)
    assert hashlib.sha256(seen).digest() == hashlib.sha256(stream(len(seen))).digest()


def echo(namespace, address):
    data = random.Random(7).randbytes(BULK)
    with namespace.connect(address, ECHO, 20) as sock:
        assert echo_through(sock, data) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("family", (4, 6))
def test_the_device_cuts(tap, family):
    peer = tap.serve(family)
    address = OURS if family == 4 else OURS6
    download(tap.kernel, address)
    echo(tap.kernel, address)
    counts = report(peer)
    assert counts["grouped"] > 100 and counts["cut"] == 0, counts
    assert counts["retransmits"] < 20, counts


def test_the_port_cuts_what_the_device_would_refuse(tap):
    tap.mtu = 1500
    peer = tap.serve(4)
    download(tap.kernel, OURS)
    counts = report(peer)
    assert counts["cut"] > 100 and counts["retransmits"] < 20, counts


@pytest.mark.parametrize("family", (4, 6))
def test_the_port_cuts(lab, family):
    peer = lab.serve(family=family)
    address = OURS if family == 4 else OURS6
    download(lab.kernel, address)
    echo(lab.kernel, address)
    counts = report(peer)
    assert counts["cut"] == counts["grouped"] > 100, counts
