# SPDX-License-Identifier: Apache-2.0
"""Seeded frames and requests that no honest client sends."""

import random

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr,
                                IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from .network import CLIENT, CLIENT6, VIP, VIP6, WAN

MTU_FRAME = 1514


def templates(source_mac, destination_mac):
    """Well-formed frames of every kind that the appliance reads."""
    ether = Ether(src=source_mac, dst=destination_mac)
    v4, v6 = IP(src=CLIENT, dst=VIP), IPv6(src=CLIENT6, dst=VIP6)
    syn = TCP(sport=40000, dport=80, flags="S", seq=1, options=[
        ("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)])
    data = TCP(sport=40001, dport=443, flags="PA", seq=9, ack=9) / Raw(b"\x16\x03\x01" * 20)
    packets = [
        ether / v4 / syn, ether / v6 / syn, ether / v4 / data, ether / v6 / data,
        ether / v4 / TCP(sport=40002, dport=7001, flags="S"),
        ether / v4 / UDP(sport=40003, dport=7002) / Raw(b"x" * 40),
        ether / v6 / UDP(sport=40003, dport=7002) / Raw(b"x" * 40),
        ether / v4 / ICMP() / Raw(b"ping" * 8),
        ether / v6 / ICMPv6EchoRequest(data=b"ping" * 8),
        ether / v4 / ICMP(type=3, code=4) / v4 / UDP(sport=1, dport=2),
        Ether(src=source_mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, psrc=CLIENT, pdst=WAN,
                                                             hwsrc=source_mac),
        ether / ARP(op=2, psrc=CLIENT, pdst=WAN, hwsrc=source_mac, hwdst=destination_mac),
        ether / IPv6(src=CLIENT6, dst=VIP6, hlim=255) / ICMPv6ND_NS(tgt=VIP6) /
        ICMPv6NDOptSrcLLAddr(lladdr=source_mac),
        ether / IP(src=CLIENT, dst=VIP, flags="MF", frag=0) / UDP(sport=5, dport=7002) /
        Raw(b"y" * 64),
        ether / v6 / IPv6ExtHdrFragment(offset=0, m=1, id=7) / UDP(sport=5, dport=7002) /
        Raw(b"y" * 64),
        ether / v6 / IPv6ExtHdrHopByHop() / UDP(sport=5, dport=7002),
        ether / Dot1Q(vlan=5) / v4 / syn,
    ]
    return [bytes(packet) for packet in packets]


def mutate(frame, noise):
    """One to four injuries behind the Ethernet addresses; at least 14 bytes remain."""
    data = bytearray(frame)
    for _ in range(noise.randint(1, 4)):
        injury = noise.randrange(5)
        place = noise.randrange(12, len(data))
        if injury == 0:
            data[place] ^= 1 << noise.randrange(8)
        elif injury == 1:
            data[place] = noise.choice([0, 1, 0x7f, 0x80, 0xff])
        elif injury == 2:
            del data[max(14, place):]
        elif injury == 3:
            data[place:place + 2] = noise.randbytes(2)
        else:
            data += noise.randbytes(noise.randint(1, 200))
    return bytes(data[:MTU_FRAME])


def frames(count, seed, source_mac, destination_mac):
    noise = random.Random(seed)
    kinds = templates(source_mac, destination_mac)
    return [mutate(kinds[number % len(kinds)], noise) for number in range(count)]


HOST = b"Host: origin.example\r\n"

# (request, statuses of which one must answer; an empty tuple: any refusal or a closed connection)
BAD_REQUESTS = [
    (b"GET / HTTP/1.1\r\n\r\n", (400,)),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Host: b.example\r\n\r\n", (400,)),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", (400,)),
    (b"GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", (400,)),
    (b"GET /#x HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    (b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", (400,)),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A : b\r\n\r\n", (400,)),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A\x00: b\r\n\r\n", (400,)),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\x00\r\n\r\n", (400,)),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n", (400,)),
    (b"GET / HTTP/1.1\n" + HOST + b"\n", (400,)),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\rC: d\r\n\r\n", (400,)),
    (b"GET / HTTP/1.1\r\n" + HOST + b": empty\r\n\r\n", (400,)),
    (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", (400, 505)),
    (b"GET / HTTP/1.9\r\n" + HOST + b"\r\n", (400, 505)),
    (b"GET / FTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    (b"PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n", (400, 505)),
    (b"PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    (b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", (400, 501)),
    (b"G@T / HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    (b"GET /%2e%2e/%2e%2e/etc HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    (b"GET /a/../../b HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    (b"GET /%zz HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    (b"GET /%00 HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (414,)),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 20000 + b"\r\n\r\n", (431,)),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 200 + b"\r\n", (431,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"0\r\n\r\n", (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3, 3\r\n\r\nabc", (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n\r\nabc", (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x3\r\n\r\nabc", (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n", (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n", (400, 413)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
     (400, 501)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400, 501)),
    (b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400, 501)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
     (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n", (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
     (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
     (400,)),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nExpect: miracles\r\n\r\nabc", (417,)),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ()),
    (b"\x00" * 64, ()),
]


def bad_requests(count, seed):
    """The table, then seeded injuries of its rows; of those, only survival is asked."""
    noise = random.Random(seed)
    made = list(BAD_REQUESTS)
    while len(made) < count:
        data = bytearray(noise.choice(BAD_REQUESTS)[0][:2000])
        for _ in range(noise.randint(1, 6)):
            place = noise.randrange(len(data))
            if noise.random() < 0.5:
                data[place] = noise.randrange(256)
            else:
                data[place:place] = noise.choice([b"\r\n", b"\n", b"\x00", b" ", b":", b"%", b"\xff",
                                                  b"Transfer-Encoding: chunked\r\n"])
        made.append((bytes(data), None))
    return made[:count]
