#!/usr/bin/env python3
"""Writes the gallery at the end of docs/tour.md: every picture of docs/screens, state by state."""
import pathlib
import sys

OUTPUT = "docs/tour.md"
SCREENS = "docs/screens"
SOURCES = (OUTPUT,)
START = "<!-- Written by scripts/gen_tour.py from docs/screens: do not edit below. -->\n"
# Which program a state belongs to, by how its name begins; the rest are pages of the tier.
PROGRAMS = (
    ("The authentication app's stand-in", "app-"),
    ("The demo's identity provider", "idp-"),
    ("The demo's relying party", "rp-"),
    ("The pages", ""),
)
WIDTHS = {"pc": 420, "phone": 210}


def _program(state):
    return next(title for title, start in PROGRAMS if state.startswith(start))


def render(root):
    prose = (root / OUTPUT).read_text(encoding="utf-8").split(START)[0]
    rows = {}
    for picture in sorted((root / SCREENS).glob("*.png")):
        locale, device, state = picture.stem.split("-", 2)
        rows.setdefault((_program(state), state, device), {})[locale] = picture.name
    out = [prose.rstrip("\n"), "\n\n", START]
    for title in dict.fromkeys(title for title, _ in reversed(PROGRAMS)):
        mine = sorted(key for key in rows if key[0] == title)
        if not mine:
            continue
        out.append(f"\n### {title}\n\n| state | 日本語 | English |\n|---|---|---|\n")
        for key in mine:
            _, state, device = key
            cells = [f'<img src="screens/{rows[key][locale]}" width="{WIDTHS[device]}" alt="{state}, {locale}, {device}">'
                     if locale in rows[key] else "" for locale in ("ja", "en")]
            out.append(f"| `{state}`, {device} | {cells[0]} | {cells[1]} |\n")
    return "".join(out)


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    (root / OUTPUT).write_text(render(root), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
