"""Attack a published folder: with nothing but its bytes, can anyone work out what it hides?

Every number that a page says of a row of people becomes a constraint on how many people there are and how many agree:
a count is exact, a whole percent leaves the counts that round to it, "or fewer" those below. Rows add up to their
district, and groups to no more than their school. The attack of `attack` then asks of each hidden row what it can still
be. `sro-research audit` does this, and a run does it before anything is published.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from sro_research.disclosure.attack import FARTHEST, attack, feasible_counts
from sro_research.disclosure.claims import Claim, Published, against_cells
from sro_research.disclosure.ledger import read_ledger
from sro_research.disclosure.pattern import LEVEL, RESPONSES, ROW
from sro_research.disclosure.policy import MINIMUM_GROUP_SIZE, MINIMUM_WIDTH, Policy
from sro_research.disclosure.published import canaries_in, read_published
from sro_research.disclosure.safe import COMBINED, LEAN
from sro_research.disclosure.texts import canonical, numbers_in
from sro_research.errors import ContradictionError, DisclosureError
from sro_research.tables import is_table

PEOPLE = (LEVEL, LEAN, RESPONSES, "response_rate")
"""Measures whose cells are rows of people; the answers to single items have no totals to add up to."""
ALL_SHOWN = 20
"""So many findings of a kind are printed; all are counted."""

MOST_DECLARED = 100
"""So many texts that pages declare as their study's own are printed."""

Row = tuple[str, ...]
Bounds = Mapping[tuple[str, str, str], float]
"""How many people there are at most, by (population, school, wave)."""
OwnTexts = Mapping[str, Mapping[str, Iterable[str]]]
"""What a study says of itself, by language and by the place of the catalogue that it fills."""


@dataclass(frozen=True)
class Audit:
    """What an attack on a folder found; each finding names a cell or a file, never a value."""

    files: int
    hidden: int
    """Rows of people that the folder hides."""
    exact: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    small_groups: tuple[str, ...] = ()
    unregistered: tuple[str, ...] = ()
    canaries: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    too_small: tuple[str, ...] = ()
    """Rows that are shown though they are about too few people."""
    extreme: tuple[str, ...] = ()
    """Shares so near to none or all that they tell how everyone answered, and are not coded."""
    conflicts: tuple[str, ...] = ()
    """Rows that the folder shows and the ledger or the safe cells hide, or that are told differently."""
    declared: tuple[str, ...] = ()
    """Texts with numbers that the pages declare as their study's own: no findings, but for a person to read."""

    FINDINGS = (
        "exact",
        "near",
        "small_groups",
        "too_small",
        "extreme",
        "unregistered",
        "canaries",
        "unreadable",
        "conflicts",
    )

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not any(getattr(self, kind) for kind in self.FINDINGS)

    def lines(self) -> list[str]:
        """Return the audit as lines to print."""
        counts = ", ".join(f"{len(getattr(self, kind))} {kind.replace('_', ' ')}" for kind in self.FINDINGS)
        lines = [f"{self.files} files, {self.hidden} hidden rows: {counts}"]
        for kind in self.FINDINGS:
            found = getattr(self, kind)
            lines += [f"{kind.replace('_', ' ')}: {text}" for text in found[:ALL_SHOWN]]
            lines += [f"{kind.replace('_', ' ')}: and {len(found) - ALL_SHOWN} more"] if len(found) > ALL_SHOWN else []
        return lines

    def to_read(self) -> list[str]:
        """Return the declared texts with numbers as lines to print: a person sees whether one tells about people."""
        more = len(self.declared) - MOST_DECLARED
        return [
            f"{len(self.declared)} texts with numbers are declared as the study's own; read them",
            *(f"declared: {text}" for text in self.declared[:MOST_DECLARED]),
            *([f"declared: and {more} more"] if more > 0 else []),
        ]


@dataclass
class _Known:
    """What the pages say of one row: people and how many agree, as whole numbers from low to high."""

    hidden: bool = False
    n: tuple[float, float] = (0.0, math.inf)
    agree: tuple[float, float] = (0.0, math.inf)
    pages: set[str] = field(default_factory=set)


