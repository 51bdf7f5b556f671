# SPDX-License-Identifier: Apache-2.0
"""lib/tcp by itself against the kernel's stack, both ways, on good and bad wires.

penstock-tcp-peer is one end, sockets of this process are the other, and penstock-impair, where a
test asks for it, is the wire between.
"""

import hashlib
import json
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import threading
import time

import pytest

from harness.appliance import binary
from harness.netns import Namespace, veth
from harness.procs import Process, wait_for

KERNEL, OURS = "192.0.2.1", "192.0.2.2"
KERNEL6, OURS6 = "2001:db8::1", "2001:db8::2"
ECHO, DISCARD, CHARGEN = 7, 9, 19
BLOCK = bytes((i * 131 + (i >> 8) * 7) & 0xff for i in range(65521))
BULK = 1_000_000

# name: words for penstock-impair
WIRES = {
    "clean": ["--delay", "500"],
    "loss1": ["--delay", "1000", "--loss", "10", "--seed", "1"],
    "loss5": ["--delay", "1000", "--loss", "50", "--seed", "2"],
    "reorder": ["--delay", "1000", "--reorder", "200", "--reorder-by", "3000", "--seed", "3"],
}


def tool(folder, name):
    return os.path.join(os.path.dirname(binary("penstock")), "..", "..", "tests", folder,
                        "penstock-" + name)


def stream(length):
    return (BLOCK * (length // len(BLOCK) + 1))[:length]


class Lab:
    """Kernel - wire - ours."""

    def __init__(self, folder, wire=None):
        self.folder = str(folder)
        self.processes = []
        self.kernel, self.ours = Namespace("tcp-kernel"), Namespace("tcp-ours")
        self.namespaces = [self.kernel, self.ours]
        if wire is None:
            veth(self.kernel, "k0", self.ours, "p0")
        else:
            hop = Namespace("tcp-hop")
            self.namespaces.append(hop)
            veth(self.kernel, "k0", hop, "h0")
            veth(hop, "h1", self.ours, "p0")
            impair = self.process("impair", hop.command(tool("support", "impair"), *wire,
                                                        "h0", "h1"))
            wait_for(lambda: "ready" in impair.output(), "the wire is up")
        self.kernel.add_address("k0", KERNEL + "/24")
        self.kernel.add_address("k0", KERNEL6 + "/64")
        mac = self.ours.run("cat", "/sys/class/net/p0/address").strip()
        for address in (OURS, OURS6):
            self.kernel.ip("neigh", "replace", address, "lladdr", mac, "dev", "k0")
        self.kernel_mac = self.kernel.run("cat", "/sys/class/net/k0/address").strip()

    def process(self, name, command):
        path = os.path.join(self.folder, f"{name}{len(self.processes)}.log")
        self.processes.append(Process(name, command, path))
        return self.processes[-1]

    def peer(self, *words, family=4):
        """penstock-tcp-peer in our namespace."""
        return self.process("peer", self.ours.command(
            tool("perf", "tcp-peer"), "--no-huge", "--no-shconf", "-m", "512", "--iova-mode=va",
            "--no-telemetry", "--no-pci", "--log-level", "error", "--lcores", "0@1",
            "--vdev", "net_af_xdp0,iface=p0", "--", "--local", OURS if family == 4 else OURS6,
            "--remote-mac", self.kernel_mac, *words))

    def serve(self, *words, family=4):
        peer = self.peer("serve", *words, family=family)
        address = OURS if family == 4 else OURS6

        def answers():
            if not peer.is_alive():
                raise RuntimeError(peer.output())
            try:
                self.kernel.connect(address, ECHO, 0.3).close()
                return True
            except OSError:
                return False
        wait_for(answers, "our server answers", 15)
        wait_for(lambda: report(peer)["connects"] == 1, "the probe was counted", 5)
        return peer

    def close(self):
        for process in self.processes:
            process.terminate()
        for namespace in self.namespaces:
            namespace.remove()


def reports(peer):
    return [json.loads(line) for line in re.findall(r"^\{.*\}$", peer.output(), re.M)]


def report(peer):
    """What penstock-tcp-peer counts by now."""
    seen = len(reports(peer))
    peer.child.send_signal(signal.SIGUSR1)
    return wait_for(lambda: len(reports(peer)) > seen and reports(peer)[-1], "a report", 5, 0.005)


def finished(peer, timeout=30):
    """The report of a client that ends by itself."""
    assert peer.child.wait(timeout) == 0, peer.output()
    return reports(peer)[-1]


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=list(WIRES))
def bad_lab(request, tmp_path):
    made = Lab(tmp_path, WIRES[request.param])
    yield made
    made.close()


class EchoServer:
    """The kernel's end of an echo, a thread for each connection; hashes what passes."""

    def __init__(self, namespace, address=KERNEL, buffer_bytes=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = namespace.socket(family, socket.SOCK_STREAM)
        if buffer_bytes:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, ECHO))
        self.listener.listen(4096)
        self.hashes, self.threads = [], []
        self.accepting = threading.Thread(target=self.run, daemon=True)
        self.accepting.start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, sock):
        seen = hashlib.sha256()
        with sock:
            while data := sock.recv(65536):
                seen.update(data)
                sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        self.hashes.append(seen.hexdigest())

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.accepting.join(5)
        for thread in self.threads:
            thread.join(10)


