# SPDX-License-Identifier: Apache-2.0
"""TLS as configured: names, versions, client certificates, resumption and KeyUpdate."""

import ctypes
import json
import os
import socket
import struct
import subprocess

import pytest

from harness import config, web
from harness.appliance import check
from harness.netns import run
from harness.network import VIP

RSA = ("rsa:2048",)
REQUEST = b"GET /img/x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
NAMES, MUTUAL, TICKETS, SAME_TICKETS, NARROW, HOSTS = 5443, 5444, 5445, 5446, 5447, 5448


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
        listener("hosts", HOSTS, certificates=["shop", "wild"], alpn=["h2", "http/1.1"], hosts=[
            {"names": ["old.wild.example"], "max_version": "1.2", "alpn": ["http/1.1"]},
            {"names": ["*.wild.example"], "min_version": "1.3", "client_certificates": "required",
             "client_ca": authority.path}]),
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
    assert "tlsv1 unrecognized name" in output and "alert number 112" in output, output


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
def test_sessions_are_resumed_on_their_own_listener(tls, version):
    session = os.path.join(tls.folder, "session" + version)
    first = s_client(tls, TICKETS, version, "-sess_out", session)
    assert "New, TLSv1" in first and " 200 " in first, first
    again = s_client(tls, TICKETS, version, "-sess_in", session)
    assert "Reused, TLSv1" in again and " 200 " in again, again
    # Another listener makes a full handshake, with the same keys as with one of its own.
    for port in (SAME_TICKETS, 443):
        other = s_client(tls, port, version, "-sess_in", session)
        assert "New, TLSv1" in other and " 200 " in other, other


def test_a_reload_keeps_shared_tickets_valid(tls):
    session = os.path.join(tls.folder, "session-reload")
    s_client(tls, TICKETS, "-sess_out", session)
    tls.appliance.ctl("reload")
    assert "Reused, TLSv1.3" in s_client(tls, TICKETS, "-sess_in", session)


def test_versions_and_ciphers_are_as_configured(tls):
    output = s_client(tls, NARROW)
    assert "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305" in output and " 200 " in output, output
    assert "alert number" in s_client(tls, NARROW, "-tls1_3")
    refused = s_client(tls, NARROW, "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "alert handshake failure" in refused, refused


@pytest.mark.parametrize("words", [
    ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_2", "-cipher", "AES128-GCM-SHA256"),
    ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"), ("-tls1_2", "-cipher", "DHE-RSA-AES128-SHA")])
def test_what_is_weak_is_refused_by_default(tls, words):
    assert "alert" in s_client(tls, 443, *words)


def test_sslscan_finds_nothing(tls):
    done = subprocess.run(
        tls.client.command("sslscan", "--no-colour", "--sni-name=shop.example", f"{VIP}:443"),
        stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    facts = " ".join(done.stdout.split())
    for version in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
        assert version + " disabled" in facts, done.stdout
    assert "TLSv1.2 enabled TLSv1.3 enabled" in facts
    assert "Secure session renegotiation supported" in facts or \
        "Session renegotiation not supported" in facts, done.stdout
    assert facts.count("not vulnerable to heartbleed") == 2
    suites = [line.split()[4] for line in done.stdout.splitlines()
              if line.startswith(("Preferred", "Accepted"))]
    assert len(suites) == 6 and all("GCM" in suite or "CHACHA20" in suite for suite in suites), \
        done.stdout


class OpenSSL:
    """A client by libssl itself: Python's ssl has no KeyUpdate, and s_client's ends the program."""

    REQUESTED = 1

    def __init__(self, sock):
        self.library = ctypes.CDLL("libssl.so.3")
        for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
            getattr(self.library, name).restype = ctypes.c_void_p
        # A blocking socket for libssl, which must not wait for ever.
        sock.settimeout(None)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 5, 0))
        method = ctypes.c_void_p(self.library.TLS_client_method())
        self.context = ctypes.c_void_p(self.library.SSL_CTX_new(method))
        self.session = ctypes.c_void_p(self.library.SSL_new(self.context))
        self.library.SSL_set_fd(self.session, sock.fileno())
        assert self.library.SSL_connect(self.session) == 1

    def key_update(self):
        assert self.library.SSL_key_update(self.session, self.REQUESTED) == 1
        assert self.library.SSL_do_handshake(self.session) == 1

    def request(self):
        text = REQUEST.replace(b"close", b"keep-alive")
        assert self.library.SSL_write(self.session, text, len(text)) == len(text)
        buffer = ctypes.create_string_buffer(16384)
        assert self.library.SSL_read(self.session, buffer, len(buffer)) > 0
        return buffer.value

    def free(self):
        self.library.SSL_free(self.session)
        self.library.SSL_CTX_free(self.context)


def test_hosts_have_policies_of_their_own(tls):
    """Version, protocol and client certificate go by the server name."""
    chain, key = tls.clients.good
    identity = ("--cert", chain, "--key", key)

    def curl(host, *words):
        answer = web.curl(tls.client, "-v", *words, f"https://{host}:{HOSTS}/img/x", ca=tls.ca)
        version = answer.transfers[0]["version"] if answer.transfers else None
        return answer.status, version, [v for v in ("TLSv1.2", "TLSv1.3")
                                        if f"connection using {v}" in answer.errors]
    assert curl("shop.example") == (200, "2", ["TLSv1.3"])
    assert curl("old.wild.example", "-H", "Host: shop.example")[0] == 421
    assert curl("old.wild.example") == (200, "1.1", ["TLSv1.2"])
    assert curl("api.wild.example", *identity) == (200, "2", ["TLSv1.3"])
    assert curl("api.wild.example")[0] == 0
    assert curl("api.wild.example", "--tls-max", "1.2", *identity)[0] == 0
    # The server name of one host and the request for another.
    assert curl("shop.example", "-H", "Host: api.wild.example")[0] == 421
    assert curl("shop.example", "-H", "Host: api.wild.example.")[0] == 421


def test_bad_certificates_are_told_by_check(tls):
    """All of them: a start would name the first."""
    settings = config.changed(tls.appliance.config)
    good, other = settings["certificates"][0], settings["certificates"][1]
    settings["certificates"].append({"name": "bad", "chain": good["chain"], "key": other["key"]})
    settings["certificates"].append({"name": "none", "chain": "/nonexistent", "key": "/nonexistent"})
    path = os.path.join(os.path.dirname(tls.appliance.config_path), "bad.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(settings, out)
    done = check(path)
    assert done.returncode == 3, done.stderr
    assert "this key does not belong to the certificate in " + good["chain"] in done.stderr
    assert "/nonexistent: No such file or directory" in done.stderr


def test_key_updates_are_answered(tls):
    with tls.client.connect(VIP, 443) as sock:
        client = OpenSSL(sock)
        try:
            for _ in range(5):
                client.key_update()
                assert b" 200 " in client.request()
        finally:
            client.free()


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
