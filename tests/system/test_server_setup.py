# SPDX-License-Identifier: Apache-2.0
"""tools/server-setup with its tunnels, on whatever the kernel has of them.

Devices that the kernel lacks are stood in for by plain ones of the same name, so that all that is
done to them is done. Commands that need the kernel's own code run, too: they may be refused for its
lack alone. Without that code, ip does not look at the words of "ip fou": the test pins them.
"""

import os
import re
import subprocess

import pytest

from harness import netns
from harness.farm import SETUP
from harness.network import VIP, VIP6

DEVICES = ("tunl0", "sit0", "ip6tnl0")
# What ip says when the kernel has no such thing; of a word that it does not know it says others.
LACKS = re.compile(r"No such file or directory|Operation not supported|No such device|"
                   r"Invalid argument|Inappropriate ioctl|not permitted")

SHIM = """#!/bin/sh
case "$*" in
"-6 tunnel "* | "-4 fou "* | "-6 fou "*)
	said=$(/usr/sbin/ip "$@" 2>&1) && { echo "done: $*" >>"$SHIM_LOG"; exit 0; }
	echo "refused: $*: $(echo "$said" | tr '\\n' ' ')" >>"$SHIM_LOG"
	case "$*" in *" del "*) exit 1 ;; *) exit 0 ;; esac ;;
esac
exec /usr/sbin/ip "$@"
"""


class Server:
    def __init__(self, folder):
        self.space = netns.Namespace("setup")
        self.log = folder / "log"
        self.log.touch()
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        for name, text in (("ip", SHIM), ("modprobe", "#!/bin/sh\nexit 0\n")):
            (bin_folder / name).write_text(text)
            (bin_folder / name).chmod(0o755)
        self.environment = {**os.environ, "SHIM_LOG": str(self.log),
                            "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        self.stood_in = [name for name in DEVICES if not self.has(name)]

    def has(self, device):
        return device in self.links()

    def links(self):
        return re.findall(r"^\d+: ([^:@]+)", self.space.ip("link"), re.M)

    def stand_in(self):
        for number, name in enumerate(self.stood_in):
            self.space.ip("link", "add", name, "type", "veth", "peer", "name", f"far{number}")

    def script(self, *words, shimmed=True):
        return subprocess.run(
            self.space.command(SETUP, *words), capture_output=True, text=True, check=False,
            env=self.environment if shimmed else None)

    def flags(self, device):
        return re.search(r"<([^>]*)>", self.space.ip("link", "show", "dev", device))[1].split(",")

    def addresses(self):
        return self.space.ip("address", "show", "dev", "lo")

    def setting(self, name):
        return self.space.run("sysctl", "-n", name).strip()


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    yield made
    made.space.remove()


@pytest.mark.parametrize("mode, more", [("dsr-ipip", []), ("dsr-gue", ["--gue-port", "9886"])])
def test_tunnels_are_set_up_and_taken_back(server, mode, more):
    server.stand_in()
    words = ["--mode", mode, "--vip", VIP, "--vip", VIP6, *more]
    for _ in range(2):
        done = server.script(*words)
        assert done.returncode == 0, done.stderr
        for device in DEVICES:
            assert "UP" in server.flags(device)
            assert server.setting(f"net.ipv4.conf.{device}.rp_filter") == "2"
        assert VIP + "/32" in server.addresses() and VIP6 + "/128" in server.addresses()
        assert server.setting("net.ipv4.conf.all.arp_ignore") == "1"
    asked = server.log.read_text().splitlines()
    assert any("-6 tunnel change ip6tnl0 mode any" in line for line in asked)
    added = [line for line in asked if " fou add " in line]
    assert len(added) == (4 if mode == "dsr-gue" else 0)
    assert all("fou add port 9886 gue" in line for line in added)
    for line in asked:
        assert line.startswith("done: ") or LACKS.search(line), line
    done = server.script("--undo", *words)
    assert done.returncode == 0, done.stderr
    assert VIP not in server.addresses() and VIP6 not in server.addresses()
    assert not any("UP" in server.flags(device) for device in DEVICES)


def test_the_words_of_the_tunnel_are_those_of_ip(server):
    """To change a tunnel, ip asks the kernel before it reads on; to add one, it reads first."""
    for mode, is_known in (("any", True), ("eny", False)):
        done = subprocess.run(
            server.space.command("ip", "-6", "tunnel", "add", "t9", "mode", mode),
            capture_output=True, text=True, check=False)
        accepted = done.returncode == 0 or LACKS.search(done.stderr)
        assert bool(accepted) == is_known, done.stderr


def test_a_kernel_without_tunnels_is_told_before_anything_changes(server):
    """And one that has them gets them."""
    done = server.script("--mode", "dsr-ipip", "--vip", VIP, shimmed=False)
    lacking = [name for name in DEVICES if not server.has(name)]
    if lacking:
        assert done.returncode == 2
        assert f"the kernel has no device {lacking[0]}" in done.stderr
        assert VIP not in server.addresses()
    else:
        assert done.returncode == 0, done.stderr
        assert VIP in server.addresses() and "UP" in server.flags("tunl0")
