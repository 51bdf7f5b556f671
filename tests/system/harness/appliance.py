# SPDX-License-Identifier: Apache-2.0
"""The daemon under test, in its namespace, with one folder for its files."""

import json
import os
import signal
import subprocess

from .procs import Process, wait_for

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


def build_folder():
    return os.environ.get("PENSTOCK_BUILD", os.path.join(ROOT, "build-rel"))


def binary(name):
    return os.path.join(build_folder(), "app", name, name)


def check(path):
    """penstock --check FILE: the finished process."""
    return subprocess.run([binary("penstock"), "--check", path], capture_output=True, text=True,
                          check=False, timeout=20)


class Appliance:
    def __init__(self, network, folder, config, routes=None):
        self.network = network
        self.folder = str(folder)
        self.socket = os.path.join(self.folder, "penstock.sock")
        self.config_path = os.path.join(self.folder, "penstock.json")
        self.config = config
        self.process = None
        self.runs = 0
        self.write(config, routes)

    def write(self, config=None, routes=None):
        """Writes the configuration, and the routing table when there is one, for the next load."""
        if config is not None:
            self.config = {**config, "stats": {"socket": self.socket}}
            with open(self.config_path, "w", encoding="utf-8") as out:
                json.dump(self.config, out, indent=2)
        if routes is not None:
            with open(os.path.join(self.folder, "routes.json"), "w", encoding="utf-8") as out:
                json.dump({"routes": routes}, out, indent=2)

    def start(self, timeout=30.0):
        self.runs += 1
        self.process = Process(
            "penstock", self.network.appliance.command(binary("penstock"), "-c", self.config_path),
            os.path.join(self.folder, f"penstock.{self.runs}.log"))
        try:
            wait_for(self.is_ready, "the stats socket answers", timeout, pause=0.05)
        except BaseException as error:
            self.process.kill()
            raise RuntimeError(f"penstock did not start ({error}):\n{self.log()}") from error
        return self

    def is_ready(self):
        if not self.process.is_alive():
            raise RuntimeError(f"it ended with exit code {self.process.child.returncode}")
        return os.path.exists(self.socket) and self.run_ctl("show info").returncode == 0

    def run_ctl(self, command, timeout=10.0, text=None):
        """text: what the command's payload is, where it ends in <<."""
        return subprocess.run([binary("penstockctl"), "-s", self.socket, *command.split()],
                              capture_output=True, text=True, check=False, timeout=timeout,
                              input=text)

    def ctl(self, command):
        """The answer to a command that must succeed."""
        done = self.run_ctl(command)
        if done.returncode != 0:
            raise RuntimeError(f"penstockctl {command}: exit {done.returncode}: "
                               f"{done.stdout}{done.stderr}")
        return done.stdout

    def table(self, command):
        return json.loads(self.ctl(command + " json"))

    def info(self, key):
        return self.table("show info")[key]

    def drops(self):
        return {row["reason"]: int(row["packets"]) for row in self.table("show drops all")}

    def counters(self):
        return {row["counter"]: int(row["value"]) for row in self.table("show counters")}

    def servers(self, pool):
        return {row["server"]: row for row in self.table("show servers " + pool)}

    def state(self, pool, member):
        return self.servers(pool)[member]["state"].upper()

    def wait_state(self, pool, member, state, timeout=10.0):
        wait_for(lambda: self.state(pool, member).startswith(state),
                 f"{pool}/{member} is {state}", timeout)

    def reload_by_signal(self):
        before = self.info("Config_generation")
        self.process.child.send_signal(signal.SIGHUP)
        wait_for(lambda: self.info("Config_generation") != before, "SIGHUP loads the file")

    def is_alive(self):
        return self.process is not None and self.process.is_alive()

    def log(self):
        return self.process.output() if self.process else ""

    def stop(self, timeout=20.0):
        """SIGTERM, and the exit code; negative when it was ended by a signal."""
        return self.process.terminate(timeout)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        if self.process:
            self.process.terminate(15.0)
