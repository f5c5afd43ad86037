"""Which folder may include which. docs/architecture.md shows the same table to people."""
import re

from lint_common import CPP, in_folder, strip_comments

# Folder -> folders of ours that it may include besides itself. A folder that is not here may
# include nothing of ours: a new folder says first what it stands on.
MAY_INCLUDE = {
    "lib/base": [],
    "lib/crypto": ["lib/base"],
    "lib/pki": ["lib/base", "lib/crypto"],
    "lib/http": ["lib/base"],
    "lib/redis": ["lib/base"],
    "lib/limits": ["lib/base", "lib/redis"],
    "lib/sqlite": ["lib/base"],
    "lib/postgres": ["lib/base"],
    "lib/telemetry": ["lib/base"],
    "lib/checklog": ["lib/base", "lib/crypto", "lib/pki"],
    "lib/replica": ["lib/base", "lib/redis"],
    "lib/revocation": ["lib/base", "lib/crypto", "lib/pki", "lib/http"],
    "lib/jpki": ["lib/base", "lib/crypto", "lib/pki"],
    "lib/session": ["lib/base", "lib/crypto", "lib/redis"],
    "lib/pairing": ["lib/base", "lib/crypto"],
    "lib/person": ["lib/base", "lib/crypto", "lib/sqlite", "lib/postgres"],
    "lib/link": ["lib/base", "lib/crypto", "lib/sqlite", "lib/postgres"],
    "lib/prelink": ["lib/base", "lib/crypto", "lib/session", "lib/pairing", "lib/jpki",
                    "lib/pki", "lib/revocation", "lib/person", "lib/link", "lib/limits"],
    "lib/rpc": ["lib/base", "lib/crypto", "lib/telemetry"],
    "services/wire": ["@service"],
    "services/session": ["@service", "services/wire"],
    "services/pairing": ["@service", "services/wire"],
    "services/validation": ["@service", "services/wire", "lib/checklog"],
    "services/link": ["@service", "services/wire"],
    "services/musubid": ["lib", "services"],
    "services/musubictl": ["lib", "services"],
    "sandbox": ["lib/base", "lib/crypto", "lib/pki", "lib/rpc"],
    "bench": ["lib", "services", "sandbox", "tests"],
    "tests": ["lib", "services", "sandbox", "bench"],
}
SERVICE = ["lib/prelink", "lib/pki", "lib/jpki", "lib/revocation", "lib/rpc", "lib/telemetry",
           "lib/base"]
# A unit test beside the code, or the contract suite of an interface, may include what its folder
# may, and this.
TESTS_MAY_INCLUDE = ["tests"]
TEST_FILES = ("_test.cc", "_contract.h", "_fixture.h")

PROTO_USERS = ["services", "lib/rpc", "sandbox", "bench", "tests"]
# (header, who may include it, only in .cc files, why)
FENCES = [
    (r"openssl/", ["lib/crypto", "lib/pki", "lib/jpki", "lib/redis", "lib/rpc", "sandbox", "bench",
                   "tests"], True,
     "OpenSSL stays behind our own API"),
    (r".*\.pb\.h$", PROTO_USERS, False, "the domain knows no protobuf"),
    (r"(grpcpp|grpc|google/protobuf|google/rpc)/", PROTO_USERS, False, "the domain knows no gRPC"),
    (r"curl/", ["lib/http"], False, "lib/http is the only user of libcurl"),
    (r"sqlite3\.h$", ["lib/sqlite", "bench"], False, "lib/sqlite is the only user of SQLite"),
    (r"(libpq-fe|libpq-events|postgres_ext)\.h$", ["lib/postgres"], True,
     "lib/postgres is the only user of libpq"),
    (r"hiredis", ["lib/redis"], True, "lib/redis is the only user of hiredis"),
    (r"(civetweb|CivetServer)\.h$", ["lib/telemetry"], True,
     "lib/telemetry is the only user of civetweb"),
    (r"prometheus/", ["lib/telemetry"], False, "lib/telemetry is the only user of prometheus-cpp"),
    (r"httplib\.h$", ["sandbox", "tests", "bench", "@test"], True,
     "cpp-httplib is the server of the sandbox and of tests"),
    (r"simdjson\.h$", ["services/musubictl"], True,
     "nlohmann-json reads what is read once"),
    (r"nghttp2/", ["bench/load"], True, "bench/load is the only user of nghttp2"),
    (r"absl/synchronization/", ["services", "sandbox", "bench", "tests"], False,
     "base::Mutex, not absl::Mutex: ThreadSanitizer does not see Debian's"),
    (r"format$", [], False, "libstdc++ 12 has no <format>"),
]
OURS = ("lib/", "services/", "sandbox/", "bench/", "tests/")
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


