# SPDX-License-Identifier: Apache-2.0
"""testssl.sh against a listener as it is by default: nothing above "info"."""

import json
import os
import subprocess

from harness.network import VIP

# What belongs to the test's own certificate authority, and not to the listener: nobody trusts it,
# it publishes no revocations, and the certificate's short life is the test's.
OF_THE_TEST = ("cert_trust", "cert_chain_of_trust", "cert_crlDistributionPoints",
               "cert_ocspURL", "cert_expirationStatus", "cert_notAfter", "cert_revocation",
               "cert_validityPeriod", "cert_caIssuers", "cert_certificatePolicies_EV",
               "OCSP_stapling", "DNS_CAArecord", "certificate_transparency",
               "cert_mustStapleExtension", "cert_extKeyUsage", "intermediate_cert")
WORSE = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL")


def test_nothing_above_info(site, tmp_path):
    path = os.path.join(tmp_path, "findings.json")
    done = subprocess.run(
        site.client.command(
            "testssl", "--warnings", "off", "--color", "0", "--quiet", "--nodns", "none",
            "--ip", VIP, "--jsonfile", path, "--fast", "--protocols", "--server-defaults", "--fs",
            "--vulnerable", "shop.example:443"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        timeout=120, check=False)
    with open(path, encoding="utf-8") as findings:
        rows = json.load(findings)
    ids = {row["id"]: row["severity"] for row in rows}
    for good in ("TLS1_2", "TLS1_3", "heartbleed", "POODLE_SSL", "secure_renego"):
        assert ids.get(good) == "OK", done.stdout
    bad = [row for row in rows if row["severity"] in WORSE
           and not row["id"].startswith(OF_THE_TEST)
           # What the client's own library cannot try: test_tls.py asks sslscan for it.
           and "not supported by local OpenSSL" not in row["finding"]]
    assert not bad, bad
