"""Turns the runs of scripts/bench into a table and a JSON document.

    summarize.py RUNS.jsonl META.json OUT.json

RUNS.jsonl has one line for each measurement: what the load generator printed, and the number of its
repetition as "repetition". META.json says what was measured, where and when. A figure is the median
over the repetitions, with the least and the greatest. A ratio is taken within each repetition, where
both sides ran in the same server process, and only then summarised: the same binary differs by a
factor of two from one start to the next.
"""
import json
import statistics
import sys

BASELINE = "echo"
SCENARIOS = ["echo-bare", "echo", "create", "get", "create+get"]
# Below this many repetitions a median says little.
ENOUGH_REPETITIONS = 5
# (heading, key of a run, factor, digits)
COLUMNS = [
    ("calls/s", "calls_per_second", 1, 0),
    ("p50 ms", "p50_us", 1e-3, 2),
    ("p90 ms", "p90_us", 1e-3, 2),
    ("p99 ms", "p99_us", 1e-3, 2),
    ("server CPU us/call", "server_cpu_us_per_call", 1, 1),
    ("load CPU us/call", "load_cpu_us_per_call", 1, 1),
]
RATIOS = [("calls/s to echo", "calls_per_second"),
          ("server CPU to echo", "server_cpu_us_per_call")]


def spread(values):
    """Median, least and greatest of at least one value."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summarize(runs):
    """Scenario -> key -> spread; ratios to the baseline under "ratio" by key."""
    by_repetition = {}
    for run in runs:
        scenarios = by_repetition.setdefault(run["repetition"], {})
        if run["scenario"] in scenarios:
            raise ValueError(f"repetition {run['repetition']} has {run['scenario']} twice")
        scenarios[run["scenario"]] = run
    for number, scenarios in by_repetition.items():
        if sorted(scenarios) != sorted(SCENARIOS):
            raise ValueError(f"repetition {number} has {sorted(scenarios)}, not each scenario once")
    summary = {}
    for scenario in SCENARIOS:
        mine = [scenarios[scenario] for scenarios in by_repetition.values()]
        base = [scenarios[BASELINE] for scenarios in by_repetition.values()]
        summary[scenario] = {key: spread([run[key] for run in mine]) for _, key, _, _ in COLUMNS}
        summary[scenario]["ratio"] = {
            key: spread([a[key] / b[key] for a, b in zip(mine, base)]) for _, key in RATIOS}
    return summary


def cell(value, factor, digits):
    numbers = [f"{value[part] * factor:,.{digits}f}" for part in ("median", "min", "max")]
    return f"{numbers[0]} ({numbers[1]}..{numbers[2]})"


def table(rows):
    """Markdown with aligned columns: the first to the left, figures to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        cells = [text.ljust(width) if i == 0 else text.rjust(width)
                 for i, (text, width) in enumerate(zip(row, widths))]
        lines.append("| " + " | ".join(cells) + " |")
        if number == 0:
            lines.append("|" + "|".join("-" * (width + 1) + ("-" if i == 0 else ":")
                                        for i, width in enumerate(widths)) + "|")
    return "\n".join(lines)


def render(summary, runs, meta):
    first = runs[0]
    repetitions = len({run["repetition"] for run in runs})
    other = spread([run["other_cores"] for run in runs])
    stolen = spread([run["stolen_cores"] for run in runs])
    figures = [["scenario", *(heading for heading, *_ in COLUMNS)]]
    ratios = [["scenario", *(heading for heading, _ in RATIOS)]]
    for scenario in SCENARIOS:
        figures.append([scenario, *(cell(summary[scenario][key], factor, digits)
                                    for _, key, factor, digits in COLUMNS)])
        ratios.append([scenario, *(cell(summary[scenario]["ratio"][key], 1, 2)
                                   for _, key in RATIOS)])
    lines = [
        f"{meta['date']}, commit {meta['commit']}",
        f"{meta['cpu']}, {meta['cores']} cores; {meta['kernel']}; {first['compiler']}; "
        f"gRPC {first['grpc']}",
        f"{repetitions} repetitions, each with a fresh server; {first['connections']} connections x "
        f"{first['outstanding']} outstanding calls, {first['threads']} load thread(s); "
        f"{first['seconds']:g} s counted a scenario",
        f"Other work on the machine during measurements: {cell(other, 1, 2)} cores; taken by the "
        f"hypervisor: {cell(stolen, 1, 2)}",
        "",
        f"Median (least..greatest). {first['connections'] * first['outstanding']} call(s) are always "
        "under way, and latency includes their waiting for one another.",
        "",
        table(figures),
        "",
        "CreateSession and GetSession beside the echo RPC of the same process (echo = 1):",
        "",
        table(ratios),
    ]
    if repetitions < ENOUGH_REPETITIONS:
        lines += ["", f"Fewer than {ENOUGH_REPETITIONS} repetitions: good to try the tool, not to "
                  "compare by."]
    return "\n".join(lines)


def main(runs_file, meta_file, out_file):
    with open(runs_file, encoding="utf-8") as file:
        runs = [json.loads(line) for line in file]
    with open(meta_file, encoding="utf-8") as file:
        meta = json.load(file)
    summary = summarize(runs)
    with open(out_file, "w", encoding="utf-8") as file:
        json.dump({**meta, "summary": summary, "runs": runs}, file, indent=1)
        file.write("\n")
    print(render(summary, runs, meta))


if __name__ == "__main__":
    main(*sys.argv[1:])
