# SPDX-License-Identifier: Apache-2.0
"""What routes match, by real clients; and requests that are made to wear a matcher out."""

import hashlib
import json
import os
import subprocess
import sys
import time

import pytest

from harness import config, origin, web
from harness.appliance import binary, check
from harness.network import VIP, server
from harness.procs import Process, wait_for


def row(host, match=None, **actions):
    return {"match": {"host": host + ".example", **(match or {})},
            **(actions or {"respond": {"body": "yes"}})}


MUTUAL, GRPC = 8446, 53
BOMB = "^/(([a-z])+.)+[A-Z]([a-z])+$"
ROWS = [
    row("bomb", {"path": {"regex": BOMB}}, respond={"status": 403}),
    row("bomb"),
    {**row("body", {"json": {"/user/plan": "gold"}}, pool="origin"), "name": "gold"},
    row("body", {"json": {"/items/0/count": {"range": "10-99"}}}, respond={"body": "many"}),
    row("body", {"path": {"prefix": "/guard"}, "not": [{"json": {"/role": "user"}}]},
        respond={"status": 403}),
    row("body"),
    row("grpc", {"grpc": {"service": "test.Test", "method": "Unary"}}, pool="grpc"),
    row("grpc", {"grpc": {"service": "test.Test"}}, respond={"status": 403}),
    row("grpc", {"grpc": {}}, respond={"status": 401}),
    row("grpc", respond={"body": "no call"}),
    row("shop", {"tls": {"subject": {"contains": "CN=robot.example"}}, "path": {"exact": "/who"}},
        respond={"body": "robot"}),
    row("shop", {"tls": {"san": "DNS:second.example"}, "path": {"exact": "/who"}},
        respond={"body": "second"}),
    row("shop", {"path": {"exact": "/who"}}, respond={"body": "nobody"}),
    {**row("cert", {"tls": {"subject": {"contains": "CN=robot"}}}), "name": "by-subject"},
    {**row("cert", {"tls": {"san": "URI:spiffe://x/y"}}), "name": "by-san"},
    {**row("cert", {"tls": {"sni": "sni.example"}}), "name": "by-sni"},
    row("other", {"query": {"n": {"range": "10-99"}}}, respond={"body": "range"}),
    row("other", {"cookie": {"c999": "999"}}, respond={"body": "cookie"}),
    row("other", respond={"body": "none"}),
]


@pytest.fixture(scope="module")
def matching(site, authority, tmp_path_factory):
    """With a listener that asks for certificates, and a pool of gRPC."""
    settings = site.appliance.config
    said = tmp_path_factory.mktemp("said") / "page"
    said.write_text("from a file\n" * 3000, encoding="ascii")
    mutual = config.l7("mutual", VIP, MUTUAL, is_tls=True)
    mutual["tls"].update(client_certificates="optional", client_ca=authority.path)
    pools = {**settings["pools"],
             "grpc": {"protocol": "h2", "members": [f"{server(GRPC)}:50051"]}}
    site.appliance.write({**settings, "pools": pools, "services": [*settings["services"], mutual]},
                         [*ROWS, row("file", respond={"file": str(said), "status": 203})]
                         + config.routes())
    site.appliance.ctl("reload")
    script = os.path.join(os.path.dirname(origin.__file__), "grpc_server.py")
    member = Process("grpc", site.network.servers.command(
        sys.executable, "-B", script, server(GRPC) + ":50051"),
        str(tmp_path_factory.mktemp("grpc") / "log"))
    try:
        wait_for(lambda: "ready" in member.output(), "the gRPC member listens")
        yield site
    finally:
        member.kill()


def test_a_regex_bomb(matching):
    """Refused and counted, soon; meanwhile the others are served as ever."""
    url = "http://bomb.example/"
    assert web.curl(matching.client, url + "a.bC").status == 200
    assert web.curl(matching.client, url + "abCd").status == 403
    before = matching.appliance.counters()["l7.regex_gave_up"]
    with web.Load(matching.client, ["/x"], host="origin.example", threads=1) as load:
        load.wait_requests(20)
        started = time.monotonic()
        answers = web.curl(matching.client, *[url + "a" * 2000] * 50)
        spent = time.monotonic() - started
        assert {transfer["status"] for transfer in answers.transfers} == {400}
        load.wait_requests(20)
        assert load.failures == []
    assert spent < 5, spent
    assert matching.appliance.counters()["l7.regex_gave_up"] == before + 50


