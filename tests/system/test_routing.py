# SPDX-License-Identifier: Apache-2.0
"""What routes do with requests: each action with real clients against a real server."""

import json

import pytest

from harness import config, web
from harness.network import CLIENT, VIP


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
