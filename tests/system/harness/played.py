# SPDX-License-Identifier: Apache-2.0
"""A member whose part the test plays itself: what it says, and when, is up to the test."""

import socket

import h2.config
import h2.connection
import h2.events

WAIT_S = 10.0
HINT = "</style.css>; rel=preload"


class Stage:
    """A listening socket in a namespace; accept() takes the next request that arrives."""

    def __init__(self, namespace, address, port, exchange):
        self.exchange = exchange
        self.sock = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, port))
        self.sock.listen(64)
        self.sock.settimeout(WAIT_S)

    def accept(self):
        sock = self.sock.accept()[0]
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(WAIT_S)
        return self.exchange(sock)

    def close(self):
        self.sock.close()


class Exchange:
    """One request over HTTP/1.1, and its answer, piece by piece."""

    def __init__(self, sock):
        self.sock = sock
        self.bytes = b""
        self.until(b"\r\n\r\n")
        self.head = self.bytes.partition(b"\r\n\r\n")[0].decode().lower()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.sock.close()

    def read(self):
        data = self.sock.recv(65536)
        assert data, f"the appliance closed behind {self.bytes}"
        self.bytes += data

    def until(self, mark):
        """Reads on, until these bytes have come."""
        while mark not in self.bytes:
            self.read()

    def request_trailers(self):
        """What stands behind the last chunk."""
        self.until(b"\r\n0\r\n")
        while not self.bytes.endswith(b"\r\n\r\n"):
            self.read()
        tail = self.bytes.rpartition(b"\r\n0\r\n")[2].decode().lower()
        return dict(line.split(": ") for line in tail.split("\r\n") if line)

    def hint(self):
        self.sock.sendall(f"HTTP/1.1 103 Early Hints\r\nLink: {HINT}\r\n\r\n".encode())

    def begin(self, kind="text/event-stream"):
        self.sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n".encode())

    def say(self, data):
        self.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self, **trailers):
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in trailers.items())
        self.sock.sendall(f"0\r\n{lines}\r\n".encode())


class H2Exchange:
    """The same over HTTP/2, by prior knowledge."""

    def __init__(self, sock):
        self.sock = sock
        self.connection = h2.connection.H2Connection(
            config=h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.connection.initiate_connection()
        self.stream = self.head = self.trailers = None
        self.flush()
        self.until(lambda: self.head is not None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.sock.close()

    def flush(self):
        self.sock.sendall(self.connection.data_to_send())

    def until(self, condition):
        while not condition():
            data = self.sock.recv(65536)
            assert data, "the appliance closed"
            for event in self.connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.stream = event.stream_id
                    self.head = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    self.connection.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.TrailersReceived):
                    self.trailers = dict(event.headers)
            self.flush()

    def request_trailers(self):
        self.until(lambda: self.trailers is not None)
        return self.trailers

    def _send_head(self, fields, **more):
        self.connection.send_headers(self.stream, fields, **more)
        self.flush()

    def hint(self):
        self._send_head([(":status", "103"), ("link", HINT)])

    def begin(self, kind="text/event-stream"):
        self._send_head([(":status", "200"), ("content-type", kind)])

    def say(self, data):
        self.connection.send_data(self.stream, data)
        self.flush()

    def end(self, **trailers):
        if trailers:
            self._send_head([(name.replace("_", "-"), value) for name, value in trailers.items()],
                            end_stream=True)
        else:
            self.connection.end_stream(self.stream)
            self.flush()
