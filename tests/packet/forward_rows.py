#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes forward_rows.def with scapy, an implementation of headers and checksums that is not ours.

    tests/packet/forward_rows.py > tests/packet/forward_rows.def

With a folder as argument it writes the frames there too, as seeds for tests/fuzz/forward_fuzz.c.

The worker has one local port, 40000, and one member in each pool; the flow hash has the key (1, 2).
Identifications of IPv4 packets that we make count from 0 in every set-up. Those of IPv6 fragments
are random, and compared as if they were 0.
"""
import ipaddress
import os
import sys

from scapy.all import (Ether, ICMP, ICMPv6PacketTooBig, IP, IPv6, IPv6ExtHdrFragment, Raw, TCP,
                       UDP, raw)

ETHER = Ether(src="02:00:00:00:00:0c", dst="02:00:00:00:00:01")
LOCAL_PORT, MEMBER_PORT, CLIENT_PORT = 40000, 8080, 5000
VIP_PORT = {TCP: 80, UDP: 53}
ENDS = {
    4: {"client": "203.0.113.7", "vip": "192.0.2.100", "local": "192.0.2.2",
        "member": "198.51.100.1"},
    6: {"client": "2001:db8:2::7", "vip": "2001:db8::100", "local": "2001:db8::2",
        "member": "2001:db8:1::1"},
}
MTU = 1500
HEADER = {4: 20, 6: 40}
MASK = (1 << 64) - 1
WHOLE = {4: {"flags": "DF"}, 6: {}}


# The hashes of lib/base and lib/packet once more, from their description.
def fold(a, b):
    product = (a & MASK) * (b & MASK)
    return (product & MASK) ^ (product >> 64)


def flow_hash(version, upper):
    end = ENDS[version]
    src, dst = (int(ipaddress.ip_address(end[name])) for name in ("client", "vip"))
    rest = (upper.sport << 16 | upper.dport) << 8 | (6 if isinstance(upper, TCP) else 17)
    k0, k1 = 1, 2
    if version == 4:
        h = fold(src << 32 ^ dst ^ k0, rest ^ k1)
        return fold(h ^ k1, k0 ^ 0x9e3779b97f4a7c15) & 0xffffffff
    h = fold(src >> 64 ^ k0, src ^ k1)
    h ^= fold(dst >> 64 ^ k1, (dst & MASK) ^ k0 ^ 0xa0761d6478bd642f)
    return fold(h ^ rest ^ k1, k0 ^ 0x9e3779b97f4a7c15) & 0xffffffff


def ip(version, src, dst, ttl=64, **fields):
    if version == 4:
        return IP(src=src, dst=dst, ttl=ttl, **{"tos": 0xb9, "id": 0x1234, **fields})
    return IPv6(src=src, dst=dst, hlim=ttl, **{"tc": 0xb9, "fl": 0x54321, **fields})


def packet(version, src, dst, upper, payload=b"", ttl=64, **fields):
    end = ENDS[version]
    return ip(version, end[src], end[dst], ttl, **{**WHOLE[version], **fields}) / upper / Raw(payload)


def asked(kind, **fields):
    return kind(sport=CLIENT_PORT, dport=VIP_PORT[kind], **fields)


def tcp(flags, sport=CLIENT_PORT, dport=80, **fields):
    return TCP(sport=sport, dport=dport, flags=flags, seq=1000, ack=2000, window=501, **fields)


def udp(sport=CLIENT_PORT, dport=53, **fields):
    return UDP(sport=sport, dport=dport, **fields)


# Output.
FORWARDS = ["FULL_NAT", "NAT", "DSR_L2", "DSR_IPIP", "DSR_GUE"]
OVERSIZES = ["FRAGMENT", "CLAMP_MSS", "DROP"]
SYN_PROXIES = ["OFF", "FLOOD", "ALWAYS"]
CLIENT_ADDRESSES = ["NONE", "PROXY_V1", "PROXY_V2", "TOA"]
seeds = {}


def seed_begin(description, fields):
    way = (fields["pool4"] == "HARNESS_POOL6") | (fields["pool6"] == "HARNESS_POOL4") << 1 | \
        ("is_stateless" in fields) << 2 | \
        OVERSIZES.index(fields.get("oversize", "CONFIG_OVERSIZE_FRAGMENT")[16:]) << 3 | \
        fields.get("gue_variant", 0) << 5 | \
        SYN_PROXIES.index(fields.get("syn_proxy", "CONFIG_SYN_PROXY_OFF")[17:]) << 6
    told = fields.get("client_address", "CONFIG_CLIENT_ADDRESS_NONE")[22:]
    name = "".join(c if c.isalnum() else "_" for c in description)
    seeds[name] = bytearray([FORWARDS.index(fields["forward"][15:]) +
                             len(FORWARDS) * CLIENT_ADDRESSES.index(told), way])


def seed_add(frame):
    last = seeds[list(seeds)[-1]]
    # Few large ones: they are slow to mutate.
    if len(frame) < 200 or len(last) < 2000:
        last += b"\0" + len(frame).to_bytes(2, "big") + frame


def literal(data):
    text = data.hex()
    return "\n".join('\t"%s"' % text[i:i + 88] for i in range(0, len(text), 88))


def setup(description, **fields):
    fields = {"pool4": "HARNESS_POOL4", "pool6": "HARNESS_POOL6", **fields}
    names = ", ".join(f".{name} = {value}" for name, value in fields.items())
    seed_begin(description, fields)
    print('SETUP("%s", %s)' % (description, names))


def row(description, before, *after, verdict="DROP_NONE"):
    seed_add(raw(ETHER / before))
    parts = [literal(raw(ETHER / before))] + [literal(raw(one)) for one in after]
    print('ROW("%s", %s,\n%s)' % (description, verdict, ",\n".join(parts)))


# What is made of large packets.
def pieces(whole, room, wrap=lambda piece: piece):
    """A packet of IPv4 in fragments, or one of IPv6 with fragment headers."""
    data = raw(whole)
    version = data[0] >> 4
    header, payload = data[:HEADER[version]], data[HEADER[version]:]
    size = (room - HEADER[version] - (8 if version == 6 else 0)) // 8 * 8
    out = []
    for at in range(0, len(payload), size):
        more = at + size < len(payload)
        part = payload[at:at + size]
        if version == 4:
            first = IP(header)
            first.len = first.chksum = None
            first.frag, first.flags = at // 8, "MF" if more else 0
            out.append(wrap(first / Raw(part)))
        else:
            first = IPv6(header)
            first.plen = None
            extension = IPv6ExtHdrFragment(nh=first.nh, offset=at // 8, m=int(more), id=0)
            first.nh = 44
            out.append(wrap(first / extension / Raw(part)))
    return out


def too_big(version, to, source, before, mtu, ident=0):
    if version == 4:
        quote = raw(before)[:576 - 28]
        return IP(src=source, dst=to, tos=0xc0, id=ident, ttl=64, proto=1) / \
            ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(quote)
    return IPv6(src=source, dst=to, hlim=64) / ICMPv6PacketTooBig(mtu=mtu) / \
        Raw(raw(before)[:1280 - 48])


# Full NAT from IPv6 to IPv4, and the way back.
def translated(upper, payload, ttl, ident):
    total = 20 + len(raw(upper / Raw(payload)))
    fields = {"id": ident, "flags": 0} if total <= 1260 else {"id": 0, "flags": "DF"}
    return ip(4, ENDS[4]["local"], ENDS[4]["member"], ttl, **fields) / upper / Raw(payload)


def nat64_rows():
    end = ENDS[6]
    setup("full-nat, IPv6 to IPv4", forward="CONFIG_FORWARD_FULL_NAT", pool6="HARNESS_POOL4")
    out = {"sport": LOCAL_PORT, "dport": MEMBER_PORT}
    back = {"sport": MEMBER_PORT, "dport": LOCAL_PORT}
    row("SYN", packet(6, "client", "vip", tcp("S")), translated(tcp("S", **out), b"", 63, 0))
    row("SYN|ACK", packet(4, "member", "local", tcp("SA", **back)),
        packet(6, "vip", "client", tcp("SA", 80, CLIENT_PORT), ttl=63, fl=0))
    row("data of odd length", packet(6, "client", "vip", tcp("PA"), b"odd"),
        translated(tcp("PA", **out), b"odd", 63, 1))
    row("as much as IPv4 may fragment", packet(6, "client", "vip", tcp("A"), bytes(1220)),
        translated(tcp("A", **out), bytes(1220), 63, 2))
    row("one byte more", packet(6, "client", "vip", tcp("A"), bytes(1221)),
        translated(tcp("A", **out), bytes(1221), 63, 0))
    row("a hop limit that is used up", packet(6, "client", "vip", tcp("A"), ttl=1),
        verdict="DROP_ttl_expired")
    row("a TTL that is used up", packet(4, "member", "local", tcp("A", **back), ttl=1),
        verdict="DROP_ttl_expired")
    large = packet(4, "member", "local", tcp("A", **back), bytes(1441))
    row("an answer that does not fit", large,
        too_big(4, ENDS[4]["member"], ENDS[4]["local"], large, 1480, 3), verdict="DROP_mtu_exceeded")
    row("one that just fits", packet(4, "member", "local", tcp("A", **back), bytes(1440)),
        packet(6, "vip", "client", tcp("A", 80, CLIENT_PORT), bytes(1440), ttl=63, fl=0))
    row("one in pieces", packet(4, "member", "local", tcp("A", **back), bytes(1441), flags=0),
        *pieces(packet(6, "vip", "client", tcp("A", 80, CLIENT_PORT), bytes(1441), ttl=63, fl=0), MTU))
    large = packet(6, "client", "vip", tcp("A"), bytes(1461))
    row("a question that does not fit", large, too_big(6, end["client"], end["vip"], large, 1520),
        verdict="DROP_mtu_exceeded")
    row("a datagram", packet(6, "client", "vip", udp(), b"question"),
        translated(udp(**out), b"question", 63, 4))
    row("an answer without a checksum gets one",
        packet(4, "member", "local", udp(**back, chksum=0), b"the answer"),
        packet(6, "vip", "client", udp(53, CLIENT_PORT), b"the answer", ttl=63, fl=0))
    row("one with a checksum", packet(4, "member", "local", udp(**back), b"the answer", flags=0),
        packet(6, "vip", "client", udp(53, CLIENT_PORT), b"the answer", ttl=63, fl=0))


def nat_rows(v):
    end = ENDS[v]
    setup(f"nat, IPv{v}", forward="CONFIG_FORWARD_NAT")
    row("a stray segment", packet(v, "client", "vip", tcp("A")), verdict="DROP_no_conn")
    row("a reply that nobody asked for", packet(v, "member", "client", tcp("SA", MEMBER_PORT, 5000)),
        verdict="DROP_no_conn")
    row("SYN", packet(v, "client", "vip", tcp("S")),
        packet(v, "client", "member", tcp("S", dport=MEMBER_PORT), ttl=63))
    row("SYN|ACK", packet(v, "member", "client", tcp("SA", MEMBER_PORT, CLIENT_PORT)),
        packet(v, "vip", "client", tcp("SA", 80, CLIENT_PORT), ttl=63))
    row("data", packet(v, "client", "vip", tcp("PA"), b"hello"),
        packet(v, "client", "member", tcp("PA", dport=MEMBER_PORT), b"hello", ttl=63))
    row("a datagram", packet(v, "client", "vip", udp(), b"question"),
        packet(v, "client", "member", udp(dport=MEMBER_PORT), b"question", ttl=63))
    row("its answer", packet(v, "member", "client", udp(MEMBER_PORT, CLIENT_PORT), b"answer"),
        packet(v, "vip", "client", udp(53, CLIENT_PORT), b"answer", ttl=63))
    large = packet(v, "member", "client", udp(MEMBER_PORT, CLIENT_PORT), bytes(1481))
    row("an answer that does not fit", large,
        too_big(v, end["member"], end["local"], large, MTU), verdict="DROP_mtu_exceeded")
    if v == 4:
        row("one in pieces",
            packet(4, "member", "client", udp(MEMBER_PORT, CLIENT_PORT), bytes(1481), flags=0),
            *pieces(packet(4, "vip", "client", udp(53, CLIENT_PORT), bytes(1481), ttl=63, flags=0),
                    MTU))


def dsr_common_rows(v, wrap, room, ident):
    """wrap(packet, upper): what goes out; room: the largest packet of the client's that fits."""
    end = ENDS[v]

    def through(upper, payload=b"", **fields):
        after = packet(v, "client", "vip", upper, payload, ttl=63, **fields)
        return packet(v, "client", "vip", upper, payload, **fields), wrap(after, upper)

    row("a stray segment goes where Maglev says", *through(tcp("PA"), b"x"))
    row("SYN", *through(tcp("S", options=[("MSS", 8960)])))
    row("data of odd length", *through(tcp("PA"), b"odd"))
    row("a first datagram", *through(udp(), b"question"))
    row("a TTL that is used up", packet(v, "client", "vip", udp(), b"x", ttl=1),
        verdict="DROP_ttl_expired")
    fitting = room - HEADER[v] - 8
    row("as large as fits", *through(udp(), bytes(fitting)))
    large = packet(v, "client", "vip", udp(), bytes(fitting + 1))
    row("one byte more", large, too_big(v, end["client"], end["vip"], large, room, ident.take()),
        verdict="DROP_mtu_exceeded")
    if v == 6:
        return
    row("what may be fragmented", *through(udp(), b"loose", flags=0))
    loose = packet(4, "client", "vip", udp(), bytes(fitting + 1), ttl=63, flags=0)
    row("one byte more of that", packet(4, "client", "vip", udp(), bytes(fitting + 1), flags=0),
        *pieces(loose, room, lambda piece: wrap(piece, udp())))


