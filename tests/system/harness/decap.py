# SPDX-License-Identifier: Apache-2.0
"""A server's end of the tunnels, where the kernel has no ipip, sit, ip6_tunnel or fou module.

Run inside a server's namespace:
  decap.py DEVICE GUE_PORT...

Takes IP in IP and GUE (variants 0 and 1), of either version in either, and hands what is inside to
the kernel through a TUN device, as the modules would. Checks what a lenient receiver would not see:
the outer header's TTL and the reserved bits of GUE; what is wrong is reported and not passed on.
"""

import fcntl
import os
import selectors
import socket
import struct
import subprocess
import sys

TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
IPIP, IPV6 = 4, 41
IP_RECVTTL = 12  # not in the socket module before Python 3.14
OUTER_TTL = 64


def tun_open(name):
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
    return tun


def is_packet(data, protocol):
    return len(data) >= 20 and data[0] >> 4 == (4 if protocol == IPIP else 6)


def gue_strip(data):
    """The packet inside of a GUE payload, or None."""
    if data[0] >> 6 == 1:
        # Its first bits are those of IPv4 (0100) or IPv6 (0110).
        return data
    if data[0] != 0 or data[2:4] != b"\0\0" or not is_packet(data[4:], data[1]):
        return None
    return data[4:]


class Decapsulator:
    def __init__(self, tun):
        self.tun = tun
        self.selector = selectors.DefaultSelector()

    def add(self, family, kind, protocol, take, port=None):
        sock = socket.socket(family, kind, protocol)
        if port:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        self.selector.register(sock, selectors.EVENT_READ, take)

    def run(self):
        while True:
            for key, _ in self.selector.select():
                data, ancillary, _, _ = key.fileobj.recvmsg(65536, 256)
                ttl = [struct.unpack("i", value)[0] for _, _, value in ancillary]
                inner = key.data(data)
                if ttl != [OUTER_TTL] or inner is None:
                    print(f"refused: ttl {ttl}, {data[:48].hex()}", flush=True)
                else:
                    os.write(self.tun, inner)


def main():
    decapsulator = Decapsulator(tun_open(sys.argv[1]))
    for protocol in (IPIP, IPV6):
        # A raw IPv4 socket shows the header, a raw IPv6 socket does not.
        decapsulator.add(socket.AF_INET, socket.SOCK_RAW, protocol, lambda data: data[20:])
        decapsulator.add(socket.AF_INET6, socket.SOCK_RAW, protocol, lambda data: data)
    for port in sys.argv[2:]:
        for family in (socket.AF_INET, socket.AF_INET6):
            decapsulator.add(family, socket.SOCK_DGRAM, 0, gue_strip, int(port))
    print("ready", flush=True)
    decapsulator.run()


if __name__ == "__main__":
    main()
