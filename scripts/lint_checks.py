"""The list of checks, in the order in which they run."""
from lint_contract import check_contract
from lint_headers import check_guards, check_headers_compile
from lint_hermetic import check_hermetic
from lint_includes import check_includes, check_std_types, check_table
from lint_links import check_links, check_named_files
from lint_privacy import check_privacy
from lint_rfc import check_rfc_coverage
from lint_text import (check_issue_numbers, check_lock_files, check_machine_paths, check_marks,
                       check_whitespace)
from lint_tools import (check_format, check_generated, check_proto, check_python, check_shell)

CHECKS = [
    ("clang-format", check_format),
    ("include rules", check_includes),
    ("include rules as documented", check_table),
    ("std types in headers", check_std_types),
    ("header guards", check_guards),
    ("headers compile alone", check_headers_compile),
    ("no wall clock, sleep, chance or fixed port", check_hermetic),
    ("links in documents", check_links),
    ("files named in documents and comments", check_named_files),
    ("generated documents are up to date", check_generated),
    ("no loose ends", check_marks),
    ("no machine paths", check_machine_paths),
    ("no registry hosts in lock files", check_lock_files),
    ("no issue numbers", check_issue_numbers),
    ("whitespace", check_whitespace),
    ("shellcheck", check_shell),
    ("python compiles", check_python),
    ("buf lint", check_proto),
    ("contract and code agree", check_contract),
    ("every stored field is documented", check_privacy),
    ("every step of the RFCs has a function and a test", check_rfc_coverage),
]
