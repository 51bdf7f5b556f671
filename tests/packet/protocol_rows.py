#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes protocol_rows.def: ICMP errors, fragments, SCTP and ranges of ports through full NAT.

    tests/packet/protocol_rows.py > tests/packet/protocol_rows.def
    tests/packet/protocol_rows.py mixed > tests/packet/mixed_rows.def

Ends and ports are those of full_nat_rows.py. Several packets out are parted by "|".
"""
import sys

from scapy.all import ICMP, IP, IPv6, TCP, UDP, Raw, raw
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem,
                                ICMPv6TimeExceeded, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment)
from scapy.layers.sctp import (SCTP, SCTPChunkAbort, SCTPChunkCookieAck, SCTPChunkCookieEcho,
                               SCTPChunkData, SCTPChunkInit, SCTPChunkInitAck, SCTPChunkSACK,
                               SCTPChunkShutdown, SCTPChunkShutdownAck,
                               SCTPChunkShutdownComplete)

from full_nat_rows import ENDS, ETHER, ip, packets, tcp

ROUTER = {4: "203.0.113.254", 6: "2001:db8:2::fe"}
INNER_ROUTER = {4: "198.51.100.254", 6: "2001:db8:1::fe"}
TCP_PORTS, UDP_PORTS, SCTP_PORTS = (5000, 80), (5002, 53), (5004, 2905)


def row(description, before, verdict, *after):
    text = "|".join(packet.hex() for packet in after)
    lines = "\n".join('\t"%s"' % text[i:i + 88] for i in range(0, len(text), 88)) or '\t""'
    data = before.hex()
    print('ROW("%s", %s,' % (description, verdict))
    print("\n".join('\t"%s"' % data[i:i + 88] for i in range(0, len(data), 88)) + ",")
    print(lines + ")")


def opened(v, upper, ports, payload=b""):
    """A flow begins, so that there is something to be wrong with."""
    before, after = packets(v, False, upper, ports, payload)
    row("IPv%d: %s opens" % (v, upper.name), before, "DROP_NONE", after)


# What an error quotes: as one side has sent it, and as the other side gets to see that.
def quoted(v, to_client, upper, ports, payload, length):
    inner, outer = packets(v, to_client, upper, ports, payload, ttl=60)
    return outer[:length], inner[14:][:length]


def outer_ip(v, src, dst, ttl):
    if v == 4:
        return IP(src=src, dst=dst, ttl=ttl, tos=0xc0, id=77)
    return IPv6(src=src, dst=dst, hlim=ttl)


def error(v, to_client, head, upper, ports, length, ttl=64, payload=bytes(range(64))):
    """An ICMP error about a packet that we have sent, as it comes and as it goes on."""
    seen, sent = quoted(v, to_client, upper, ports, payload, length)
    # The quoted TTL is the one that we have sent; the member's or client's own was one more.
    before = outer_ip(v, ROUTER[v] if to_client else INNER_ROUTER[v],
                      ENDS[v]["vip" if to_client else "local"], ttl) / head / Raw(seen)
    to, ours = ("member", "local") if to_client else ("client", "vip")
    fixed = bytearray(sent)
    if v == 4:
        fixed[8] -= 1
        total = sum(fixed[i] << 8 | fixed[i + 1] for i in range(0, 20, 2) if i != 10)
        while total > 0xffff:
            total = (total & 0xffff) + (total >> 16)
        fixed[10:12] = (~total & 0xffff).to_bytes(2, "big")
    else:
        fixed[7] -= 1
    after = outer_ip(v, ENDS[v][ours], ENDS[v][to], ttl - 1) / head / Raw(bytes(fixed))
    return raw(ETHER / before), raw(after)


def icmp_rows(v):
    unreachable = ICMP(type=3, code=3) if v == 4 else ICMPv6DestUnreach(code=4)
    too_big = (ICMP(type=3, code=4, nexthopmtu=1400) if v == 4 else ICMPv6PacketTooBig(mtu=1400))
    exceeded = ICMP(type=11) if v == 4 else ICMPv6TimeExceeded()
    problem = ICMP(type=12, ptr=9) if v == 4 else ICMPv6ParamProblem(code=1, ptr=6)
    head = 20 if v == 4 else 40
    name = "ICMP over IPv%d: " % v
    opened(v, tcp("S", ack=0), TCP_PORTS)
    opened(v, UDP(), UDP_PORTS, b"question")
    for side, to_client in (("a client's", True), ("a member's", False)):
        before, after = error(v, to_client, unreachable, UDP(), UDP_PORTS, 1000)
        row(name + side + " port unreachable, all quoted", before, "DROP_NONE", after)
        before, after = error(v, to_client, unreachable, UDP(), UDP_PORTS, head + 8)
        row(name + side + " port unreachable, eight bytes quoted", before, "DROP_NONE", after)
        before, after = error(v, to_client, too_big, tcp("A"), TCP_PORTS, head + 8)
        row(name + side + " too big, TCP without its checksum", before, "DROP_NONE", after)
        before, after = error(v, to_client, too_big, tcp("A"), TCP_PORTS, head + 41)
        row(name + side + " too big, TCP, an odd length", before, "DROP_NONE", after)
        before, after = error(v, to_client, exceeded, tcp("A"), TCP_PORTS, head + 28)
        row(name + side + " time exceeded", before, "DROP_NONE", after)
        before, after = error(v, to_client, problem, UDP(), UDP_PORTS, head + 28, ttl=2)
        row(name + side + " parameter problem, and a TTL that just suffices", before,
            "DROP_NONE", after)
        before, after = error(v, to_client, unreachable, UDP(), UDP_PORTS, 1000, ttl=1)
        row(name + side + " error whose TTL is used up", before, "DROP_ttl_expired")
        before, after = error(v, to_client, unreachable, UDP(), UDP_PORTS, head + 7)
        row(name + side + " error that quotes seven bytes", before, "DROP_icmp_quote")
    before, after = error(v, True, unreachable, UDP(), (5002, 5555), 1000)
    row(name + "an error about a port that nobody serves", before, "DROP_no_service")
    before, after = error(v, True, unreachable, UDP(), (5999, 53), 1000)
    row(name + "an error about no flow of ours", before, "DROP_no_conn")
    checksumless = (UDP(chksum=0),) if v == 4 else ()
    for upper in checksumless:
        before, after = error(v, True, unreachable, upper, UDP_PORTS, 1000)
        row(name + "a quoted datagram without checksum", before, "DROP_NONE", after)


def lying_rows():
    """Each changes one thing of a good IPv4 quote."""
    seen = quoted(4, True, UDP(), UDP_PORTS, bytes(16), 1000)[0]
    lies = [("another version", 0, b"\x65"), ("a header of four words", 0, b"\x44"),
            ("a header longer than the quote", 0, b"\x4f"), ("a total length of 27", 2, b"\0\x1b"),
            ("a later fragment", 6, b"\0\x01"), ("another sender", 12, b"\xc0\0\x02\x63"),
            ("ICMP", 9, b"\x01"), ("GRE", 9, b"\x2f")]
    for what, at, data in lies:
        lie = seen[:at] + data + seen[at + len(data):]
        row("an ICMP error that quotes " + what,
            raw(ETHER / outer_ip(4, ROUTER[4], ENDS[4]["vip"], 64) / ICMP(type=3, code=1) /
                Raw(lie)), "DROP_icmp_quote")
    seen = quoted(6, True, UDP(), UDP_PORTS, bytes(16), 1000)[0]
    lies = [("another version", 0, b"\x40"), ("a payload of seven bytes", 4, b"\0\x07"),
            ("an extension header beyond its end", 6, b"\x3c"), ("no next header", 6, b"\x3b"),
            ("another sender", 8, b"\x20\x02"), ("a mapped address", 24, bytes(10) + b"\xff\xff")]
    for what, at, data in lies:
        lie = seen[:at] + data + seen[at + len(data):]
        row("an ICMPv6 error that quotes " + what,
            raw(ETHER / outer_ip(6, ROUTER[6], ENDS[6]["vip"], 64) / ICMPv6DestUnreach(code=1) /
                Raw(lie)), "DROP_icmp_quote")


def pieces(v, packet, ident, size, extension=b""):
    """The fragments of an IP packet, size bytes each."""
    head = 20 if v == 4 else 40
    body = extension + packet[head:]
    made = []
    for at in range(0, len(body), size):
        part = body[at:at + size]
        more = at + size < len(body)
        if v == 4:
            cut = IP(packet[:20])
            cut.flags, cut.frag, cut.id, cut.len, cut.chksum = int(more), at // 8, ident, None, None
            made.append(raw(cut / Raw(part)))
        else:
            cut = IPv6(packet[:40])
            proto = 60 if extension else cut.nh
            cut.nh, cut.plen = 44, None
            made.append(raw(cut / IPv6ExtHdrFragment(nh=proto, offset=at // 8, m=int(more),
                                                     id=ident) / Raw(part)))
    return made


def cut(v, is_reply, upper, ports, payload, ident, size, extension=b""):
    """[(frame in, packet out)] of a datagram's fragments."""
    fields = {"flags": 0} if v == 4 else {}
    before, after = packets(v, is_reply, upper, ports, payload, fields=fields)
    return [(raw(ETHER)[:12] + (b"\x08\0" if v == 4 else b"\x86\xdd") + into, out) for into, out in
            zip(pieces(v, before[14:], ident, size, extension),
                pieces(v, after, ident, size, extension))]


