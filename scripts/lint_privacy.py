"""docs/privacy.md has a row for every column of our databases and every field of a session's record,
none for what is not there, and says of each how it is kept: personal data in no column in plain."""
import re

from lint_common import strip_comments

DOCUMENT = "docs/privacy.md"
CONFIG = "services/musubid/config.cc"
# (header, structs whose fields are kept: a session's record, a row of the check log)
RECORDS = [
    ("lib/session/record.h", ("SessionRecord", "StoredAnswer", "KeptProof", "OneTime")),
    ("lib/session/types.h", ("AccountBinding", "ClientContext")),
    ("lib/checklog/check_row.h", ("CheckRow",)),
]
# `table.column` or `Struct.field`, what it is, form, what it says of a person.
_ROW = re.compile(r"^\| `(\w+\.\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$")
_FORM = re.compile(r"plain|SHA-256|(?:HMAC|AEAD), [^,]+")
_SAYS = ("personal", "pseudonym", "no")


def columns(tree):
    """{table.column: (path, line)} of every schema in lib/."""
    found = {}
    for path in tree.ours(".cc"):
        if not path.startswith("lib/") or path.endswith("_test.cc"):
            continue
        text = strip_comments(tree.text(path))
        for table in re.finditer(r"^CREATE TABLE (\w+) \(\n(.*?)^\)", text, re.DOTALL | re.MULTILINE):
            for column in re.finditer(r"^  ([a-z_]+) [A-Z]", table.group(2), re.MULTILINE):
                at = text.count("\n", 0, table.start(2) + column.start()) + 1
                found[f"{table.group(1)}.{column.group(1)}"] = (path, at)
        for added in re.finditer(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", text):
            at = text.count("\n", 0, added.start()) + 1
            found[f"{added.group(1)}.{added.group(2)}"] = (path, at)
    return found


def fields(tree):
    """{Struct.field: (path, line)} of what a session's record or the check log holds."""
    found = {}
    for path, structs in RECORDS:
        if path not in tree.files:
            continue
        text = strip_comments(tree.text(path))
        for struct in re.finditer(rf"^struct ({'|'.join(structs)}) \{{\n(.*?)^\}};", text,
                                  re.DOTALL | re.MULTILINE):
            for field in re.finditer(r"^  [\w:<>]+ (\w+)(?:\{\}| = [^;(]+)?;", struct.group(2), re.MULTILINE):
                at = text.count("\n", 0, struct.start(2) + field.start()) + 1
                found[f"{struct.group(1)}.{field.group(1)}"] = (path, at)
    return found


def check_privacy(tree):
    stored = columns(tree)
    known = {**stored, **fields(tree)}
    rows = {}
    findings = []
    text = tree.text(DOCUMENT) if DOCUMENT in tree.files else ""
    flags = set(re.findall(r"ABSL_FLAG\([\w:]+, (\w+)", tree.text(CONFIG))) if CONFIG in tree.files else set()
    for number, line in enumerate(text.split("\n"), 1):
        match = _ROW.match(line)
        if not match:
            continue
        name, _, form, says = match.groups()
        where = f"{DOCUMENT}:{number}: `{name}`"
        if name in rows:
            findings.append(f"{where} has a row above")
        rows[name] = number
        if name not in known:
            findings.append(f"{where} is in no schema and no record: take the row out")
        if not _FORM.fullmatch(form):
            findings.append(f"{where}: form '{form}' is not plain, SHA-256, or HMAC or AEAD with its key")
        for flag in re.findall(r"--(\w+)", form):
            if flag not in flags:
                findings.append(f"{where}: musubid has no flag --{flag}")
        if says not in _SAYS:
            findings.append(f"{where}: '{says}' is not one of {', '.join(_SAYS)}")
        if name in stored and says == "personal" and not form.startswith(("AEAD", "HMAC")):
            findings.append(f"{where} is personal data in the form '{form}': seal it")
    for name, (path, number) in sorted(known.items(), key=lambda item: item[1]):
        if name not in rows:
            findings.append(f"{path}:{number}: {name} has no row in {DOCUMENT}: say what it is, why and in which form")
    return findings
