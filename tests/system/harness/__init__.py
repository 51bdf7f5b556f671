# SPDX-License-Identifier: Apache-2.0
"""Networks, servers, certificates and the daemon under test, for tests, demo and benchmarks."""
