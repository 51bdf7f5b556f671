# SPDX-License-Identifier: Apache-2.0
"""One nginx as one member: a single process, so that ending it ends the member."""

import os
import socket

from .procs import Process, wait_for

CONFIG = """
daemon off;
{processes}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
	access_log {access_log};
	client_body_temp_path {folder}/body;
	proxy_temp_path {folder}/proxy;
	fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi;
	scgi_temp_path {folder}/scgi;
	client_max_body_size 0;
	keepalive_requests 1000000;
	default_type text/plain;
	server {{
		{listen}
		root {folder};
		add_header X-Member {name} always;
		location = /health {{ return 200 "ok\\n"; }}
		location /files/ {{ alias {folder}/files/; }}
		location / {{
			return 200 "{name} $request_uri xff=$http_x_forwarded_for proto=$http_x_forwarded_proto host=$http_host\\n";
		}}
	}}
}}
"""


class Nginx:
    def __init__(self, namespace, folder, name, endpoints, workers=0, has_log=True):
        """endpoints: (address, port) pairs. workers: 0 is a single process that kill() ends."""
        self.namespace = namespace
        self.folder = os.path.join(folder, name)
        self.name = name
        self.endpoints = endpoints
        self.process = None
        self.access_log = os.path.join(self.folder, "access.log")
        os.makedirs(os.path.join(self.folder, "files"), exist_ok=True)
        # nginx drops its privileges to a user that may not own our folder.
        listen = "".join(f"listen {'[%s]' % a if ':' in a else a}:{p} backlog=4096; "
                         for a, p in endpoints)
        processes = f"user root; worker_processes {workers};" if workers else "master_process off;"
        self.config = os.path.join(self.folder, "nginx.conf")
        with open(self.config, "w", encoding="ascii") as out:
            out.write(CONFIG.format(folder=self.folder, name=name, listen=listen,
                                    processes=processes,
                                    access_log=self.access_log if has_log else "off"))

    def start(self):
        self.process = Process(
            self.name, self.namespace.command("nginx", "-p", self.folder, "-c", self.config,
                                              "-e", os.path.join(self.folder, "error.log")),
            os.path.join(self.folder, "output.log"))
        wait_for(self._answers, f"nginx {self.name} listens")
        return self

    def _answers(self):
        if not self.process.is_alive():
            raise RuntimeError(f"nginx {self.name} ended:\n{self.process.output()}")
        try:
            self.namespace.connect(*self.endpoints[0], timeout=1.0).close()
            return True
        except (ConnectionError, socket.timeout):
            return False

    def kill(self):
        self.process.kill()

    def stop(self):
        if self.process:
            self.process.terminate()
