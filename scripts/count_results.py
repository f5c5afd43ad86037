"""Adds up the cases of JUnit XML results in a folder (GoogleTest's, vitest's, node:test's): prints "PASSED FAILED"."""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

passed = failed = 0
for path in pathlib.Path(sys.argv[1]).glob("*.xml"):
    suites = ElementTree.parse(path).getroot()
    bad = int(suites.get("failures", 0)) + int(suites.get("errors", 0))
    if "tests" in suites.attrib:
        passed += int(suites.get("tests")) - int(suites.get("disabled", 0)) - bad
        failed += bad
        continue
    # node:test gives no sums of the whole.
    for case in suites.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None:
            passed += 1
print(passed, failed)
