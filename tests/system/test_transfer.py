# SPDX-License-Identifier: Apache-2.0
"""200 MB up and down, at layer 4 and layer 7, in the clear and over TLS: every byte arrives."""

import hashlib
import json
import subprocess
import time

import pytest

from harness import web
from harness.network import VIP
from harness.origin import body_pieces, body_sha256

SIZE = 200 * 1000 * 1000
WAYS = {
    "l4-http": "http://origin.example:8080",
    "l4-https": "https://shop.example:8443",
    "l7-http": "http://origin.example",
    "l7-https": "https://origin.example",
}


@pytest.fixture(scope="module")
def upload(tmp_path_factory):
    path = tmp_path_factory.mktemp("upload") / "body"
    with open(path, "wb") as out:
        for piece in body_pieces(SIZE):
            out.write(piece)
    yield str(path)
    path.unlink()


@pytest.mark.parametrize("way", WAYS)
def test_upload(everywhere, upload, way):
    answer = web.curl(everywhere.client, "-T", upload, "-H", "Expect:", WAYS[way] + "/upload",
                       ca=everywhere.ca, timeout=90)
    assert answer.exit_code == 0 and answer.status == 200, answer.errors
    seen = json.loads(answer.body)
    assert seen["body_bytes"] == SIZE
    assert seen["body_sha256"] == body_sha256(SIZE)


@pytest.mark.parametrize("way", WAYS)
def test_download(everywhere, way):
    host, port = web.authority_of(WAYS[way])
    command = ["curl", "-sS", "--fail", "--max-time", "90", "--noproxy", "*",
               "--resolve", f"{host}:{port}:{VIP}", "--cacert", everywhere.ca,
               f"{WAYS[way]}/bytes/{SIZE}"]
    digest, total = hashlib.sha256(), 0
    with subprocess.Popen(everywhere.client.command(*command), stdout=subprocess.PIPE) as child:
        while data := child.stdout.read(1 << 20):
            digest.update(data)
            total += len(data)
    assert child.returncode == 0
    assert total == SIZE
    assert digest.hexdigest() == body_sha256(SIZE)


def test_memory_stays_bounded_behind_a_slow_reader(site):
    """Back pressure reaches the member: 200 MB do not fit in between."""
    with site.client.connect(VIP, 80, timeout=20) as sock:
        before = site.appliance.counters()["l7.bytes_out"]
        sock.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: origin.example\r\n\r\n" % SIZE)
        taken, seen = 0, -1
        sock.recv(1000)
        while seen != (seen := site.appliance.counters()["l7.bytes_out"] - before):
            taken += 1
            time.sleep(0.3)  # progress is looked at, not awaited
        assert 0 < seen < SIZE / 4, f"{seen} bytes on their way"
        left = SIZE
        while left > SIZE - 20_000_000:
            data = sock.recv(1 << 20)
            assert data
            left -= len(data)
