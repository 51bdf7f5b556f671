#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes splice_rows.def: SYN proxy, PROXY protocol and the address option, and errors about them.

    tests/packet/splice_rows.py > tests/packet/splice_rows.def

Set-ups, ends and helpers are those of forward_rows.py. The worker's clock stands at 1000 s, its
secret is zero; cookies are computed here once more, from their description.
"""
import ipaddress
import struct
import sys

from scapy.all import (ICMP, ICMPv6DestUnreach, ICMPv6PacketTooBig, IP, IPv6, Raw, TCP, raw)

from forward_rows import (CLIENT_PORT, ENDS, LOCAL_PORT, MASK, MEMBER_PORT, MTU, packet, pool_of,
                          row, seeds_write, setup)

NOW_MS = 1000000
ISN = 0xfffffffe  # numbers soon begin anew
MEMBER_ISN = 0xffffff00
CLIENT_TIMES, MEMBER_TIMES = 0x1000, 70000
CLIENT_SCALE, MEMBER_SCALE, OUR_SCALE = 9, 3, 7
CLASSES = [216, 536, 1024, 1220, 1360, 1400, 1440, 1460]
SHORT = {"PROXY_V1": "v1", "PROXY_V2": "v2", "TOA": "toa", "NONE": "none"}


# SipHash-2-4 (Aumasson, Bernstein 2012).
def siphash(key, data):
    def rotate(x, bits):
        return (x << bits | x >> (64 - bits)) & MASK

    def rounds(v, count):
        a, b, c, d = v
        for _ in range(count):
            a = (a + b) & MASK
            b = rotate(b, 13) ^ a
            a = rotate(a, 32)
            c = (c + d) & MASK
            d = rotate(d, 16) ^ c
            a = (a + d) & MASK
            d = rotate(d, 21) ^ a
            c = (c + b) & MASK
            b = rotate(b, 17) ^ c
            c = rotate(c, 32)
        return a, b, c, d

    v = (key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
         key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573)
    tail = len(data) % 8
    words = list(struct.unpack(f"<{len(data) // 8}Q", data[:len(data) - tail]))
    last = data[len(data) - tail:].ljust(7, b"\0") + bytes([len(data) & 255])
    for word in words + list(struct.unpack("<Q", last)):
        v = (v[0], v[1], v[2], v[3] ^ word)
        v = rounds(v, 2)
        v = (v[0] ^ word, v[1], v[2], v[3])
    v = rounds((v[0], v[1], v[2] ^ 0xff, v[3]), 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def key_next(key):
    return siphash(key, b"next key, first"), siphash(key, b"next key, second")


SECRET = (0, 0)
KEY = key_next(key_next(SECRET))
OUR_CLOCK = (NOW_MS + siphash(SECRET, b"timestamps")) & 0xffffffff


def address(text):
    number = ipaddress.ip_address(text)
    return number.packed if number.version == 6 else bytes(10) + b"\xff\xff" + number.packed


def cookie_of(v, mss):
    kind = max(i for i, at_least in enumerate(CLASSES) if i == 0 or at_least <= mss)
    words = address(ENDS[v]["client"]) + address(ENDS[v]["vip"]) + \
        struct.pack(">HH", CLIENT_PORT, 80) + struct.pack("<II", ISN, kind)
    return (siphash(KEY, words) << 3 | kind) & 0xffffffff


def cookie_times(scale, has_sack):
    times = OUR_CLOCK & ~31 | (15 if scale is None else scale) | (16 if has_sack else 0)
    return times - 32 if times > OUR_CLOCK else times


def u32(number):
    return number & 0xffffffff


def times(value, echo):
    return [("NOP", None), ("NOP", None), ("Timestamp", (u32(value), u32(echo)))]


def made(v, src, dst, ports, bits, seq, ack, window=0, options=(), payload=b"", ours=False, **ip):
    """A segment; ours: of our making, with the header that we give it."""
    if ours:
        ip = {**({"tos": 0, "id": 0} if v == 4 else {"tc": 0, "fl": 0}), **ip}
    segment = TCP(sport=ports[0], dport=ports[1], flags=bits, seq=u32(seq), ack=u32(ack),
                  window=window, options=list(options))
    return packet(v, src, dst, segment, payload, **ip)


class Flow:
    """A connection of an IPv4 or IPv6 client to a member of either version."""

    def __init__(self, v, o, way="NONE", proxied=True, scales=True, mss=1460, has_times=True,
                 has_sack=True):
        self.v, self.o, self.way, self.proxied = v, o, way, proxied
        self.scales, self.has_times, self.has_sack = scales, has_times, has_sack
        self.mss = mss
        self.ident = 0
        self.cookie = cookie_of(v, mss) if proxied else MEMBER_ISN
        self.shift = u32(self.cookie - MEMBER_ISN)
        self.times_shift = u32(OUR_CLOCK - MEMBER_TIMES) if proxied else 0
        self.header = self.header_make() if way.startswith("PROXY") else b""
        self.first = ISN + 1

    def header_make(self):
        end = ENDS[self.v]
        if self.way == "PROXY_V1":
            return (f"PROXY TCP{self.v} {end['client']} {end['vip']} {CLIENT_PORT} 80\r\n").encode()
        pair = b"".join(ipaddress.ip_address(end[who]).packed for who in ("client", "vip"))
        return b"\r\n\r\n\0\r\nQUIT\n\x21" + bytes([0x11 if self.v == 4 else 0x21]) + \
            struct.pack(">H", len(pair) + 4) + pair + struct.pack(">HH", CLIENT_PORT, 80)

    def option(self):
        client = ipaddress.ip_address(ENDS[self.v]["client"]).packed
        return [(254, struct.pack(">H", CLIENT_PORT) + client)]

    def setup(self, what):
        setup(f"{what}, {self.v} to {self.o}", forward="CONFIG_FORWARD_FULL_NAT",
              **pool_of(self.v, self.o),
              syn_proxy="CONFIG_SYN_PROXY_ALWAYS" if self.proxied else "CONFIG_SYN_PROXY_OFF",
              client_address=f"CONFIG_CLIENT_ADDRESS_{self.way}")

    # The four kinds of segment, as they are on the wire of each side.
    def from_client(self, bits, seq, ack, window=501, options=(), payload=b"", **more):
        return made(self.v, "client", "vip", (CLIENT_PORT, 80), bits, seq, ack, window, options,
                    payload, **more)

    def to_client(self, bits, seq, ack, window, options=(), payload=b"", ours=False, **more):
        if not ours:
            more = {"ttl": 63, **({"fl": 0} if self.v != self.o else {}), **more}
        return made(self.v, "vip", "client", (80, CLIENT_PORT), bits, seq, ack, window, options,
                    payload, ours, **more)

    def from_member(self, bits, seq, ack, window=28960, options=(), payload=b"", **more):
        return made(self.o, "member", "local", (MEMBER_PORT, LOCAL_PORT), bits, seq, ack, window,
                    options, payload, **more)

    def to_member(self, bits, seq, ack, window, options=(), payload=b"", ours=False, **more):
        if not ours:
            more = {"ttl": 63, **more}
            if self.v != self.o:
                more = {"id": self.ident, "flags": 0, **more}
                self.ident += 1
        return made(self.o, "local", "member", (LOCAL_PORT, MEMBER_PORT), bits, seq, ack, window,
                    options, payload, ours, **more)

    # What each says by options.
    def client_times(self, more=0, echo=None):
        return times(CLIENT_TIMES + more, OUR_CLOCK if echo is None else echo) \
            if self.has_times else []

    def syn_options(self):
        options = [("MSS", self.mss)]
        if self.has_sack:
            options.append(("SAckOK", b""))
        if self.has_times:
            options.append(("Timestamp", (CLIENT_TIMES, 0)))
        if self.scales:
            options += [("NOP", None), ("WScale", CLIENT_SCALE)]
        return options

    def agreed(self, mss, value, echo, scale):
        """The options of a SYN or SYN|ACK of ours; without timestamps nothing is agreed upon."""
        options = [("MSS", mss)]
        if self.has_times:
            options += [("SAckOK", b"")] if self.has_sack else [("NOP", None), ("NOP", None)]
            options.append(("Timestamp", (u32(value), u32(echo))))
            if self.scales:
                options += [("NOP", None), ("WScale", scale)]
        return options

    def is_scaled(self):
        return self.scales and self.has_times

    def our_window(self, window):
        """A window of the member's as the client counts."""
        return min(window << MEMBER_SCALE >> OUR_SCALE, 0xffff) if self.is_scaled() else window

    def prove(self):
        """SYN, cookie, ACK; the member gets a SYN."""
        fitting = MTU - 20 - (20 if self.v == 4 else 40)
        row("SYN, answered by a cookie", self.from_client("S", ISN, 0, options=self.syn_options()),
            self.to_client("SA", self.cookie, self.first, 0, self.agreed(
                fitting, cookie_times(CLIENT_SCALE if self.scales else None, self.has_sack),
                CLIENT_TIMES, OUR_SCALE), ours=True))
        row("an ACK of another number", self.from_client("A", self.first, self.cookie + 2),
            verdict="DROP_cookie_invalid")
        row("an ACK by another client's number", self.from_client("A", ISN + 7, self.cookie + 1),
            verdict="DROP_cookie_invalid")
        echo = cookie_times(CLIENT_SCALE if self.scales else None, self.has_sack)
        syn = self.agreed(min(max(at for at in CLASSES if at <= self.mss), fitting), CLIENT_TIMES + 1,
                          0, CLIENT_SCALE)
        if self.way == "TOA":
            syn = self.option() + syn
        row("the ACK, and a SYN to the member",
            self.from_client("A", self.first, self.cookie + 1, 501,
                             times(CLIENT_TIMES + 1, echo) if self.has_times else []),
            self.to_member("S", ISN - len(self.header), 0, 65535, syn, ours=True))

    def answer(self):
        """The member's SYN|ACK, which ends both handshakes."""
        row("data before the member has answered", self.from_client(
            "PA", self.first, self.cookie + 1, payload=b"early"), verdict="DROP_splice_waiting")
        row("a SYN|ACK of another number", self.from_member("SA", MEMBER_ISN, ISN + 9),
            verdict="DROP_splice_invalid")
        options = [("MSS", 1400)]
        if self.has_times:
            options += [("SAckOK", b""), ("Timestamp", (MEMBER_TIMES, CLIENT_TIMES + 1)),
                        ("NOP", None), ("WScale", MEMBER_SCALE)]
        row("the member's SYN|ACK", self.from_member(
            "SA", MEMBER_ISN, self.first - len(self.header), 28960, options),
            self.to_client("A", self.cookie + 1, self.first,
                           28960 >> OUR_SCALE if self.is_scaled() else 28960,
                           self.client_echo(1), ours=True),
            self.our_ack(1))
        row("the SYN|ACK again: our ACK was lost", self.from_member(
            "SA", MEMBER_ISN, self.first - len(self.header), 28960, options), self.our_ack(1))

    def client_echo(self, more):
        return times(OUR_CLOCK, CLIENT_TIMES + more) if self.has_times else []

    def our_ack(self, more):
        options = times(CLIENT_TIMES + more, MEMBER_TIMES) if self.has_times else []
        # Our own timestamps are written without padding in front of two bytes of padding.
        if self.way == "TOA":
            options = self.option() + options
        return self.to_member("PA" if self.header else "A", self.first - len(self.header),
                              MEMBER_ISN + 1, 501, options, self.header, ours=True)

    def talk(self):
        """Data both ways, with what options can say."""
        client, member = self.first, MEMBER_ISN + 1
        ours = self.cookie + 1
        toa = self.option() if self.way == "TOA" else []
        back = times(CLIENT_TIMES + 2, MEMBER_TIMES) if self.has_times else []
        row("data of odd length", self.from_client(
            "PA", client, ours, 777, self.client_times(2), b"odd"),
            self.to_member("PA", client, member, 777, toa + back, b"odd"))
        row("the member's ACK with data", self.from_member(
            "PA", member, client + 3, 3620,
            times(MEMBER_TIMES + 5, CLIENT_TIMES + 2) if self.has_times else [], b"answer"),
            self.to_client("PA", ours, client + 3, self.our_window(3620) if self.proxied else 3620,
                           times(MEMBER_TIMES + 5 + self.times_shift, CLIENT_TIMES + 2)
                           if self.has_times else [], b"answer"))
        blocks = (ours + 100, ours + 200, ours + 300, ours + 400)
        row("SACK of the client's, at an odd place", self.from_client(
            "A", client + 3, ours, 777, [("NOP", None), ("SAck", tuple(map(u32, blocks)))]),
            self.to_member("A", client + 3, member, 777, [
                ("NOP", None), ("SAck", tuple(u32(block - self.shift) for block in blocks))]))
        blocks = tuple(u32(client + at) for at in (100, 200))
        row("SACK of the member's stays", self.from_member(
            "A", member + 6, client + 3, 3620, [("NOP", None), ("SAck", blocks)]),
            self.to_client("A", ours + 6, client + 3,
                           self.our_window(3620) if self.proxied else 3620,
                           [("NOP", None), ("SAck", blocks)]))
        odd = [("NOP", None), ("Timestamp", (CLIENT_TIMES + 3, u32(OUR_CLOCK)))]
        if self.has_times:
            row("timestamps at an odd place", self.from_client(
                "A", client + 3, ours + 6, 777, odd),
                self.to_member("A", client + 3, member + 6, 777, [
                    ("NOP", None),
                    ("Timestamp", (CLIENT_TIMES + 3, u32(OUR_CLOCK - self.times_shift)))]))
        row("urgent data", made(self.v, "client", "vip", (CLIENT_PORT, 80), "PAU", client + 3,
                                ours + 6, 777, payload=b"!"),
            self.to_member("PAU", client + 3, member + 6, 777, payload=b"!"))

    def end(self, by):
        client, member = self.first + 4, MEMBER_ISN + 7
        row("FIN of the client's", self.from_client("FA", client, self.cookie + 7, 777),
            self.to_member("FA", client, member, 777))
        row("FIN of the member's", self.from_member("FA", member, client + 1, 3620),
            self.to_client("FA", self.cookie + 7, client + 1,
                           self.our_window(3620) if self.proxied else 3620))
        if by == "client":
            row("RST of the client's", self.from_client("R", client + 1, 0, 0),
                self.to_member("R", client + 1, 0, 0))
        else:
            row("RST of the member's", self.from_member("R", member + 1, 0, 0),
                self.to_client("R", self.cookie + 8, 0, 0))

    # ICMP errors.
    def quotes(self, to_client, seen_seq, told_seq, seen_ack, told_ack, length, payload=b"quoted"):
        """A packet of ours as the error's side got it, and as the far end has sent it."""
        if to_client:
            seen = made(self.v, "vip", "client", (80, CLIENT_PORT), "A", seen_seq, seen_ack, 500,
                        payload=payload, ttl=60, **({"fl": 0} if self.v != self.o else {}))
            told = made(self.o, "member", "local", (MEMBER_PORT, LOCAL_PORT), "A", told_seq, told_ack,
                        500, payload=payload, ttl=60)
        else:
            seen = made(self.o, "local", "member", (LOCAL_PORT, MEMBER_PORT), "A", seen_seq, seen_ack,
                        500, payload=payload, ttl=60)
            told = made(self.v, "client", "vip", (CLIENT_PORT, 80), "A", told_seq, told_ack, 500,
                        payload=payload, ttl=60)
        for one in (seen, told):
            # As it is quoted, both versions' headers say the same.
            if isinstance(one, IP):
                one.id = 0 if self.v != self.o else 0x1234
            elif self.v != self.o:
                one.fl = 0
        heads = {4: 20, 6: 40}
        near, far = (self.v, self.o) if to_client else (self.o, self.v)
        return raw(seen)[:heads[near] + length], raw(told)[:heads[far] + length]

    def error(self, name, to_client, numbers, length, verdict="DROP_NONE", spoil=None):
        """to_client: it is about what we have sent to the client."""
        near, far = (self.v, self.o) if to_client else (self.o, self.v)
        seen, told = self.quotes(to_client, *numbers, length)
        if spoil is not None:
            seen = spoil(seen)
        router = {4: "203.0.113.254", 6: "2001:db8:2::fe"}[near]
        ours, back, to = ("vip", "local", "member") if to_client else ("local", "vip", "client")
        mtu = 1400
        more = 20 if near == 4 else -20
        heads = {4: lambda told_mtu: ICMP(type=3, code=4, nexthopmtu=told_mtu),
                 6: lambda told_mtu: ICMPv6PacketTooBig(mtu=told_mtu)}
        before = IP(src=router, dst=ENDS[near][ours], ttl=64, id=77) if near == 4 else \
            IPv6(src=router, dst=ENDS[near][ours], hlim=64)
        after = IP(src=ENDS[far][back], dst=ENDS[far][to], ttl=63, id=77) if far == 4 else \
            IPv6(src=ENDS[far][back], dst=ENDS[far][to], hlim=63)
        if near != far and far == 4 and verdict == "DROP_NONE":
            after.id = self.ident
            self.ident += 1
        before = before / heads[near](mtu) / Raw(seen)
        if verdict != "DROP_NONE":
            row(name, before, verdict=verdict)
            return
        row(name, before, after / heads[far](mtu + more if near != far else mtu) / Raw(told))

    def early_errors(self):
        """While the member is asked."""
        syn = ISN - len(self.header)
        self.error("an error about our SYN", False, (syn, ISN, 0, self.shift_early()), 8)
        if self.proxied:
            self.error("an error about our cookie", True, (self.cookie, 0, self.first, 0), 20,
                       "DROP_icmp_quote")

    def shift_early(self):
        return 0

    def errors(self):
        """On an open connection."""
        client, member, ours = self.first, MEMBER_ISN + 1, self.cookie + 1
        for what, length in (("eight bytes", 8), ("all but the checksum", 16), ("all", 20),
                             ("all and data", 26)):
            self.error(f"an error about the member's data, {what} quoted", True,
                       (ours + 6, member + 6, client + 3, client + 3), length)
            self.error(f"an error about the client's data, {what} quoted", False,
                       (client + 3, client + 3, member + 6, ours + 6), length)
        if self.header:
            self.error("an error about the header", False,
                       (client - len(self.header), client, member, ours), 20)
            self.error("an error about the header's last byte", False,
                       (client - 1 if len(self.header) > 1 else client, client, member, ours), 20)
        self.error("seven bytes quoted", True, (ours, member, client, client), 7,
                   "DROP_icmp_quote")
        head = {4: 20, 6: 40}
        self.error("a quoted header of four words", True, (ours, member, client, client), 20,
                   "DROP_icmp_quote",
                   lambda seen: seen[:head[self.v] + 12] + b"\x40" + seen[head[self.v] + 13:])
        self.error("another one's packet quoted", False, (client, client, member, ours), 20,
                   "DROP_icmp_quote",
                   lambda seen: seen[:head[self.o] - 5] + b"\x63" + seen[head[self.o] - 4:]
                   if self.o == 4 else seen[:23] + b"\x63" + seen[24:])


