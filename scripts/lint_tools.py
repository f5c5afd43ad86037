"""Checks that other programs make: clang-format, shellcheck, python, buf, the generated files."""
import re

from lint_common import CPP, run


def check_format(tree):
    paths = tree.ours(*CPP, ".inc")
    if not paths:
        return []
    _, output = run(["clang-format", "--style=file", "--dry-run", "-Werror", *paths], tree.root)
    wrong = re.findall(r"^(.+?):(\d+):\d+: error:", output, re.MULTILINE)
    first = {}
    for path, line in wrong:
        first.setdefault(path, line)
    if output.strip() and not first:
        return [f".clang-format:1: {output.strip()}"]
    return [f"{path}:{line}: not formatted: clang-format -i {path}" for path, line in first.items()]


def shell_scripts(tree):
    return [path for path in tree.ours()
            if path.endswith(".sh") or re.match(r"#!.*\b(ba)?sh\b", tree.first_line(path))]


def check_shell(tree):
    paths = shell_scripts(tree)
    if not paths:
        return []
    # SC1091: the library is checked as a file of its own.
    code, output = run(["shellcheck", "--format=gcc", "--external-sources", "--exclude=SC1091",
                        "--source-path=SCRIPTDIR", *paths], tree.root)
    return [line for line in output.split("\n") if line] if code else []


def check_python(tree):
    findings = []
    for path in tree.ours():
        if path.endswith(".py") or re.match(r"#!.*\bpython", tree.first_line(path)):
            try:
                compile(tree.text(path), path, "exec")
            except SyntaxError as error:
                findings.append(f"{path}:{error.lineno}: {error.msg}")
    return findings


def check_proto(tree):
    """buf's rules and format, with the buf that proto/package-lock.json pins."""
    if "proto/package.json" not in tree.files:
        return []
    code, output = run(["npm", "--prefix", "proto", "run", "--silent", "lint"], tree.root)
    return [f"proto/{line}" for line in output.split("\n") if line] if code else []


def check_generated(tree):
    """Generated documents are what their generator makes of the sources as they are."""
    import gen_errors
    import gen_metrics
    import gen_tour
    findings = []
    for generator in (gen_errors, gen_metrics, gen_tour):
        output = generator.OUTPUT
        if any(source not in tree.files for source in generator.SOURCES):
            continue
        if output not in tree.files or tree.text(output) != generator.render(tree.root):
            findings.append(f"{output}:1: out of date: python3 scripts/{generator.__name__}.py")
    return findings
