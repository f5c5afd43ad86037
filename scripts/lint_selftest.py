"""Plants one violation per rule in a small tree and expects the check to name it; what looks like
a violation and is none stands beside it."""
import pathlib
import shutil
import tempfile

import gen_errors
import gen_metrics
import lint_contract
import lint_headers
import lint_hermetic
import lint_includes
import lint_links
import lint_privacy
import lint_rfc
import lint_text
import lint_tools
from lint_common import Tree

MARK = "TO" "DO"
HEADER = "#ifndef {g}\n#define {g}\n{body}#endif  // {g}\n"


def header(path, body=""):
    return HEADER.format(g=lint_headers.guard_of(path), body=body)


def hermetic(tree):
    return lint_hermetic.check_hermetic(tree, allowed={})


def rfc_coverage(tree):
    return lint_rfc.check_rfc_coverage(tree, steps={"RFC 1": ["1 (a)", "1 (b)"]})


def include(path, line, expected):
    return (lint_includes.check_includes, {path: line + "\n"}, [expected])


# (check, files, what the findings must hold, in order; nothing else may be found)
CASES = [
    (lint_tools.check_format, {"lib/a.cc": "int  x;\n"}, ["lib/a.cc:1: not formatted"]),
    (lint_tools.check_format, {"lib/a.cc": "int x;\n"}, []),
    include("lib/base/a.cc", '#include "lib/crypto/hash.h"', "lib/base may not include lib/crypto"),
    include("lib/link/a.cc", '#include "services/link/a.h"', "lib/link may not include services/"),
    include("services/link/a.cc", '#include "services/session/a.h"', "may not include services/session"),
    include("lib/pki/a.cc", '#include "tests/fakes/a.h"', "lib/pki may not include tests"),
    include("lib/newcomer/a.cc", '#include "lib/base/a.h"', "lib/newcomer/a.cc may not include"),
    include("lib/base/a.cc", '#include "b.h"', "write the path from the root"),
    include("lib/session/a.cc", "#include <openssl/evp.h>", "OpenSSL stays behind"),
    include("lib/crypto/a.h", "#include <openssl/evp.h>", "only in a .cc file"),
    include("lib/session/a.cc", '#include "musubi/v1/session.pb.h"', "knows no protobuf"),
    include("lib/prelink/a.h", "#include <grpcpp/grpcpp.h>", "knows no gRPC"),
    include("lib/revocation/a.cc", "#include <curl/curl.h>", "libcurl"),
    include("lib/link/a.cc", "#include <sqlite3.h>", "SQLite"),
    include("lib/session/a.cc", "#include <hiredis/hiredis.h>", "hiredis"),
    include("lib/rpc/a.cc", "#include <prometheus/counter.h>", "prometheus-cpp"),
    include("services/musubid/a.cc", "#include <civetweb.h>", "civetweb"),
    include("lib/http/a.cc", "#include <httplib.h>", "cpp-httplib"),
    include("lib/jpki/a.cc", "#include <simdjson.h>", "nlohmann-json"),
    include("lib/base/a.cc", '#include "absl/synchronization/mutex.h"', "base::Mutex"),
    include("lib/base/a.cc", "#include <format>", "no <format>"),
    (lint_includes.check_includes, {
        "lib/crypto/a.cc": '#include "lib/base/a.h"\n#include <openssl/evp.h>\n',
        "lib/pki/a_test.cc": '#include "tests/fakes/a.h"\n#include "lib/crypto/a.h"\n',
        "lib/link/a_contract.h": '#include "tests/fakes/a.h"\n',
        "lib/base/a.cc": '// #include <openssl/evp.h>\n/*\n#include "services/a.h"\n*/\n',
        "services/link/a.cc": '#include "lib/prelink/a.h"\n#include "musubi/v1/link.pb.h"\n',
        "tests/e2e/a.cc": '#include "services/link/a.h"\n'}, []),
    (lint_includes.check_table, {lint_includes.DOCUMENT: "none\n"}, ["the include rules are not"]),
    (lint_includes.check_table, {lint_includes.DOCUMENT: lint_includes.render_table()}, []),
    (lint_includes.check_std_types, {"lib/a.h": "// absl::Span\nabsl::string_view x;\n"},
     ["lib/a.h:2: absl::string_view in a header"]),
    (lint_headers.check_guards, {"lib/a/b.h": header("lib/a.h"), "lib/c.h": header("lib/c.h")},
     ["lib/a/b.h:1: the include guard is not MUSUBI_LIB_A_B_H_"]),
    (lint_headers.check_headers_compile,
     {"lib/a.h": header("lib/a.h", "std::string x();\n"),
      "lib/b.h": header("lib/b.h", "#include <string>\nstd::string x();\n")},
     ["lib/a.h:1: does not compile alone"]),
    *[(hermetic, {"lib/a.cc": f"// absl::Now()\nauto x = {code};\n"}, [f"lib/a.cc:2: {rule}: "])
      for rule, code in (
          ("clock", "absl::Now()"), ("clock", "std::chrono::system_clock::now()"),
          ("clock", "time(nullptr)"), ("clock", "gettimeofday(&t, nullptr)"),
          ("clock", "clock_gettime(CLOCK_REALTIME, &t)"), ("clock", "absl::GetCurrentTimeNanos()"),
          ("sleep", "sleep(1)"), ("sleep", "usleep(1)"), ("sleep", "absl::SleepFor(d)"),
          ("sleep", "std::this_thread::sleep_for(d)"), ("random", "rand()"),
          ("random", "srand(1)"), ("random", "std::random_device{}()"),
          ("random", "RAND_bytes(p, 1)"), ("random", "std::mt19937()"),
          ("random", "getrandom(p, 1, 0)"), ("port", '"127.0.0.1:8443"'),
          ("port", '"localhost:8443"'), ("listen", 'server.listen("127.0.0.1", 8443)'),
          ("listen", "htons(8443)"))],
    (hermetic, {"scripts/a": "curl http://127.0.0.1:8443/\n"}, ["scripts/a:1: port: "]),
    (hermetic, {"lib/a.cc": 'auto x = "absl::Now() sleep(1)"; /* rand() */ std::mt19937 r(7);\n'
                            'auto y = clock.Now(), z = expand(1'  "'000"  '), w = "127.0.0.1:0 127.0.0.1:65536";\n'
                            'char c = \'"\';  // usleep(1)\n'}, []),
    (lambda tree: lint_hermetic.check_hermetic(tree, {("lib/a.cc", "clock"): "why"}),
     {"lib/a.cc": "int x;\n"}, ["lib/a.cc:1: the allow-list"]),
    (lint_links.check_links, {"a.md": "[x](b.md) [y](#no) [z](docs/c.md#no)\n\n[r]: d.md\n",
                              "docs/c.md": "# Yes\n"},
     ["dead link b.md", "dead anchor #no", "dead anchor docs/c.md#no", "dead link d.md"]),
    (lint_links.check_named_files, {
        "a.md": "`lib/gone.h`\n```\nlib/gone.h\n```\nlib/here.h, xlib/gone.h, lib/gone\n",
        "lib/here.h": '#include "lib/gone.h"\n// See docs/gone.md.\n'},
     ["a.md:1: names lib/gone.h", "lib/here.h:2: names docs/gone.md"]),
    (lint_links.check_links, {"docs/a.md": "[x](/etc/passwd) [y](../../b.md)\n"},
     ["link relative", "link relative"]),
    (lint_links.check_links,
     {"a.md": "# One `two`, three\n# One\n# One\n[x](#one-two-three) [y](#one-1) [z](docs) ![i](docs/c.md#d)\n"
              "`[c](no.md)` <https://example.jp> [m](https://example.jp/x#y)\n```\n[f](no.md)\n```\n",
      "docs/c.md": "## d\n"}, []),
    (lint_text.check_marks, {"lib/a.cc": f"// {MARK}: later\n"}, [f"lib/a.cc:1: {MARK}"]),
    (lint_text.check_marks, {"scripts/a.sh": "mktemp a.XX" "XXXX\n"}, []),
    (lint_text.check_machine_paths, {"a.md": "see /ho" "me/someone/x\n"}, ["a.md:1: /ho" "me/"]),
    (lint_text.check_machine_paths, {"a.md": "https://example.jp/ho" "me/ ./wo" "rk/\n"}, []),
    (lint_text.check_lock_files, {"web/package-lock.json": '{"x": {\n"resolved": "https://r.example/x"}}\n',
                                  "proto/package-lock.json": '{"x": {"version": "1"}}\n'},
     ["web/package-lock.json:2: the host"]),
    (lint_text.check_issue_numbers, {"a.md": "as issue" " 12 says\n"}, ["a.md:1: 'issue"]),
    (lint_text.check_whitespace, {"a.md": "x \n", "b.md": "x", "c.md": "x\n\n", "d.md": "x\n"},
     ["a.md:1: trailing", "b.md:1: no newline", "c.md:2: empty line"]),
    (lint_tools.check_shell, {"scripts/a": "#!/usr/bin/env bash\nrm $1\n"}, ["SC2086"]),
    (lint_tools.check_python, {"scripts/a.py": "def f(:\n", "scripts/b.py": "x = 1\n"},
     ["scripts/a.py:1: "]),
    (lint_contract.check_contract, {
        lint_contract.COMMON: "enum ErrorReason {\n  // Never sent.\n  ERROR_REASON_UNSPECIFIED = 0;\n"
                              "  // A fault.\n  ERROR_REASON_INTERNAL = 2;\n}\n",
        gen_errors.REASONS: 'MUSUBI_ERROR_REASON(Internal, 1, kInternal, "A fault.")\n'},
     ["INTERNAL is (1, 'A fault.') in the code, (2, 'A fault.') in the contract"]),
    (lint_contract.check_contract, {
        "proto/musubi/v1/validation.proto":
            "enum RevocationMode {\n  REVOCATION_MODE_UNSPECIFIED = 0;\n  REVOCATION_MODE_NONE = 1;\n}\n",
        "lib/revocation/revocation_checker.h":
            "enum class RevocationMode { kUnspecified = 0, kNone = 2 };  // kNone = 1\n"},
     ["NONE is 2 in the code, 1 in the contract"]),
    (lint_privacy.check_privacy, {
        "lib/link/a.cc": '"CREATE TABLE notes ("\n// CREATE TABLE no (\nR"sql(\nCREATE TABLE links (\n  row INTEGER PRIMARY KEY,\n'
                         '  name TEXT NOT NULL,\n  UNIQUE (row, name),\n  CHECK (row > 0)\n) STRICT;\n'
                         'ALTER TABLE links ADD COLUMN later TEXT;\n)sql"\n',
        "lib/link/a_test.cc": "CREATE TABLE tests (\n  x TEXT\n) STRICT;\n",
        "lib/session/record.h": "struct OneTime {\n  base::Hash256 hash;\n  int tries = 0;  // Of 3.\n"
                                "  absl::Time Deadline() const;\n};\nstruct Other {\n  int x;\n};\n",
        lint_privacy.CONFIG: 'ABSL_FLAG(std::string, data_keyring, "", "");\n',
        lint_privacy.DOCUMENT: "| `links.row` | an order | plain | no |\n| `links.row` | it | plain | no |\n"
                               "| `links.name` | the name | plain | personal |\n| `links.gone` | x | plain | no |\n"
                               "| `OneTime.hash` | x | HMAC, `--index_keyring` | maybe |\n"
                               "| not | a | row | here |\n"},
     [":2: `links.row` has a row above", ":3: `links.name` is personal data in the form 'plain'",
      ":4: `links.gone` is in no schema", ":5: `OneTime.hash`: musubid has no flag --index_keyring",
      ":5: `OneTime.hash`: 'maybe'", "lib/link/a.cc:10: links.later has no row",
      "lib/session/record.h:3: OneTime.tries has no row"]),
    (lint_privacy.check_privacy, {
        "lib/link/a.cc": 'R"sql(\nCREATE TABLE links (\n  name BLOB NOT NULL\n) STRICT;\n)sql"\n',
        lint_privacy.CONFIG: 'ABSL_FLAG(std::string, data_keyring, "", "");\n',
        lint_privacy.DOCUMENT: "| `links.name` | the name | AEAD, `--data_keyring` | personal |\n"}, []),
    (lint_privacy.check_privacy, {
        "lib/link/a.cc": 'R"sql(\nCREATE TABLE links (\n  name BLOB NOT NULL\n) STRICT;\n)sql"\n',
        lint_privacy.DOCUMENT: "| `links.name` | the name | hidden | personal |\n"},
     ["form 'hidden' is not plain", "personal data in the form 'hidden'"]),
    (lint_tools.check_generated, {
        gen_errors.REASONS: '// Any method.\nMUSUBI_ERROR_REASON(Internal, 1, kInternal, "A fault.")\n',
        gen_errors.VERDICTS: "".join(f"enum class {name} {{ kNone = 0, }};\n" for name in (
            "VerdictStatus", "VerdictReason", "PossessionOutcome", "RevocationOutcome",
            "RevocationMethod", "CrlReason")),
        gen_errors.MISBEHAVIOURS: "// Cards.\n",
        gen_errors.OUTPUT: "old\n"}, ["docs/errors.md:1: out of date"]),
    (rfc_coverage, {
        lint_rfc.DOCUMENT: "## RFC 1\n| step | what | function | test |\n|---|---|---|---|\n"
                           "| 1 (a) | x | `lib/a.cc:Here` `Gone` | `lib/a_test.cc:A.Is` `A.IsNot` |\n"
                           "| 1 (c) | x | `lib/b.cc:Here` | |\n"
                           "## Others\n| 1 (d) | x |\n",
        "lib/a.cc": "void Here();\n", "lib/a_test.cc": "TEST(A, Is) {}\n"},
     ["lib/a.cc has no function Gone", "lib/a_test.cc has no test A.IsNot", "lib/b.cc:Here: no such file",
      "names no test", "no row for 1 (b)", "1 (c) is no step"]),
    (rfc_coverage, {
        lint_rfc.DOCUMENT: "## RFC 1\n| 1 (a) | x | `lib/a.cc:Here` | `lib/a_test.cc:A.Is` |\n"
                           "| 1 (b) | x | `lib/a.cc:Here` | `lib/a_test.cc:A.Is` |\n",
        "lib/a.cc": "void Here();\n", "lib/a_test.cc": "TEST(A, Is) {}\n"}, []),
    (lint_tools.check_generated, {
        gen_metrics.TABLE: '// Calls\nMUSUBI_METRIC(calls, Counter, "calls_total", "Calls.")\n',
        gen_metrics.OUTPUT: "old\n"}, ["docs/metrics.md:1: out of date"]),
]


