# SPDX-License-Identifier: Apache-2.0
"""Hugepages for a while: benchmarks need them, tests do not."""

import contextlib

HUGEPAGES = "/proc/sys/vm/nr_hugepages"


@contextlib.contextmanager
def hugepages(count):
    """At least count pages of 2 MB, and what there was before afterwards."""
    with open(HUGEPAGES, encoding="ascii") as file:
        before = int(file.read())
    if before < count:
        with open(HUGEPAGES, "w", encoding="ascii") as file:
            file.write(str(count))
    try:
        yield
    finally:
        with open(HUGEPAGES, "w", encoding="ascii") as file:
            file.write(str(before))
