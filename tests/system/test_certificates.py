# SPDX-License-Identifier: Apache-2.0
"""Certificates changed while running: no connection is lost, and what is wrong is refused."""

import re
import subprocess

import pytest

from harness import web
from harness.network import VIP

HOST = "shop.example"


@pytest.fixture(scope="module")
def renewed(authority):
    """A second certificate for the shop, and a key of another one."""
    return {"new": authority.issue("renewed", [HOST, "*." + HOST]),
            "other": authority.issue("stranger", ["stranger.example"])}


def fingerprint(site):
    """Of the certificate that a new connection gets."""
    command = ("openssl s_client -connect {}:443 -servername {} </dev/null 2>/dev/null | "
               "openssl x509 -noout -fingerprint -sha256").format(VIP, HOST)
    done = subprocess.run(site.client.command("sh", "-c", command), capture_output=True, text=True,
                          timeout=20, check=True)
    return done.stdout.strip().split("=")[1].replace(":", "").lower()


def shown(site, name="shop"):
    return site.appliance.table("show ssl cert " + name)[0]


def put(site, name, *paths):
    """set ssl cert with these files as its payload: the finished process."""
    text = "".join(open(path, encoding="ascii").read() for path in paths)
    return site.appliance.run_ctl(f"set ssl cert {name} <<", text=text)


def test_certificates_are_listed(site):
    rows = {row["name"]: row for row in site.appliance.table("show ssl cert")}
    assert HOST in rows["shop"]["names"].split()
    assert rows["shop"]["fingerprint"] == fingerprint(site)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rows["shop"]["not_after"])
    assert "EC 256" in site.appliance.ctl("show ssl cert")


def test_a_change_loses_no_connection(site, renewed):
    """Under load, with one connection kept all the while; and a reload brings the file's back."""
    before = fingerprint(site)
    kept = web.connection(site.client, port=443, context=web.tls_context(site.ca))
    load = web.Load(site.client, ["/img/x"], port=443, context=web.tls_context(site.ca), threads=2)
    with load:
        load.wait_requests(20)
        done = put(site, "shop", *renewed["new"])
        assert "Transaction created for certificate shop!" in done.stdout, done.stderr
        assert shown(site)["pending"] == "yes" and fingerprint(site) == before
        assert "Success!" in site.appliance.ctl("commit ssl cert shop")
        after = fingerprint(site)
        assert after != before and shown(site)["fingerprint"] == after
        load.wait_requests(20)
        site.appliance.ctl("reload")
        assert fingerprint(site) == before == shown(site)["fingerprint"]
        load.wait_requests(20)
    assert not load.failures, load.failures
    kept.request("GET", "/img/x")
    assert kept.getresponse().status == 200
    kept.close()


def test_what_is_wrong_is_refused(site, renewed):
    before = fingerprint(site)
    chain, _ = renewed["new"]
    _, key = renewed["other"]
    done = put(site, "shop", chain, key)
    assert done.returncode == 1 and "this key does not belong" in done.stderr, done.stderr
    assert "there is no certificate" in put(site, "nobody", chain).stderr
    assert put(site, "shop", *renewed["new"]).returncode == 0
    assert "Transaction aborted" in site.appliance.ctl("abort ssl cert shop")
    assert site.appliance.run_ctl("commit ssl cert shop").returncode == 1
    assert fingerprint(site) == before
