# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one network, its servers and its certificates for a run; daemons for modules."""

import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness import config  # noqa: E402
from harness.appliance import Appliance, binary  # noqa: E402
from harness.certs import Authority  # noqa: E402
from harness.network import Network  # noqa: E402
from harness.servers import Servers  # noqa: E402

_daemons = []


def _interrupted(number, frame):
    raise KeyboardInterrupt


def pytest_configure(config):
    # SIGTERM unwinds as Ctrl-C does, so that fixtures remove what they made.
    signal.signal(signal.SIGTERM, _interrupted)


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("system tests make network namespaces: run them as root", 2)
    for name in ("penstock", "penstockctl"):
        if not os.path.exists(binary(name)):
            pytest.exit(f"{binary(name)} is not built; see tools/test", 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for daemon in _daemons:
            report.sections.append((f"log of penstock in {daemon.folder}", daemon.log()))


@pytest.fixture(scope="session")
def network():
    made = Network()
    yield made
    made.close()


@pytest.fixture(scope="session")
def site_network():
    """The same once more: a module's shared daemon lives beside those that come and go."""
    made = Network("site-")
    yield made
    made.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("pki")))


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue("shop", config.HOSTS + ["origin.example", "slow.example", "192.0.2.100",
                                                   "2001:db8:1::100"])


@pytest.fixture(scope="session")
def servers(network, certificate, tmp_path_factory):
    made = Servers(network, tmp_path_factory.mktemp("servers"), certificate)
    yield made
    made.close()


@pytest.fixture(scope="session")
def site_servers(site_network, certificate, tmp_path_factory):
    made = Servers(site_network, tmp_path_factory.mktemp("site-servers"), certificate)
    yield made
    made.close()


class Site:
    """What a test of traffic needs: the daemon and all around it."""

    def __init__(self, appliance, network, servers, ca):
        self.appliance = appliance
        self.network = network
        self.client = network.client
        self.servers = servers
        self.ca = ca


def _start(network, servers, authority, certificate, folder, layout):
    settings, routes = config.make(network, certificate, layout)
    daemon = Appliance(network, folder, settings, routes)
    _daemons.append(daemon)
    try:
        with daemon:
            _wait_checked(daemon)
            yield Site(daemon, network, servers, authority.path)
    finally:
        _daemons.remove(daemon)


def _wait_checked(daemon):
    """Health checks have had their first say on every member."""
    for name, pool in daemon.config["pools"].items():
        if "health" not in pool:
            continue
        state = "DOWN" if name == "down" else "UP"
        for member in daemon.servers(name):
            daemon.wait_state(name, member, state)


@pytest.fixture(scope="module", params=list(config.LAYOUTS))
def everywhere(request, network, servers, authority, certificate, tmp_path_factory):
    """A site for each division of work over CPUs: the essential tests run on all."""
    folder = tmp_path_factory.mktemp(request.param)
    yield from _start(network, servers, authority, certificate, folder, request.param)


@pytest.fixture(scope="module")
def site(site_network, site_servers, authority, certificate, tmp_path_factory):
    """A site with both loops on one CPU, shared by a module's tests."""
    yield from _start(site_network, site_servers, authority, certificate,
                      tmp_path_factory.mktemp("site"), "joint")


@pytest.fixture
def own_site(network, servers, authority, certificate, tmp_path):
    """A site for one test, which may end the daemon or change its configuration."""
    yield from _start(network, servers, authority, certificate, tmp_path, "split")
