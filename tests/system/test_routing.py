# SPDX-License-Identifier: Apache-2.0
"""What routes do with requests: each action with real clients against a real server."""

import json
import time

import pytest

from harness import config, web
from harness.network import CLIENT, VIP
from harness.procs import wait_for


def row(host, match=None, pool="origin", **actions):
    """A route for a host of its own."""
    made = {"match": {"host": host + ".example", **(match or {})}, **actions}
    if not {"redirect", "respond", "split"} & set(actions):
        made["pool"] = pool
    return made


def prefix(path):
    return {"path": {"prefix": path}}


ROWS = [
    row("tosecure", redirect={"scheme": "https", "code": 301}),
    row("towww", redirect={"host": "www.${host}:8080", "code": 308}),
    row("toprefix", prefix("/old"), redirect={"prefix": "/new"}),
    row("toregex", redirect={"regex": {"match": "^/([a-z]+)/(.*)$", "to": "/${2}/${1}"},
                             "query": "", "code": 303}),
    row("said", respond={"status": 503, "body": "back soon\n"},
        response_headers={"set": {"Retry-After": "120", "X-Route": "${route}"}}, name="said"),
    row("nothing", respond={"status": 204}),
    row("long", respond={"body": "0123456789abcdef" * 4096}),
    row("reprefix", prefix("/api"), rewrite={"prefix": "/"}),
    row("regroup", {"path": {"template": "/users/{id}/{what}"}},
        rewrite={"path": "/${match.what}", "query": "id=${match.id}", "host": "inner.example"}),
    row("reregex", rewrite={"regex": {"match": "[0-9]+", "to": "<${0}>"}}),
    row("traverse", rewrite={"path": "/files/${header.x-file}"}),
    row("fields",
        request_headers={"set": {"X-Client": "${client_address}", "X-Scheme": "${scheme}"},
                         "add": {"X-Tag": "added"}, "append": {"X-List": "${method}"},
                         "remove": ["X-Secret"]},
        response_headers={"remove": ["X-Member"], "set": {"X-Path": "${path}"},
                          "add": {"Set-Cookie": "seen=1; HttpOnly"}}),
    row("rated", limits={"rates": [{"per": "header", "name": "X-Api-Key", "requests": 5,
                                    "period_ms": 3600000}]}),
    row("crowded", limits={"concurrent": 2}),
    row("small", limits={"max_header_bytes": 300, "max_body_bytes": 10}),
    row("faulty", fault={"abort_share": "50%", "abort_status": 418}),
    row("phones", {"user_agent": ["mobile", "tablet"]}, respond={"body": "small"}),
    row("phones", respond={"body": "large"}),
    row("both", {"any_of": [{"header": {"x-beta": "1"}}, {"query": {"beta": "1"}}],
                 "not": [{"cookie": {"stable": {"present": True}}}]}, respond={"body": "beta"}),
    row("both", respond={"body": "stable"}),
    row("canary", {"share": "25%"}, respond={"body": "canary"}),
    row("canary", respond={"body": "stable"}),
    row("*.secure", {"tls": {"sni": "a.secure.example", "version": {"present": True}}},
        respond={"body": "by sni"}),
    row("late", fault={"delay_share": "100%", "delay_ms": 300}),
]


@pytest.fixture(scope="module")
def routing(site):
    site.appliance.write(routes=ROWS + config.routes())
    site.appliance.ctl("reload")
    return site


def head_of(site, url, *words):
    """(status, fields by lower-case name) of the answer's head, by curl."""
    answer = web.curl(site.client, "-o", "/dev/null", "-D", "-", *words, url, ca=site.ca)
    assert answer.exit_code == 0, answer.errors
    fields = {}
    for line in answer.body.splitlines()[1:]:
        name, _, value = line.partition(": ")
        fields.setdefault(name.lower(), []).append(value)
    return answer.status, fields


