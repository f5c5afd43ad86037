"""What no text of ours holds: loose ends, paths of a machine, issue numbers, stray whitespace."""
import re

SUFFIXES = (".h", ".cc", ".inc", ".md", ".py", ".sh", ".go", ".java", ".proto", ".json", ".yaml", ".yml",
            ".ts", ".tsx", ".mjs", ".css", ".html", ".svg", ".tpl", ".cmake", ".sql", ".tsv", "CMakeLists.txt",
            ".gitignore", ".clang-format")
# Written so that this file does not hold the words themselves.
_MARKS = re.compile(r"\b(" + "|".join(("TO" "DO", "FIX" "ME", "X" "XX")) + r")\b")
_MACHINE = re.compile(r"(?<![\w.-])/(" + "|".join(("wo" "rk", "ho" "me", "ro" "ot", "Us" "ers")) + r")/")
_ISSUE = re.compile(r"\bissue #?\d+\b", re.IGNORECASE)


def texts(tree):
    for path in tree.ours():
        if path.endswith("package-lock.json") or "/testdata/" in path or "/vectors/" in path:
            continue
        if path.endswith(SUFFIXES) or tree.first_line(path).startswith("#!"):
            yield path, tree.text(path)


def _lines(tree, pattern, message):
    return [f"{path}:{number}: {message.format(match.group(0))}"
            for path, text in texts(tree) for number, line in enumerate(text.split("\n"), 1)
            if (match := pattern.search(line))]


def check_marks(tree):
    return _lines(tree, _MARKS, "{}: do it, or say in the docs that it is planned")


def check_machine_paths(tree):
    return _lines(tree, _MACHINE, "{}: a path of one machine")


def check_lock_files(tree):
    return [f"{path}:{number}: the host of somebody's registry: omit-lockfile-registry-resolved=true"
            for path in tree.ours("package-lock.json")
            for number, line in enumerate(tree.text(path).split("\n"), 1) if '"resolved": "http' in line]


def check_issue_numbers(tree):
    return _lines(tree, _ISSUE, "'{}': say what it is, numbers rot")


def check_whitespace(tree):
    findings = _lines(tree, re.compile(r"[ \t\r]+$"), "trailing whitespace")
    for path, text in texts(tree):
        if text and not text.endswith("\n"):
            findings.append(f"{path}:{text.count(chr(10)) + 1}: no newline at the end")
        elif text.endswith("\n\n"):
            findings.append(f"{path}:{text.count(chr(10))}: empty line at the end")
    return findings
