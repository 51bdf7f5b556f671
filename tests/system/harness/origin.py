# SPDX-License-Identifier: Apache-2.0
"""A server of many habits: TCP echo, UDP echo, and HTTP with slow, large and broken answers.

Run inside the servers' namespace:
  origin.py --name N [--habit flaky|hang] [--tcp ADDRESS PORT] [--udp ADDRESS PORT] [--http ADDRESS PORT]
            [--https ADDRESS PORT CHAIN KEY]
"""

import argparse
import hashlib
import json
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = hashlib.sha256(b"penstock").digest() * 2048  # 64 KiB


def body_pieces(length):
    """The body of /bytes/LENGTH; clients compute its hash with it, too."""
    while length > 0:
        yield BLOCK[:length]
        length -= len(BLOCK)


def body_sha256(length):
    digest = hashlib.sha256()
    for piece in body_pieces(length):
        digest.update(piece)
    return digest.hexdigest()


class Echo(socketserver.BaseRequestHandler):
    """Says its name, then echoes."""

    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.request.sendall(self.server.name.encode() + b"\n")
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError:
            pass


class EchoServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


class EchoServer6(EchoServer):
    address_family = socket.AF_INET6


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def read_body(self):
        """(bytes, sha256) of the request's body; plain or chunked."""
        digest, total = hashlib.sha256(), 0
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.flush()
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                digest.update(self.rfile.read(size))
                total += size
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return total, digest.hexdigest()
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            data = self.rfile.read(min(left, 262144))
            if not data:
                break
            digest.update(data)
            total += len(data)
            left -= len(data)
        return total, digest.hexdigest()

    def answer(self, status, body, extra=()):
        self.send_response(status)
        self.send_header("X-Member", self.server.name)
        self.send_header("Content-Length", str(len(body)))
        for name, value in extra:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def describe(self):
        total, digest = self.read_body()
        self.answer(200, json.dumps({
            "member": self.server.name, "method": self.command, "path": self.path,
            "headers": [[k.lower(), v] for k, v in self.headers.items()],
            "peer": self.client_address[0], "peer_port": self.client_address[1],
            "body_bytes": total, "body_sha256": digest}).encode() + b"\n",
            [("Content-Type", "application/json")])

    def send_bytes(self, words):
        length = int(words[0])
        self.send_response(200)
        self.send_header("X-Member", self.server.name)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        for piece in body_pieces(length):
            self.wfile.write(piece)

    def send_slowly(self, words):
        time.sleep(int(words[0]) / 1000)
        self.describe()

    def send_chunks(self, words):
        """/drip/COUNT/MS: COUNT chunks, MS milliseconds between two."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(int(words[0])):
            line = f"chunk {number}\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
            time.sleep(int(words[1]) / 1000)
        self.wfile.write(b"0\r\n\r\n")

    def send_broken(self, words):
        """/break/HOW: an answer that no proxy may pass on as good."""
        answers = {
            "silent": b"",
            "garbage": b"\x16\x03\x01garbage\r\n\r\n",
            "half": b"HTTP/1.1 200 OK\r\nContent-Len",
            "conflict": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
            "header-nul": b"HTTP/1.1 200 OK\r\nX-A: b\x00c\r\nContent-Length: 2\r\n\r\nok",
            "short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        }
        self.wfile.write(answers[words[0]])
        self.wfile.flush()
        self.close_connection = True

    def send_torn(self, words):
        """/torn/LENGTH/AT: a reset after AT bytes of a body that is said to have LENGTH."""
        self.send_response(200)
        self.send_header("Content-Length", words[0])
        self.end_headers()
        for piece in body_pieces(int(words[1])):
            self.wfile.write(piece)
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def send_status(self, words):
        self.read_body()
        self.answer(int(words[0]), b"status " + words[0].encode() + b"\n")

    def is_spoiled(self):
        """The member's habit: flaky fails every second request, hang answers none."""
        if self.server.habit == "hang":
            self.read_body()
            while self.rfile.read(4096):
                pass
            self.close_connection = True
            return True
        with self.server.lock:
            self.server.turn += 1
            if self.server.habit != "flaky" or self.server.turn % 2:
                return False
        self.read_body()
        self.answer(500, b"failed\n")
        return True

    def handle_any(self):
        if self.is_spoiled():
            return
        pages = {"bytes": self.send_bytes, "slow": self.send_slowly, "drip": self.send_chunks,
                 "break": self.send_broken, "torn": self.send_torn,
                 "status": self.send_status}
        words = self.path.partition("?")[0].strip("/").split("/")
        try:
            if words[0] in pages and len(words) > 1:
                pages[words[0]](words[1:])
            else:
                self.describe()
        except OSError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_any


class HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def server_bind(self):
        # The library's own looks up the host's name, which waits for a resolver that is not there.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class HttpServer6(HttpServer):
    address_family = socket.AF_INET6


def serve_udp(name, address, port):
    """Answers a datagram with the name, a space and the datagram; an empty one with the name."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, port))
    while True:
        data, peer = sock.recvfrom(65536)
        try:
            sock.sendto(name.encode() + b" " + data, peer)
        except OSError:
            pass


def serve(server, name, habit="none"):
    server.name, server.habit = name, habit
    server.lock, server.turn = threading.Lock(), 0
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--habit", choices=["none", "flaky", "hang"], default="none")
    for kind in ("tcp", "udp", "http"):
        parser.add_argument("--" + kind, nargs=2, action="append", default=[])
    parser.add_argument("--https", nargs=4, action="append", default=[])
    options = parser.parse_args()
    for address, port in options.tcp:
        serve((EchoServer6 if ":" in address else EchoServer)((address, int(port)), Echo),
              options.name)
    for address, port in options.http:
        serve((HttpServer6 if ":" in address else HttpServer)((address, int(port)), Origin),
              options.name, options.habit)
    for address, port, chain, key in options.https:
        server = HttpServer((address, int(port)), Origin)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        # The handshake happens in the connection's thread, at its first read.
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
        serve(server, options.name)
    for address, port in options.udp:
        threading.Thread(target=serve_udp, args=(options.name, address, int(port)),
                         daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