def test_check_and_reload_warn_of_it(matching):
    done = check(matching.appliance.config_path)
    assert done.returncode == 0 and done.stdout.endswith(" is valid\n")
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1 and "routes.json:" in warnings[0], done.stderr
    assert ": routes[0].match.path.regex: " in warnings[0]
    matching.appliance.ctl("reload")
    assert "routes[0].match.path.regex: a text of 64 characters" in matching.appliance.log()


def post(site, body, *words, path="/", version="--http1.1", kind="application/json"):
    return web.curl(site.client, version, "-H", "Content-Type: " + kind, "--data-binary", body,
                    *words, "http://body.example" + path)


VERSIONS = pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])


@VERSIONS
def test_a_field_of_a_json_body(matching, version):
    for body, kind, said in (
            ('{"items":[{"count":50}]}', "application/json", "many"),
            ('{"items":[{"count":5e1}]}', "application/vnd.x+json; charset=utf-8", "many"),
            ('{"items":[{"count":5}]}', "application/json", "yes"),
            ('{"items":[{"count":50}]}', "text/plain", "yes"),
            ('{"user":{"plan":"silver"}}', "application/json", "yes")):
        answer = post(matching, body, version=version, kind=kind)
        assert (answer.status, answer.body) == (200, said), body
    assert post(matching, '{"role":"user"}', path="/guard", version=version).body == "yes"
    assert post(matching, '{"role":"admin"}', path="/guard", version=version).status == 403


@VERSIONS
@pytest.mark.parametrize("words", [[], ["-H", "Expect: 100-continue"],
                                   ["-H", "Transfer-Encoding: chunked"],
                                   ["--limit-rate", "40K"]])
def test_the_body_goes_on_byte_for_byte(matching, tmp_path, version, words):
    if "2" in version and "chunked" in "".join(words):
        words = []
    text = json.dumps({"pad": "\u20ac" * 9000, "user": {"plan": "gold"}}).encode()
    (tmp_path / "body").write_bytes(text)
    answer = post(matching, f"@{tmp_path}/body", *words, version=version)
    assert answer.status == 200, answer.errors
    seen = json.loads(answer.body)
    assert seen["body_bytes"] == len(text)
    assert seen["body_sha256"] == hashlib.sha256(text).hexdigest()


@VERSIONS
def test_bodies_that_are_made_to_hurt(matching, tmp_path, version):
    """None of them is a way around the rule that asks for it; each has a status and a counter."""
    rows = [(b"[" * 30000 + b"]" * 30000, 413, "json_too_deep"),
            (b"[" + b"0," * 20000 + b"0]", 413, "json_too_many"),
            (b'{"pad":"' + b"x" * 70000 + b'"}', 413, "json_too_large"),
            (b'{"role":"' + b"x" * 5000 + b'"}', 413, "json_too_large"),
            (b'{"role":"user","role":"admin"}', 400, "json_malformed"),
            (b'{"role":"user"', 400, "json_malformed"),
            (b'{"role":"\xc1\xb5ser"}', 400, "json_malformed")]
    if version != "--http1.1":
        # Refused by its length, ahead of the upload: this curl forgets the answer over the reset.
        rows = [found for found in rows if len(found[0]) < 65536]
    for body, status, counter in rows:
        before = matching.appliance.counters()["l7." + counter]
        (tmp_path / "body").write_bytes(body)
        answer = post(matching, f"@{tmp_path}/body", path="/guard", version=version)
        assert answer.status == status, (body[:20], answer.status, answer.errors)
        assert matching.appliance.counters()["l7." + counter] == before + 1
    answer = post(matching, "{}", "-H", "Content-Encoding: gzip", version=version)
    assert answer.status == 415


