# SPDX-License-Identifier: Apache-2.0
"""Mixed traffic with aborts on either side: right bytes, and memory as at the start.

PENSTOCK_SOAK_MB sets how much is carried: 768 by default; tools/soak sets 5120.
"""

import contextlib
import hashlib
import http.client
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time

from harness import origin, web
from harness.network import VIP
from harness.procs import wait_for

ORIGIN_HOST = "origin.example"
GOAL_BYTES = int(os.environ.get("PENSTOCK_SOAK_MB", "768")) << 20
WARM_BYTES = 64 << 20
THREADS = 6
LARGEST = 4 << 20
SEED = 20251
# A connection of each thread may be open when memory is looked at first; libc keeps arenas.
MORE_BYTES = 2 << 20
L4_ECHO_PORT = 7001
NO_ANSWER = (ConnectionError, http.client.HTTPException, socket.timeout, OSError)


def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Soak:
    """Threads that draw one kind of exchange after another, until enough bytes were carried."""

    def __init__(self, site):
        self.site = site
        self.context = web.tls_context(site.ca)
        self.lock = threading.Lock()
        self.carried = 0
        self.done = {}
        self.failures = []
        # name: (exchange, weight)
        self.kinds = {
            "download": (self.download, 5), "upload": (self.upload, 3), "h2": (self.h2, 2),
            "echo": (self.echo, 2), "client resets": (self.abort_download, 2),
            "upload stops": (self.abort_upload, 2), "member resets": (self.torn, 2),
        }

    def connection(self, draw):
        context = self.context if draw.random() < 0.5 else None
        return web.connection(self.site.client, ORIGIN_HOST, port=443 if context else 80,
                              context=context, timeout=20)

    def take(self, response, wanted):
        """Bytes of a body, counted and hashed; fewer than wanted if it ends early."""
        digest, total = hashlib.sha256(), 0
        while total < wanted and (data := response.read(min(65536, wanted - total))):
            digest.update(data)
            total += len(data)
        with self.lock:
            self.carried += total
        return total, digest.hexdigest()

    def download(self, draw):
        with contextlib.closing(self.connection(draw)) as made:
            for _ in range(draw.randint(1, 4)):
                length = draw.randint(0, LARGEST)
                made.request("GET", f"/bytes/{length}")
                response = made.getresponse()
                assert response.status == 200
                assert self.take(response, length) == (length, origin.body_sha256(length))
                assert response.read() == b""

    def upload(self, draw):
        with contextlib.closing(self.connection(draw)) as made:
            length = draw.randint(0, LARGEST)
            is_chunked = draw.random() < 0.5
            made.request("POST", "/upload", body=origin.body_pieces(length),
                         headers={} if is_chunked else {"Content-Length": str(length)},
                         encode_chunked=is_chunked)
            answer = made.getresponse()
            text = answer.read().decode()
            assert answer.status == 200
            assert f'"body_sha256": "{origin.body_sha256(length)}"' in text
            with self.lock:
                self.carried += length

    def h2(self, draw):
        """Streams of one HTTP/2 connection by curl; now and then it gives up half-way."""
        lengths = [draw.randint(1, LARGEST) for _ in range(4)]
        is_aborted = draw.random() < 0.3
        words = ["--max-time", "0.02"] if is_aborted else []
        done = subprocess.run(
            self.site.client.command(
                "curl", "-sS", "--http2", "--cacert", self.site.ca, *words,
                "--resolve", f"{ORIGIN_HOST}:443:{VIP}",
                *(f"https://{ORIGIN_HOST}/bytes/{length}" for length in lengths)),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
            env=web.clean_env())
        with self.lock:
            self.carried += len(done.stdout)
        if is_aborted:
            return
        whole = b"".join(piece for length in lengths for piece in origin.body_pieces(length))
        assert done.returncode == 0, done.stderr
        assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(whole).digest()

    def echo(self, draw):
        """At layer 4: each block comes back."""
        block = draw.randbytes(32768)
        with self.site.client.connect(VIP, L4_ECHO_PORT, timeout=20) as sock:
            stream = sock.makefile("rb")
            stream.readline()  # the member's name
            for _ in range(draw.randint(1, 40)):
                sock.sendall(block)
                assert stream.read(len(block)) == block
                with self.lock:
                    self.carried += 2 * len(block)
            if draw.random() < 0.3:
                reset(sock)

    def abort_download(self, draw):
        made = self.connection(draw)
        length = draw.randint(100000, LARGEST)
        made.request("GET", f"/bytes/{length}")
        sock = made.sock
        self.take(made.getresponse(), draw.randint(0, length - 1))
        if draw.random() < 0.5:
            reset(sock)
        made.close()

    def abort_upload(self, draw):
        made = self.connection(draw)
        length = draw.randint(100000, LARGEST)
        made.putrequest("POST", "/upload")
        made.putheader("Content-Length", str(length))
        made.endheaders()
        sent = draw.randint(0, length - 1)
        for piece in origin.body_pieces(sent):
            made.send(piece)
        if draw.random() < 0.5:
            reset(made.sock)
        made.close()
        with self.lock:
            self.carried += sent

    def torn(self, draw):
        """The member resets: the client never gets what could be taken for the whole."""
        length = draw.randint(100000, LARGEST)
        with contextlib.closing(self.connection(draw)) as made:
            made.request("GET", f"/torn/{length}/{draw.randint(0, length - 1)}")
            try:
                response = made.getresponse()
                if response.status == 502:
                    return
                total, _ = self.take(response, length)
            except NO_ANSWER:
                return
            assert total < length

    def run(self, goal):
        """Until that many bytes in all were carried, or an exchange went wrong."""
        threads = [threading.Thread(target=self.work, args=(number, goal), daemon=True)
                   for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60 + goal / (2 << 20))
            assert not thread.is_alive(), "an exchange hangs"
        assert not self.failures, "\n".join(self.failures)

    def work(self, number, goal):
        draw = random.Random(SEED * (number + 1) + goal)
        names = list(self.kinds)
        weights = [weight for _, weight in self.kinds.values()]
        while self.carried < goal and not self.failures:
            name = draw.choices(names, weights)[0]
            try:
                self.kinds[name][0](draw)
            except Exception as error:  # whatever it is: it ends the run
                with self.lock:
                    self.failures.append(f"{name}: {error!r}")
            with self.lock:
                self.done[name] = self.done.get(name, 0) + 1
            if number == 0 and sys.stderr.isatty():
                print(f"\r{self.carried >> 20} MB", end="", file=sys.stderr, flush=True)


