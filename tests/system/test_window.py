# SPDX-License-Identifier: Apache-2.0
"""How much the kernel's stack may send to ours over a long way: the window grows with the reading."""

import threading
import time

import pytest

from test_tcp import DISCARD, OURS, Lab, report

RTT_MS = 50
LONG_WAY = ["--delay", str(RTT_MS * 1000 // 2)]
WINDOW = 65536
SECONDS = 2.5


@pytest.fixture(name="long_lab")
def fixture_long_lab(tmp_path):
    made = Lab(tmp_path, LONG_WAY)
    yield made
    made.close()


def upload(lab, peer):
    """The kernel sends as fast as it may. The best rate of a second's quarter, bytes/s."""
    with lab.kernel.connect(OURS, DISCARD, 10) as sock:
        end = time.monotonic() + SECONDS

        def send():
            while time.monotonic() < end:
                sock.sendall(bytes(1 << 16))
        sender = threading.Thread(target=send)
        sender.start()
        samples = []
        while sender.is_alive():
            samples.append((time.monotonic(), report(peer)["bytes"]))
            sender.join(0.25)
    return max((b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(samples, samples[1:]))


def test_the_window_grows_on_a_long_way(long_lab):
    """A fixed window is worth 1.3 MB/s over 50 ms; one that may grow, several times that."""
    peer = long_lab.serve("--window", str(WINDOW))
    fixed = upload(long_lab, peer)
    assert fixed < 1.15 * WINDOW * 1000 / RTT_MS
    assert report(peer)["windows_grown"] == 0
    peer.terminate()
    peer = long_lab.serve("--window", str(WINDOW), "--window-max", str(16 * WINDOW))
    grown = upload(long_lab, peer)
    assert report(peer)["windows_grown"] >= 3
    assert grown > 3 * fixed, (grown, fixed)
