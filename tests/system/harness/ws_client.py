# SPDX-License-Identifier: Apache-2.0
"""
A WebSocket client. Usage: ws_client.py echo|wait ADDRESS URL [CA]. "echo" sends many messages and a
large one, and checks what comes back; "wait" says "open" and then how the other end closed.
"""

import asyncio
import os
import ssl
import sys
import urllib.parse

import websockets

MESSAGES = 200
LARGE_BYTES = 3_000_000


async def echo(socket):
    for number in range(MESSAGES):
        await socket.send(f"message {number}")
    for number in range(MESSAGES):
        assert await socket.recv() == f"message {number}"
    large = os.urandom(LARGE_BYTES)
    await socket.send(large)
    assert await socket.recv() == large
    await asyncio.wait_for(await socket.ping(), 10)
    await socket.close(4001, "done")
    print("echoed", socket.close_code, flush=True)


async def wait(socket):
    print("open", flush=True)
    await socket.wait_closed()
    print("closed", socket.close_code, flush=True)


async def main():
    mode, address, url, *ca = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca[0]) if ca else None
    port = urllib.parse.urlsplit(url).port or (443 if ca else 80)
    async with websockets.connect(url, host=address, port=port, ssl=context, max_size=1 << 24,
                                  ping_interval=None, open_timeout=20) as socket:
        await (echo if mode == "echo" else wait)(socket)


asyncio.run(main())
