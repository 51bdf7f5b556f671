# SPDX-License-Identifier: Apache-2.0
"""Reads what a capture wrote: scapy for the packets, the blocks themselves for the comments."""

import struct

from scapy.utils import rdpcap

PACKET_BLOCK = 6
COMMENT = 1


def _blocks(data):
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        assert size >= 12 and struct.unpack_from("<I", data, at + size - 4)[0] == size
        yield kind, data[at + 8:at + size - 4]
        at += size


def _comment(body):
    kept = struct.unpack_from("<I", body, 12)[0]
    at = 20 + (kept + 3) // 4 * 4
    while at + 4 <= len(body):
        code, size = struct.unpack_from("<HH", body, at)
        if code == COMMENT:
            return body[at + 4:at + 4 + size].decode()
        at += 4 + (size + 3) // 4 * 4
    return ""


def read(path):
    """(scapy's packet, comment) for each packet of the file."""
    with open(path, "rb") as file:
        data = file.read()
    comments = [_comment(body) for kind, body in _blocks(data) if kind == PACKET_BLOCK]
    packets = list(rdpcap(path)) if comments else []
    assert len(packets) == len(comments)
    return list(zip(packets, comments))
