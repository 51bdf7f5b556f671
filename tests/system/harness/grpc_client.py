# SPDX-License-Identifier: Apache-2.0
"""Calls grpc_server.py in all forms and prints each that went well.

Usage: ADDRESS:PORT AUTHORITY [CA-FILE]; with a CA over TLS.
"""

import sys

import grpc

LARGE_BYTES = 3_000_000
TIMEOUT_S = 20


def connect(authority=None):
    options = [("grpc.default_authority", authority or sys.argv[2])]
    if len(sys.argv) == 3:
        return grpc.insecure_channel(sys.argv[1], options=options)
    with open(sys.argv[3], "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    options.append(("grpc.ssl_target_name_override", sys.argv[2]))
    return grpc.secure_channel(sys.argv[1], credentials, options=options)


def main():
    channel = connect()
    unary = channel.unary_unary("/test.Test/Unary")
    answer, call = unary.with_call(b"a", timeout=TIMEOUT_S)
    assert answer == b"re:a" and ("x-trailer", "seen") in call.trailing_metadata()
    print("unary")
    answers = list(channel.unary_stream("/test.Test/ServerStream")(b"500", timeout=TIMEOUT_S))
    assert answers == [b"%d" % n for n in range(500)]
    print("server-stream")
    numbers = iter([b"%d" % n for n in range(500)])
    answer = channel.stream_unary("/test.Test/ClientStream")(numbers, timeout=TIMEOUT_S)
    assert int(answer) == sum(range(500))
    print("client-stream")
    answers = list(channel.stream_stream("/test.Test/Both")(iter([b"x", b"y"]), timeout=TIMEOUT_S))
    assert answers == [b"re:x", b"re:y"]
    print("both")
    for method, timeout, status, details in (
            ("Error", TIMEOUT_S, grpc.StatusCode.FAILED_PRECONDITION, "not now"),
            ("Slow", 0.3, grpc.StatusCode.DEADLINE_EXCEEDED, None)):
        try:
            channel.unary_unary("/test.Test/" + method)(b"", timeout=timeout)
            raise AssertionError(method + " went well")
        except grpc.RpcError as error:
            assert error.code() == status, error
            assert details in (None, error.details()), error
        print("error" if method == "Error" else "deadline")
    assert unary(b"z" * LARGE_BYTES, timeout=TIMEOUT_S) == b"re:" + b"z" * LARGE_BYTES
    print("large")


if __name__ == "__main__":
    main()
