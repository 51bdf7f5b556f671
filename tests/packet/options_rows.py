#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes options_rows.def: IPv4 options and IPv6 extension headers by each way of forwarding.

    tests/packet/options_rows.py > tests/packet/options_rows.def

Set-ups, ends and helpers are those of forward_rows.py; with a folder as argument it writes seeds
there, too.
"""
import sys

from scapy.all import (ICMP, ICMPv6DestUnreach, IP, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, Raw, RouterAlert, TCP, UDP, raw)

from forward_rows import (CLIENT_PORT, ENDS, HEADER, LOCAL_PORT, MEMBER_PORT, MTU, Ident, flow_hash,
                          ip, outer, packet, pieces, pool_of, row, seeds_write, setup, tcp, too_big,
                          translated, udp)

ALERT = bytes.fromhex("94040000")  # copied into all fragments
STREAM = bytes.fromhex("88041234")  # copied
STAMP = bytes.fromhex("440c05000000000000000000")  # in the first alone
RECORD = bytes.fromhex("07070400000000")  # in the first alone
NOP = b"\1"
EVERY = [ALERT, STAMP, RECORD, NOP, STREAM]
PASS = {"ip_options": "CONFIG_IP_OPTIONS_PASS"}
SYSTEMS = {"forward": "CONFIG_FORWARD_FULL_NAT"}


def hop_options():
    return IPv6ExtHdrHopByHop(options=[RouterAlert()])


def destination_options():
    return IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])


def used_routing():
    return IPv6ExtHdrRouting(type=4, segleft=0, addresses=["2001:db8:2::9"])


def with_options(made, options):
    """The same packet with IPv4 options, or with extension headers in front of what it carries."""
    made = made.copy()
    if isinstance(made, IP):
        made.options = [Raw(one) for one in options]
        return made
    upper = made.payload
    made.remove_payload()
    for make in options:
        if isinstance(make, bytes):  # what scapy would put right
            made.nh = 60
            made = made / Raw(make)
        else:
            made = made / make()
    return made / upper


def kinds(v):
    """(what, options) that are let through."""
    if v == 4:
        return [("a router alert", [ALERT]), ("a timestamp", [STAMP]),
                ("forty bytes of them", [ALERT, STAMP, RECORD, NOP, STREAM, STAMP]),
                ("no operation, and the end of the list", [NOP, NOP, NOP, b"\0"])]
    return [("hop-by-hop options", [hop_options]), ("destination options", [destination_options]),
            ("a routing header that is used up", [used_routing]),
            ("all three", [hop_options, used_routing, destination_options])]


def bad_kinds(v):
    """(what, options, verdict) of what goes by no policy."""
    if v == 4:
        route = bytes.fromhex("0704c6336409")
        return [("a loose source route", [b"\x83" + route + NOP], "DROP_parse_source_route"),
                ("a strict one that is used up", [b"\x89\x07\x08" + route[2:] + NOP],
                 "DROP_parse_source_route"),
                ("a source route behind others", [NOP, STREAM, b"\x83\x03\x04"],
                 "DROP_parse_source_route"),
                ("a length of zero, which makes a loop", [NOP, b"\x07\x00\x04"],
                 "DROP_parse_ip_header"),
                ("a length of one", [b"\x94\x01\0\0"], "DROP_parse_ip_header"),
                ("a length beyond the header", [b"\x94\x05\0\0"], "DROP_parse_ip_header"),
                ("an option without its length", [NOP * 3, b"\x94"], "DROP_parse_ip_header")]
    left = IPv6ExtHdrRouting(type=4, segleft=1, addresses=["2001:db8:2::9"])
    zero = IPv6ExtHdrRouting(type=0, segleft=0, addresses=["2001:db8:2::9"])
    return [("a routing header with a segment left", [lambda: left], "DROP_parse_source_route"),
            ("a routing header of type 0", [lambda: zero], "DROP_parse_source_route"),
            ("an option that must be understood",
             [b"\x11\0\xc9\x04" + bytes(4)],
             "DROP_parse_ip_extension"),
            ("hop-by-hop options in second place", [destination_options, hop_options],
             "DROP_parse_ip_extension"),
            ("five headers", [hop_options] + 4 * [destination_options], "DROP_parse_ip_extension"),
            ("twenty options in one header",
             [b"\x11\4" + b"\1\0" * 19], "DROP_parse_ip_extension"),
            ("a length beyond the header", [b"\x11\0\1\x05" + bytes(4)], "DROP_parse_ip_header")]


def bad_rows(v):
    for what, options, verdict in bad_kinds(v):
        row(what, with_options(packet(v, "client", "vip", udp(), b"question"), options),
            verdict=verdict)


def drop_rows(v):
    setup(f"options are dropped, IPv{v}", **SYSTEMS)
    for what, options in kinds(v):
        row(what, with_options(packet(v, "client", "vip", udp(), b"question"), options),
            verdict="DROP_parse_ip_options")
    bad_rows(v)
    row("a wrong checksum is the reason before options",
        with_options(packet(v, "client", "vip", udp(chksum=0x1234), b"question"), kinds(v)[0][1]),
        verdict="DROP_parse_l4_checksum")


def cut(made, options, size, ident):
    """Fragments as a sender makes them: in IPv4, later ones have the copied options alone."""
    if isinstance(made, IP):
        whole = raw(made)
        payload = whole[20:]
        out = []
        for at in range(0, len(payload), size):
            one = IP(whole[:20]) / Raw(payload[at:at + size])
            one.len = one.chksum = one.ihl = None
            one.id, one.frag, one.flags = ident, at // 8, "MF" if at + size < len(payload) else 0
            out.append(with_options(one, options if at == 0 else
                                    [option for option in options if option[0] & 0x80]))
        return out
    head, payload = made.copy(), raw(made)[40:]
    head.remove_payload()
    for make in options:
        head = head / make()
    return [head / IPv6ExtHdrFragment(nh=made.payload.overload_fields[IPv6]["nh"], id=ident,
                                      offset=at // 8, m=int(at + size < len(payload))) /
            Raw(payload[at:at + size]) for at in range(0, len(payload), size)]


def pieces_optioned(made, options, room, wrap=lambda piece: piece):
    """What becomes of an IPv4 packet with options that does not fit."""
    whole, copied = raw(made)[:20], b"".join(one for one in options if one[0] & 0x80)
    payload = raw(made)[20:]
    out, at = [], 0
    while at < len(payload):
        here = b"".join(options) if at == 0 else copied
        size = (room - 20 - (len(here) + 3) // 4 * 4) // 8 * 8
        one = IP(whole) / Raw(payload[at:at + size])
        one.len = one.chksum = one.ihl = None
        one.frag, one.flags = at // 8, "MF" if at + size < len(payload) else 0
        out.append(wrap(with_options(one, [here])))
        at += size
    return out


def nat_rows(v, forward, ours):
    """ours: who the member sees; for full NAT an own address and port, otherwise the client's."""
    setup(f"options pass, {forward.lower()}, IPv{v}", forward=f"CONFIG_FORWARD_{forward}", **PASS)
    port = LOCAL_PORT if ours == "local" else CLIENT_PORT
    chosen = [options for _, options in kinds(v)]

    def into(upper, options, payload=b"", ttl=64, **fields):
        return with_options(packet(v, "client", "vip", upper, payload, ttl, **fields), options)

    def on(kind, options, payload=b"", **fields):
        return with_options(packet(v, ours, "member", kind, payload, 63, **fields), options)

    row("SYN", into(tcp("S"), chosen[0]),
        on(tcp("S", port, MEMBER_PORT), chosen[0]))
    row("SYN|ACK", with_options(packet(v, "member", ours, tcp("SA", MEMBER_PORT, port)), chosen[1]),
        with_options(packet(v, "vip", "client", tcp("SA", 80, CLIENT_PORT), ttl=63), chosen[1]))
    row("data of odd length", into(tcp("PA"), chosen[2], b"odd"),
        on(tcp("PA", port, MEMBER_PORT), chosen[2], b"odd"))
    row("data without options", into(tcp("PA"), [], b"odd"),
        on(tcp("PA", port, MEMBER_PORT), [], b"odd"))
    for what, options in kinds(v):
        row("a datagram with " + what, into(udp(), options, b"question"),
            on(udp(port, MEMBER_PORT), options, b"question"))
    row("an answer", with_options(packet(v, "member", ours, udp(MEMBER_PORT, port), b"answer"),
                                  chosen[3]),
        with_options(packet(v, "vip", "client", udp(53, CLIENT_PORT), b"answer", ttl=63), chosen[3]))
    row("a TTL that is used up", into(udp(), chosen[0], b"late", ttl=1), verdict="DROP_ttl_expired")
    bad_rows(v)
    extra = len(raw(into(udp(), chosen[2]))) - HEADER[v] - 8
    fitting = MTU - HEADER[v] - extra - 8
    row("as large as fits", into(udp(), chosen[2], bytes(fitting)),
        on(udp(port, MEMBER_PORT), chosen[2], bytes(fitting)))
    large = into(udp(), chosen[2], bytes(fitting + 1))
    row("one byte more", large, too_big(v, ENDS[v]["client"], ENDS[v]["vip"], large, MTU, 0),
        verdict="DROP_mtu_exceeded")
    if v == 4:
        for what, options in (("all", EVERY), ("one that is not copied", [STAMP]),
                              ("one that is copied", [STREAM])):
            large = into(udp(), options, bytes(1480), flags=0)
            row(f"in pieces, with {what}", large, *pieces_optioned(
                packet(4, ours, "member", udp(port, MEMBER_PORT), bytes(1480), 63, flags=0),
                options, MTU))
    loose = {"flags": 0} if v == 4 else {}
    options = EVERY if v == 4 else chosen[0]
    before = cut(packet(v, "client", "vip", udp(), bytes(range(100)), **loose), options, 40, 77)
    after = cut(packet(v, ours, "member", udp(port, MEMBER_PORT), bytes(range(100)), 63, **loose),
                options, 40, 77)
    row("a last fragment waits", before[2])
    row("the first lets it go", before[0], after[0], after[2])
    row("the second", before[1], after[1])