class Ident:
    """The worker's counter of identifications."""

    def __init__(self):
        self.next = 0

    def take(self):
        self.next += 1
        return self.next - 1


def outer(version, inner, protocol, payload, upper, inner_version, ident, source=None):
    """An outer header around what raw(payload) is."""
    end = ENDS[version]
    whole = inner_version == 6 or inner.flags.DF
    hashed = flow_hash(inner_version, upper)
    if version == 4:
        fields = {"flags": "DF", "id": 0} if whole else {"flags": 0, "id": ident.take()}
        return IP(src=source or end["local"], dst=end["member"], ttl=64, tos=0xb9, proto=protocol,
                  **fields) / Raw(raw(payload))
    return IPv6(src=source or end["local"], dst=end["member"], hlim=64, tc=0xb9,
                fl=hashed & 0xfffff, nh=protocol) / Raw(raw(payload))


def ipip_rows(v, o, **more):
    ident = Ident()
    setup(f"dsr-ipip, {v}in{o}", forward="CONFIG_FORWARD_DSR_IPIP", **pool_of(v, o), **more)
    dsr_common_rows(v, lambda inner, upper: outer(o, inner, 4 if v == 4 else 41, inner, upper, v,
                                                  ident), MTU - HEADER[o], ident)


def pool_of(v, o):
    return {f"pool{v}": f"HARNESS_POOL{o}"}


