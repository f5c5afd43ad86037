"""Links in documents lead somewhere, and files that documents and comments name exist."""
import os
import re
import urllib.parse

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)[^\n]*\n.*?(^ {0,3}\1[`~]*[ \t]*$|\Z)",
                    re.MULTILINE | re.DOTALL)
_CODE_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_INLINE = re.compile(r"\]\(\s*<?([^)\s>]*)>?(?:\s+[\"'][^)]*)?\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]^]+\]:\s+<?([^\s>]+)", re.MULTILINE)
# A path to a file of ours: the extension tells it from a folder or a target.
_NAMED_FILE = re.compile(r"(?<![\w/.-])((?:lib|services|sandbox|tests|bench|scripts|proto|docs|cmake|"
                         r"deploy|web)/[\w./-]+\.(?:h|cc|inc|py|md|proto|json|tsv|ts|sh))(?![\w-])")


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def slug(heading):
    """The anchor that GitHub gives a heading."""
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    heading = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return heading.replace(" ", "-")


def anchors(text):
    found, seen = set(), {}
    body = _FENCE.sub(_blank, text)
    for match in re.finditer(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$", body, re.MULTILINE):
        name = slug(match.group(1))
        count = seen.get(name, 0)
        seen[name] = count + 1
        found.add(name if count == 0 else f"{name}-{count}")
    found.update(re.findall(r"<a\s+(?:id|name)=[\"']([^\"']+)", body))
    return found


def check_links(tree):
    findings = []
    for path in tree.ours(".md"):
        body = _FENCE.sub(_blank, tree.text(path))
        prose = _CODE_SPAN.sub(_blank, body)
        for pattern in (_INLINE, _REFERENCE):
            for match in pattern.finditer(prose):
                where = f"{path}:{prose.count(chr(10), 0, match.start(1)) + 1}"
                target = urllib.parse.unquote(match.group(1))
                if re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE):
                    continue
                file, _, anchor = target.partition("#")
                full = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
                if file.startswith("/") or full.startswith(".."):
                    findings.append(f"{where}: {target}: link relative to this file, inside the repository")
                elif not (tree.root / full).exists():
                    findings.append(f"{where}: dead link {target}")
                elif anchor and full.endswith(".md") and anchor not in anchors(tree.text(full)):
                    findings.append(f"{where}: dead anchor {target}")
    return findings


def check_named_files(tree):
    """A file that a document or a comment names exists. #include lines are the compiler's."""
    findings = []
    for path in tree.ours(".md", ".h", ".cc", ".inc", ".proto", ".py", ".tsv", "CMakeLists.txt"):
        if path.startswith("scripts/lint_selftest"):
            continue
        text = _FENCE.sub(_blank, tree.text(path)) if path.endswith(".md") else tree.text(path)
        for number, line in enumerate(text.split("\n"), 1):
            if re.match(r"\s*#\s*include\b", line):
                continue
            findings += [f"{path}:{number}: names {name}, which does not exist"
                         for name in _NAMED_FILE.findall(line) if not (tree.root / name).is_file()]
    return findings
