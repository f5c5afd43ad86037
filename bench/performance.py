"""Puts figures into docs/performance.md.

    performance.py DOCUMENT FIGURES.json...

Between "<!-- figures: NAME -->" and "<!-- end of figures -->" stands what NAME.json says (the format
is in bench/report.h), with machine, commit and date. A benchmark of which no file is given keeps the
figures that it has, with the date that they have.
"""
import json
import math
import pathlib
import re
import sys

# Of each benchmark, the row that others of the same unit are compared with.
BASELINE = {"validation": "openssl_crl_once"}
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def figure(value):
    """Four significant digits, no exponent, thousands apart."""
    size = abs(value)
    if size == 0:
        return "0"
    return f"{value:,.{max(0, min(3, 3 - math.floor(math.log10(size))))}f}"


def spread(row):
    if row["min"] == row["max"]:
        return figure(row["median"])
    return f"{figure(row['median'])} ({figure(row['min'])}..{figure(row['max'])})"


def machine_line(machine):
    return (f"{machine['date']}, commit {machine['commit']}: {machine['cpu']}, {machine['cores']} cores; "
            f"{machine['kernel']}; {machine['compiler']}; OpenSSL {machine['openssl']}. Other work on the "
            f"machine meanwhile: {machine['other_cores']:.2f} cores; taken by the hypervisor: "
            f"{machine['stolen_cores']:.2f}.")


def render(name, figures):
    results = figures["results"]
    base = next((row for row in results if row["name"] == BASELINE.get(name)), None)
    lines = [machine_line(figures["machine"]), "", *figures.get("notes", []), "",
             "| row | unit | median (least..greatest) | repetitions |" + (f" `{base['name']}` / row |" if base else ""),
             "|---|---|---:|---:|" + ("---:|" if base else "")]
    for row in results:
        line = f"| `{row['name']}` | {row['unit']} | {spread(row)} | {row['repetitions']} |"
        if base:
            same = row["unit"] == base["unit"] and "share" not in row["name"] and row["median"] > 0
            line += f" {base['median'] / row['median']:.2f} |" if same else " |"
        lines.append(line)
    if figures.get("absent"):
        lines.append("")
        lines += [f"- `{row['name']}`: {row['why']}" for row in figures["absent"]]
    if figures.get("targets"):
        lines += ["", "| target | figure | bound | |", "|---|---:|---:|---|"]
        for target in figures["targets"]:
            if target["met"] is None:
                cells = "- | - | not measured"
            else:
                met = "met" if target["met"] else "**missed**"
                cells = f"{figure(target['figure'])} | {figure(target['bound'])} | {met}"
            lines.append(f"| {target['text']} | {cells} |")
    return "\n".join(lines) + "\n"


def update(document, figures_by_name):
    """The document with these figures; ValueError names a benchmark for which it has no place."""
    places = {match.group(2) for match in _BLOCK.finditer(document)}
    for name in figures_by_name:
        if name not in places:
            raise ValueError(f"no '<!-- figures: {name} -->' in the document")

    def replace(match):
        figures = figures_by_name.get(match.group(2))
        if figures is None:
            return match.group(0)
        return match.group(1) + render(match.group(2), figures) + match.group(3)
    return _BLOCK.sub(replace, document)


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    document = pathlib.Path(sys.argv[1])
    figures = {pathlib.Path(path).stem: json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
               for path in sys.argv[2:]}
    document.write_text(update(document.read_text(encoding="utf-8"), figures), encoding="utf-8")
    print(f"{document}: figures of {', '.join(sorted(figures))}")


if __name__ == "__main__":
    main()
