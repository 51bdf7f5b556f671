# SPDX-License-Identifier: Apache-2.0
"""Sums up a folder of test results: names what failed, and ends with "N passed, N failed".

Reads simple ("passed NAME" or "failed NAME" lines), unit.json (meson's testlog.json; the cases of a
cmocka program count one by one) and system.xml (pytest's JUnit file). Exits 1 when anything failed.
"""

import json
import os
import re
import sys
import xml.etree.ElementTree


def simple_results(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            verdict, _, name = line.strip().partition(" ")
            yield name, verdict


def unit_results(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            test = json.loads(line)
            output = test.get("stdout", "") + test.get("stderr", "")
            cases = set(re.findall(r"^\[ +(OK|FAILED|SKIPPED) +\] (\w+)$", output, re.M))
            verdicts = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}
            for verdict, case in sorted(cases):
                yield f"{test['name']}: {case}", verdicts[verdict]
            is_good = test["result"] in ("OK", "EXPECTEDFAIL")
            if not cases:
                skipped = test["result"] == "SKIP"
                yield test["name"], "passed" if is_good else "skipped" if skipped else "failed"
            elif not is_good and all(verdict == "OK" for verdict, _ in cases):
                yield f"{test['name']}: ends with {test['result']}", "failed"


def system_results(path):
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        kinds = {child.tag for child in case}
        verdict = "failed" if kinds & {"failure", "error"} else \
            "skipped" if "skipped" in kinds else "passed"
        yield f"system: {case.get('classname', '').rpartition('.')[2]}::{case.get('name')}", verdict


def main():
    folder = sys.argv[1]
    readers = {"simple": simple_results, "unit.json": unit_results, "system.xml": system_results}
    passed, bad = 0, []
    for name, reader in readers.items():
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            continue
        for test, verdict in reader(path):
            passed += verdict == "passed"
            if verdict != "passed":
                bad.append(f"{verdict}: {test}")
    print("".join(line + "\n" for line in bad), end="")
    print(f"{passed} passed, {len(bad)} failed")
    return 1 if bad or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
