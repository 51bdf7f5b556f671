# SPDX-License-Identifier: Apache-2.0
"""python3-h2 over a socket in the client's namespace: windows and resets by hand."""

import select
import ssl
import time

import h2.config
import h2.connection
import h2.events

WAIT_S = 20


class H2Client:
    def __init__(self, namespace, vip, port, ca=None, name=None):
        self.sock = namespace.connect(vip, port)
        if ca:
            context = ssl.create_default_context(cafile=ca)
            context.set_alpn_protocols(["h2"])
            self.sock = context.wrap_socket(self.sock, server_hostname=name)
            assert self.sock.selected_alpn_protocol() == "h2"
        self.scheme = "https" if ca else "http"
        self.connection = h2.connection.H2Connection(
            config=h2.config.H2Configuration(client_side=True))
        self.hold = False  # streams that are opened now get no window
        self.held = {}     # stream: bytes that were not acknowledged
        self.received = {}
        self.status = {}
        self.ended = set()
        self.goaway = None
        self.is_closed = False
        self.connection.initiate_connection()
        # The connection's own window must not stand in the way.
        self.connection.increment_flow_control_window(1 << 26)
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.sock.close()

    def flush(self):
        try:
            self.sock.sendall(self.connection.data_to_send())
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.is_closed = True

    def request(self, host, path, method="GET"):
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, [(":method", method), (":scheme", self.scheme),
                                              (":authority", host), (":path", path)],
                                     end_stream=True)
        self.received[stream] = 0
        if self.hold:
            self.held[stream] = 0
        self.flush()
        return stream

    def reset(self, stream):
        self.connection.reset_stream(stream, 8)
        self.flush()

    def release(self, stream):
        """The window opens, now and from now on."""
        left = self.held.pop(stream)
        if left:
            self.connection.increment_flow_control_window(left, stream)
        self.flush()

    def _on(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            self.status[event.stream_id] = int(dict(event.headers)[b":status"])
        elif isinstance(event, h2.events.DataReceived):
            self.received[event.stream_id] += len(event.data)
            if event.stream_id in self.held:
                self.held[event.stream_id] += event.flow_controlled_length
            elif event.flow_controlled_length and event.stream_id not in self.ended:
                self.connection.increment_flow_control_window(
                    event.flow_controlled_length, event.stream_id)
        elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
            self.ended.add(event.stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code

    def _receive(self, data):
        return self.connection.receive_data(data)

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
            if not data:
                self.is_closed = True
                return
            events = self._receive(data)
            ends = [e for e in events if isinstance(e, h2.events.StreamEnded)]
            self.ended.update(e.stream_id for e in ends)
            for event in events:
                self._on(event)
            if self.goaway is None:
                self.flush()

    def finish(self, stream):
        deadline = time.monotonic() + WAIT_S
        while stream not in self.ended and not self.is_closed:
            assert time.monotonic() < deadline, f"stream {stream} does not end"
            self.pump()
        assert stream in self.ended, "the connection ended first"

    def get(self, host, path):
        """(status, bytes of the body)"""
        stream = self.request(host, path)
        self.finish(stream)
        return self.status[stream], self.received[stream]
