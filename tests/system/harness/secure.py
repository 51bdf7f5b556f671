# SPDX-License-Identifier: Apache-2.0
"""Members behind TLS: one nginx with a port for each way to be right or wrong."""

import os

from .certs import Authority
from .netns import run
from .nginx import Nginx

GOOD, EXPIRED, STRANGER, MUTUAL, PROXIED = 9443, 9444, 9445, 9446, 9447

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 4096; }}
http {{
	access_log off;
	client_body_temp_path {folder}/body;
	client_max_body_size 0;
	default_type text/plain;
	ssl_protocols TLSv1.2 TLSv1.3;
	ssl_session_tickets on;
	{servers}
}}
"""

SERVER = """
	server {{
		listen {address}:{port} ssl {more};
		ssl_certificate {chain};
		ssl_certificate_key {key};
		{settings}
		location /files/ {{ dav_methods PUT; root {folder}; }}
		location = /health {{ return 200 "ok\\n"; }}
		location / {{
			return 200 "$server_port $server_protocol $ssl_protocol sni=$ssl_server_name reused=$ssl_session_reused client=$ssl_client_s_dn from=$proxy_protocol_addr:$proxy_protocol_port to=$proxy_protocol_server_addr host=$http_host xff=$http_x_forwarded_for\\n";
		}}
	}}
"""


def expired(authority, folder, name):
    """(chain, key) of a certificate that was good until yesterday."""
    base = os.path.join(folder, "expired")
    settings = base + ".cnf"
    with open(settings, "w", encoding="ascii") as out:
        out.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={folder}/expired.index\n"
                  f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=any\nrand_serial=yes\n"
                  f"certificate={authority.path}\nprivate_key={authority.key}\n"
                  f"x509_extensions=names\n[any]\ncommonName=supplied\n"
                  f"[names]\nsubjectAltName=DNS:{name}\n")
    open(os.path.join(folder, "expired.index"), "w", encoding="ascii").close()
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", base + ".key", "-out", base + ".csr", "-subj", "/CN=" + name)
    run("openssl", "ca", "-batch", "-config", settings, "-in", base + ".csr", "-out",
        base + ".pem", "-notext", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
    return base + ".pem", base + ".key"


class SecureNginx(Nginx):
    """name: what its certificates are for. Everything under the address."""

    def __init__(self, namespace, folder, address, authority, name):
        super().__init__(namespace, folder, "secure", [(address, GOOD)])
        os.makedirs(os.path.join(folder, "stranger"))
        stranger = Authority(os.path.join(folder, "stranger"))
        good = authority.issue("member", [name])
        rows = [
            (GOOD, good, "http2", ""),
            (EXPIRED, expired(authority, folder, name), "", ""),
            (STRANGER, stranger.issue("member", [name]), "", ""),
            (MUTUAL, good, "", f"ssl_verify_client on; ssl_client_certificate {authority.path};"),
            (PROXIED, good, "proxy_protocol", ""),
        ]
        servers = "".join(
            SERVER.format(address=address, port=port, chain=pair[0], key=pair[1], more=more,
                          settings=settings, folder=self.folder) for port, pair, more, settings in rows)
        with open(self.config, "w", encoding="ascii") as out:
            out.write(CONFIG.format(folder=self.folder, servers=servers))