def error_rows(v):
    """Errors with options, about a packet with options."""
    setup(f"options pass, ICMP errors, IPv{v}", **SYSTEMS, **PASS)
    options, others = kinds(v)[0][1], kinds(v)[1][1]
    head = ICMP(type=3, code=3) if v == 4 else ICMPv6DestUnreach(code=4)
    router = {4: "198.51.100.254", 6: "2001:db8:1::fe"}[v]
    end = ENDS[v]
    row("a datagram", with_options(packet(v, "client", "vip", udp(), b"question"), options),
        with_options(packet(v, "local", "member", udp(LOCAL_PORT, MEMBER_PORT), b"question", 63),
                     options))
    seen = with_options(packet(v, "local", "member", udp(LOCAL_PORT, MEMBER_PORT), b"question", 60),
                        options)
    told = with_options(packet(v, "client", "vip", udp(), b"question", 60), options)
    row("an error about it, with options of its own",
        with_options(ip(v, router, end["local"]) / head / Raw(raw(seen)), others),
        with_options(ip(v, end["vip"], end["client"], 63) / head / Raw(raw(told)), others))


def mixed_rows():
    """Where the version changes, options and extension headers stay behind (RFC 7915 4.1, 5.1)."""
    setup("options pass, full-nat, IPv6 to IPv4", pool6="HARNESS_POOL4", **SYSTEMS, **PASS)
    out = {"sport": LOCAL_PORT, "dport": MEMBER_PORT}
    back = {"sport": MEMBER_PORT, "dport": LOCAL_PORT}
    ident = 0
    row("SYN with hop-by-hop options",
        with_options(packet(6, "client", "vip", tcp("S")), [hop_options]),
        translated(tcp("S", **out), b"", 63, ident))
    row("SYN|ACK with IPv4 options",
        with_options(packet(4, "member", "local", tcp("SA", **back)), EVERY),
        packet(6, "vip", "client", tcp("SA", 80, CLIENT_PORT), ttl=63, fl=0))
    for what, options in kinds(6):
        ident += 1
        row("a datagram with " + what,
            with_options(packet(6, "client", "vip", udp(), b"question"), options),
            translated(udp(**out), b"question", 63, ident))
    for what, options in kinds(4):
        row("an answer with " + what,
            with_options(packet(4, "member", "local", udp(**back), b"answer"), options),
            packet(6, "vip", "client", udp(53, CLIENT_PORT), b"answer", ttl=63, fl=0))
    row("an answer without a checksum",
        with_options(packet(4, "member", "local", udp(**back, chksum=0), b"answer"), [ALERT]),
        packet(6, "vip", "client", udp(53, CLIENT_PORT), b"answer", ttl=63, fl=0))
    bad_rows(6)
    # Without its options an answer fits that did not fit with them.
    row("an answer as large as IPv6 can take",
        with_options(packet(4, "member", "local", udp(**back), bytes(1452)), EVERY),
        packet(6, "vip", "client", udp(53, CLIENT_PORT), bytes(1452), ttl=63, fl=0))
    loose = packet(4, "local", "member", udp(**out), bytes(range(100)), 63, flags=0)
    before = cut(packet(6, "client", "vip", udp(), bytes(range(100))), [hop_options], 40, 0x12345678)
    after = cut(loose, [], 40, 0x5678)
    row("a last fragment waits", before[2])
    row("the first lets it go", before[0], after[0], after[2])
    row("the second", before[1], after[1])
    behind = ip(6, ENDS[6]["client"], ENDS[6]["vip"]) / \
        IPv6ExtHdrFragment(nh=60, id=9, m=1) / destination_options() / udp() / Raw(bytes(16))
    row("options that were cut up with the rest", behind, verdict="DROP_untranslatable")
    before = cut(packet(4, "member", "local", udp(**back), bytes(range(100)), flags=0), EVERY, 40, 7)
    after = cut(packet(6, "vip", "client", udp(53, CLIENT_PORT), bytes(range(100)), ttl=63, fl=0),
                [], 40, 7)
    for one in after:
        one[IPv6ExtHdrFragment].id = 0
    row("a member's first fragment", before[0], after[0])
    row("its second", before[1], after[1])