def fragment_rows(v):
    name = "Fragments over IPv%d: " % v
    payload = bytes(range(100))
    for side, is_reply in (("client's", False), ("member's", True)):
        first, second, last = cut(v, is_reply, UDP(), UDP_PORTS, payload, 7, 40)
        row(name + "the %s first" % side, first[0], "DROP_NONE", first[1])
        row(name + "the %s second" % side, second[0], "DROP_NONE", second[1])
        row(name + "the %s last" % side, last[0], "DROP_NONE", last[1])
        first, second, last = cut(v, is_reply, UDP(), UDP_PORTS, payload, 8, 40)
        row(name + "the %s last before all" % side, last[0], "DROP_NONE")
        row(name + "the %s last once more" % side, last[0], "DROP_fragment_overlap")
        row(name + "the %s second before the first" % side, second[0], "DROP_NONE")
        row(name + "the %s first lets both go" % side, first[0], "DROP_NONE", first[1], last[1],
            second[1])
        first, second, last = cut(v, is_reply, tcp("PA"), TCP_PORTS, payload, 9, 48)
        row(name + "the %s TCP, first" % side, first[0], "DROP_NONE", first[1])
        row(name + "the %s TCP, last" % side, last[0], "DROP_NONE", last[1])
        row(name + "the %s TCP, second" % side, second[0], "DROP_NONE", second[1])
    # Overlaps: of what was forwarded already, and then nothing more of that datagram goes.
    first, second, last = cut(v, False, UDP(), UDP_PORTS, payload, 10, 40)
    wide = cut(v, False, UDP(), UDP_PORTS, payload, 10, 32)
    row(name + "a first before an overlap", first[0], "DROP_NONE", first[1])
    row(name + "one that overlaps its end", wide[1][0], "DROP_fragment_overlap")
    row(name + "a good one behind an overlap", second[0], "DROP_fragment_overlap")
    first, second, last = cut(v, False, UDP(), UDP_PORTS, payload, 11, 40)
    longer = cut(v, False, UDP(), UDP_PORTS, bytes(140), 11, 40)
    row(name + "a last one that waits", last[0], "DROP_NONE")
    row(name + "one beyond the last", longer[3][0], "DROP_fragment_invalid")
    row(name + "the first of what was given up", first[0], "DROP_fragment_invalid")
    # No header in the first one.
    tiny = cut(v, False, tcp("S"), TCP_PORTS, payload, 12, 16)
    row(name + "a first one without its TCP header", tiny[0][0], "DROP_fragment_invalid")
    row(name + "one that would write over a TCP header", tiny[1][0], "DROP_fragment_invalid")
    stray = cut(v, False, UDP(), (5003, 54), payload, 13, 40)
    row(name + "to a port that nobody serves", stray[0][0], "DROP_no_service")
    if v == 6:
        extension = raw(IPv6ExtHdrDestOpt(nh=17))
        first, last = cut(6, False, UDP(), UDP_PORTS, b"x" * 40, 15, 40, extension)
        row(name + "an extension header in the last", last[0], "DROP_NONE")
        row(name + "an extension header in the first", first[0], "DROP_parse_ip_options")


