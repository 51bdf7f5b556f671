# SPDX-License-Identifier: Apache-2.0
"""HTTP clients: curl as a user would run it, and a bounded load that counts every failure."""

import http.client
import os
import re
import ssl
import subprocess
import threading
import time

from .network import VIP


def authority_of(url):
    """(host, port) of a URL."""
    match = re.match(r"(https?)://([^/:]+)(?::(\d+))?", url)
    return match[2], int(match[3] or (443 if match[1] == "https" else 80))


class Answer:
    """What curl printed for its transfers: one line of facts for each, and the bodies."""

    def __init__(self, done):
        self.exit_code = done.returncode
        self.errors = done.stderr
        facts = re.findall(r"##(\d+) (\S+) (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.M)
        self.transfers = [
            {"status": int(f[0]), "version": f[1], "connects": int(f[2]), "verify": int(f[3]),
             "down": int(f[4]), "up": int(f[5])} for f in facts]
        self.bodies = re.split(r"##\d+ \S+ \d+ \d+ \d+ \d+\n", done.stdout)[:-1]

    @property
    def status(self):
        return self.transfers[0]["status"] if self.transfers else 0

    @property
    def body(self):
        return self.bodies[0] if self.bodies else ""


def curl(namespace, *words, vip=VIP, ca=None, timeout=30):
    """Runs curl with every URL's host resolved to vip. Returns an Answer."""
    command = ["curl", "-sS", "--max-time", str(timeout), "--noproxy", "*",
               "-w", "##%{http_code} %{http_version} %{num_connects} %{ssl_verify_result} "
                     "%{size_download} %{size_upload}\n"]
    address = f"[{vip}]" if ":" in vip else vip
    for url in (word for word in words if word.startswith("http")):
        host, port = authority_of(url)
        if not host[0].isdigit():
            command += ["--resolve", f"{host}:{port}:{address}"]
    if ca:
        command += ["--cacert", ca]
    return Answer(subprocess.run(namespace.command(*command, *words), capture_output=True,
                                 text=True, check=False, timeout=timeout + 10, env=clean_env()))


def clean_env():
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


def tls_context(ca, version=None):
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["http/1.1"])
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def connection(namespace, host="shop.example", vip=VIP, port=80, context=None, timeout=5.0,
               source=None):
    """An http.client connection from a namespace; over TLS with a context."""
    sock = namespace.connect(vip, port, timeout, source)
    if context:
        sock = context.wrap_socket(sock, server_hostname=host)
    made = http.client.HTTPConnection(host, port, timeout=timeout)
    made.auto_open = 0
    made.sock = sock
    return made


class Load:
    """
    Threads that send GET requests until stopped (or for a bounded number), half of them on new
    connections. Every answer other than 200 is a failure and kept in words.
    """

    def __init__(self, namespace, paths, host="shop.example", port=80, context=None, threads=4,
                 seconds=60.0):
        self.namespace = namespace
        self.paths = paths
        self.host = host
        self.port = port
        self.context = context
        self.deadline = time.monotonic() + seconds
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.requests = 0
        self.members = {}
        self.failures = []
        self.threads = [threading.Thread(target=self._run, args=(n % 2 == 0,), daemon=True)
                        for n in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping.set()
        for thread in self.threads:
            thread.join(15)

    def wait_requests(self, count, timeout=15.0):
        """Until that many more requests were answered."""
        goal, deadline = self.requests + count, time.monotonic() + timeout
        while self.requests < goal:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.requests} of {goal} requests; {self.failures[:5]}")
            time.sleep(0.01)

    def _run(self, keeps_alive):
        made, number = None, 0
        while not self.stopping.is_set() and time.monotonic() < self.deadline:
            number += 1
            try:
                made = made or connection(self.namespace, self.host, port=self.port,
                                          context=self.context)
                made.request("GET", self.paths[number % len(self.paths)])
                response = made.getresponse()
                body = response.read()
                self._count(response, body)
                if not keeps_alive or response.will_close:
                    made.close()
                    made = None
            except Exception as error:  # any failure counts, whatever its kind
                with self.lock:
                    self.failures.append(f"{time.monotonic():.3f} {error!r}")
                made = None
                time.sleep(0.02)

    def _count(self, response, body):
        with self.lock:
            self.requests += 1
            member = response.getheader("X-Member", "?")
            self.members[member] = self.members.get(member, 0) + 1
            if response.status != 200:
                self.failures.append(f"{time.monotonic():.3f} status {response.status} {body[:80]}")
