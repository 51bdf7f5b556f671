# SPDX-License-Identifier: Apache-2.0
"""A gRPC member without generated code: messages are bytes. Usage: grpc_server.py ADDRESS:PORT"""

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


def endless(_request, context):
    SLOW["begun"] += 1
    while context.is_active():
        yield b"more"
        time.sleep(0.02)
    SLOW["ended"] += 1


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
        "/test.Test/Left": grpc.unary_unary_rpc_method_handler(left),
    }

    def service(self, details):
        return self.METHODS.get(details.method)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[Handler()])
    assert server.add_insecure_port(sys.argv[1])
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


main()
