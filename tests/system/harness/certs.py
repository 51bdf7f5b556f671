# SPDX-License-Identifier: Apache-2.0
"""A certificate authority and server certificates that live as long as a test run."""

import os

from .netns import run


class Authority:
    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "ca.pem")
        self.key = os.path.join(folder, "ca.key")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", self.key, "-out", self.path, "-days", "2",
            "-subj", "/CN=Penstock test authority")

    def issue(self, name, hosts, key_type=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        """(chain, key) of a certificate for hosts, DNS names or IP addresses."""
        key = os.path.join(self.folder, name + ".key")
        request = os.path.join(self.folder, name + ".csr")
        chain = os.path.join(self.folder, name + ".pem")
        extensions = os.path.join(self.folder, name + ".ext")
        kinds = ["IP" if ":" in h or h.replace(".", "").isdigit() else "DNS" for h in hosts]
        with open(extensions, "w", encoding="ascii") as out:
            out.write("subjectAltName=" +
                      ",".join(f"{kind}:{host}" for kind, host in zip(kinds, hosts)) + "\n")
        run("openssl", "req", "-newkey", *key_type, "-nodes", "-keyout", key, "-out", request,
            "-subj", "/CN=" + hosts[0])
        run("openssl", "x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key,
            "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", chain)
        return chain, key