def seen_by_member(site, url, *words):
    answer = web.curl(site.client, *words, url)
    assert answer.status == 200, (answer.status, answer.body, answer.errors)
    seen = json.loads(answer.body)
    fields = {}
    for name, value in seen["headers"]:
        fields.setdefault(name, []).append(value)
    return seen, fields


@pytest.mark.parametrize("url,status,location", [
    ("http://tosecure.example/a?b=c", 301, "https://tosecure.example/a?b=c"),
    ("http://towww.example/", 308, "http://www.towww.example:8080/"),
    ("http://toprefix.example/old/x?y", 302, "http://toprefix.example/new/x?y"),
    ("http://toregex.example/ab/cd?gone", 303, "http://toregex.example/cd/ab"),
])
def test_redirects(routing, url, status, location):
    found, fields = head_of(routing, url)
    assert (found, fields["location"]) == (status, [location])


def test_curl_follows_a_redirect(routing):
    """To the new path, which no route takes: that is the second answer."""
    answer = web.curl(routing.client, "-L", "-D", "-", "http://toprefix.example/old/x")
    assert answer.transfers[-1]["status"] == 404
    assert "Location: http://toprefix.example/new/x\n" in answer.body


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1", "--http2-prior-knowledge"])
def test_answers_of_its_own(routing, version):
    answer = web.curl(routing.client, version, "http://said.example/x")
    assert (answer.status, answer.body) == (503, "back soon\n")
    _, fields = head_of(routing, "http://said.example/x", version)
    assert fields["retry-after"] == ["120"] and fields["x-route"] == ["said"]
    assert fields["content-type"] == ["text/plain; charset=utf-8"]
    answer = web.curl(routing.client, version, "http://nothing.example/")
    assert (answer.status, answer.body) == (204, "")
    answer = web.curl(routing.client, version, "--limit-rate", "2M", "http://long.example/")
    assert answer.status == 200 and answer.body == "0123456789abcdef" * 4096


@pytest.mark.parametrize("url,path,host", [
    ("http://reprefix.example/api/x?y", "/x?y", "reprefix.example"),
    ("http://reprefix.example/api", "/", "reprefix.example"),
    ("http://regroup.example/users/7/cart?z", "/cart?id=7", "inner.example"),
    ("http://reregex.example/a/12/34", "/a/<12>/34", "reregex.example"),
])
def test_rewriting(routing, url, path, host):
    seen, fields = seen_by_member(routing, url)
    assert (seen["path"], fields["host"]) == (path, [host])


@pytest.mark.parametrize("name,status", [
    ("ok.txt", 200), ("../../etc/passwd", 400), ("%2e%2e/x", 400), ("..%2fx", 400),
    ("a b?c#d", 200), ("..\\x", 400)])
def test_a_client_cannot_climb_out_of_a_rewritten_path(routing, name, status):
    before = routing.appliance.counters()["l7.rewrite_failed"]
    answer = web.curl(routing.client, "-H", "X-File: " + name, "http://traverse.example/")
    assert answer.status == status
    assert routing.appliance.counters()["l7.rewrite_failed"] == before + (status == 400)
    if status == 200:
        assert json.loads(answer.body)["path"].startswith("/files/")


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_header_fields_of_requests(routing, version):
    _, fields = seen_by_member(
        routing, "http://fields.example/x", version, "-H", "X-Client: me", "-H", "x-secret: 1",
        "-H", "X-Tag: own", "-H", "X-List: a")
    assert fields["x-client"] == [CLIENT] and fields["x-scheme"] == ["http"]
    assert sorted(fields["x-tag"]) == ["added", "own"]
    assert fields["x-list"] == ["a, GET"]
    assert "x-secret" not in fields


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_header_fields_of_answers(routing, version):
    _, fields = head_of(routing, "http://fields.example/%0d%0aX-Evil:%201", version)
    assert "x-member" not in fields and "x-evil" not in fields
    assert fields["x-path"] == ["/%0D%0AX-Evil:%201"]
    assert fields["set-cookie"] == ["seen=1; HttpOnly"]


