# SPDX-License-Identifier: Apache-2.0
"""What idle TLS connections cost, TCP and HTTP included; and that they carry data again."""

import ssl

import pytest

from harness import web
from harness.network import VIP

WARM, COUNT = 200, 800
MOST_BYTES = 8192
REQUEST = b"GET /img/x HTTP/1.1\r\nHost: shop.example\r\n\r\n"


def answer_of(sock):
    sock.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += sock.recv(65536)
    return answer


def connect(site, context, count):
    made = []
    for _ in range(count):
        sock = site.client.connect(VIP, 443)
        made.append(context.wrap_socket(sock, server_hostname="shop.example"))
    # Idle: after a request, as kept connections are, and before the first one.
    for sock in made[::2]:
        assert b" 200 " in answer_of(sock)
    return made


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_idle_connections_are_cheap_and_wake(own_site, version, capsys):
    context = web.tls_context(own_site.ca, version)
    socks = connect(own_site, context, WARM)
    before = own_site.appliance.process.resident_bytes()
    socks += connect(own_site, context, COUNT)
    each = (own_site.appliance.process.resident_bytes() - before) / COUNT
    with capsys.disabled():
        print(f"\n{version.name}: {each:.0f} bytes for an idle connection ", end="")
    try:
        assert each < MOST_BYTES
        for sock in socks:
            assert b" 200 " in answer_of(sock)
    finally:
        for sock in socks:
            sock.close()