def sctp(chunk, tag=0x1234):
    return SCTP(tag=tag) / chunk if chunk is not None else SCTP(tag=tag)


def sctp_pair(v, is_reply, chunk, tag=0x1234):
    return packets(v, is_reply, sctp(chunk, tag), SCTP_PORTS, b"")


def sctp_rows(v):
    name = "SCTP over IPv%d: " % v
    init = SCTPChunkInit(init_tag=0x1234, a_rwnd=65536, n_out_streams=10, n_in_streams=10,
                         init_tsn=1)
    data = SCTPChunkData(tsn=1, stream_id=1, stream_seq=0, proto_id=3, data=b"odd" * 3,
                         beginning=1, ending=1)
    row(name + "data of no association", sctp_pair(v, False, data)[0], "DROP_no_conn")
    steps = [("INIT", False, init, 0), ("INIT ACK", True,
             SCTPChunkInitAck(init_tag=0x99, a_rwnd=65536, n_out_streams=10, n_in_streams=10,
                              init_tsn=7), 0x1234),
             ("COOKIE ECHO with data", False,
              SCTPChunkCookieEcho(cookie=b"c" * 33) / data, 0x99),
             ("COOKIE ACK", True, SCTPChunkCookieAck(), 0x1234),
             ("SACK", False, SCTPChunkSACK(cumul_tsn_ack=7, a_rwnd=65536), 0x99),
             ("a large answer", True, SCTPChunkData(tsn=7, data=bytes(range(256)) * 5, ending=1),
              0x1234),
             ("SHUTDOWN", False, SCTPChunkShutdown(cumul_tsn_ack=7), 0x99),
             ("SHUTDOWN ACK", True, SCTPChunkShutdownAck(), 0x1234),
             ("SHUTDOWN COMPLETE", False, SCTPChunkShutdownComplete(), 0x99)]
    for what, is_reply, chunk, tag in steps:
        before, after = sctp_pair(v, is_reply, chunk, tag)
        row(name + what, before, "DROP_NONE", after)
    before, after = sctp_pair(v, False, init, 0)
    row(name + "INIT opens anew", before, "DROP_NONE", after)
    before, after = sctp_pair(v, True, SCTPChunkAbort(), 0x1234)
    row(name + "ABORT", before, "DROP_NONE", after)
    wrong = bytearray(before)
    wrong[-1] ^= 1
    row(name + "a wrong checksum", bytes(wrong), "DROP_parse_l4_checksum")
    for what, chunk in (("a chunk of three bytes", b"\x03\0\0\x03"),
                        ("a chunk beyond the end", b"\x03\0\0\x09abcd"),
                        ("half a chunk", b"\x0b\0\0\x04\x0b\0"), ("no chunk", b"")):
        row(name + what, sctp_pair(v, False, Raw(chunk) if chunk else None)[0],
            "DROP_parse_l4_header")
    row(name + "INIT that is not alone", sctp_pair(v, False, init / data, 0)[0],
        "DROP_parse_l4_header")
    first = cut(v, False, sctp(data), SCTP_PORTS, b"", 21, 16)[0]
    row(name + "a fragment", first[0], "DROP_parse_fragment")


