# SPDX-License-Identifier: Apache-2.0
"""TLS as configured: names, versions, client certificates, resumption and KeyUpdate."""

import os
import subprocess

import pytest

from harness import config, web
from harness.netns import run
from harness.network import VIP

RSA = ("rsa:2048",)
REQUEST = b"GET /img/x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
NAMES, MUTUAL, TICKETS, SAME_TICKETS, NARROW = 5443, 5444, 5445, 5446, 5447


def listener(name, port, **tls):
    service = config.l7(name, VIP, port, is_tls=True)
    service["tls"].update(tls)
    return service


class Clients:
    """Client certificates: a good one, a revoked one, one under an intermediate."""

    def __init__(self, authority, folder):
        self.good = authority.issue("good", ["good.client.example"])
        self.revoked = authority.issue("revoked", ["revoked.client.example"])
        self.crl = os.path.join(folder, "crl.pem")
        self.deep = self._issue_deep(authority, folder)
        self._revoke(authority, folder)

    def _issue_deep(self, authority, folder):
        between = os.path.join(folder, "between")
        leaf = os.path.join(folder, "deep")
        with open(between + ".ext", "w", encoding="ascii") as out:
            out.write("basicConstraints=critical,CA:true\nkeyUsage=keyCertSign\n")
        for name, signer in ((between, authority.path[:-4]), (leaf, between)):
            run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", name + ".key", "-out", name + ".csr", "-subj",
                "/CN=" + os.path.basename(name))
            more = ["-extfile", between + ".ext"] if name == between else []
            run("openssl", "x509", "-req", "-in", name + ".csr", "-CA", signer + ".pem", "-CAkey",
                signer + ".key", "-CAcreateserial", "-days", "2", "-out", name + ".pem", *more)
        with open(leaf + ".pem", "a", encoding="ascii") as out, \
                open(between + ".pem", encoding="ascii") as chain:
            out.write(chain.read())
        return leaf + ".pem", leaf + ".key"

    def _revoke(self, authority, folder):
        settings = os.path.join(folder, "ca.cnf")
        open(os.path.join(folder, "index"), "w", encoding="ascii").close()
        with open(settings, "w", encoding="ascii") as out:
            out.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={folder}/index\ndefault_md=sha256\n"
                      f"certificate={authority.path}\nprivate_key={authority.key}\n"
                      "default_crl_days=2\n")
        run("openssl", "ca", "-config", settings, "-revoke", self.revoked[0])
        run("openssl", "ca", "-config", settings, "-gencrl", "-out", self.crl)


@pytest.fixture(scope="module")
def tls(site, authority, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("tls"))
    clients = Clients(authority, folder)
    tickets = os.path.join(folder, "tickets")
    run("openssl", "rand", "-hex", "-out", tickets, "48")
    os.chmod(tickets, 0o600)
    made = {"rsa": authority.issue("rsa", ["shop.example"], RSA),
            "exact": authority.issue("exact", ["exact.wild.example"]),
            "wild": authority.issue("wild", ["*.wild.example"])}
    settings = config.changed(site.appliance.config)
    settings["certificates"] += [
        {"name": name, "chain": chain, "key": key} for name, (chain, key) in made.items()]
    settings["services"] += [
        listener("names", NAMES, certificates=["shop", "rsa", "wild", "exact"],
                 unknown_names="refuse"),
        listener("mutual", MUTUAL, client_certificates="required", client_ca=authority.path,
                 client_crl=clients.crl, client_depth=1),
        listener("tickets", TICKETS, ticket_keys=tickets),
        listener("same-tickets", SAME_TICKETS, ticket_keys=tickets),
        listener("narrow", NARROW, max_version="1.2", ciphers=["ECDHE-ECDSA-CHACHA20-POLY1305"]),
    ]
    site.appliance.write(settings)
    site.appliance.ctl("reload")
    site.clients, site.folder = clients, folder
    return site