def tunnel_rows(v, o, forward):
    """The inner packet keeps them; the outer header has none (RFC 2003 3.1)."""
    ident = Ident()
    protocol = 4 if v == 4 else 41
    more = {"gue_port": 6080} if forward == "DSR_GUE" else {}
    room = MTU - HEADER[o] - (12 if more else 0)

    def wrap(inner):
        if not more:
            return outer(o, inner, protocol, inner, udp(), v, ident)
        source = 0xc000 | (flow_hash(v, udp()) * 0x9e3779b1 & 0xffffffff) >> 18
        datagram = UDP(sport=source, dport=6080) / Raw(bytes([0, protocol, 0, 0]) + raw(inner))
        if o == 4:
            datagram[UDP].chksum = 0
            return outer(4, inner, 17, datagram, udp(), v, ident)
        return IPv6(src=ENDS[6]["local"], dst=ENDS[6]["member"], hlim=64, tc=0xb9,
                    fl=flow_hash(v, udp()) & 0xfffff) / datagram

    setup(f"options pass, {forward.lower()}, {v}in{o}", forward=f"CONFIG_FORWARD_{forward}",
          **pool_of(v, o), **PASS, **more)
    for what, options in kinds(v):
        row("a datagram with " + what,
            with_options(packet(v, "client", "vip", udp(), b"question"), options),
            wrap(with_options(packet(v, "client", "vip", udp(), b"question", 63), options)))
    if v == 4:
        large = packet(4, "client", "vip", udp(), bytes(1480), flags=0)
        row("in pieces", with_options(large, EVERY), *pieces_optioned(
            packet(4, "client", "vip", udp(), bytes(1480), 63, flags=0), EVERY, room, wrap))


def dsr_l2_rows(v):
    setup(f"options pass, dsr-l2, IPv{v}", forward="CONFIG_FORWARD_DSR_L2",
          hop=f'"{ENDS[v]["member"]}"', **PASS)
    for what, options in kinds(v):
        row("a datagram with " + what,
            with_options(packet(v, "client", "vip", udp(), b"question"), options),
            with_options(packet(v, "client", "vip", udp(), b"question", 63), options))


if __name__ == "__main__":
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* SETUP and ROW as in forward_rows.def: made by options_rows.py. */")
    for version in (4, 6):
        drop_rows(version)
        nat_rows(version, "FULL_NAT", "local")
        nat_rows(version, "NAT", "client")
        dsr_l2_rows(version)
        error_rows(version)
    mixed_rows()
    for client in (4, 6):
        for member in (4, 6):
            tunnel_rows(client, member, "DSR_IPIP")
            tunnel_rows(client, member, "DSR_GUE")
    if len(sys.argv) > 1:
        seeds_write(sys.argv[1])