def range_rows():
    """Members of this service have port 0: they are asked at the port that the client asked."""
    for port in (6000, 6500, 6999):
        upper = UDP(sport=5002, dport=port) / Raw(b"in the range")
        kept = UDP(sport=40000, dport=port) / Raw(b"in the range")
        row("Ports: %d of 6000-6999" % port,
            raw(ETHER / ip(4, "client", "vip", 64, {}) / upper), "DROP_NONE",
            raw(ip(4, "local", "member", 63, {}) / kept))
    upper = UDP(sport=6500, dport=40000) / Raw(b"an answer")
    kept = UDP(sport=6500, dport=5002) / Raw(b"an answer")
    row("Ports: the answer comes from the port that was asked",
        raw(ETHER / ip(4, "member", "local", 64, {}) / upper), "DROP_NONE",
        raw(ip(4, "vip", "client", 63, {}) / kept))
    for port in (5999, 7000):
        row("Ports: %d beside 6000-6999" % port,
            packets(4, False, UDP(), (5002, port), b"")[0], "DROP_no_service")


MIXED_LOCAL = {"client": ENDS[6]["client"], "vip": ENDS[6]["vip"], "local": ENDS[4]["local"],
               "member": ENDS[4]["member"]}


def mixed_ip(side, is_reply, ttl, **fields):
    """A header on the client's side (IPv6) or on the member's (IPv4)."""
    ends = ("client", "vip") if side == 6 else ("local", "member")
    src, dst = reversed(ends) if is_reply else ends
    if side == 6:
        return IPv6(src=MIXED_LOCAL[src], dst=MIXED_LOCAL[dst], hlim=ttl, tc=0xb9, **fields)
    return IP(src=MIXED_LOCAL[src], dst=MIXED_LOCAL[dst], ttl=ttl, tos=0xb9,
              **{"id": 0, "flags": "DF", **fields})