def s_client(site, port, *words, data=REQUEST):
    """What openssl s_client says when it sends data, and reads until the end."""
    done = subprocess.run(
        site.client.command("openssl", "s_client", "-connect", f"{VIP}:{port}", "-CAfile", site.ca,
                            "-ign_eof", *words),
        input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    return done.stdout.decode(errors="replace")


@pytest.mark.parametrize("name,words,subject", [
    ("shop.example", ("-sigalgs", "ECDSA+SHA256"), "id-ecPublicKey"),
    ("shop.example", ("-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"), "rsaEncryption"),
    ("exact.wild.example", (), "CN = exact.wild.example"),
    ("other.wild.example", (), "CN = *.wild.example"),
    ("OTHER.wild.example", ("-tls1_2",), "CN = *.wild.example"),
])
def test_certificates_by_name_and_kind(tls, name, words, subject):
    output = s_client(tls, NAMES, "-servername", name, *words)
    assert "Verify return code: 0 (ok)" in output and " 200 " in output, output
    assert subject in output


@pytest.mark.parametrize("words", [
    ("-servername", "unknown.example"), ("-servername", "a.b.wild.example"), ("-noservername",)])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_unknown_names_get_their_alert(tls, words, version):
    output = s_client(tls, NAMES, version, *words)
    assert "alert unrecognized name" in output.replace("tlsv1 ", ""), output


@pytest.mark.parametrize("version", ["--tlsv1.3", "--tls-max 1.2"])
@pytest.mark.parametrize("who,is_good", [
    ("good", True), ("revoked", False), ("deep", False), (None, False)])
def test_client_certificates(tls, who, is_good, version):
    words = version.split()
    if who:
        chain, key = getattr(tls.clients, who)
        words += ["--cert", chain, "--key", key]
    answer = web.curl(tls.client, *words, f"https://shop.example:{MUTUAL}/img/x", ca=tls.ca)
    assert (answer.status == 200) == is_good, answer.errors
    if not is_good:
        assert "alert" in answer.errors, answer.errors


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed_on_any_listener_of_the_keys(tls, version):
    session = os.path.join(tls.folder, "session" + version)
    first = s_client(tls, TICKETS, version, "-sess_out", session)
    assert "New, TLSv1" in first and " 200 " in first, first
    for port in (TICKETS, SAME_TICKETS):
        again = s_client(tls, port, version, "-sess_in", session)
        assert "Reused, TLSv1" in again and " 200 " in again, again
    # A listener with a key of its own makes a full handshake.
    other = s_client(tls, 443, version, "-sess_in", session)
    assert "New, TLSv1" in other and " 200 " in other, other


def test_a_reload_keeps_shared_tickets_valid(tls):
    session = os.path.join(tls.folder, "session-reload")
    s_client(tls, TICKETS, "-sess_out", session)
    tls.appliance.ctl("reload")
    assert "Reused, TLSv1.3" in s_client(tls, TICKETS, "-sess_in", session)


def test_versions_and_ciphers_are_as_configured(tls):
    output = s_client(tls, NARROW)
    assert "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305" in output and " 200 " in output, output
    assert "alert protocol version" in s_client(tls, NARROW, "-tls1_3")
    refused = s_client(tls, NARROW, "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "alert handshake failure" in refused, refused


@pytest.mark.parametrize("words", [
    ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_2", "-cipher", "AES128-GCM-SHA256"),
    ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"), ("-tls1_2", "-cipher", "DHE-RSA-AES128-SHA")])
def test_what_is_weak_is_refused_by_default(tls, words):
    assert "alert" in s_client(tls, 443, *words)


def read_until(process, word):
    output = b""
    while word not in output:
        piece = os.read(process.stdout.fileno(), 65536)
        assert piece, output
        output += piece
    return output


def test_key_updates_are_answered(tls):
    """Three on one connection, each told by s_client, and a request behind each."""
    command = tls.client.command("openssl", "s_client", "-connect", f"{VIP}:443", "-tls1_3",
                                 "-CAfile", tls.ca)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        try:
            read_until(process, b"read R BLOCK")
            for _ in range(3):
                process.stdin.write(b"K\n")
                process.stdin.flush()
                read_until(process, b"KEYUPDATE")
                process.stdin.write(REQUEST.replace(b"close", b"keep-alive"))
                process.stdin.flush()
                read_until(process, b" 200 ")
        finally:
            process.kill()


def test_bad_files_are_refused_at_reload(tls):
    """The running configuration stays as it is."""
    os.chmod(os.path.join(tls.folder, "tickets"), 0o604)
    try:
        refused = tls.appliance.run_ctl("reload")
        assert refused.returncode != 0
        assert "everybody may open this file of ticket keys" in refused.stdout + refused.stderr
    finally:
        os.chmod(os.path.join(tls.folder, "tickets"), 0o600)
    assert " 200 " in s_client(tls, TICKETS)