DOCUMENT = "docs/architecture.md"


def render_table():
    """The table as docs/architecture.md shows it; `scripts/lint_includes.py` prints it."""
    lines = ["| folder | may include, besides itself |", "|---|---|"]
    for folder, allowed in MAY_INCLUDE.items():
        names = [name for entry in allowed for name in (SERVICE if entry == "@service" else [entry])]
        lines.append(f"| `{folder}` | {', '.join(f'`{name}`' for name in names) or 'nothing of ours'} |")
    return "\n".join(lines) + "\n"


def check_table(tree):
    if DOCUMENT in tree.files and render_table() in tree.text(DOCUMENT):
        return []
    return [f"{DOCUMENT}:1: the include rules are not those of scripts/lint_includes.py: "
            "put in what python3 scripts/lint_includes.py prints"]


def owner(path):
    """The folder of the table that `path` is in, or nothing."""
    return max((f for f in MAY_INCLUDE if in_folder(path, f)), key=len, default=None)


def allowed_folders(path):
    folder = owner(path)
    allowed = [folder] if folder else []
    for entry in MAY_INCLUDE.get(folder, []):
        allowed += SERVICE if entry == "@service" else [entry]
    if path.endswith(TEST_FILES):
        allowed += TESTS_MAY_INCLUDE
    return allowed


def check_includes(tree):
    findings = []
    for path in tree.ours(*CPP):
        text = strip_comments(tree.text(path))
        for match in _INCLUDE.finditer(text):
            quote, included = match.groups()
            where = f"{path}:{text.count(chr(10), 0, match.start(2)) + 1}"
            if included.startswith(OURS):
                if not any(in_folder(included, folder) for folder in allowed_folders(path)):
                    findings.append(f"{where}: {owner(path) or path} may not include {included} "
                                    "(the table is in scripts/lint_includes.py)")
                continue
            if quote == '"' and "/" not in included:
                findings.append(f'{where}: "{included}": write the path from the root')
            for pattern, users, only_cc, why in FENCES:
                if not re.match(pattern, included):
                    continue
                is_user = any(in_folder(path, user) for user in users) or (
                    "@test" in users and path.endswith(TEST_FILES))
                if not is_user:
                    findings.append(f"{where}: may not include {included}: {why}")
                elif only_cc and not path.endswith(".cc"):
                    findings.append(f"{where}: {included} only in a .cc file: {why}")
    return findings


# Debian's Abseil has its own string_view and optional, so ours are the standard ones.
STD_TYPES_ALLOWED = {"lib/base/status.h": "ToAbsl is the way into Abseil's own string_view"}


def check_std_types(tree):
    findings = []
    for path in tree.ours(".h"):
        if path in STD_TYPES_ALLOWED:
            continue
        for number, line in enumerate(strip_comments(tree.text(path), strings=False).split("\n"), 1):
            for name in ("string_view", "optional", "Span"):
                if re.search(rf"\babsl::{name}\b", line):
                    findings.append(f"{path}:{number}: absl::{name} in a header: use the std type")
    return findings


if __name__ == "__main__":
    print(render_table(), end="")
