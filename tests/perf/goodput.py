# SPDX-License-Identifier: Apache-2.0
"""What a sender makes of a lossy, long way: ours against the kernel's CUBIC.

Sender - penstock-impair - a sink on the kernel's sockets. Both senders have the same way and the
same sink, one after the other; the sink counts what reaches it.
"""

import contextlib
import os
import selectors
import socket
import threading
import time

from harness.netns import Namespace, veth
from harness.procs import Process, wait_for

SENDER, SINK = "198.18.0.1", "198.18.255.1"
DISCARD = 9
LOSS_PERMILLE, ONE_WAY_US = 10, 25000
CONNECTIONS = 24
WARMUP_SECONDS, SECONDS = 3, 10
SENDER_CPU, OTHERS_CPU = 1, 0
# AF_XDP's driver needs the packet buffers in one piece.
EAL = ["--no-huge", "--no-shconf", "-m", "512", "--iova-mode=va", "--no-telemetry", "--no-pci",
       "--log-level", "error", "--lcores", f"0@{SENDER_CPU}", "--vdev", "net_af_xdp0,iface=s0"]


class Loop:
    """Sockets that one thread serves until it is closed."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.sockets, self.is_over, self.bytes = [], False, 0
        self.thread = threading.Thread(target=self.run, daemon=True)

    def add(self, sock, event, serve):
        sock.setblocking(False)
        self.sockets.append(sock)
        self.selector.register(sock, event, serve)

    def run(self):
        while not self.is_over:
            for key, _ in self.selector.select(0.1):
                key.data(key.fileobj)

    def close(self):
        self.is_over = True
        if self.thread.is_alive():
            self.thread.join(5)
        for sock in self.sockets:
            sock.close()
        self.selector.close()


class Sink(Loop):
    """Takes connections and all that comes on them."""

    def __init__(self, namespace):
        super().__init__()
        listener = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((SINK, DISCARD))
        listener.listen(4 * CONNECTIONS)
        self.add(listener, selectors.EVENT_READ, self.accept)
        self.thread.start()

    def accept(self, listener):
        self.add(listener.accept()[0], selectors.EVENT_READ, self.take)

    def take(self, sock):
        try:
            data = sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.bytes += len(data)
        if not data:
            self.selector.unregister(sock)


class KernelSender(Loop):
    """The kernel's CUBIC, as many connections as ours."""

    def __init__(self, namespace):
        super().__init__()
        for _ in range(CONNECTIONS):
            sock = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
            sock.setblocking(False)
            sock.connect_ex((SINK, DISCARD))
            self.add(sock, selectors.EVENT_WRITE, self.send)
        self.block = bytes(1 << 16)
        self.thread.start()

    def send(self, sock):
        with contextlib.suppress(BlockingIOError):
            sock.send(self.block)


class Way:
    """Sender, impairment and sink, each in a namespace."""

    def __init__(self, folder, stack, impair, seed):
        self.folder, self.stack = folder, stack
        self.sender, hop, self.sink = (Namespace("goodput-" + role)
                                       for role in ("sender", "hop", "sink"))
        for namespace in (self.sender, hop, self.sink):
            stack.callback(namespace.remove)
        veth(self.sender, "s0", hop, "h0")
        veth(hop, "h1", self.sink, "k0")
        self.sink.add_address("k0", SINK + "/15")
        # What one connection learned must not help the next.
        self.sender.run("sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1")
        self.sink_mac = self.sink.run("cat", "/sys/class/net/k0/address").strip()
        self.sender_mac = self.sender.run("cat", "/sys/class/net/s0/address").strip()
        self.sink.ip("neigh", "replace", SENDER, "lladdr", self.sender_mac, "dev", "k0")
        wire = self.process("impair", hop.command(
            "taskset", "-c", str(OTHERS_CPU), impair, "--loss", str(LOSS_PERMILLE), "--delay",
            str(ONE_WAY_US), "--seed", str(seed), "h0", "h1"))
        wait_for(lambda: "ready" in wire.output(), "the wire is up")

    def process(self, name, words):
        made = Process(name, words, os.path.join(self.folder, f"{name}{time.monotonic_ns()}.log"))
        self.stack.callback(made.terminate)
        return made

    def start_kernel(self):
        self.sender.add_address("s0", SENDER + "/15")
        self.sender.ip("neigh", "replace", SINK, "lladdr", self.sink_mac, "dev", "s0")
        self.stack.callback(KernelSender(self.sender).close)

    def start_ours(self, peer):
        seconds = str(WARMUP_SECONDS + SECONDS + 10)
        return self.process("sender", self.sender.command(
            "taskset", "-c", str(SENDER_CPU), peer, *EAL, "--", "send", "--local", SENDER,
            "--remote", SINK, "--remote-mac", self.sink_mac, "--connections", str(CONNECTIONS),
            "--warmup", "0", "--seconds", seconds))


def goodput_round(folder, who, binaries, seed):
    """Mbit/s of a connection at the sink; who sends: "penstock" or "kernel"."""
    with contextlib.ExitStack() as stack:
        way = Way(folder, stack, binaries["impair"], seed)
        sink = Sink(way.sink)
        stack.callback(sink.close)
        ours = way.start_ours(binaries["peer"]) if who == "penstock" else None
        if who == "kernel":
            way.start_kernel()
        wait_for(lambda: sink.bytes > 0 or (ours and not ours.is_alive()), "bytes arrive", 15)
        time.sleep(WARMUP_SECONDS)
        before, begin = sink.bytes, time.monotonic()
        time.sleep(SECONDS)
        received, spent = sink.bytes - before, time.monotonic() - begin
        if received == 0:
            raise RuntimeError(f"goodput, {who}: nothing arrived\n" +
                               (ours.output() if ours else ""))
    return received * 8 / spent / 1e6 / CONNECTIONS