def audit(
    folder: Path,
    *,
    words: Mapping[str, Iterable[str]],
    own_texts: OwnTexts | None = None,
    cells: pd.DataFrame | None = None,
    ledger: Path | None = None,
    aux: pd.DataFrame | None = None,
    canaries: Iterable[str] = (),
    minimum: int = MINIMUM_GROUP_SIZE,
) -> Audit:
    """Attack the pages below `folder` and return what was found.

    `words` are by language the sentences that pages are made of, with places to fill. `own_texts` are the texts a study
    has, and `cells` its safe cells: a page that declares another text, or tells another number, is found. Without
    `own_texts` a person has to read what the pages declare.

    `ledger` is the file of what earlier releases decided; `aux` a table of what else is public, with `school_id`,
    `wave`, `students`, `staff` (how many people there are, which bounds how many can have answered); `canaries` are
    tokens that may stand nowhere. Raises `DisclosureError` where the attack does not end in a proof.
    """
    found = read_published(folder, words)
    if own_texts is not None:
        found.unregistered += _foreign(found, own_texts)
    rows, conflicts = _rows(found)
    bounds = _bounds(aux)
    exact: list[str] = []
    near: list[str] = []
    small: list[str] = []
    for members in [] if conflicts else _systems(rows).values():
        _attack_system(members, rows, bounds, minimum, (exact, near, small))
    if ledger is not None and not is_table(ledger):
        raise DisclosureError(ledger, "there is no ledger here", fix="Give the study's `ledger/rows.parquet`.")
    if cells is not None:
        conflicts += against_cells(found.claims, cells)
    if ledger is not None:
        conflicts += _against_ledger(rows, read_ledger(ledger).rows)
    return Audit(
        files=found.files,
        hidden=sum(known.hidden for known in rows.values()),
        exact=tuple(exact),
        near=tuple(near),
        small_groups=tuple(small),
        too_small=tuple(f"{describe(row)}. Hide it" for row, k in rows.items() if 0 < k.n[1] < minimum),
        extreme=tuple(_extremes(found, rows)),
        unregistered=tuple(found.unregistered),
        canaries=tuple(canaries_in(folder, [token for token in canaries if token])),
        unreadable=tuple(found.unreadable),
        conflicts=tuple(conflicts),
        declared=tuple(_to_read(found)),
    )


def describe(row: Row) -> str:
    """Name a row for a message: what is not broken down is left out."""
    return ", ".join(f"{name} {value}" for name, value in zip(ROW, row, strict=True) if value) or "everyone"


def _foreign(found: Published, own_texts: OwnTexts) -> list[str]:
    """Return where a page declares a text with numbers that its study does not have."""
    known = {
        (language, place, canonical(text))
        for language, places in own_texts.items()
        for place, texts in places.items()
        for text in texts
    }
    return [
        f"{page}: it declares as '{place}' a text with numbers that the study does not have. Take it out of `own_texts`"
        for (language, place, text), page in found.declared.items()
        if numbers_in(text) and (language, place, canonical(text)) not in known
    ]


def _to_read(found: Published) -> list[str]:
    """Return each declared text with numbers once, with the places that it fills."""
    places: dict[str, set[str]] = defaultdict(set)
    for _, place, text in found.declared:
        places[text].add(place)
    return [f"{text} ({', '.join(sorted(places[text]))})" for text in sorted(places) if numbers_in(text)]


def _rows(found: Published) -> tuple[dict[Row, _Known], list[str]]:
    """Gather what all pages say of each row, and where they contradict each other."""
    rows: dict[Row, _Known] = defaultdict(_Known)
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


def _extremes(found: Published, rows: dict[Row, _Known]) -> list[str]:
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