def test_hostile_heads_find_their_route(matching):
    cookies = "; ".join(f"c{number}={number}" for number in range(1000))
    answer = web.curl(matching.client, "-H", "Cookie: " + cookies, "http://other.example/")
    assert answer.body == "cookie"
    assert web.curl(matching.client, "http://other.example/?n=010&n=9").body == "range"
    assert web.curl(matching.client, "http://other.example/?n=9").body == "none"


def test_nghttp_sends_a_body_that_is_matched(matching, tmp_path):
    (tmp_path / "body").write_text('{"items":[{"count":77}]}', encoding="ascii")
    done = subprocess.run(matching.client.command(
        "nghttp", "-d", f"{tmp_path}/body", "-H", ":authority: body.example",
        "-H", "content-type: application/json", f"http://{VIP}/"),
        capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0 and done.stdout == "many", done.stdout + done.stderr


def test_explain_by_body_and_certificate(matching):
    def ask(words):
        done = subprocess.run(
            [binary("penstockctl"), "-s", matching.appliance.socket, "explain", *words, "json"],
            capture_output=True, text=True, check=False, timeout=10)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    words = ["POST", "http://body.example/", "-H", "Content-Type: application/json", "--body"]
    found = ask([*words, '{"user":{"plan":"gold"}}'])
    assert (found["route"], found["pool"]) == ("gold", "origin")
    assert ask([*words, '{"user":{"plan":"x"}}'])["verdict"] == "answered 200 by respond"
    assert ask([*words, '{"user"'])["verdict"] == "refused: the body cannot be read"
    found = ask(["POST", "http://body.example/", "-H", "Content-Type: application/json", "-H",
                 "Content-Length: 9"])
    assert found["verdict"] == "depends on the body"
    url = ["GET", "https://cert.example/"]
    assert ask(url)["route"] == "-"
    assert ask([*url, "--subject", "CN=robot, O=Example"])["route"] == "by-subject"
    assert ask([*url, "--san", "DNS:x.example,URI:spiffe://x/y"])["route"] == "by-san"
    assert ask([*url, "--sni", "sni.example"])["route"] == "by-sni"
    assert ask(["GET", "https://cert.example/"])["route"] == "-"


CALLS = """
import sys, grpc
channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.default_authority", "grpc.example")])
for method in sys.argv[2:]:
    try:
        print(channel.unary_unary(method)(b"x", timeout=10).decode())
    except grpc.RpcError as error:
        print(error.code().name)
"""


def test_services_and_methods_of_grpc(matching):
    """By grpcio through HTTP/2 to a real server; what other rows answer are its codes for that."""
    done = subprocess.run(matching.client.command(
        sys.executable, "-B", "-c", CALLS, f"{VIP}:80", "/test.Test/Unary", "/test.Test/Both",
        "/other.Test/Unary"), capture_output=True, text=True, check=False, timeout=40)
    assert done.stdout.split() == ["re:x", "PERMISSION_DENIED", "UNAUTHENTICATED"], done.stderr
    # The same path without the Content-Type is none.
    assert web.curl(matching.client, "http://grpc.example/test.Test/Unary").body == "no call"


def test_subject_and_names_of_a_client_certificate(matching, authority):
    url = f"https://shop.example:{MUTUAL}/who"
    for name, hosts, said in (("robot", ["robot.example"], "robot"),
                              ("person", ["first.example", "second.example"], "second"),
                              ("other", ["other.example"], "nobody")):
        chain, key = authority.issue("match-" + name, hosts)
        answer = web.curl(matching.client, "--cert", chain, "--key", key, url, ca=matching.ca)
        assert answer.body == said, (name, answer.body, answer.errors)
    assert web.curl(matching.client, url, ca=matching.ca).body == "nobody"


@VERSIONS
def test_an_answer_from_a_file(matching, version):
    answer = web.curl(matching.client, version, "http://file.example/x")
    assert (answer.status, answer.body) == (203, "from a file\n" * 3000)
