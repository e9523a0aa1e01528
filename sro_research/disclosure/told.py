"""What pages say of each row of people: a count is exact, a share leaves the counts that round to it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sro_research.disclosure.claims import Claim, Published
from sro_research.disclosure.pattern import LEVEL, RESPONSES, ROW
from sro_research.disclosure.policy import Policy
from sro_research.disclosure.safe import COMBINED, LEAN

PEOPLE = (LEVEL, LEAN, RESPONSES, "response_rate")
"""Measures whose cells are rows of people; the answers to single items have no totals to add up to."""
Row = tuple[str, ...]
"""What names a row, in the order of `ROW`."""


@dataclass
class Known:
    """What the pages say of one row: people and how many agree, as whole numbers from low to high.

    Without `pages`, none tells of it: a school whose groups are all hidden has no table of them.
    """

    hidden: bool = False
    n: tuple[float, float] = (0.0, math.inf)
    agree: tuple[float, float] = (0.0, math.inf)
    pages: set[str] = field(default_factory=set)


def describe(row: Row) -> str:
    """Name a row for a message: what is not broken down is left out."""
    return ", ".join(f"{name} {value}" for name, value in zip(ROW, row, strict=True) if value) or "everyone"


def rows_told(found: Published) -> tuple[dict[Row, Known], list[str]]:
    """Gather what all pages say of each row, and where they contradict each other."""
    rows: dict[Row, Known] = defaultdict(Known)
    absent: set[Row] = set()
    for made in found.claims:
        measure, *row = made.cell
        if measure not in PEOPLE or len(row) != len(ROW):
            continue
        known = rows[tuple(row)]
        known.pages.add(made.page)
        if made.part == "hidden":
            known.hidden = True
        elif made.part == "not_available" and measure == LEVEL and row[2]:
            absent.add((row[0], *row[2:5]))
        elif made.part == "n":
            known.n = _within(known.n, (float(made.value), float(made.value)))
    for at in _untold(rows):
        rows[at] = Known(hidden=True)
    for at, known in rows.items():
        if (at[0], *at[2:5]) in absent:  # A group that is not there in one wave was never there.
            known.n = _within(known.n, (0.0, 0.0))
    told = {
        tuple(made.cell[1:])
        for made in found.claims
        if made.cell[0] in PEOPLE and made.part in ("n", "share", "range") and made.value[-1:].isdigit()
    }
    both = [row for row, known in rows.items() if known.hidden and row in told]
    conflicts = [f"{describe(row)}: shown on one page, hidden on another" for row in both]
    for made in found.claims:
        measure, *row = made.cell
        if measure == LEVEL and made.part == "share" and (known := rows[tuple(row)]).n[1] < math.inf:
            known.agree = _within(known.agree, _counts_of(made, known.n[0]))
    conflicts += [
        f"{describe(r)}: two pages differ" for r, k in rows.items() if k.n[0] > k.n[1] or k.agree[0] > k.agree[1]
    ]
    return dict(rows), conflicts


def _untold(rows: Mapping[Row, Known]) -> set[Row]:
    """Return the rows of a topic's schools by its groups that are not there, since no page has a table of them."""
    schools: dict[Row, set[str]] = defaultdict(set)
    groups: dict[Row, set[Row]] = defaultdict(set)
    for population, construct, group_by, group, school, wave in rows:
        if group_by and group != COMBINED:
            groups[population, construct, wave].add((group_by, group))
        elif school and not group_by:
            schools[population, construct, wave].add(school)
    every = {
        (population, construct, *group, school, wave)
        for (population, construct, wave), those in schools.items()
        for group in groups[population, construct, wave]
        for school in those
    }
    return every - rows.keys()


def extremes(found: Published, rows: dict[Row, Known]) -> list[str]:
    """Return the rows whose printed share is nearer to none or all than their number of people allows."""
    policy, told = Policy(), set()
    for made in found.claims:
        measure, *row = made.cell
        if measure not in (LEVEL, LEAN) or made.part != "share" or not made.value.isdigit():
            continue
        people = rows[tuple(row)].n[0] or math.inf  # Where no page says how many, as for a large group.
        bound = 100 * policy.smallest_share(people)
        if not bound - 0.5 <= float(made.value) <= 100.5 - bound:
            told.add(f"{describe(tuple(row))}: {made.page}. Print it as 'or fewer', 'or more'")
    return sorted(told)


def _within(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return max(one[0], other[0]), min(one[1], other[1])


def _counts_of(made: Claim, n: float) -> tuple[float, float]:
    """Return the whole numbers of people of n that a printed share can stand for."""
    if made.value.startswith("<="):
        return 0.0, math.floor(n * (float(made.value[2:]) + 0.5) / 100)
    if made.value.startswith(">="):
        return math.ceil(n * (float(made.value[2:]) - 0.5) / 100), n
    percent = float(made.value)
    return max(0.0, math.ceil(n * (percent - 0.5) / 100 - 1e-9)), min(n, math.floor(n * (percent + 0.5) / 100 + 1e-9))
