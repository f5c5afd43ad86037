"""What every lint check shares: the files of a tree, and C++ text without its comments.

A check is a function that takes a Tree and returns findings, one string each:
"path:line: what is wrong; what to do".
"""
import pathlib
import re
import subprocess

CPP = (".h", ".cc")


class Tree:
    """The files of a repository that are tracked or would be: paths relative to root."""

    def __init__(self, root, files=None):
        self.root = pathlib.Path(root).resolve()
        if files is None:
            listed = subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                cwd=self.root, check=True, capture_output=True, text=True).stdout
            files = (f for f in listed.split("\0") if f)
        self.files = sorted(f for f in set(files) if (self.root / f).is_file())
        self._cache = {}

    def ours(self, *suffixes):
        """Files that we wrote, of these endings (all of them without any)."""
        return [f for f in self.files
                if not f.startswith("third_party/") and (not suffixes or f.endswith(suffixes))]

    def text(self, path):
        if path not in self._cache:
            self._cache[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._cache[path]

    def first_line(self, path):
        with open(self.root / path, "rb") as file:
            return file.readline(200).decode("utf-8", errors="replace")


_TOKEN = re.compile(
    r'''(?P<comment>//[^\n]*|/\*.*?\*/)'''
    r'''|(?P<raw>R"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)")'''
    r'''|(?P<string>"(?:\\.|[^"\\\n])*")'''
    r'''|(?P<char>(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+')''', re.DOTALL)


def strip_comments(text, strings=True):
    """C++ text with its comments blanked, and its strings too unless `strings`; lines stay."""
    def blank(match):
        found = match.group(0)
        if match.group("comment") is None and strings:
            return found
        return (" " if match.group("comment") else '""') + "\n" * found.count("\n")
    return _TOKEN.sub(blank, text)


def in_folder(path, folder):
    return path == folder or path.startswith(folder + "/")


def run(command, cwd):
    """Exit code and output, both streams together."""
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False)
    return done.returncode, done.stdout