def test_a_redirect_of_an_upload_reads_no_body_as_a_request(routing):
    """The answer comes before the body; the body is never taken for a request."""
    with routing.client.connect(VIP, 80) as sock:
        sock.sendall(b"POST /a HTTP/1.1\r\nHost: tosecure.example\r\nContent-Length: 54\r\n\r\n"
                     b"GET /smuggled HTTP/1.1\r\nHost: origin.example\r\n\r\n......")
        data = b""
        while piece := sock.recv(65536):
            data += piece
    assert data.count(b"HTTP/1.1 ") == 1 and b"301 Moved" in data and b"smuggled" not in data


def test_a_rate_is_that_of_all_workers(everywhere):
    """Five requests an hour for each key, whichever connection and worker they come by."""
    everywhere.appliance.write(routes=ROWS + config.routes())
    everywhere.appliance.ctl("reload")
    for key in ("a", "b"):
        statuses = [web.curl(everywhere.client, "-H", "X-Api-Key: " + key,
                             "http://rated.example/").status for _ in range(12)]
        assert statuses.count(200) == 5 and statuses.count(429) == 7, statuses
    _, fields = head_of(everywhere, "http://rated.example/", "-H", "X-Api-Key: a")
    assert 0 < int(fields["retry-after"][0]) <= 720
    assert fields["ratelimit-limit"] == ["5"] and fields["ratelimit-remaining"] == ["0"]
    assert everywhere.appliance.counters()["l7.limited_rate"] == 15


def test_so_many_requests_at_once(routing):
    held = [web.connection(routing.client, "crowded.example") for _ in range(2)]
    for connection in held:
        connection.request("GET", "/slow/1500")
    wait_for(lambda: web.curl(routing.client, "http://crowded.example/").status == 503,
             "both places are taken", 1.0)
    for connection in held:
        assert connection.getresponse().read()
        connection.close()
    wait_for(lambda: web.curl(routing.client, "http://crowded.example/").status == 200,
             "a place is free", 2.0)


@pytest.mark.parametrize("words,status", [
    (["-H", "X-A: " + "a" * 100], 200), (["-H", "X-A: " + "a" * 400], 431),
    (["-d", "1234567890"], 200), (["-d", "12345678901"], 413),
    (["-d", "12345678901", "-H", "Transfer-Encoding: chunked"], 413)])
@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_sizes(routing, version, words, status):
    if version != "--http1.1":
        words = [word for word in words if "chunked" not in word and
                 (word != "-H" or "X-A" in " ".join(words))]
    assert web.curl(routing.client, version, *words, "http://small.example/").status == status


def test_faults_on_purpose(routing):
    answers = web.curl(routing.client, *["http://faulty.example/"] * 100)
    statuses = [transfer["status"] for transfer in answers.transfers]
    assert set(statuses) == {200, 418} and 25 < statuses.count(418) < 75
    started = time.monotonic()
    assert web.curl(routing.client, "http://late.example/").status == 200
    assert time.monotonic() - started >= 0.3
    assert routing.appliance.counters()["l7.fault_delayed"] == 1


PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"


@pytest.mark.parametrize("words,body", [
    (["-A", PHONE, "http://phones.example/"], "small"),
    (["-A", DESKTOP, "http://phones.example/"], "large"),
    (["-H", "X-Beta: 1", "http://both.example/"], "beta"),
    (["http://both.example/?beta=1"], "beta"),
    (["-H", "X-Beta: 1", "-b", "stable=1", "http://both.example/"], "stable"),
    (["http://both.example/"], "stable")])
@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_conditions(routing, version, words, body):
    assert web.curl(routing.client, version, *words).body == body


def test_a_share_of_requests(routing):
    answers = web.curl(routing.client, *["http://canary.example/"] * 200)
    assert 25 < answers.bodies.count("canary") < 80
    assert set(answers.bodies) == {"canary", "stable"}


