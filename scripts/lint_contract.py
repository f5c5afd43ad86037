"""The contract's enums and the code's are one list: same names, same numbers, same sentences."""
import re

import gen_errors

COMMON = "proto/musubi/v1/common.proto"
SESSION = "lib/session/types.h"
# (proto file, enum there, header, enum there)
PAIRS = [
    (COMMON, "Act", SESSION, "Act"),
    (COMMON, "Flow", SESSION, "Flow"),
    (COMMON, "FlowPolicy", SESSION, "FlowPolicy"),
    (COMMON, "SessionState", SESSION, "State"),
    (COMMON, "Party", SESSION, "Party"),
    (COMMON, "CancelReason", SESSION, "CancelReason"),
    *((COMMON, name, gen_errors.VERDICTS, name) for name in (
        "VerdictStatus", "VerdictReason", "PossessionOutcome", "RevocationOutcome",
        "RevocationMethod", "CrlReason")),
    ("proto/musubi/v1/validation.proto", "RevocationMode",
     "lib/revocation/revocation_checker.h", "RevocationMode"),
]
# Value of a C++ enum -> its name in the contract, where 0 must be called UNSPECIFIED.
RENAMED = {"CrlReason": {"NOT_GIVEN": "UNSPECIFIED", "UNSPECIFIED": "NO_PARTICULAR"}}


def _body(text, name):
    match = re.search(rf"^enum (?:class )?{name} \{{(.*?)\}}", text, re.DOTALL | re.MULTILINE)
    return match and re.sub(r"//[^\n]*", "", match.group(1))


def proto_values(text, name):
    body = _body(text, name)
    prefix = gen_errors.wire_name(name) + "_"
    return body and {value.removeprefix(prefix): int(number)
                     for value, number in re.findall(r"(\w+) = (\d+)", body)}


def code_values(text, name):
    body = _body(text, name)
    renamed = RENAMED.get(name, {})
    return body and {renamed.get(wire, wire): int(number) for wire, number in (
        (gen_errors.wire_name(value), number)
        for value, number in re.findall(r"\bk(\w+) = (\d+)", body))}


def compare(where, ours, theirs):
    return [f"{where}: {value} is {ours.get(value, 'absent')} in the code, "
            f"{theirs.get(value, 'absent')} in the contract"
            for value in sorted(set(ours) | set(theirs)) if ours.get(value) != theirs.get(value)]


def check_contract(tree):
    findings = []
    for proto, proto_enum, header, code_enum in PAIRS:
        if proto not in tree.files or header not in tree.files:
            continue
        theirs = proto_values(tree.text(proto), proto_enum)
        ours = code_values(tree.text(header), code_enum)
        if not theirs or not ours:
            findings.append(f"scripts/lint_contract.py: no enum {proto_enum} in {proto}, or no "
                            f"{code_enum} in {header}: keep the table right")
            continue
        findings += compare(f"{proto}:1: {proto_enum}", ours, theirs)
    if COMMON in tree.files and gen_errors.REASONS in tree.files:
        ours = {gen_errors.wire_name(name): (int(number), sentence) for name, number, sentence in
                re.findall(r'^MUSUBI_ERROR_REASON\((\w+), (\d+), \w+, "(.*)"\)$',
                           tree.text(gen_errors.REASONS), re.MULTILINE)}
        body = re.search(r"^enum ErrorReason \{(.*?)^\}", tree.text(COMMON), re.DOTALL | re.MULTILINE)
        theirs = {}
        for comment, value, number in re.findall(
                r"((?:^  //[^\n]*\n)*)^  ERROR_REASON_(\w+) = (\d+);", body.group(1), re.MULTILINE):
            sentence = " ".join(line.strip()[2:].strip() for line in comment.splitlines())
            theirs[value] = (int(number), sentence)
        theirs.pop("UNSPECIFIED", None)
        findings += compare(f"{COMMON}:1: ErrorReason", ours, theirs)
    return findings