def proxied_rows(v, o, way):
    flow = Flow(v, o, way)
    flow.setup(f"SYN proxy, {SHORT[way]}")
    row("an ACK of nothing", flow.from_client("A", ISN + 1, 5), verdict="DROP_no_conn")
    flow.prove()
    flow.early_errors()
    flow.answer()
    flow.talk()
    flow.errors()
    flow.end("client" if v == 4 else "member")


def plain_client_rows(v, o):
    """A client without timestamps, to whom neither scale nor SACK can be promised."""
    flow = Flow(v, o, mss=1000, has_times=False)
    flow.setup("SYN proxy, no timestamps")
    flow.prove()
    flow.answer()
    flow.talk()
    flow = Flow(v, o, scales=False, has_sack=False)
    flow.setup("SYN proxy, neither scale nor SACK")
    flow.prove()


def refusal_rows(v, o):
    flow = Flow(v, o)
    flow.setup("SYN proxy, a member that refuses")
    flow.prove()
    row("the member's RST", flow.from_member("RA", 0, ISN + 1, 0),
        flow.to_client("RA", flow.cookie + 1, ISN + 1, 0, ours=True))
    flow.setup("SYN proxy, a client that gives up")
    flow.prove()
    row("RST of another number", flow.from_client("R", ISN + 7, 0, 0),
        verdict="DROP_splice_waiting")
    row("the client's RST", flow.from_client("R", ISN + 1, 0, 0),
        flow.to_member("R", ISN + 1, 0, 0, ours=True))