def check(tree):
    """Runs the cases; `tree` is the repository, which gives .clang-format and buf."""
    wrong = []
    for number, (rule, files, expected) in enumerate(CASES + proto_cases(tree), 1):
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files.items():
                file = pathlib.Path(folder) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            shutil.copy(tree.root / ".clang-format", folder)
            buf = tree.root / "proto/node_modules"
            if buf.is_dir() and any(path.startswith("proto/") for path in files):
                (pathlib.Path(folder) / "proto/node_modules").symlink_to(buf)
            found = rule(Tree(folder, list(files)))
        if len(found) != len(expected) or not all(e in f for e, f in zip(expected, found)):
            wrong.append(f"scripts/lint_selftest.py: case {number}, {next(iter(files))}: "
                         f"expected {expected}, found {found}")
    return wrong


def proto_cases(tree):
    """A contract that breaks one rule of buf's STANDARD set."""
    given = {path: tree.text(path) for path in ("proto/package.json", "proto/buf.yaml")}
    contract = 'syntax = "proto3";\n\npackage musubi.v1;\n\nmessage %s {}\n'
    return [(lint_tools.check_proto, {**given, "proto/musubi/v1/a.proto": contract % "lower"},
             ["PascalCase"]),
            (lint_tools.check_proto, {**given, "proto/musubi/v1/a.proto": contract % "Upper"}, [])]