def echo_through(sock, data):
    """Sends all and half-closes, while what comes back is read to the end."""
    def send():
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    seen = hashlib.sha256()
    while part := sock.recv(65536):
        seen.update(part)
    sender.join()
    return seen.hexdigest()


def test_bulk_from_the_kernel(bad_lab):
    bad_lab.serve()
    data = random.Random(5).randbytes(BULK)
    with bad_lab.kernel.connect(OURS, ECHO, 30) as sock:
        assert echo_through(sock, data) == hashlib.sha256(data).hexdigest()


def test_bulk_to_the_kernel(bad_lab):
    server = EchoServer(bad_lab.kernel)
    peer = bad_lab.peer("echo", "--remote", KERNEL, "--bytes", str(BULK), "--seconds", "30",
                        "--connections", "2")
    assert finished(peer)["operations"] == 2
    server.close()
    assert server.hashes == [hashlib.sha256(stream(BULK)).hexdigest()] * 2


def test_no_stall_is_longer_than_its_timeouts(bad_lab):
    """What keeps a reader waiting is a retransmission time-out that was counted, and no more:
    200 ms, twice as long each time in a row, and the test machine's own half a second."""
    peer = bad_lab.serve()
    before = report(peer)["timeouts"]
    longest, received = 0.0, 0
    with bad_lab.kernel.connect(OURS, CHARGEN, 30) as sock:
        last = time.monotonic()
        while received < 2 * BULK:
            received += len(sock.recv(65536))
            now = time.monotonic()
            longest, last = max(longest, now - last), now
    timeouts = report(peer)["timeouts"] - before
    assert longest < 0.5 + sum(0.3 * 2 ** number for number in range(timeouts)), timeouts


def test_both_ways_over_ipv6(lab):
    server = EchoServer(lab.kernel, KERNEL6)
    peer = lab.peer("echo", "--remote", KERNEL6, "--bytes", str(BULK), "--seconds", "20", family=6)
    assert finished(peer)["operations"] == 1
    server.close()
    assert server.hashes == [hashlib.sha256(stream(BULK)).hexdigest()]
    lab.serve(family=6)
    data = random.Random(6).randbytes(BULK)
    with lab.kernel.connect(OURS6, ECHO, 20) as sock:
        assert echo_through(sock, data) == hashlib.sha256(data).hexdigest()


def files_allow(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), max(hard, count)))
    return soft, hard


def await_all(sockets, event):
    """Which of the sockets are ready, until all are or nothing moves for 5 s."""
    poll, by_fd, ready = select.epoll(), {sock.fileno(): sock for sock in sockets}, []
    for fd in by_fd:
        poll.register(fd, event)
    while by_fd:
        found = poll.poll(5)
        if not found:
            break
        for fd, _ in found:
            poll.unregister(fd)
            ready.append(by_fd.pop(fd))
    poll.close()
    return ready