def at_rest(appliance):
    """(packet buffers in use, bytes of memory), once no connection has anything any more."""
    pinned = ("receive", "out_of_order", "send")
    wait_for(lambda: appliance.info("CurrConns") == 0
             and not any(appliance.info(f"Tcp_pinned_{kind}_bytes") for kind in pinned),
             "all connections ended", 30, pause=0.2)
    return appliance.info("Packet_buffers_in_use"), appliance.process.resident_bytes()


def test_mixed_traffic_with_aborts_leaves_nothing_behind(own_site, capsys):
    appliance = own_site.appliance
    soak = Soak(own_site)
    soak.run(min(WARM_BYTES, GOAL_BYTES // 4))
    buffers, memory = at_rest(appliance)
    begin = time.monotonic()
    soak.run(GOAL_BYTES)
    seconds = time.monotonic() - begin
    buffers_after, memory_after = at_rest(appliance)
    with capsys.disabled():
        print(f"\n{soak.carried >> 20} MB in {seconds:.0f} s, {sum(soak.done.values())} exchanges "
              f"({', '.join(f'{n} {name}' for name, n in sorted(soak.done.items()))}); buffers "
              f"{buffers} then {buffers_after}, memory {memory >> 10} then {memory_after >> 10} kB ",
              end="")
    assert soak.carried >= GOAL_BYTES
    assert set(soak.done) == set(soak.kinds)
    assert buffers_after <= buffers
    assert memory_after - memory < MORE_BYTES
    assert appliance.is_alive()
