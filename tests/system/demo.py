# SPDX-License-Identifier: Apache-2.0
"""What tools/demo shows, after the build: the main job with real clients and real servers."""

import collections
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile

from harness.appliance import ROOT, Appliance
from harness.certs import Authority
from harness.network import VIP, Network, server
from harness.nginx import Nginx
from harness.web import Load, curl

EXAMPLE = os.path.join(ROOT, "docs", "examples", "demo")
SHOP = "https://shop.example"
L4_CONNECTIONS = 120


def interrupted(number, frame):
    raise KeyboardInterrupt


class Demo:
    def __init__(self, stack, folder):
        self.failed = 0
        with open(os.path.join(EXAMPLE, "penstock.json"), encoding="utf-8") as text:
            settings = json.load(text)
        with open(os.path.join(EXAMPLE, "routes.json"), encoding="utf-8") as text:
            routes = json.load(text)["routes"]
        del settings["$schema"]  # relative to the example's place
        self.network = Network("demo-")
        stack.callback(self.network.close)
        self.client = self.network.client
        self.ca = Authority(folder)
        self.ca.issue("shop", ["shop.example"])
        self.members = {}
        for pool in ("payments", "static"):
            for row in settings["pools"][pool]["members"]:
                self.start_member(stack, folder, row)
        self.appliance = Appliance(self.network, folder, settings, routes)
        stack.enter_context(self.appliance)
        for pool in ("payments", "static"):
            for member in self.appliance.servers(pool):
                self.appliance.wait_state(pool, member, "UP")

    def start_member(self, stack, folder, row):
        address, _, port = row["address"].rpartition(":")
        made = Nginx(self.network.servers, folder, row["name"], [(address, int(port))])
        self.members[row["name"]] = made
        stack.callback(made.stop)
        made.start()

    def report(self, is_right, what, seen):
        self.failed += not is_right
        print(f"  {'ok ' if is_right else 'NOT'}  {what:<52} {seen}", flush=True)

    def show_l4(self):
        print(f"\nLayer 4: {L4_CONNECTIONS} connections to http://{VIP}:8080 (full NAT, Maglev)")
        # A connection for each request: that is what layer 4 spreads.
        answer = curl(self.client, "-H", "Connection: close",
                      *[f"http://{VIP}:8080/{n}" for n in range(L4_CONNECTIONS)])
        counts = collections.Counter(body.split()[0] for body in answer.bodies if body)
        share = L4_CONNECTIONS / 3
        for name in ("static-1", "static-2", "static-3"):
            count = counts[name]
            print(f"       {name:<12} {count:>4}  {'#' * (count // 2)}")
        self.report(sum(counts.values()) == L4_CONNECTIONS
                    and all(abs(counts[f"static-{n}"] - share) < share * 0.7 for n in (1, 2, 3)),
                    "every member got about a third", dict(sorted(counts.items())))

    def show_routes(self):
        print(f"\nLayer 7: one TLS 1.3 connection to {SHOP}")
        paths = ["/checkout/1", "/img/logo.png", "/checkout/2", "/img/x", "/nothing"]
        answer = curl(self.client, "--tlsv1.3", *[SHOP + path for path in paths], ca=self.ca.path)
        expected = ["payments-", "static-", "payments-", "static-", "404"]
        for path, want, body, transfer in zip(paths, expected, answer.bodies, answer.transfers):
            seen = body.split()[0] if transfer["status"] == 200 else str(transfer["status"])
            self.report(seen.startswith(want), f"GET {path}", seen)
        connects = [transfer["connects"] for transfer in answer.transfers]
        self.report(answer.exit_code == 0 and connects == [1, 0, 0, 0, 0],
                    "certificate verified, one connection for all",
                    f"connections opened: {sum(connects)}{' ' + answer.errors.strip()}")

    def show_death(self):
        print("\nA member is killed while clients send requests to /checkout")
        with Load(self.client, ["/checkout/1"], threads=4, seconds=30) as load:
            load.wait_requests(300)
            self.members["payments-1"].kill()
            self.appliance.wait_state("payments", "payments-1", "DOWN")
            before = load.requests
            load.wait_requests(300)
            during = load.requests - before
            self.members["payments-1"].start()
            self.appliance.wait_state("payments", "payments-1", "UP")
            load.wait_requests(300)
        shares = ", ".join(f"{name} {count}" for name, count in sorted(load.members.items()))
        self.report(during >= 300, "requests go on after payments-1 was taken out", shares)
        self.report(not load.failures, "requests that failed",
                    f"{len(load.failures)} of {load.requests} {' '.join(load.failures[:3])}")

    def show_inside(self):
        for command in ("show servers", "show cores", "show drops"):
            print(f"\npenstockctl {command}")
            for line in self.appliance.ctl(command).splitlines():
                print("  " + line)

    def end(self):
        code = self.appliance.stop()
        print()
        self.report(code == 0, "SIGTERM drains connections and ends in order", f"exit code {code}")


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    folder, demo = tempfile.mkdtemp(prefix="penstock-demo-"), None
    try:
        with contextlib.ExitStack() as stack:
            demo = Demo(stack, folder)
            print("client 192.0.2.10 -- wan 192.0.2.2 [penstock, VIP 192.0.2.100] lan 198.51.100.2 -- "
                  f"nginx {server(21)}-22 (payments), {server(31)}-33 (static)")
            for step in (demo.show_l4, demo.show_routes, demo.show_death, demo.show_inside,
                         demo.end):
                step()
            if demo.failed:
                print("\npenstock's log:\n" + demo.appliance.log())
    except (OSError, RuntimeError) as error:
        print(f"\n{error}\n{demo.appliance.log() if demo else ''}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; everything was removed", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{'All answers were right.' if not demo.failed else f'{demo.failed} wrong.'}")
    return 1 if demo.failed else 0


if __name__ == "__main__":
    sys.exit(main())
