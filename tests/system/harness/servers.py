# SPDX-License-Identifier: Apache-2.0
"""All members that the tests' pools name, running in the servers' namespace."""

import os

from . import origin
from .network import server, server6
from .nginx import Nginx
from .procs import Process, wait_for

ECHO_PORT = 7001
UDP_PORT = 7002
HTTP_PORT = 8080
HTTPS_PORT = 8443

ECHO = {f"echo-{n}": 10 + n for n in (1, 2, 3)}
PAYMENTS = {f"payments-{n}": 20 + n for n in (1, 2)}
STATIC = {f"static-{n}": 30 + n for n in (1, 2)}
ORIGIN = {"origin-1": 41}
PLAYED = 48  # an address whose part a test plays itself
NOBODY = 49  # an address with no server on its ports


class Servers:
    def __init__(self, network, folder, certificate):
        self.network = network
        self.folder = str(folder)
        self.certificate = certificate
        self.processes = {}
        self.nginx = {}
        try:
            for name in {**ECHO, **ORIGIN}:
                self.start(name)
            for name, number in {**PAYMENTS, **STATIC}.items():
                self.nginx[name] = Nginx(network.servers, self.folder, name,
                                         [(server(number), HTTP_PORT), (server6(number), HTTP_PORT)])
                self.start(name)
        except BaseException:
            self.close()
            raise

    def start(self, name):
        if name in self.nginx:
            self.nginx[name].start()
            return
        words = ["--name", name]
        number = {**ECHO, **ORIGIN}[name]
        for address in (server(number), server6(number)):
            if name in ECHO:
                words += ["--tcp", address, str(ECHO_PORT), "--udp", address, str(UDP_PORT)]
            else:
                words += ["--http", address, str(HTTP_PORT)]
        if name in ORIGIN:
            words += ["--https", server(number), str(HTTPS_PORT), *self.certificate]
        self.processes[name] = Process(
            name, self.network.servers.command("/usr/bin/python3", origin.__file__, *words),
            os.path.join(self.folder, name + ".log"))
        process = self.processes[name]
        wait_for(lambda: "ready" in process.output() or not process.is_alive(), name + " listens")
        if not process.is_alive():
            raise RuntimeError(f"{name} ended:\n{process.output()}")

    def kill(self, name):
        """The member's process dies; its host answers with RST from now on."""
        (self.nginx.get(name) or self.processes[name]).kill()

    def ensure(self, names):
        """Starts those that a failed test left dead."""
        for name in names:
            holder = self.nginx.get(name)
            process = holder.process if holder else self.processes[name]
            if not process.is_alive():
                self.start(name)

    def close(self):
        for process in self.processes.values():
            process.kill()
        for nginx in self.nginx.values():
            if nginx.process:
                nginx.process.kill()