def header_rows(v, o, way):
    """PROXY protocol without a SYN proxy."""
    flow = Flow(v, o, way, proxied=False, has_times=False)
    flow.setup(f"PROXY protocol, {SHORT[way]}")
    length = len(flow.header)
    client, member = flow.first, MEMBER_ISN + 1
    row("SYN with data", flow.from_client("S", ISN, 0, payload=b"early"),
        verdict="DROP_syn_with_data")
    row("SYN", flow.from_client("S", ISN, 0, options=[("MSS", 1460)]),
        flow.to_member("S", ISN - length, 0, 501, [("MSS", 1460)]))
    flow.early_errors()
    row("SYN|ACK", flow.from_member("SA", MEMBER_ISN, client - length, 700, [("MSS", 1400)]),
        flow.to_client("SA", MEMBER_ISN, client, 700, [("MSS", 1400)]))
    row("the ACK, and the header in front of it", flow.from_client("A", client, member),
        made(o, "local", "member", (LOCAL_PORT, MEMBER_PORT), "PA", client - length, member, 501,
             payload=flow.header, ours=True), flow.to_member("A", client, member, 501))
    row("data", flow.from_client("PA", client, member, payload=b"hello"),
        flow.to_member("PA", client, member, 501, payload=b"hello"))
    flow.errors()
    row("an ACK of half the header is hidden", flow.from_member("A", member, client - 3),
        flow.to_client("A", member, client, 28960))
    row("data and an ACK of all", flow.from_member("PA", member, client + 5, payload=b"hallo"),
        flow.to_client("PA", member, client + 5, 28960, payload=b"hallo"))
    row("data behind that", flow.from_client("PA", client + 5, member + 5, payload=b"more"),
        flow.to_member("PA", client + 5, member + 5, 501, payload=b"more"))
    row("RST", flow.from_member("R", member + 5, 0, 0), flow.to_client("R", member + 5, 0, 0))


