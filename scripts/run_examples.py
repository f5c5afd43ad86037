#!/usr/bin/env python3
"""Runs the commands of a document and compares what they print with what it says.

    run_examples.py DOCUMENT FOLDER-OF-PROGRAMS [--write]

Every block of sh runs in one shell, in an empty folder, with the programs on its PATH. A block of
json or text after it is what it must print, and a line "Exit code: N." between or after them how it
must end (0 if there is none). --write puts what was printed in place of what the document says.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(sh|json|text)\n(.*?)^```$|^Exit code: (\d)\.$", re.MULTILINE | re.DOTALL)
END = "@@end@@"


def same(kind, wanted, printed):
    if kind == "json":
        try:
            return [json.loads(line) for line in split_json(wanted)] == \
                   [json.loads(line) for line in split_json(printed)]
        except ValueError:
            return False
    return wanted == printed


def split_json(text):
    """One document, or one a line."""
    return [text] if text.startswith("{\n") else text.splitlines()


def main(document, programs, write):
    text = pathlib.Path(document).read_text(encoding="utf-8")
    programs = str(pathlib.Path(programs).resolve())
    problems, checked, replacements = [], 0, []
    with tempfile.TemporaryDirectory() as folder:
        shell = subprocess.Popen(["bash"], cwd=folder, stdin=subprocess.PIPE, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        shell.stdin.write(f"PATH={programs}:$PATH\n")
        printed, code, command, told = "", 0, "", True
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if match[1] == "sh":
                if not told and code != 0:
                    problems.append(f"{document}:{line}: exit code {code} is not told: {command}")
                command = match[2]
                shell.stdin.write(f"{command}\nprintf '%s %s\\n' '{END}' \"$?\"\n")
                shell.stdin.flush()
                lines = []
                while not (last := shell.stdout.readline()).startswith(END):
                    if not last:
                        return [f"{document}:{line}: the shell ended in: {command}"], checked
                    lines.append(last)
                printed, code, told = "".join(lines), int(last.split()[1]), False
            elif match[1]:
                checked += 1
                if not same(match[1], match[2], printed):
                    problems.append(f"{document}:{line}: prints otherwise:\n{printed}")
                    replacements.append((match.start(2), match.end(2), printed))
            else:
                told = True
                if int(match[3]) != code:
                    problems.append(f"{document}:{line}: exit code {code}, not {match[3]}")
        shell.stdin.close()
        shell.wait()
    if write:
        for start, end, new in reversed(replacements):
            text = text[:start] + new + text[end:]
        pathlib.Path(document).write_text(text, encoding="utf-8")
    return problems, checked


if __name__ == "__main__":
    found, count = main(sys.argv[1], sys.argv[2], "--write" in sys.argv[3:])
    for problem in found:
        print(problem)
    print(f"{sys.argv[1]}: {count} outputs, {len(found)} problems")
    sys.exit(1 if found or count == 0 else 0)
