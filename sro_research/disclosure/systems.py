"""Rows that add up, as equations, and what an attack on them finds: what is exact, what is near, and small groups."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import scipy.sparse as sp

from sro_research.disclosure.attack import attack, feasible_counts
from sro_research.disclosure.policy import MINIMUM_WIDTH
from sro_research.disclosure.safe import COMBINED
from sro_research.disclosure.told import Known, Row, describe
from sro_research.errors import ContradictionError

Bounds = Mapping[tuple[str, str, str], float]
"""How many people there are at most, by (population, school, wave)."""


@dataclass(frozen=True)
class Recovered:
    """What an attack works out, each as a text that names a row and never a value."""

    exact: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    small_groups: list[str] = field(default_factory=list)


def attack_rows(rows: dict[Row, Known], bounds: Bounds, minimum: int) -> Recovered:
    """Attack all rows of a folder. Raises `DisclosureError` where the attack does not end in a proof."""
    found = Recovered()
    for members in _systems(rows).values():
        _attack_system(members, rows, bounds, minimum, found)
    return found


def bounds_of(aux: pd.DataFrame | None) -> Bounds:
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


def _systems(rows: dict[Row, Known]) -> dict[tuple[str, str, str], list[Row]]:
    """Group rows that add up with each other: one population, topic and wave."""
    systems: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in sorted(rows):
        population, construct, _, group, _, wave = row
        if group != COMBINED:
            systems[population, construct, wave].append(row)
    return systems


def _attack_system(
    members: list[Row],
    rows: dict[Row, Known],
    bounds: Bounds,
    minimum: int,
    found: Recovered,
) -> None:
    """Attack the rows of one population, topic and wave; add to `found` what is exact, near, or a small group."""
    if not any(rows[row].hidden for row in members):
        return
    place = {row: i for i, row in enumerate(members)}
    sums = _sums(members, place)
    for total, parts in sums:
        _small_group(total, parts, members, rows, minimum, found.small_groups)
    try:
        system = _System(members, sums, rows, bounds, every_school=True)
    except ContradictionError:
        # The district has schools that are on no page: then theirs is what is left.
        system = _System(members, sums, rows, bounds, every_school=False)
    attacked = list(system.attacked())
    many = {row for row, layer, least, most in attacked if layer == 0 and (most <= 0 or least >= minimum)}
    few = {row for row, layer, _, most in attacked if layer == 0 and most < minimum}
    for row, layer, least, most in attacked:
        if row in many:  # Surely nobody, or surely enough people: that tells about no one.
            continue
        if not rows[row].pages and row not in few:  # A table that is not there may be of one group, who are enough.
            continue
        width = min(MINIMUM_WIDTH, _most(row, bounds))
        _judge(row, layer, least, most, width, found)


def _most(row: Row, bounds: Bounds) -> float:
    """Return how many people there are at the school of a row."""
    return bounds.get((row[0], row[4], row[5]), math.inf) if row[4] else math.inf


def _answered(row: Row, rows: dict[Row, Known]) -> float:
    """Return how many at most answered anything at the school of a row; nobody answered a topic without answering."""
    everyone = rows.get((row[0], "", "", "", row[4], row[5]))
    return math.inf if everyone is None else everyone.n[1]


class _System:
    """Rows as columns: people, how many agree, how many do not; and what the pages leave open as further columns."""

    def __init__(
        self,
        members: list[Row],
        sums: list[tuple[int, list[int]]],
        rows: dict[Row, Known],
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
        self.low, self.high = np.zeros(columns), np.full(columns, math.inf)
        self.hidden = np.zeros(columns, bool)
        for i, row in enumerate(members):
            known, layers = rows[row], [i, self.count + i, 2 * self.count + i]
            answered = _answered(row, rows) if known.hidden else math.inf
            self.high[layers] = min(known.n[1], _most(row, bounds), answered)
            self.low[i] = known.n[0]
            self.low[self.count + i] = known.agree[0]
            self.high[self.count + i] = min(known.agree[1], self.high[i])
            self.hidden[layers] = known.hidden
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
        )
        for cell, least, most in zip(found.cells, found.low, found.high, strict=True):
            yield self.members[cell % self.count], cell // self.count, least, most


def _judge(
    row: Row,
    layer: int,
    least: float,
    most: float,
    width: float,
    found: Recovered,
) -> None:
    """Sort what is known of a hidden row. That nobody gave an answer is told of all hidden rows together."""
    if most <= 0:
        return
    what = ("how many people", "how many agree", "how many do not agree")[layer]
    text = f"{describe(row)}: {what}. Hide another row of the same table, or its total"
    if most - least < 1:
        found.exact.append(text)
    elif layer == 0 and most - least < width:
        found.near.append(text)


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
    total: int, parts: list[int], members: list[Row], rows: dict[Row, Known], minimum: int, small: list[str]
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