def _bounds(aux: pd.DataFrame | None) -> Bounds:
    """Return how many people there are by (population, school, wave)."""
    if aux is None:
        return {}
    columns = {"student": "students", "staff": "staff"}
    return {
        (population, str(row.school_id), str(row.wave)): float(number)
        for row in aux.itertuples()
        for population, column in columns.items()
        if (number := getattr(row, column, None)) is not None and pd.notna(number)
    }


def _systems(rows: dict[Row, _Known]) -> dict[tuple[str, str, str], list[Row]]:
    """Group rows that add up with each other: one population, topic and wave."""
    systems: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in sorted(rows):
        population, construct, _, group, _, wave = row
        if group != COMBINED:
            systems[population, construct, wave].append(row)
    return systems


def _attack_system(
    members: list[Row],
    rows: dict[Row, _Known],
    bounds: Bounds,
    minimum: int,
    findings: tuple[list[str], list[str], list[str]],
) -> None:
    """Attack the rows of one population, topic and wave; add to `findings` what is exact, near, or a small group."""
    if not any(rows[row].hidden for row in members):
        return
    exact, near, small = findings
    place = {row: i for i, row in enumerate(members)}
    sums = _sums(members, place)
    for total, parts in sums:
        _small_group(total, parts, members, rows, minimum, small)
    try:
        system = _System(members, sums, rows, bounds, every_school=True)
    except ContradictionError:
        # The district has schools that are on no page: then theirs is what is left.
        system = _System(members, sums, rows, bounds, every_school=False)
    found = list(system.attacked())
    many = {row for row, layer, least, most in found if layer == 0 and (most <= 0 or least >= minimum)}
    for row, layer, least, most in found:
        if row in many:  # Surely nobody, or surely enough people: that tells about no one.
            continue
        width = min(MINIMUM_WIDTH, _most(row, bounds))
        _judge(row, layer, least, most, width, exact, near)


def _most(row: Row, bounds: Bounds) -> float:
    """Return how many people there are at the school of a row."""
    return bounds.get((row[0], row[4], row[5]), math.inf) if row[4] else math.inf


def _answered(row: Row, rows: dict[Row, _Known]) -> float:
    """Return how many at most answered anything at the school of a row; nobody answered a topic without answering."""
    everyone = rows.get((row[0], "", "", "", row[4], row[5]))
    return math.inf if everyone is None else everyone.n[1]


class _System:
    """Rows as columns: people, how many agree, how many do not; and what the pages leave open as further columns."""

    def __init__(
        self,
        members: list[Row],
        sums: list[tuple[int, list[int]]],
        rows: dict[Row, _Known],
        bounds: Bounds,
        *,
        every_school: bool,
    ) -> None:
        self.members, self.count = members, len(members)
        equations = [{i: -1.0, self.count + i: 1.0, 2 * self.count + i: 1.0} for i in range(self.count)]
        columns = 3 * self.count
        for total, parts in sums:
            across_schools = members[total][2] == members[parts[0]][2]
            for layer in range(3):
                equation = {layer * self.count + part: 1.0 for part in parts} | {layer * self.count + total: -1.0}
                if not (across_schools and every_school):  # Some people state no group.
                    equation[columns], columns = 1.0, columns + 1
                equations.append(equation)
        self.low, self.high = np.zeros(columns), np.full(columns, FARTHEST)
        self.hidden, self.school = np.zeros(columns, bool), np.full(columns, -1)
        numbers = {name: i for i, name in enumerate(sorted({row[4] for row in members if row[4]}))}
        for i, row in enumerate(members):
            known, layers = rows[row], [i, self.count + i, 2 * self.count + i]
            answered = _answered(row, rows) if known.hidden else math.inf
            self.high[layers] = min(known.n[1], _most(row, bounds), answered, FARTHEST)
            self.low[i] = known.n[0]
            self.low[self.count + i] = known.agree[0]
            self.high[self.count + i] = min(known.agree[1], self.high[i])
            self.hidden[layers], self.school[layers] = known.hidden, numbers.get(row[4], -1)
        where = [(i, column, value) for i, equation in enumerate(equations) for column, value in equation.items()]
        lines, places, values = zip(*where, strict=True)
        self.equations = sp.csr_matrix((values, (lines, places)), shape=(len(equations), columns))
        self.point = feasible_counts(self.equations, self.low, self.high)

    def attacked(self) -> Iterator[tuple[Row, int, float, float]]:
        """Yield (row, layer, lowest, highest) for each hidden row: people, agree, do not agree."""
        enough = np.full(len(self.low), 1.0)
        enough[: self.count] = MINIMUM_WIDTH
        found = attack(
            self.equations,
            self.point,
            self.low < self.high,
            enough=enough,
            targets=self.hidden,
            low=self.low,
            high=self.high,
            neighbourhood=self.school,
        )
        for cell, least, most in zip(found.cells, found.low, found.high, strict=True):
            yield self.members[cell % self.count], cell // self.count, least, most


