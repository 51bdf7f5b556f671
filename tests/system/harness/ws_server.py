# SPDX-License-Identifier: Apache-2.0
"""A WebSocket member: sends messages back, and prints how each client closed. Usage: ADDRESS PORT"""

import asyncio
import sys

import websockets


async def serve(socket, _path):
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosedError:
        pass
    print("closed", socket.close_code, flush=True)


async def main():
    async with websockets.serve(serve, sys.argv[1], int(sys.argv[2]), max_size=1 << 24):
        print("ready", flush=True)
        await asyncio.Future()


asyncio.run(main())
