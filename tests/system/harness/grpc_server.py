# SPDX-License-Identifier: Apache-2.0
"""A gRPC member without generated code: messages are bytes.

Usage: grpc_server.py ADDRESS:PORT [KEY CHAIN]; with a key over TLS. Its health is that of
grpc.health.v1 for the services "" and "shop", until somebody calls SetHealth.
"""

import sys
import time
from concurrent import futures

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "seen"),))
    return b"re:" + request


def server_stream(request, _context):
    for number in range(int(request)):
        yield b"%d" % number


def client_stream(requests, _context):
    return b"%d" % sum(int(r) for r in requests)


def both(requests, _context):
    for request in requests:
        yield b"re:" + request


def error(_request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")


SLOW = {"begun": 0, "ended": 0}


def slow(_request, context):
    SLOW["begun"] += 1
    while context.is_active():
        time.sleep(0.02)
    SLOW["ended"] += 1
    return b""


def slow_counts(_request, _context):
    return b"%d %d" % (SLOW["begun"], SLOW["ended"])


def note_end():
    SLOW["ended"] += 1


def endless(_request, context):
    # The library may drop a generator in the middle, when its call has ended.
    context.add_callback(note_end)
    SLOW["begun"] += 1
    while context.is_active():
        yield b"more"
        time.sleep(0.02)


# HealthCheckRequest: field 1, a text; HealthCheckResponse: field 1, a number.
HEALTH = {b"": 1, b"\x0a\x04shop": 1}


def health(request, context):
    if request not in HEALTH:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return b"\x08%c" % HEALTH[request]


def set_health(request, _context):
    HEALTH[b"\x0a\x04shop"] = int(request)
    return b""


def left(_request, context):
    return b"%f" % context.time_remaining()


class Handler(grpc.GenericRpcHandler):
    METHODS = {
        "/test.Test/Unary": grpc.unary_unary_rpc_method_handler(unary),
        "/test.Test/ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "/test.Test/ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "/test.Test/Both": grpc.stream_stream_rpc_method_handler(both),
        "/test.Test/Error": grpc.unary_unary_rpc_method_handler(error),
        "/test.Test/Slow": grpc.unary_unary_rpc_method_handler(slow),
        "/test.Test/SlowCounts": grpc.unary_unary_rpc_method_handler(slow_counts),
        "/test.Test/Endless": grpc.unary_stream_rpc_method_handler(endless),
        "/grpc.health.v1.Health/Check": grpc.unary_unary_rpc_method_handler(health),
        "/test.Test/SetHealth": grpc.unary_unary_rpc_method_handler(set_health),
        "/test.Test/Left": grpc.unary_unary_rpc_method_handler(left),
    }

    def service(self, details):
        return self.METHODS.get(details.method)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[Handler()])
    if len(sys.argv) > 2:
        with open(sys.argv[2], "rb") as key, open(sys.argv[3], "rb") as chain:
            credentials = grpc.ssl_server_credentials([(key.read(), chain.read())])
        assert server.add_secure_port(sys.argv[1], credentials)
    else:
        assert server.add_insecure_port(sys.argv[1])
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


main()
