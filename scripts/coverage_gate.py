#!/usr/bin/env python3
"""What `scripts/test coverage` demands besides lines: every cell of the state table and every error
reason was produced by a test. Usage: coverage_gate.py EDGES-FILE REASONS-FOLDER."""
import pathlib
import re
import sys

from gen_errors import wire_name

TABLE = pathlib.Path("lib/session/state_table.tsv")
REASONS = pathlib.Path("lib/base/error_reasons.inc")
# Programs that go through all reasons: what they make proves nothing.
NOT_COUNTED = {"lib_base_test", "tests_contract"}
# Reason -> why no test produces it. An entry that is produced after all is a finding itself.
EXCEPTIONS: dict[str, str] = {}


def table_cells(text):
    """(event, flow, state) -> outcome; the flow "-" stands for each."""
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    states = rows[0][3:]
    for event, flow, _, *outcomes in rows[1:]:
        for state, outcome in zip(states, outcomes, strict=True):
            for one in ("CROSS_DEVICE", "ONE_DEVICE") if flow == "-" else (flow,):
                yield event, one, state, outcome


def all_reasons(text):
    return {wire_name(name) for name in re.findall(r"^MUSUBI_ERROR_REASON\((\w+),", text, re.M)}


def edge_faults(edges):
    seen = {}
    for line in edges.splitlines():
        source, *edge = line.split("\t")
        seen.setdefault(tuple(edge), set()).add(source)
    cells = list(table_cells(TABLE.read_text()))
    reached = sum("reached" in seen.get(cell, ()) for cell in cells)
    print(f"state machine: {sum(cell in seen for cell in cells)} of {len(cells)} edges produced, "
          f"{reached} of them by random journeys from CREATED")
    return [f"no test produced the edge {' '.join(cell)}" for cell in cells if cell not in seen]


def reason_faults(folder):
    produced = set()
    for record in folder.iterdir():
        if record.name not in NOT_COUNTED:
            produced |= set(record.read_text().split())
    reasons = all_reasons(REASONS.read_text())
    print(f"error reasons: {len(produced & reasons)} of {len(reasons)} produced, "
          f"{len(EXCEPTIONS)} excepted")
    faults = [f"no test produced {name}" for name in sorted(reasons - produced - set(EXCEPTIONS))]
    faults += [f"{name} is excepted in scripts/coverage_gate.py, and is no reason or is produced: "
               "remove the entry" for name in sorted(EXCEPTIONS)
               if name in produced or name not in reasons]
    return faults


def main():
    edges, folder = map(pathlib.Path, sys.argv[1:3])
    faults = edge_faults(edges.read_text()) + reason_faults(folder)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
