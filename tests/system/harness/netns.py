# SPDX-License-Identifier: Apache-2.0
"""Network namespaces that this process makes, enters and removes."""

import contextlib
import ctypes
import os
import re
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
PREFIX = "pstk"
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command, **options):
    """Runs a command, and raises with its output when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: "
                           f"{(done.stderr or done.stdout).strip()}")
    return done.stdout


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, "setns: " + os.strerror(error))


def sweep():
    """Removes namespaces that runs which were killed outright could not remove."""
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
        match = re.fullmatch(PREFIX + r"(\d+)-.*", name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


class Namespace:
    """One namespace; its name carries the pid of its maker."""

    def __init__(self, role):
        self.name = f"{PREFIX}{os.getpid()}-{role}"
        run("ip", "netns", "add", self.name)
        self.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=10000 65000",
                 "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0",
                 "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                 "net.ipv4.tcp_tw_reuse=1", "net.core.somaxconn=4096",
                 "net.ipv4.tcp_max_syn_backlog=8192")
        self.ip("link", "set", "lo", "up")

    def remove(self):
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)

    def command(self, *words):
        """The command line that runs words in this namespace; it keeps its pid (exec)."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words, **options):
        return run(*self.command(*words), **options)

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def add_address(self, device, address):
        words = ["nodad"] if ":" in address else []
        self.ip("address", "add", address, "dev", device, *words)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread's network is this namespace; sockets it opens stay there."""
        own = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _setns(there)
            try:
                yield self
            finally:
                _setns(own)
        finally:
            os.close(own)
            os.close(there)

    def socket(self, *arguments):
        with self.entered():
            return socket.socket(*arguments)

    def connect(self, address, port, timeout=5.0, source=None, source_port=0):
        """A connected TCP socket from this namespace."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = self.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((source, source_port))
            sock.connect((address, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def udp(self, address, port, timeout=5.0, source=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = self.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(timeout)
        if source:
            sock.bind((source, 0))
        sock.connect((address, port))
        return sock


class Namespaces:
    """Several that are made and removed together; close() removes half-built ones, too."""

    def __init__(self):
        sweep()
        self.namespaces = []

    def _namespace(self, role):
        namespace = Namespace(role)
        self.namespaces.append(namespace)
        return namespace

    def close(self):
        for namespace in self.namespaces:
            namespace.remove()
        self.namespaces = []


OFFLOADS = ("tx", "rx", "tso", "gso", "gro")


def veth(ns_a, dev_a, ns_b, dev_b):
    """A cable. Both ends send whole, checksummed frames as a wire would carry them."""
    run("ip", "link", "add", dev_a, "netns", ns_a.name, "type", "veth",
        "peer", "name", dev_b, "netns", ns_b.name)
    for namespace, device in ((ns_a, dev_a), (ns_b, dev_b)):
        switches = [word for name in OFFLOADS for word in (name, "off")]
        namespace.run("ethtool", "-K", device, *switches)
        namespace.ip("link", "set", device, "up")