def test_ten_thousand_connections_from_the_kernel(lab):
    count, request = 10000, stream(64)
    limits = files_allow(count + 1000)
    peer = lab.serve()
    before = report(peer)["connects"]
    sockets = []
    try:
        with lab.kernel.entered():
            for _ in range(count):
                sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                sockets.append(sock)
                sock.setblocking(False)
                sock.connect_ex((OURS, ECHO))
        assert len(await_all(sockets, select.EPOLLOUT)) == count
        for sock in sockets:
            assert sock.send(request) == len(request)
        ready = await_all(sockets, select.EPOLLIN)
        assert len(ready) == count
        assert all(sock.recv(100) == request for sock in ready)
    finally:
        for sock in sockets:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    after = report(peer)
    assert after["connects"] - before == count and after["resets"] == 0


def test_ten_thousand_connections_to_the_kernel(lab):
    command = f"ulimit -n 20000 && exec {tool('perf', 'epoll-server')} {ECHO}"
    lab.process("epoll", lab.kernel.command("sh", "-c", command))
    wait_for(lambda: ":7 " in lab.kernel.run("ss", "-Hltn"), "the kernel listens")
    peer = lab.peer("echo", "--remote", KERNEL, "--bytes", "64", "--connections", "10000",
                    "--seconds", "20")
    result = finished(peer)
    assert result["operations"] == 10000 and result["failures"] == 0


def test_storm_of_short_connections(lab):
    """Each opens, asks, closes, and its port comes again soon."""
    lab.process("epoll", lab.kernel.command(tool("perf", "epoll-server"), str(ECHO)))
    wait_for(lambda: ":7 " in lab.kernel.run("ss", "-Hltn"), "the kernel listens")
    peer = lab.peer("connect", "--remote", KERNEL, "--connections", "64", "--warmup", "0.1",
                    "--seconds", "1.5", "--time-wait", "100")
    result = finished(peer)
    assert result["failures"] == 0 and result["operations"] > 5000


def test_storm_from_the_kernel(lab):
    peer = lab.serve()
    before = report(peer)["connects"]
    for number in range(2000):
        with lab.kernel.connect(OURS, ECHO) as sock:
            sock.sendall(b"%d" % number)
            assert sock.recv(100) == b"%d" % number
    assert report(peer)["connects"] - before == 2000


def test_half_close_by_the_kernel(lab):
    """Ours goes on sending after the FIN came: the whole answer arrives, then the end."""
    lab.serve()
    with lab.kernel.connect(OURS, ECHO) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        data = stream(60000)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        seen = b""
        while part := sock.recv(4096):
            seen += part
        assert seen == data


def test_resets_by_the_kernel(lab):
    peer = lab.serve()
    for _ in range(50):
        sock = lab.kernel.connect(OURS, CHARGEN)
        assert sock.recv(1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    wait_for(lambda: report(peer)["resets"] == 50, "all resets were taken", 5)


def test_refused_by_the_kernel(lab):
    """Nobody listens: RST, and the attempt ends at once."""
    begin = time.monotonic()
    peer = lab.peer("echo", "--remote", KERNEL, "--port", "4444", "--bytes", "10", "--seconds",
                    "10")
    assert peer.child.wait(20) == 1
    assert reports(peer)[-1]["resets"] == 1 and time.monotonic() - begin < 8


def test_slow_reader_of_ours(lab):
    """Our window closes again and again; the kernel probes and goes on."""
    server = EchoServer(lab.kernel)
    peer = lab.peer("echo", "--remote", KERNEL, "--bytes", "400000", "--window", "8192", "--read",
                    "1000", "--seconds", "20")
    assert finished(peer)["operations"] == 1
    server.close()
    assert server.hashes == [hashlib.sha256(stream(400000)).hexdigest()]


def test_slow_reader_of_the_kernels(lab):
    """The kernel's window closes; ours probes and goes on, byte for byte."""
    lab.serve()
    with lab.kernel.connect(OURS, CHARGEN) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        seen = b""
        for _ in range(20):
            part = sock.recv(8192)
            assert part
            seen += part
            time.sleep(0.05)  # slow is what this reader is
        while len(seen) < 300000:
            seen += sock.recv(65536)
        assert hashlib.sha256(seen).digest() == hashlib.sha256(stream(len(seen))).digest()