def mixed_upper(side, is_reply, upper, ports):
    made = upper.copy()
    ends = ports if side == 6 else (40000, 8080)
    made.sport, made.dport = reversed(ends) if is_reply else ends
    return made


def mixed_quoted(side, is_reply, upper, ports, payload):
    """The same packet as either side knows it."""
    return raw(mixed_ip(side, is_reply, 60) / mixed_upper(side, is_reply, upper, ports) /
               Raw(payload))


def mixed_error(to_v6, before_head, after_head, upper, ports, length, cut_after=None,
                payload=bytes(range(64))):
    """An ICMP error and its translation; length: bytes quoted behind the quoted IP header."""
    inner = 4 if to_v6 else 6
    outer = 6 if to_v6 else 4
    # To IPv6 goes what the member's side says of a client's packet.
    heads = {4: 20, 6: 40}
    seen = mixed_quoted(inner, not to_v6, upper, ports, payload)[:heads[inner] + length]
    sent = mixed_quoted(outer, not to_v6, upper, ports, payload)
    sent = sent[:heads[outer] + (length if cut_after is None else cut_after)]
    if to_v6:
        before = IP(src=INNER_ROUTER[4], dst=MIXED_LOCAL["local"], ttl=64, tos=0xc0, id=77)
        after = IPv6(src=MIXED_LOCAL["vip"], dst=MIXED_LOCAL["client"], hlim=63, tc=0xc0)
    else:
        before = IPv6(src=ROUTER[6], dst=MIXED_LOCAL["vip"], hlim=64, tc=0xc0)
        after = IP(src=MIXED_LOCAL["local"], dst=MIXED_LOCAL["member"], ttl=63, tos=0xc0, id=0)
    return (raw(ETHER / before / before_head / Raw(seen)), after, after_head, sent)