def gue_rows(v, o, variant, port):
    ident = Ident()
    protocol = 4 if v == 4 else 41

    def wrap(inner, upper):
        source = 0xc000 | (flow_hash(v, upper) * 0x9e3779b1 & 0xffffffff) >> 18
        header = bytes([0, protocol, 0, 0]) if variant == 0 else b""
        datagram = UDP(sport=source, dport=port) / Raw(header + raw(inner))
        if o == 4:
            datagram[UDP].chksum = 0
            return outer(4, inner, 17, datagram, upper, v, ident)
        end = ENDS[6]
        return IPv6(src=end["local"], dst=end["member"], hlim=64, tc=0xb9,
                    fl=flow_hash(v, upper) & 0xfffff) / datagram

    setup(f"dsr-gue, variant {variant}, {v}in{o}", forward="CONFIG_FORWARD_DSR_GUE",
          gue_variant=variant, gue_port=port, **pool_of(v, o))
    dsr_common_rows(v, wrap, MTU - HEADER[o] - (12 if variant == 0 else 8), ident)


def dsr_l2_rows(v):
    setup(f"dsr-l2, IPv{v}", forward="CONFIG_FORWARD_DSR_L2", hop=f'"{ENDS[v]["member"]}"')
    dsr_common_rows(v, lambda inner, upper: inner, MTU, Ident())


