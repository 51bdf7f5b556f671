# SPDX-License-Identifier: Apache-2.0
"""The echo members alone, TCP and UDP, for tests with a network of their own."""

import os

from . import origin
from .network import server, server6
from .procs import Process, wait_for
from .servers import ECHO, ECHO_PORT, UDP_PORT


class Members:
    def __init__(self, namespace, folder):
        self.namespace = namespace
        self.folder = str(folder)
        self.processes = {}
        try:
            for name in ECHO:
                self.start(name)
        except BaseException:
            self.close()
            raise

    def start(self, name):
        words = []
        for address in (server(ECHO[name]), server6(ECHO[name])):
            words += ["--tcp", address, str(ECHO_PORT), "--udp", address, str(UDP_PORT)]
        process = Process(
            name,
            self.namespace.command("/usr/bin/python3", origin.__file__, "--name", name, *words),
            os.path.join(self.folder, name + ".log"))
        self.processes[name] = process
        wait_for(lambda: "ready" in process.output(), name + " listens")

    def kill(self, name):
        self.processes[name].kill()

    def close(self):
        for process in self.processes.values():
            process.kill()
