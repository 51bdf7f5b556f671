# SPDX-License-Identifier: Apache-2.0
"""Child processes with a log file each, ended by their pid whatever happens."""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for(condition, what, timeout=10.0, pause=0.02):
    """Polls until condition() is true, and returns what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout} s: {what}")
        time.sleep(pause)


class Process:
    def __init__(self, name, command, log_path, env=None, stdin=subprocess.DEVNULL):
        self.name = name
        self.log_path = log_path
        self.log = open(log_path, "ab")
        self.child = subprocess.Popen(
            command, stdin=stdin, stdout=self.log, stderr=self.log,
            preexec_fn=die_with_parent, env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.child.pid

    def is_alive(self):
        return self.child.poll() is None

    def kill(self):
        """Dies at once, as in a crash."""
        if self.is_alive():
            self.child.kill()
        self.child.wait()
        self.log.close()

    def terminate(self, timeout=5.0):
        """SIGTERM, then SIGKILL after the time-out. The exit code, negative for a signal."""
        if self.is_alive():
            self.child.terminate()
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()
        finally:
            self.log.close()

    def output(self, last_bytes=20000):
        with open(self.log_path, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - last_bytes))
            return log.read().decode(errors="replace")

    def cpu_seconds(self):
        """utime + stime of all threads."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        """Of memory that is the process's own; hugepages are not among it."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("RssAnon:"))
        return int(line.split()[1]) * 1024
