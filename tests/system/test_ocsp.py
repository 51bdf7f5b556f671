# SPDX-License-Identifier: Apache-2.0
"""OCSP stapling: answers from a file and by command, checked, and stapled for who asks."""

import base64
import copy
import os
import re
import shutil
import subprocess

import pytest

from harness import web
from harness.netns import run
from harness.network import VIP

HOST = "shop.example"
VERSIONS = ["-tls1_2", "-tls1_3"]


class Responder:
    """openssl's OCSP, signed by a certificate that the authority made for that."""

    def __init__(self, authority, folder, chain):
        self.authority, self.folder, self.chain = authority, folder, chain
        self.index = os.path.join(folder, "index")
        self.key = os.path.join(folder, "responder.key")
        self.pem = os.path.join(folder, "responder.pem")
        request, extensions = self.pem + ".csr", self.pem + ".ext"
        with open(extensions, "w", encoding="ascii") as out:
            out.write("extendedKeyUsage=OCSPSigning\n")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.key, "-out", request, "-subj", "/CN=responder")
        run("openssl", "x509", "-req", "-in", request, "-CA", authority.path, "-CAkey",
            authority.key, "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out",
            self.pem)
        self.serial = subprocess.run(
            ["openssl", "x509", "-in", chain, "-noout", "-serial"], capture_output=True,
            text=True, timeout=10, check=True).stdout.strip().split("=")[1]

    def answer(self, revoked=False, minutes=60):
        """What it says of the certificate, in DER."""
        state = "R\t991231235959Z\t250101000000Z" if revoked else "V\t991231235959Z\t"
        with open(self.index, "w", encoding="ascii") as out:
            out.write(f"{state}\t{self.serial}\tunknown\t/CN=x\n")
        request, der = (os.path.join(self.folder, name) for name in ("request.der", "answer.der"))
        run("openssl", "ocsp", "-issuer", self.authority.path, "-cert", self.chain, "-no_nonce",
            "-reqout", request)
        run("openssl", "ocsp", "-index", self.index, "-CA", self.authority.path, "-rsigner",
            self.pem, "-rkey", self.key, "-reqin", request, "-respout", der, "-nmin",
            str(minutes))
        with open(der, "rb") as file:
            return file.read()


@pytest.fixture
def stapled(own_site, authority, tmp_path):
    """A site whose certificate has its own copy of the files, and an answer beside the chain."""
    settings = copy.deepcopy(own_site.appliance.config)
    row = settings["certificates"][0]
    chain = os.path.join(tmp_path, "stapled.pem")
    shutil.copy(row["chain"], chain)
    own_site.responder = Responder(authority, str(tmp_path), row["chain"])
    own_site.beside = chain + ".ocsp"
    row["chain"] = chain
    shutil.copy(authority.path, chain + ".issuer")
    beside_write(own_site, own_site.responder.answer())
    own_site.appliance.write(settings)
    own_site.appliance.ctl("reload")
    return own_site


def beside_write(site, data):
    with open(site.beside, "wb") as file:
        file.write(data)


def asked(site, version, *more):
    """What openssl says of the handshake of a client that asks."""
    done = subprocess.run(
        site.client.command("openssl", "s_client", "-connect", VIP + ":443", "-servername", HOST,
                            "-CAfile", site.ca, version, *more),
        input="", capture_output=True, text=True, timeout=20, check=False)
    return done.stdout


def row(site):
    return site.appliance.table("show ssl ocsp-response shop")[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_beside_the_chain_is_stapled(stapled, version):
    text = asked(stapled, version, "-status")
    assert "OCSP Response Status: successful" in text and "Cert Status: good" in text, text
    assert "Verify return code: 0 (ok)" in text, text
    assert "OCSP Response Status" not in asked(stapled, version)
    shown = row(stapled)
    assert shown["status"] == "good" and shown["stapled"] == "yes", shown
    assert shown["handshakes"] == 1, shown
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["next_update"])
    # curl looks for the issuer in what it was sent: the chain tells it now, and not the file beside.
    chain = stapled.beside[:-len(".ocsp")]
    with open(stapled.ca, "rb") as authority, open(chain, "ab") as file:
        file.write(authority.read())
    os.remove(chain + ".issuer")
    stapled.appliance.ctl("reload")
    answer = web.curl(stapled.client, f"https://{HOST}/img/x", "--cacert", stapled.ca,
                      "--cert-status", "--tls-max", version[4:].replace("_", "."))
    assert answer.status == 200, answer.errors


def test_answers_are_replaced(stapled):
    """By command, and by the file at a reload; what is bad takes the staple away, and says so."""
    appliance, responder = stapled.appliance, stapled.responder
    before = row(stapled)["next_update"]
    longer = base64.b64encode(responder.answer(minutes=120)).decode("ascii")
    assert "updated for shop" in appliance.ctl("set ssl ocsp-response " + longer)
    assert row(stapled)["next_update"] > before
    assert "Cert Status: good" in asked(stapled, VERSIONS[1], "-status")
    wrapped = "\n".join(longer[at:at + 64] for at in range(0, len(longer), 64)) + "\n"
    done = appliance.run_ctl("set ssl ocsp-response <<", text=wrapped)
    assert done.returncode == 0 and "updated for shop" in done.stdout, done.stderr
    done = appliance.run_ctl("set ssl ocsp-response " + longer[:400])
    assert done.returncode == 1 and "no OCSP answer" in done.stderr, done.stderr

    beside_write(stapled, responder.answer(revoked=True))
    appliance.ctl("reload")
    assert row(stapled)["status"] == "revoked" and row(stapled)["stapled"] == "no"
    assert "the certificate is revoked since 2025-01-01" in appliance.log()
    for version in VERSIONS:
        assert "OCSP Response Status" not in asked(stapled, version, "-status")
    beside_write(stapled, b"nothing of that kind")
    done = appliance.run_ctl("reload")
    assert done.returncode == 1 and "it is no OCSP answer" in done.stderr, done.stderr
    assert row(stapled)["status"] == "revoked"


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_outlive_a_reload(own_site, version, tmp_path):
    """Without ticket_keys the service keeps the ones that it made."""
    session = os.path.join(tmp_path, "session")
    # TLS 1.3's tickets come with the answer.
    request = f"GET /img/x HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    command = own_site.client.command(
        "openssl", "s_client", "-connect", VIP + ":443", "-servername", HOST, "-CAfile",
        own_site.ca, "-ign_eof", version)
    for extra, expected in ((["-sess_out", session], "New, TLSv1"),
                            (["-sess_in", session], "Reused, TLSv1")):
        done = subprocess.run(command + extra, input=request, capture_output=True, text=True,
                              timeout=20, check=False)
        assert expected in done.stdout and " 200 " in done.stdout, done.stdout
        own_site.appliance.ctl("reload")
