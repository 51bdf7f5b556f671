# SPDX-License-Identifier: Apache-2.0
"""Calls that end early: cancelled, or refused by the appliance. Arguments as grpc_client.py has them.

Prints each that went well.
"""

import time

import grpc
from grpc_client import TIMEOUT_S, connect

REFUSALS = {
    # authority: (status, words); the words are the appliance's own, not a guess of the library
    "nobody.test": (grpc.StatusCode.UNIMPLEMENTED, "Not Found"),
    "down.example": (grpc.StatusCode.UNAVAILABLE, "Service Unavailable"),
    "refusing.example": (grpc.StatusCode.UNAVAILABLE, "Bad Gateway"),
    "impatient.example": (grpc.StatusCode.UNAVAILABLE, "Gateway Timeout"),
    "limited.example": (grpc.StatusCode.UNAVAILABLE, "Too Many Requests"),
}


def counts(channel):
    text = channel.unary_unary("/test.Test/SlowCounts")(b"", timeout=TIMEOUT_S)
    return [int(word) for word in text.split()]


def wait_counts(channel, begun, ended):
    deadline = time.monotonic() + TIMEOUT_S
    while counts(channel) != [begun, ended]:
        assert time.monotonic() < deadline, counts(channel)


def cancel(channel):
    begun, ended = counts(channel)
    call = channel.unary_unary("/test.Test/Slow").future(b"")
    wait_counts(channel, begun + 1, ended)
    call.cancel()
    wait_counts(channel, begun + 1, ended + 1)
    answers = channel.unary_stream("/test.Test/Endless")(b"")
    assert next(answers) == b"more" and next(answers) == b"more"
    answers.cancel()
    wait_counts(channel, begun + 2, ended + 2)
    print("cancelled")


def deadline(channel):
    left = float(channel.unary_unary("/test.Test/Left")(b"", timeout=TIMEOUT_S))
    # The library adds a little of its own.
    assert TIMEOUT_S / 2 < left < TIMEOUT_S + 1, left
    answers = channel.unary_stream("/test.Test/Endless")(b"", timeout=0.3)
    count = 0
    try:
        for answer in answers:
            count += answer == b"more"
        raise AssertionError("it ended well")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    assert count > 1
    print("deadline")


def refused(authority, status, words):
    with connect(authority) as channel:
        try:
            channel.unary_unary("/test.Test/Slow")(b"", timeout=TIMEOUT_S)
            raise AssertionError(authority + " went well")
        except grpc.RpcError as error:
            assert error.code() == status, error
            assert error.details() == words, error
    print(authority)


def main():
    channel = connect()
    cancel(channel)
    deadline(channel)
    for authority, (status, words) in REFUSALS.items():
        refused(authority, status, words)


main()
