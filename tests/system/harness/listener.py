# SPDX-License-Identifier: Apache-2.0
"""Clients that look at an answer while it comes: over HTTP/1.1 and HTTP/2, plain and over TLS."""

import select
import ssl
import struct

import h2.events

from . import web
from .h2client import H2Client
from .network import VIP
from .procs import wait_for

GOAWAY = 7
NO_STREAM_YET = (1 << 31) - 1


class H1Listener:
    def __init__(self, namespace, port, ca, host):
        self.sock = namespace.connect(VIP, port)
        if ca:
            self.sock = web.tls_context(ca).wrap_socket(self.sock, server_hostname=host)
        self.host = host
        self.bytes = b""
        self.is_closed = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.sock.close()

    def ask(self, path, *fields):
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n{lines}\r\n".encode())

    def pump(self):
        """Takes what has arrived. Returns nothing, so that it can stand in a condition."""
        while not self.is_closed:
            pending = getattr(self.sock, "pending", lambda: 0)()
            if not pending and not select.select([self.sock], [], [], 0.01)[0]:
                return
            try:
                data = self.sock.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                data = b""
            self.bytes += data
            self.is_closed = not data

    def hears(self, data):
        wait_for(lambda: self.pump() or data in self.bytes, f"{data} arrives")

    def ends(self):
        """Waits for the answer's end, in order."""
        wait_for(lambda: self.pump() or self.bytes.endswith(b"\r\n0\r\n\r\n"), "the last chunk")

    def is_cut(self):
        """Over, and not in order."""
        self.pump()
        return self.is_closed and not self.bytes.endswith(b"\r\n0\r\n\r\n")


class H2Listener(H2Client):
    def __init__(self, namespace, port, ca, host):
        self.rest = b""
        self.goaways = []  # (last stream, code)
        self.host = host
        self.bytes = b""
        self.stream = None
        self.is_reset = False
        super().__init__(namespace, VIP, port, ca=ca, name=host)

    def ask(self, path, *fields):
        assert not fields
        self.stream = self.request(self.host, path)

    def _receive(self, data):
        """Frames one by one: behind GOAWAY python3-h2 takes no others, so it does not see that."""
        self.rest += data
        events = []
        while len(self.rest) >= 9:
            length = int.from_bytes(self.rest[:3], "big")
            if len(self.rest) < 9 + length:
                break
            frame, self.rest = self.rest[:9 + length], self.rest[9 + length:]
            if frame[3] == GOAWAY:
                self.goaways.append(struct.unpack("!II", frame[9:17]))
            else:
                events += self.connection.receive_data(frame)
        return events

    def _on(self, event):
        if isinstance(event, h2.events.DataReceived):
            self.bytes += event.data
        self.is_reset |= isinstance(event, h2.events.StreamReset)
        super()._on(event)

    def hears(self, data):
        wait_for(lambda: self.pump() or data in self.bytes, f"{data} arrives")

    def ends(self):
        self.finish(self.stream)
        assert not self.is_reset

    def is_cut(self):
        self.pump()
        return self.is_reset
