# SPDX-License-Identifier: Apache-2.0
"""What routes match, by real clients; and requests that are made to wear a matcher out."""

import time

import pytest

from harness import config, web
from harness.appliance import check


def row(host, match=None, **actions):
    return {"match": {"host": host + ".example", **(match or {})},
            **(actions or {"respond": {"body": "yes"}})}


BOMB = "^/(([a-z])+.)+[A-Z]([a-z])+$"
ROWS = [
    row("bomb", {"path": {"regex": BOMB}}, respond={"status": 403}),
    row("bomb"),
]


@pytest.fixture(scope="module")
def matching(site):
    site.appliance.write(routes=ROWS + config.routes())
    site.appliance.ctl("reload")
    return site


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
