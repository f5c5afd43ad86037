"""Headers: the guard says the path, and each compiles on its own."""
import concurrent.futures
import json
import os
import re
import shlex
import shutil

from lint_common import run


def guard_of(path):
    return "MUSUBI_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"


def check_guards(tree):
    findings = []
    for path in tree.ours(".h"):
        guard = guard_of(path)
        text = tree.text(path)
        if not (re.search(rf"^#ifndef {guard}\n#define {guard}$", text, re.MULTILINE)
                and text.endswith(f"#endif  // {guard}\n")):
            findings.append(f"{path}:1: the include guard is not {guard}")
    return findings


def include_options(tree):
    """-I options of the dev build, where generated protobuf headers are; without one, the root."""
    options = ["-I."]
    commands = tree.root / "build/dev/compile_commands.json"
    if commands.is_file():
        for entry in json.loads(commands.read_text()):
            words = shlex.split(entry["command"])
            for index, word in enumerate(words):
                if word == "-isystem":
                    option = "-I" + words[index + 1]
                elif word.startswith("-I"):
                    option = word
                else:
                    continue
                if option not in options and option != f"-I{tree.root}":
                    options.append(option)
    return options


def check_headers_compile(tree):
    """Compiles each header as if it were a source file. ccache knows what did not change: its key
    covers every file that a header includes, which -fsyntax-only would not get."""
    out = tree.root / "build/lint/headers"
    out.mkdir(parents=True, exist_ok=True)
    ccache = [shutil.which("ccache")] if shutil.which("ccache") else []
    options = include_options(tree)
    # Link-time names stay as they are: the object is thrown away.
    base = ccache + ["g++", "-std=c++20", "-O0", "-w", *options, "-x", "c++", "-c"]

    def compile_one(path):
        target = out / (path.replace("/", "__") + ".o")
        code, output = run(base + [path, "-o", os.path.relpath(target, tree.root)], tree.root)
        if code == 0:
            return None
        errors = [line for line in output.split("\n") if "error:" in line]
        return f"{path}:1: does not compile alone: {(errors or [output.strip()])[0]}"

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        return [finding for finding in pool.map(compile_one, tree.ours(".h")) if finding]
