"""Nothing depends on the wall clock, on waiting, on unseeded chance or on a fixed port."""
import re

from lint_common import CPP, strip_comments

# Rule -> (pattern over code without comments and strings, what to use).
CODE_RULES = {
    "clock": (r"\babsl::Now\b|\bGetCurrentTimeNanos\b|\w+_clock::now\b|\bgettimeofday\b"
              r"|\bclock_gettime\b|(?<![\w.>])time\s*\(\s*(nullptr|NULL|0|&)", "take a base::Clock"),
    "sleep": (r"(?<![\w.>])(sleep|usleep|nanosleep)\s*\(|\bSleepFor\b|\bsleep_(for|until)\b",
              "wait for the event itself, or take a base::Timer"),
    "random": (r"(?<![\w.>])s?rand\s*\(|\brandom_device\b|\bRAND_(priv_)?bytes\b|\bgetrandom\s*\("
               r"|\barc4random|\b(Insecure)?BitGen\b|\bmt19937(_64)?\s+\w+\s*;"
               r"|\bmt19937(_64)?\s*(\w+\s*)?(\{\s*\}|\(\s*\))", "take a base::SecureRandom"),
    "listen": (r"\bhtons\s*\(\s*[1-9]\d*\s*\)|\b(listen|bind_to_port)\s*\([^,()]+,\s*[1-9]\d*",
               "listen on port 0 and ask which port it became"),
}
# Rule -> pattern over code with its strings; also of scripts.
TEXT_RULES = {
    "port": (r"(127\.0\.0\.1|localhost|\[::1\]|0\.0\.0\.0|\[::\])"
             r":([1-5]?\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])\b",
             "listen on port 0 and ask which port it became"),
}
# (path, rule) -> why. An entry that nothing needs any more is a finding itself.
ALLOWED = {
    ("lib/base/clock.cc", "clock"): "the one place that reads the wall clock",
    ("lib/base/steady_time.h", "clock"): "timeouts and deadlines, on the steady clock",
    ("lib/base/timer.cc", "clock"): "the one place that waits, on the steady clock",
    ("services/musubid/config.cc", "port"): "the documented default of --listen",
    ("bench/rpc_load.cc", "clock"): "measures latencies, on the steady clock",
    ("bench/clocks.cc", "clock"): "CPU time and the steady clock, for benchmarks",
    ("lib/base/secure_random.cc", "random"): "the one place that asks the kernel for chance",
}


def check_hermetic(tree, allowed=None):
    allowed = ALLOWED if allowed is None else allowed
    findings, used = [], set()

    def scan(path, text, rules):
        for rule, (pattern, instead) in rules.items():
            for match in re.finditer(pattern, text):
                if (path, rule) in allowed:
                    used.add((path, rule))
                    continue
                line = text.count("\n", 0, match.start()) + 1
                findings.append(f"{path}:{line}: {rule}: '{match.group(0).strip()}'; {instead}")

    for path in tree.ours():
        if path.endswith(CPP):
            scan(path, strip_comments(tree.text(path), strings=False), CODE_RULES)
            scan(path, strip_comments(tree.text(path)), TEXT_RULES)
        elif path.startswith("scripts/") and not path.startswith("scripts/lint"):
            scan(path, tree.text(path), TEXT_RULES)
    for path, rule in sorted(set(allowed) - used):
        findings.append(f"{path}:1: the allow-list of scripts/lint_hermetic.py lets it break "
                        f"'{rule}', and it does not: remove the entry")
    return findings
