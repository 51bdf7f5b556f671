# SPDX-License-Identifier: Apache-2.0
"""Members that are told of the client's address: nginx that expects a PROXY header, and a look at
the options of what arrives."""

import os
import socket
import struct

from .network import server, server6
from .procs import Process, wait_for

NUMBER = 45
PORT = 8101
TOA = 254

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
	access_log off;
	client_body_temp_path {folder}/body;
	proxy_temp_path {folder}/proxy;
	fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi;
	scgi_temp_path {folder}/scgi;
	default_type text/plain;
	server {{
		listen {v4}:{port} proxy_protocol;
		listen [{v6}]:{port} proxy_protocol;
		location / {{
			return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
		}}
	}}
}}
"""


class ProxyPeer:
    """nginx that takes no connection without a PROXY header, and answers with what that says."""

    def __init__(self, namespace, folder):
        config = os.path.join(folder, "told.conf")
        with open(config, "w", encoding="ascii") as out:
            out.write(CONFIG.format(folder=folder, port=PORT, v4=server(NUMBER),
                                    v6=server6(NUMBER)))
        self.process = Process("told", namespace.command(
            "nginx", "-p", folder, "-c", config, "-e", os.path.join(folder, "error.log")),
            os.path.join(folder, "told.log"))

        def listens():
            try:
                namespace.connect(server(NUMBER), PORT, timeout=1.0).close()
                return True
            except OSError:
                return not self.process.is_alive()
        wait_for(listens, "nginx with proxy_protocol listens")

    def close(self):
        self.process.kill()


def options_of(tcp):
    """The kinds and values of a TCP header's options."""
    found, at, end = {}, 20, (tcp[12] >> 4) * 4
    while at < end and tcp[at] != 0:
        if tcp[at] == 1:
            at += 1
            continue
        found[tcp[at]] = tcp[at + 2:at + tcp[at + 1]]
        at += tcp[at + 1]
    return found


class Sight:
    """TCP segments to a port of this namespace, as they come in."""

    def __init__(self, namespace, device, port):
        self.port = port
        self.sock = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind((device, 0))
        self.sock.settimeout(5.0)

    def close(self):
        self.sock.close()

    def segment(self, flags):
        """The next one with exactly these flags, as (options, payload length)."""
        while True:
            frame = self.sock.recv(65536)
            is_v6 = frame[12:14] == b"\x86\xdd"
            if not is_v6 and frame[12:14] != b"\x08\x00":
                continue
            if frame[14 + 6 if is_v6 else 14 + 9] != socket.IPPROTO_TCP:
                continue
            tcp = frame[14 + (40 if is_v6 else 20):]
            if struct.unpack("!H", tcp[2:4])[0] == self.port and tcp[13] == flags:
                return options_of(tcp)
