"""Adds up GoogleTest's XML results in a folder: prints "PASSED FAILED"."""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

passed = failed = 0
for path in pathlib.Path(sys.argv[1]).glob("*.xml"):
    suites = ElementTree.parse(path).getroot()
    bad = int(suites.get("failures", 0)) + int(suites.get("errors", 0))
    passed += int(suites.get("tests", 0)) - int(suites.get("disabled", 0)) - bad
    failed += bad
print(passed, failed)
