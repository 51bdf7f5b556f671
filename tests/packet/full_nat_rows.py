#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes full_nat_rows.def with scapy, an implementation of the checksums that is not ours.

    tests/packet/full_nat_rows.py > tests/packet/full_nat_rows.def

The worker has one local port, 40000, and one member in each pool.
"""
from scapy.all import Ether, IP, IPv6, TCP, UDP, Raw, raw

ETHER = Ether(src="02:00:00:00:00:0c", dst="02:00:00:00:00:01")
LOCAL_PORT = 40000
ENDS = {
    4: {"client": "203.0.113.7", "vip": "192.0.2.100", "local": "192.0.2.2",
        "member": "198.51.100.1"},
    6: {"client": "2001:db8:2::7", "vip": "2001:db8::100", "local": "2001:db8::2",
        "member": "2001:db8:1::1"},
}
TCP_OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (123456, 0)), ("NOP", None),
               ("WScale", 7)]


def ip(version, src, dst, ttl, fields):
    """An IP header whose less usual fields must come through unchanged."""
    if version == 4:
        return IP(src=ENDS[4][src], dst=ENDS[4][dst], ttl=ttl,
                  **{"tos": 0xb9, "id": 0x1234, "flags": "DF", **fields})
    return IPv6(src=ENDS[6][src], dst=ENDS[6][dst], hlim=ttl,
                **{"tc": 0xb9, "fl": 0x54321, **fields})


def packets(version, is_reply, upper, ports, payload, ttl=64, fields=None, sum_zero=False):
    """The same packet as it comes in and as it must go out."""
    fields = fields or {}
    client_port, vip_port = ports
    inner = upper.copy()
    outer = upper.copy()
    if is_reply:
        inner.sport, inner.dport = 8080, LOCAL_PORT
        outer.sport, outer.dport = vip_port, client_port
        ends = ("member", "local"), ("vip", "client")
    else:
        inner.sport, inner.dport = client_port, vip_port
        outer.sport, outer.dport = LOCAL_PORT, 8080
        ends = ("client", "vip"), ("local", "member")
    if sum_zero:
        inner.chksum = outer.chksum = 0
    before = ip(version, *ends[0], ttl, fields) / inner / Raw(payload)
    after = ip(version, *ends[1], ttl - 1, fields) / outer / Raw(payload)
    return raw(ETHER / before), raw(after)


def hex_lines(data):
    text = data.hex()
    return "\n".join('\t"%s"' % text[i:i + 88] for i in range(0, len(text), 88)) or '\t""'


def row(description, before, verdict, after=b"", pad=b""):
    print('ROW("%s", %s,' % (description, verdict))
    print(hex_lines(before + pad) + ",")
    print(hex_lines(after) + ")")


def tcp(flags, **fields):
    return TCP(flags=flags, **{"seq": 1000, "ack": 2000, "window": 501, **fields})


def udp_sum(data, version):
    at = (20 if version == 4 else 40) + 6
    return data[at] << 8 | data[at + 1]


def payload_for_sum_zero():
    """A payload with which the checksum of what goes out is zero: sent as 0xffff."""
    for n in range(65536):
        payload = bytes([n >> 8, n & 255])
        before, after = packets(4, False, UDP(), (5002, 53), payload)
        # Scapy writes what RFC 768 asks for, too.
        if udp_sum(after, 4) == 0xffff:
            return payload
    raise SystemExit("no such payload")


def tcp_rows(v):
    ports = (5000, 80)
    name = "TCP over IPv%d: " % v
    row(name + "a segment of no connection", packets(v, False, tcp("A"), ports, b"")[0],
        "DROP_no_conn")
    before, after = packets(v, False, tcp("S", ack=0, options=TCP_OPTIONS), ports, b"")
    row(name + "SYN with options", before, "DROP_NONE", after)
    before, after = packets(v, True, tcp("SA", options=TCP_OPTIONS), ports, b"", ttl=63)
    row(name + "SYN|ACK", before, "DROP_NONE", after)
    before, after = packets(v, False, tcp("A"), ports, b"")
    row(name + "ACK, padded by Ethernet", before, "DROP_NONE", after,
        b"\0" * max(0, 60 - len(before)) if v == 4 else b"")
    before, after = packets(v, False, tcp("PA"), ports, b"GET / HTTP/1.1\r\n\r\n1")
    row(name + "data of odd length", before, "DROP_NONE", after)
    before, after = packets(v, True, tcp("PA"), ports, bytes(range(256)) * 5)
    row(name + "a large answer", before, "DROP_NONE", after)
    before, after = packets(v, False, tcp("PAU", urgptr=3), ports, b"xyz", ttl=2)
    row(name + "urgent data, and a TTL that just suffices", before, "DROP_NONE", after)
    before, after = packets(v, True, tcp("PA"), ports, b"late", ttl=1)
    row(name + "a TTL that is used up", before, "DROP_ttl_expired")
    before, after = packets(v, False, tcp("FA"), ports, b"bye")
    row(name + "FIN with data", before, "DROP_NONE", after)
    before, after = packets(v, True, tcp("FA"), ports, b"")
    row(name + "the member's FIN", before, "DROP_NONE", after)
    before, after = packets(v, False, tcp("A"), ports, b"")
    row(name + "the last ACK", before, "DROP_NONE", after)
    before, after = packets(v, True, tcp("R"), ports, b"")
    row(name + "RST", before, "DROP_NONE", after)


def udp_rows(v):
    ports = (5002, 53)
    name = "UDP over IPv%d: " % v
    before, after = packets(v, True, UDP(), ports, b"unasked")
    row(name + "an answer that nobody asked for", before, "DROP_no_conn")
    before, after = packets(v, False, UDP(), ports, b"question")
    row(name + "a first datagram", before, "DROP_NONE", after)
    before, after = packets(v, True, UDP(), ports, b"the answer")
    row(name + "its answer", before, "DROP_NONE", after)
    before, after = packets(v, False, UDP(), ports, b"")
    row(name + "no payload", before, "DROP_NONE", after)
    before, after = packets(v, False, UDP(), ports, bytes(1452 if v == 6 else 1472))
    row(name + "a full frame of zeroes", before, "DROP_NONE", after)
    if v == 6:
        return
    before, after = packets(v, False, UDP(), ports, b"unsummed", sum_zero=True)
    row(name + "no checksum stays none", before, "DROP_NONE", after)
    before, after = packets(v, True, UDP(), ports, b"unsummed", sum_zero=True)
    row(name + "no checksum stays none, back", before, "DROP_NONE", after)
    before, after = packets(v, False, UDP(), ports, payload_for_sum_zero())
    row(name + "a checksum that comes out as zero is sent as ones", before, "DROP_NONE", after)


def refused_rows():
    before, after = packets(4, False, UDP(), (5002, 53), b"question")
    row("a wrong UDP checksum", before[:-1] + b"?", "DROP_parse_l4_checksum")
    row("a wrong IPv4 header checksum", before[:24] + b"\0\0" + before[26:],
        "DROP_parse_ip_checksum")
    row("cut off in its UDP header", before[:38], "DROP_parse_ip_header")


if __name__ == "__main__":
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* ROW(description, verdict, frame in, packet out): made by full_nat_rows.py. */")
    for version in (4, 6):
        tcp_rows(version)
        udp_rows(version)
    refused_rows()
