# SPDX-License-Identifier: Apache-2.0
"""Sets the health of grpc_server.py's service "shop". Usage: ADDRESS:PORT AUTHORITY STATUS"""

import sys

import grpc

with grpc.insecure_channel(
        sys.argv[1], options=[("grpc.default_authority", sys.argv[2])]) as channel:
    channel.unary_unary("/test.Test/SetHealth")(sys.argv[3].encode(), timeout=10)