class MixedRows:
    """IPv6 clients of IPv4 members; counts what gets an identification of IPv4."""

    def __init__(self):
        self.ident = 0

    def show(self, name, made, verdict="DROP_NONE"):
        before, after, head, sent = made
        if head is None:
            row(name, before, "DROP_untranslatable")
            return
        if isinstance(after, IP):
            after.id = self.ident
            self.ident += 1
        row(name, before, verdict, raw(after / head / Raw(sent)))

    def open(self, upper, ports, payload=b""):
        before = raw(ETHER / mixed_ip(6, False, 64) / mixed_upper(6, False, upper, ports) /
                     Raw(payload))
        after = mixed_ip(4, False, 63, id=self.ident, flags=0)
        self.ident += 1
        row("Mixed: %s opens" % upper.name, before, "DROP_NONE",
            raw(after / mixed_upper(4, False, upper, ports) / Raw(payload)))

    def to_v6(self):
        noroute, admin, port = (ICMPv6DestUnreach(code=code) for code in (0, 1, 4))
        codes = {0: noroute, 1: noroute, 2: ICMPv6ParamProblem(code=1, ptr=6), 3: port, 5: noroute,
                 6: noroute, 7: noroute, 8: noroute, 9: admin, 10: admin, 11: noroute,
                 12: noroute, 13: admin, 14: None, 15: admin, 16: None}
        for code, after in codes.items():
            self.show("Mixed: IPv4 unreachable, code %d" % code, mixed_error(
                True, ICMP(type=3, code=code), after, UDP(), UDP_PORTS, 8))
        # A link of 1500 to either side bounds what is told; no IPv6 link has less than 1280.
        for told, mtu in ((68, 1280), (1260, 1280), (1261, 1281), (1400, 1420), (9000, 1500),
                          (0, 1280)):
            self.show("Mixed: IPv4 too big, %d" % told, mixed_error(
                True, ICMP(type=3, code=4, nexthopmtu=told), ICMPv6PacketTooBig(mtu=mtu),
                tcp("A"), TCP_PORTS, 28))
        for code in (0, 1):
            self.show("Mixed: IPv4 time exceeded, code %d" % code, mixed_error(
                True, ICMP(type=11, code=code), ICMPv6TimeExceeded(code=code), tcp("A"),
                TCP_PORTS, 41))
        pointers = [0, 1, 4, 4, None, None, None, None, 7, 6, None, None] + [8] * 4 + [24] * 4
        for at, pointer in enumerate(pointers + [None]):
            self.show("Mixed: IPv4 parameter problem at %d" % at, mixed_error(
                True, ICMP(type=12, ptr=at),
                None if pointer is None else ICMPv6ParamProblem(ptr=pointer), UDP(), UDP_PORTS, 72))
        self.show("Mixed: IPv4 parameter problem, an option is missing", mixed_error(
            True, ICMP(type=12, code=1), None, UDP(), UDP_PORTS, 72))
        self.show("Mixed: IPv4 parameter problem, a bad length", mixed_error(
            True, ICMP(type=12, code=2, ptr=2), ICMPv6ParamProblem(ptr=4), UDP(), UDP_PORTS, 72))
        self.show("Mixed: IPv4 error that would become too large", mixed_error(
            True, ICMP(type=3, code=3), port, UDP(), UDP_PORTS, 1308, 1280 - 88, bytes(1300)))

    def to_v4(self):
        host, prohibited, port = (ICMP(type=3, code=code) for code in (1, 10, 3))
        for code, after in enumerate((host, prohibited, host, host, port, None)):
            self.show("Mixed: IPv6 unreachable, code %d" % code, mixed_error(
                False, ICMPv6DestUnreach(code=code), after, UDP(), UDP_PORTS, 8))
        for told, mtu in ((1279, None), (1280, 1260), (1400, 1380), (9000, 1480)):
            after = None if mtu is None else ICMP(type=3, code=4, nexthopmtu=mtu)
            self.show("Mixed: IPv6 too big, %d" % told, mixed_error(
                False, ICMPv6PacketTooBig(mtu=told), after, tcp("A"), TCP_PORTS, 28))
        for code in (0, 1):
            self.show("Mixed: IPv6 time exceeded, code %d" % code, mixed_error(
                False, ICMPv6TimeExceeded(code=code), ICMP(type=11, code=code), tcp("A"),
                TCP_PORTS, 41))
        pointers = [0, 1, None, None, 2, 2, 9, 8] + [12] * 16 + [16] * 16 + [None]
        for at, pointer in enumerate(pointers):
            self.show("Mixed: IPv6 parameter problem at %d" % at, mixed_error(
                False, ICMPv6ParamProblem(ptr=at),
                None if pointer is None else ICMP(type=12, ptr=pointer), UDP(), UDP_PORTS, 72))
        self.show("Mixed: IPv6 parameter problem, an unknown next header", mixed_error(
            False, ICMPv6ParamProblem(code=1, ptr=6), ICMP(type=3, code=2), UDP(), UDP_PORTS, 72))
        self.show("Mixed: IPv6 parameter problem, an unknown option", mixed_error(
            False, ICMPv6ParamProblem(code=2, ptr=40), None, UDP(), UDP_PORTS, 72))

    def fragment_errors(self):
        """Too big, about a first fragment: with the fragment header, IPv6 takes 28 bytes more."""
        heads = {6: ICMPv6PacketTooBig(mtu=1400), 4: ICMP(type=3, code=4, nexthopmtu=1400 - 28)}
        whole = {side: mixed_quoted(side, True, UDP(), UDP_PORTS, bytes(100)) for side in (4, 6)}
        self.show("Mixed: IPv6 too big, of a fragment", (
            raw(ETHER / IPv6(src=ROUTER[6], dst=MIXED_LOCAL["vip"], hlim=64, tc=0xc0) / heads[6] /
                Raw(pieces(6, whole[6], 0x5678, 40)[0])),
            IP(src=MIXED_LOCAL["local"], dst=MIXED_LOCAL["member"], ttl=63, tos=0xc0), heads[4],
            pieces(4, whole[4], 0x5678, 40)[0]))
        whole = {side: mixed_quoted(side, False, UDP(), UDP_PORTS, bytes(100)) for side in (4, 6)}
        self.show("Mixed: IPv4 too big, of a fragment", (
            raw(ETHER / IP(src=INNER_ROUTER[4], dst=MIXED_LOCAL["local"], ttl=64, tos=0xc0, id=77) /
                heads[4] / Raw(pieces(4, whole[4], 0x1234, 40)[0])),
            IPv6(src=MIXED_LOCAL["vip"], dst=MIXED_LOCAL["client"], hlim=63, tc=0xc0), heads[6],
            pieces(6, whole[6], 0x1234, 40)[0]))

    def fragments(self, is_reply, ident):
        """A datagram in three parts, through either direction."""
        into, out = (4, 6) if is_reply else (6, 4)
        packets_by_side = {
            side: raw(mixed_ip(side, is_reply, 64 if side == into else 63,
                               **({"flags": 0} if side == 4 else {})) /
                      mixed_upper(side, is_reply, UDP(), UDP_PORTS) / Raw(bytes(range(100))))
            for side in (4, 6)}
        before = pieces(into, packets_by_side[into], ident, 40)
        after = pieces(out, packets_by_side[out], ident & 0xffff, 40)
        frames = [raw(ETHER)[:12] + (b"\x08\0" if into == 4 else b"\x86\xdd") + part
                  for part in before]
        name = "Mixed: a fragment from IPv%d, " % into
        row(name + "the last waits", frames[2], "DROP_NONE")
        row(name + "the first lets it go", frames[0], "DROP_NONE", after[0], after[2])
        row(name + "the second", frames[1], "DROP_NONE", after[1])


def mixed_rows():
    rows = MixedRows()
    rows.open(tcp("S", ack=0), TCP_PORTS)
    rows.open(UDP(), UDP_PORTS, b"question")
    rows.to_v6()
    rows.to_v4()
    rows.fragment_errors()
    rows.fragments(False, 0x12345678)
    rows.fragments(True, 0x4321)


if sys.argv[1:] == ["mixed"]:
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* ROW(description, verdict, frame in, packets out): by protocol_rows.py mixed. */")
    mixed_rows()
    sys.exit()
print("/* SPDX-License-Identifier: Apache-2.0 */")
print("/* ROW(description, verdict, frame in, packets out): made by protocol_rows.py. */")
for version in (4, 6):
    icmp_rows(version)
    fragment_rows(version)
    sctp_rows(version)
lying_rows()
range_rows()