def toa_rows(v, o):
    flow = Flow(v, o, "TOA", proxied=False, has_times=False)
    flow.setup("address option")
    option = flow.option()
    client, member = flow.first, MEMBER_ISN + 1
    row("SYN", flow.from_client("S", ISN, 0, options=[("MSS", 1460)]),
        flow.to_member("S", ISN, 0, 501, option + [("MSS", 1460)]))
    flow.early_errors()
    row("SYN|ACK", flow.from_member("SA", MEMBER_ISN, client, options=[("MSS", 1400)]),
        flow.to_client("SA", MEMBER_ISN, client, 28960, [("MSS", 1400)]))
    row("data of odd length", flow.from_client("PA", client, member, payload=b"odd"),
        flow.to_member("PA", client, member, 501, option, b"odd"))
    sack = [("NOP", None), ("NOP", None), ("SAck", (1, 2, 3, 4)),
            ("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]
    if v == 6:
        row("no room among the options: ahead of the data",
            flow.from_client("A", client, member, 501, sack, b"odd"),
            made(o, "local", "member", (LOCAL_PORT, MEMBER_PORT), "A", client, member, 501,
                 option + times(1, 2), ours=True),
            flow.to_member("A", client, member, 501, sack, b"odd"))
    full = MTU - 20 - (20 if v == 4 else 40) - (0 if v == o else 0)
    if v == o:
        row("a full packet: ahead of it", flow.from_client("A", client, member, payload=bytes(full)),
            made(o, "local", "member", (LOCAL_PORT, MEMBER_PORT), "A", client, member, 501, option +
                 (times(1, 2) if v == 6 else []), ours=True),
            flow.to_member("A", client, member, 501, payload=bytes(full)))
    flow.errors()
    row("the member has it", flow.from_member("A", member, client + 3),
        flow.to_client("A", member, client + 3, 28960))
    row("data without it", flow.from_client("PA", client + 3, member, payload=b"more"),
        flow.to_member("PA", client + 3, member, 501, payload=b"more"))


if __name__ == "__main__":
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* SETUP and ROW as in forward_rows.def: made by splice_rows.py. */")
    for client_version, member_version in ((4, 4), (6, 6), (6, 4)):
        for chosen in SHORT:
            proxied_rows(client_version, member_version, chosen)
        plain_client_rows(client_version, member_version)
        refusal_rows(client_version, member_version)
        for chosen in ("PROXY_V1", "PROXY_V2"):
            header_rows(client_version, member_version, chosen)
        toa_rows(client_version, member_version)
    if len(sys.argv) > 1:
        seeds_write(sys.argv[1])
