# SPDX-License-Identifier: Apache-2.0
"""A switch's trunk port, where the kernel has no 8021q module.

Run inside the namespace at the far end of the appliance's cable:
  tag.py DEVICE VLAN...

Makes a TAP device vlanN for each VLAN N. A frame from there leaves by DEVICE with the tag of N, and
what comes in by DEVICE with that tag goes there without it. What comes in without a tag goes to
vlan0, if there is one, whose own frames leave with a tag that tells a priority alone.
"""

import fcntl
import os
import selectors
import socket
import struct
import subprocess
import sys

TUNSETIFF = 0x400454ca
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
ETH_P_ALL, ETH_P_8021Q = 0x0003, 0x8100
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID = 1 << 4
PRIORITY = 5 << 13


def tap_open(name):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
    return tap


def tagged(frame, vlan, kind=ETH_P_8021Q):
    tci = vlan if vlan else PRIORITY
    return frame[:12] + struct.pack("!HH", kind, tci) + frame[12:]


def vlan_of(ancillary):
    """The kernel takes the tag off and tells of it beside the frame."""
    for level, kind, value in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", value[:20])
            return tci & 0xfff if status & TP_STATUS_VLAN_VALID else 0
    return 0


def raw_open(device):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((device, ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    return sock


def main():
    taps = {int(word): tap_open("vlan" + word) for word in sys.argv[2:]}
    wire = raw_open(sys.argv[1])
    selector = selectors.DefaultSelector()
    selector.register(wire, selectors.EVENT_READ)
    for vlan, tap in taps.items():
        selector.register(tap, selectors.EVENT_READ, vlan)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not wire:
                wire.send(tagged(os.read(key.fd, 65536), key.data))
                continue
            frame, ancillary, _, sender = wire.recvmsg(65536, 256)
            tap = taps.get(vlan_of(ancillary))
            if sender[2] != socket.PACKET_OUTGOING and tap is not None:
                try:
                    os.write(tap, frame)
                except OSError:
                    pass  # not up yet on its new side


if __name__ == "__main__":
    main()
