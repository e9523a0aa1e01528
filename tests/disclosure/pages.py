"""Small pages to attack: a district of three schools by gender, written as the exporter writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

PEOPLE = {
    # (group, school): (people, how many agree); a blank is a total
    ("", ""): (150, 90),
    ("", "0001"): (60, 30),
    ("", "0002"): (50, 35),
    ("", "0003"): (40, 25),
    ("1", ""): (80, 46),
    ("2", ""): (49, 31),
    ("3", ""): (21, 13),
    ("1", "0001"): (30, 14),
    ("2", "0001"): (24, 13),
    ("3", "0001"): (6, 3),
    ("1", "0002"): (27, 18),
    ("2", "0002"): (14, 11),
    ("3", "0002"): (9, 6),
    ("1", "0003"): (23, 14),
    ("2", "0003"): (11, 7),
    ("3", "0003"): (6, 4),
}
SAFE = {("3", "0001"), ("2", "0001"), ("3", "0002"), ("2", "0002"), ("3", "0003"), ("2", "0003")}
"""Rows to hide so that nothing follows from the others."""


WORDS = {
    "en": [
        "Of 100 people",
        "Groups with fewer than {minimum} answers are hidden.",
        "{people} of 100 {respondents}",
        "None",
    ],
    "es": ["Uno de cada grupo."],
}
"""The catalogue of these pages, by language."""
DECLARED = {"minimum": ["10"], "respondents": ["students of grade 9"], "text": ["Grades 9 to 12", "9"]}
"""What these pages declare as their study's own."""


@dataclass
class Folder:
    """A folder with one page, which a test may change before it is audited."""

    root: Path
    hidden: set[tuple[str, str]] = field(default_factory=lambda: set(SAFE))
    people: dict[tuple[str, str], tuple[int, int]] = field(default_factory=lambda: dict(PEOPLE))
    extra: str = ""
    declared: dict[str, list[str]] = field(default_factory=lambda: dict(DECLARED))
    head: str = ""

    def write(self, name: str = "school.html") -> Path:
        """Write the page and return the folder."""
        rows = "".join(f"<tr><th scope='row'>Row</th>{self.cells(*row)}</tr>" for row in self.people)
        declared = json.dumps(self.declared)
        page = (
            f"<html lang='en'><head><title>Report</title><meta name='sro-texts' content='{declared}'>{self.head}</head>"
            f"<body><h1>Report</h1><table><caption>Of 100 people</caption>{rows}</table>{self.extra}</body></html>"
        )
        self.root.mkdir(exist_ok=True)
        (self.root / name).write_text(page, encoding="utf-8")
        return self.root

    def cells(self, group: str, school: str) -> str:
        """Return the cells of a row: hidden, or people and their share."""
        if (group, school) in self.hidden:
            return 2 * f"<td>{data(group, school, 'hidden', '[c]')}</td>"
        n, agree = self.people[group, school]
        share = f"{100 * agree / n:.0f}"
        return (
            f"<td>{data(group, school, f'n={n}', str(n))}</td><td>{data(group, school, f'share={share}', share)}</td>"
        )


def data(group: str, school: str, said: str, text: str, wave: str = "2026") -> str:
    """Return what a page says of a row of people."""
    by = "gender" if group else ""
    return f'<data value="share_agree|student|officer_trust|{by}|{group}|{school}|{wave}#{said}">{text}</data>'
