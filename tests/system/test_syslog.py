# SPDX-License-Identifier: Apache-2.0
"""The access log as datagrams to a syslog server, out of the appliance's own ports."""

import json
import re
import signal
import socket

import pytest

from harness import config, web
from harness.appliance import Appliance
from harness.network import LAN, LAN6, server, server6
from harness.procs import wait_for

HEAD = re.compile(r"<142>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ edge \d+ access - ({.*})")
OLD_HEAD = re.compile(r"<142>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ edge\[\d+\]: ({.*})")
SO_RCVBUFFORCE = 33


class Server:
    """A syslog server among the members."""

    def __init__(self, network, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = network.servers.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((address, 0))
        self.sock.settimeout(10)
        host = f"[{address}]" if ":" in address else address
        self.endpoint = f"{host}:{self.sock.getsockname()[1]}"

    def row(self, target, head=HEAD):
        """The line of a request for a target, and who sent it."""
        while True:
            text, peer = self.sock.recvfrom(65536)
            found = head.fullmatch(text.decode("ascii"))
            assert found, text
            row = json.loads(found[1])
            if row["target"] == target:
                return row, peer[:2]


@pytest.mark.parametrize("layout", ["split", "pairs"])
def test_lines_reach_a_syslog_server(site_network, site_servers, certificate, tmp_path, layout):
    settings, routes = config.make(site_network, certificate, layout)
    four, six = (Server(site_network, a) for a in (server(40), server6(40)))
    syslog = {"server": four.endpoint, "facility": "local1", "tag": "edge"}
    settings["access_log"] = {"to": "syslog", "syslog": syslog}
    with four.sock, six.sock, Appliance(site_network, tmp_path, settings, routes) as appliance:
        def ask(name):
            url = "http://origin.example/bytes/100?" + name
            assert web.curl(site_network.client, "-o", "/dev/null", url).status == 200

        for number in range(20):
            ask(str(number))
            row, peer = four.row(f"/bytes/100?{number}")
            assert (row["status"], row["bytes_out"], row["ending"]) == (200, 100, "complete")
            assert peer == (LAN, 514)
        syslog.update(server=six.endpoint, format="rfc3164")
        appliance.write(settings)
        appliance.reload_by_signal()
        ask("six")
        assert six.row("/bytes/100?six", OLD_HEAD)[1] == (LAN6, 514)
        counters = appliance.counters()
        assert counters["access.lines"] == 21
        assert counters["access.lines_lost"] == counters["access.lines_cut"] == 0
        # No way leads there: lines are lost and counted, and nothing else happens.
        syslog.update(server="203.0.113.7:514")
        appliance.write(settings)
        appliance.reload_by_signal()
        ask("lost")
        wait_for(lambda: appliance.counters()["access.lines_lost"] == 1, "the line is lost")


def test_no_line_is_lost_at_the_end(site_network, site_servers, certificate, tmp_path):
    """Requests that end just before the daemon does; their lines leave before it."""
    settings, routes = config.make(site_network, certificate, "split")
    four = Server(site_network, server(40))
    four.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)  # nobody reads meanwhile
    settings["access_log"] = {"to": "syslog", "syslog": {"server": four.endpoint, "tag": "edge",
                                                         "facility": "local1"}}
    with four.sock, Appliance(site_network, tmp_path, settings, routes) as appliance:
        made = web.connection(site_network.client, host="origin.example")
        for number in range(100):
            made.request("GET", f"/bytes/10?{number}")
            assert len(made.getresponse().read()) == 10
            # The first one has the address of the server's host looked up.
            if number == 0:
                four.row("/bytes/10?0")
        made.close()
        appliance.process.child.send_signal(signal.SIGTERM)
        appliance.process.child.send_signal(signal.SIGTERM)
        for number in range(1, 100):
            assert four.row(f"/bytes/10?{number}")[0]["status"] == 200
        wait_for(lambda: not appliance.is_alive(), "the daemon ends")
        code = appliance.process.child.returncode
        assert code == 0, f"exit code {code}\n{appliance.log()}"
        assert "are lost" not in appliance.log()