def spread_rows():
    """Outer sources out of a network of 8 host bits, by the flow's hash."""
    ident = Ident()
    for v, o, network in ((4, 4, "198.18.5.0/24"), (6, 6, "2001:db8:5::/120")):
        setup(f"dsr-ipip, {v}in{o}, sources by flow", forward="CONFIG_FORWARD_DSR_IPIP",
              outer_source=f'"{network}"', **pool_of(v, o))
        for port in (5000, 5001):
            upper = udp(port)
            source = ipaddress.ip_network(network)[flow_hash(v, upper) & 255]
            inner = packet(v, "client", "vip", upper, b"x", ttl=63)
            row(f"client port {port}", packet(v, "client", "vip", upper, b"x"),
                outer(o, inner, 4 if v == 4 else 41, inner, upper, v, ident, str(source)))


def stateless_rows():
    ident = Ident()
    setup("dsr-ipip, stateless", forward="CONFIG_FORWARD_DSR_IPIP", is_stateless="true")
    for flags in ("S", "A", "R", "FA"):
        inner = packet(4, "client", "vip", tcp(flags), ttl=63)
        row(f"TCP {flags}", packet(4, "client", "vip", tcp(flags)),
            outer(4, inner, 4, inner, tcp(flags), 4, ident))


def policy_rows():
    setup("nat, oversize drop", forward="CONFIG_FORWARD_NAT", oversize="CONFIG_OVERSIZE_DROP")
    row("no pieces", packet(4, "client", "vip", udp(), bytes(1473), flags=0),
        verdict="DROP_mtu_exceeded")
    large = packet(4, "client", "vip", udp(), bytes(1473))
    row("an ICMP error all the same", large,
        too_big(4, ENDS[4]["client"], ENDS[4]["vip"], large, MTU, 0), verdict="DROP_mtu_exceeded")
    setup("nat, oversize clamp-mss", forward="CONFIG_FORWARD_NAT",
          oversize="CONFIG_OVERSIZE_CLAMP_MSS")
    jumbo, odd = [("MSS", 8960)], [("NOP", None), ("MSS", 8960)]
    for v, most in ((4, 1460), (6, 1440)):
        row(f"SYN over IPv{v}", packet(v, "client", "vip", tcp("S", options=jumbo)),
            packet(v, "client", "member", tcp("S", dport=MEMBER_PORT, options=[("MSS", most)]), ttl=63))
        row(f"SYN|ACK over IPv{v}, at an odd place",
            packet(v, "member", "client", tcp("SA", MEMBER_PORT, 5000, options=odd)),
            packet(v, "vip", "client", tcp("SA", 80, 5000, options=[("NOP", None), ("MSS", most)]),
                   ttl=63))
    row("a small one stays", packet(4, "client", "vip", tcp("S", options=[("MSS", 536)])),
        packet(4, "client", "member", tcp("S", dport=MEMBER_PORT, options=[("MSS", 536)]), ttl=63))
    row("an option that lies", packet(4, "client", "vip", tcp("S", options=[(2, b"\x23")])),
        packet(4, "client", "member", tcp("S", dport=MEMBER_PORT, options=[(2, b"\x23")]), ttl=63))


def seeds_write(folder):
    for name, data in seeds.items():
        with open(os.path.join(folder, name), "wb") as seed:
            seed.write(data)


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* SETUP(description, fields), then ROW(description, verdict, frame in, packets out...): made by")
    print(" * forward_rows.py. */")
    nat64_rows()
    for family in (4, 6):
        nat_rows(family)
        dsr_l2_rows(family)
    for client in (4, 6):
        for member in (4, 6):
            ipip_rows(client, member)
            gue_rows(client, member, 0, 6080)
            gue_rows(client, member, 1, 9886)
    spread_rows()
    stateless_rows()
    policy_rows()


if __name__ == "__main__":
    main()
    if len(sys.argv) > 1:
        seeds_write(sys.argv[1])
