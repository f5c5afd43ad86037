"""docs/rfc-coverage.md has every step of the algorithms, and the functions and tests it names exist."""
import re

DOCUMENT = "docs/rfc-coverage.md"


def _letters(last):
    return [chr(c) for c in range(ord("a"), ord(last) + 1)]


# The steps that must have a row, by the heading that they stand under.
STEPS = {
    "RFC 5280 section 6.1: path validation": [
        *(f"6.1.1 ({c})" for c in _letters("i")), *(f"6.1.2 ({c})" for c in _letters("k")),
        *(f"6.1.3 (a) ({n})" for n in (1, 2, 3, 4)), *(f"6.1.3 ({c})" for c in "bcdef"),
        *(f"6.1.4 ({c})" for c in _letters("o")), *(f"6.1.5 ({c})" for c in _letters("g")),
        "6.1.6"],
    "RFC 5280 section 6.3: CRL validation": [
        "6.3.1 (a)", "6.3.1 (b)", "6.3.2 (a)", "6.3.2 (b)", "6.3.2 (c)", "6.3.3 (a)",
        *(f"6.3.3 (b) ({n})" for n in (1, 2)), *(f"6.3.3 (c) ({n})" for n in (1, 2, 3)),
        *(f"6.3.3 ({c})" for c in "defghijkl"), "6.3.3 end"],
    "RFC 6960 section 3.2: acceptance of a response": [f"3.2 {n}" for n in range(1, 7)],
    "RFC 6960 section 4.2.2: semantics of a response": [
        "4.2.2.1", "4.2.2.2", "4.2.2.2.1", "4.2.2.3"],
}
_SPAN = re.compile(r"`([^`]+)`")


def _defines(text, name):
    return re.search(rf"\b{re.escape(name)}\(", text) is not None


def _tests(text, name):
    suite, _, case = name.partition(".")
    return re.search(rf"TEST(?:_F|_P)?\({re.escape(suite)}, {re.escape(case)}\)", text) is not None


def _check_names(tree, where, cell, kind, holds):
    """`file:Name`, or `Name` of the file named before it."""
    findings, path = [], None
    spans = _SPAN.findall(cell)
    if not spans:
        findings.append(f"{where}: names no {kind}")
    for span in spans:
        file, colon, name = span.rpartition(":")
        path = file if colon else path
        if path is None or path not in tree.files:
            findings.append(f"{where}: {span}: no such file; write `file:Name`")
        elif not holds(tree.text(path), name):
            findings.append(f"{where}: {path} has no {kind} {name}")
    return findings


def check_rfc_coverage(tree, document=DOCUMENT, steps=None):
    steps = STEPS if steps is None else steps
    findings, section, seen = [], None, {}
    if document not in tree.files:
        return [f"{document}:1: is missing"]
    for number, line in enumerate(tree.text(document).split("\n"), 1):
        where = f"{document}:{number}"
        if line.startswith("## "):
            section = line[3:]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if section not in steps or not line.startswith("| ") or cells[0] == "step":
            continue
        if len(cells) != 4:
            findings.append(f"{where}: a row is step | what | function | test")
            continue
        step, _, functions, tests = cells
        seen.setdefault(section, []).append(step)
        findings += _check_names(tree, where, functions, "function", _defines)
        findings += _check_names(tree, where, tests, "test", _tests)
    for name, expected in steps.items():
        found = seen.get(name, [])
        findings += [f"{document}:1: {name}: no row for {s}" for s in expected if s not in found]
        findings += [f"{document}:1: {name}: {s} is no step" for s in found if s not in expected]
    return findings