def _judge(
    row: Row,
    layer: int,
    least: float,
    most: float,
    width: float,
    exact: list[str],
    near: list[str],
) -> None:
    """Sort what is known of a hidden row. That nobody gave an answer is told of all hidden rows together."""
    if most <= 0:
        return
    what = ("how many people", "how many agree", "how many do not agree")[layer]
    text = f"{describe(row)}: {what}. Hide another row of the same table, or its total"
    if most - least < 1:
        exact.append(text)
    elif layer == 0 and most - least < width:
        near.append(text)


def _sums(members: list[Row], place: dict[Row, int]) -> list[tuple[int, list[int]]]:
    """Return (total, parts): schools of a district, by group or not; groups of a school or the district."""
    schools: dict[Row, list[int]] = defaultdict(list)
    groups: dict[Row, list[int]] = defaultdict(list)
    for row, i in place.items():
        population, construct, group_by, group, school, wave = row
        if school:
            schools[population, construct, group_by, group, "", wave].append(i)
        if group_by:
            groups[population, construct, "", "", school, wave].append(i)
    sums = [(place[total], parts) for total, parts in schools.items() if total in place]
    for total, parts in groups.items():
        by: dict[str, list[int]] = defaultdict(list)
        for part in parts:
            by[members[part][2]].append(part)
        sums += [(place[total], of) for of in by.values() if total in place]
    return sums


def _small_group(
    total: int, parts: list[int], members: list[Row], rows: dict[Row, _Known], minimum: int, small: list[str]
) -> None:
    """Note a shown total that differs from its shown parts by a few people, some of them in hidden rows."""
    whole = rows[members[total]]
    hidden = [part for part in parts if rows[members[part]].hidden]
    shown = [rows[members[part]].n for part in parts if not rows[members[part]].hidden]
    if not hidden or whole.hidden or whole.n[1] == math.inf or any(high == math.inf for _, high in shown):
        return
    rest = whole.n[0] - sum(high for _, high in shown)
    if 0 < rest < minimum:
        by = members[hidden[0]][2] or "school"
        small.append(f"{describe(members[total])} by {by}: fewer than {minimum} people. Hide another row")


def _against_ledger(rows: dict[Row, _Known], ledger: pd.DataFrame) -> list[str]:
    """Return rows that are shown though an earlier release hid them, or with other people than it showed."""
    decided = {tuple(row): (shown, n) for *row, shown, n in ledger[[*ROW, "shown", "n"]].itertuples(index=False)}
    found = []
    for row, known in sorted(rows.items()):
        shown, n = decided.get(row, (None, None))
        if known.n[1] == math.inf or shown is None:
            continue
        if not shown:
            found.append(f"{describe(row)}: an earlier release hides it. Keep its ledger, or ask an expert")
        elif pd.notna(n) and not known.n[0] <= n <= known.n[1]:
            found.append(f"{describe(row)}: an earlier release shows other people. Restore its answers")
    return found


def require_clean(result: Audit) -> None:
    """Raise `DisclosureError` with what was found, if anything was."""
    if not result.clean:
        count, *details = result.lines()
        raise DisclosureError(
            "audit",
            f"these pages give away what they hide ({count}): {'; '.join(details)}",
            fix="Nothing was published.",
        )
