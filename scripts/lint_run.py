"""Runs every check of scripts/lint: silent where clean, else each finding and exit code 1."""
import pathlib
import sys

import lint_selftest
from lint_checks import CHECKS
from lint_common import Tree

MOST_SHOWN = 40  # Findings of one check: more would hide the other checks.


def main():
    tree = Tree(pathlib.Path(__file__).resolve().parent.parent)
    failed = 0
    for name, check in [*CHECKS, ("every rule catches a planted violation", lint_selftest.check)]:
        findings = check(tree)
        if not findings:
            continue
        failed += 1
        print(f"FAILED: {name} ({len(findings)})")
        for finding in findings[:MOST_SHOWN]:
            print(f"  {finding}")
        if len(findings) > MOST_SHOWN:
            print(f"  ... and {len(findings) - MOST_SHOWN} more")
    count = len(CHECKS) + 1
    if failed:
        print(f"\nlint: {count} checks, {failed} failed")
        return 1
    print(f"lint: {count} checks, all clean")
    return 0


if __name__ == "__main__":
    sys.exit(main())