def test_name_that_a_tls_client_asks_for(routing):
    assert web.curl(routing.client, "-k", "https://a.secure.example/").body == "by sni"
    assert web.curl(routing.client, "-k", "https://b.secure.example/").status == 404


def test_explain(routing):
    """What it says is what happens."""
    ask = routing.appliance.table
    found = ask("explain GET http://reprefix.example/api/x?y")
    assert (found["target"], found["pool"], found["verdict"]) == ("/x?y", "origin", "forwarded")
    assert found["service"] == "http"
    found = ask("explain GET http://tosecure.example/a?b=c")
    assert found["location"] == "https://tosecure.example/a?b=c"
    assert found["verdict"] == "answered 301 by redirect"
    found = ask("explain GET http://said.example/x")
    assert (found["route"], found["verdict"]) == ("said", "answered 503 by respond")
    found = ask("explain GET http://traverse.example/ -H X-File: ../../x")
    assert found["verdict"] == "answered 400 by rewrite"
    found = ask("explain GET http://fields.example/x -H X-List: a from 203.0.113.9")
    assert "+X-Client: 203.0.113.9" in found.values() and "-X-Secret" in found.values()
    assert "+X-List: a, GET" in found.values()
    found = ask("explain GET http://nobody.example/")
    assert found["verdict"] == "answered 404: no route takes it"
    found = ask("explain GET http://reprefix.example/a%2fb")
    assert found["verdict"].startswith("refused, 400: ")
    # Nothing was taken: a limit has as many tokens as before.
    for _ in range(10):
        assert ask("explain GET http://rated.example/ -H X-Api-Key: c")["verdict"] == "forwarded"
    assert routing.appliance.run_ctl("explain GET http://a.example:99/").returncode == 1
    assert routing.appliance.run_ctl("explain GET ftp://a.example/").returncode == 1
    assert "Verdict: " in routing.appliance.ctl("explain GET http://said.example/").title()


def test_hostile_requests_end_in_a_status_and_a_counter(routing):
    def refused(name):
        return routing.appliance.counters()["http_refused." + name]

    before = {name: refused(name) for name in ("header_too_large", "header_too_many",
                                               "path_escape")}
    big = "X-Big: " + "a" * 64000
    assert web.curl(routing.client, "-H", big, "http://fields.example/").status == 431
    words = [word for number in range(150) for word in ("-H", f"X-{number}: 1")]
    assert web.curl(routing.client, *words, "http://fields.example/").status == 431
    assert web.curl(routing.client, "--path-as-is",
                    "http://fields.example/a/%2e%2e/%2e%2e/etc").status == 400
    assert {name: refused(name) - count for name, count in before.items()} == {
        "header_too_large": 1, "header_too_many": 1, "path_escape": 1}
    # A thousand cookies are one field, within its limits: matched, and passed on as they came.
    cookies = "; ".join(f"c{number}={number}" for number in range(1000))
    answer = web.curl(routing.client, "-H", "Cookie: " + cookies, "http://both.example/?beta=1")
    assert (answer.status, answer.body) == (200, "beta")
    # Names are compared without case, and all fields of a name are looked at.
    answer = web.curl(routing.client, "-H", "x-BETA: 0", "-H", "X-beta: 1", "http://both.example/")
    assert answer.body == "beta"


def test_routes_change_under_load(routing):
    """Each request is of one table: the path and the field always belong together."""
    def table(number):
        return [row("swap", rewrite={"path": f"/table/{number}"},
                    request_headers={"set": {"X-Table": str(number)}}), *ROWS, *config.routes()]

    routing.appliance.write(routes=table(0))
    routing.appliance.ctl("reload")
    with web.Load(routing.client, ["/x"], host="swap.example", threads=2) as load:
        for number in range(1, 9):
            routing.appliance.write(routes=table(number))
            routing.appliance.ctl("reload")
            load.wait_requests(30)
            seen, fields = seen_by_member(routing, "http://swap.example/x")
            assert seen["path"] == f"/table/{number}" and fields["x-table"] == [str(number)]
        assert load.failures == []
