"""The rows of one population in one wave, while it is decided which of them are shown.

A group that is too small is hidden on its topic. What it hides behind is hidden on every topic: complements that differ
from topic to topic would undo each other, because nearly the same people answer all of them.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from sro_research.disclosure.attack import attack
from sro_research.disclosure.complementary import Demand, suppress
from sro_research.disclosure.linked import Key, LinkedTables, link
from sro_research.disclosure.pattern import Frozen, Refused
from sro_research.disclosure.policy import MINIMUM_WIDTH, MOST_HIDDEN, Policy
from sro_research.disclosure.swaps import Part, sure_widths
from sro_research.errors import DisclosureError

NOT_STATED = "not stated"
_GROUP_COST, _MARGIN_COST, _SCHOOL_COST = 1.0, 40.0, 400.0


class WaveRows:
    """The rows of one population in one wave, while they are decided."""

    def __init__(
        self,
        population: str,
        wave: str,
        table: pd.DataFrame,
        policy: Policy,
        frozen: Frozen,
        present: set[tuple[str, ...]],
        roster: dict[tuple[str, str], float],
    ) -> None:
        self.roster = roster
        self.population, self.wave, self.policy, self.frozen = population, wave, policy, frozen
        self.absent_rows: list[tuple[str, ...]] = []
        self.refused: list[Refused] = []
        self.hidden_schools: dict[str, set[str]] = {}
        """By topic."""
        self._tables: dict[tuple[str, bool], LinkedTables] = {}
        self._places: dict[tuple[str, bool], list[list[np.ndarray]]] = {}
        self._safe: dict[tuple[str, bool], np.ndarray] = {}
        """By topic, without and with its answers; safe are the cells that no attack pins down, however much is hidden
        from now on."""
        self.complements: set[tuple[str, str, str]] = set()
        """(group_by, group, school) hidden on every topic, beside those that are too small."""
        self.margins: set[tuple[str, str, str]] = set()
        """(topic, group_by, group) of the district, hidden beside those that are too small."""
        whole = table[(table["group_by"] == "") & (table["school_id"] != "")]
        self.people = _counts(whole, "n", ["construct", "school_id"])
        self.agree = _counts(whole, "agree", ["construct", "school_id"])
        self.schools = sorted({school for _, school in self.people})
        self.topics = sorted({construct for construct, _ in self.people}, key=lambda c: (-self._all(c), c))
        grouped = table[(table["group_by"] != "") & (table["school_id"] != "")]
        self.in_group = _counts(grouped, "n", ["construct", "group_by", "group", "school_id"])
        self.agree_in_group = _counts(grouped, "agree", ["construct", "group_by", "group", "school_id"])
        district = table[(table["group_by"] != "") & (table["school_id"] == "")]
        pairs = (
            pd.concat([grouped, district])[["group_by", "group"]].drop_duplicates().sort_values(["group_by", "group"])
        )
        self.groups: dict[str, list[str]] = pairs.groupby("group_by")["group"].agg(list).to_dict()
        self.absent = {
            (group_by, group, school)
            for group_by, groups in self.groups.items()
            for group in groups
            for school in self.schools
            if (population, group_by, group, school) not in present
        }

    def decide(self) -> dict[tuple[str, ...], bool]:
        """Return whether each row is shown."""
        hidden = {topic: self._hidden_schools(topic) for topic in self.topics}
        self.hidden_schools = {topic: schools | hidden.get("", set()) for topic, schools in hidden.items()}
        with_groups = [topic for topic in self.topics if any(key[0] == topic for key in self.in_group)]
        for group_by in self.groups:
            self._refuse(group_by, with_groups)
        before = -1
        while (
            now := self._hidden_so_far()
        ) > before:  # What one topic needed is hidden, and not yet protected, on others.
            before = now
            for topic in with_groups:
                self._protect(topic)
        for group_by in self.groups:
            self._refuse(group_by, with_groups)
        return self._rows(with_groups)

    def _hidden_so_far(self) -> int:
        return len(self.complements) + len(self.margins) + sum(map(len, self.hidden_schools.values()))

    def _all(self, construct: str) -> int:
        return sum(n for (c, _), n in self.people.items() if c == construct)

    def _was(self, construct: str, group_by: str, group: str, school: str) -> bool | None:
        return self.frozen.get((self.population, construct, group_by, group, school, self.wave))

    def _schools_to_hide(self, construct: str, hidden: set[str]) -> list[str]:
        """Return the schools that others may hide behind, smallest first: the same order on every topic."""

        def people(school: str) -> int:
            return self.people.get(("", school), self.people.get((construct, school), 0))

        free = [s for s in self.schools if s not in hidden and self._was(construct, "", "", s) is not True]
        return sorted(free, key=lambda school: (people(school), school))

    def _is_told(self, count: dict[str, int], hidden: set[str]) -> bool:
        """Tell whether the district's total gives a small hidden school away, to a reader who knows all rosters."""
        least = self.policy.minimum_group_size
        filled = [school for school in hidden if count[school]]
        total, small = sum(count[school] for school in filled), [s for s in filled if count[s] < least]
        if small and total < least:
            return True
        most = {school: self.roster.get((school, self.wave), math.inf) for school in filled}
        for school in small:
            others = sum(most[other] for other in filled if other != school)
            high, low = min(most[school], total - len(filled) + 1), max(1.0, total - others)
            if high - low < min(MINIMUM_WIDTH, most[school] - 1):
                return True
        return False

    def _hidden_schools(self, construct: str) -> set[str]:
        """Return the schools hidden on a topic: too few people, and the smallest others that they hide behind."""
        least = self.policy.minimum_group_size
        count = {school: self.people.get((construct, school), 0) for school in self.schools}
        hidden = {school for school, n in count.items() if n < least or self._was(construct, "", "", school) is False}
        others = self._schools_to_hide(construct, hidden)
        if sum(count.values()) < least:
            return {"", *self.schools}
        while self._is_told(count, hidden):
            if not others:
                raise DisclosureError(
                    f"{self.population}, wave {self.wave}",
                    f"no other school can hide a school with fewer than {least} people",
                    fix="Leave that school out of the study, or pool waves.",
                )
            hidden.add(others.pop(0))
        return hidden

    def _refuse(self, group_by: str, topics: list[str]) -> None:
        """Refuse the schools' rows by a question where most of them would be hidden: then hide all."""
        if any(refused.group_by == group_by for refused in self.refused):
            return
        topic = topics[0]
        filled = [
            (by, group, school)
            for (of, by, group, school), n in self.in_group.items()
            if of == topic and by == group_by and n
        ]
        share = sum(self._is_hidden(topic, name) for name in filled) / max(1, len(filled))
        before = any(self._was(topic, *name) for name in filled)
        if share > MOST_HIDDEN and not before:
            self.complements |= {
                (group_by, group, school) for group in self.groups[group_by] for school in self.schools
            }
            self.refused.append(Refused(self.population, self.wave, group_by, share))

    def _protect(self, topic: str) -> None:
        """Hide on one topic what protects numbers of people, and then answers, until nothing is told any more."""
        self._protect_groups(topic)
        while told := self._told_answers(topic):
            for name in told:
                self._hide_beside(topic, name)
            self._protect_groups(topic)

    def _protect_groups(self, topic: str) -> None:
        """Hide behind others what is too small on one topic; more hidden never undoes what another topic needed."""
        least = self.policy.minimum_group_size
        tables = self._linked(topic)
        names = [self._name(key) for key in tables.keys]
        counts = tables.counts
        hidden, candidate, cost = np.zeros(len(names), bool), np.zeros(len(names), bool), np.ones(len(names))
        for cell, (group_by, group, school) in enumerate(names):
            hidden[cell] = self._is_hidden(topic, names[cell])
            free = (
                group != NOT_STATED and (group_by or school) and self._was(topic, group_by, group, school) is not True
            )
            candidate[cell] = not hidden[cell] and bool(free) and names[cell] not in self.absent
            weight = _GROUP_COST if group_by and school else _MARGIN_COST if group_by else _SCHOOL_COST
            cost[cell] = weight + 0.1 * np.log1p(counts[cell])
        stated = np.array([group != NOT_STATED for _, group, _ in names])
        fresh = np.array([self._was(topic, *name) is None for name in names])
        low = np.where(stated, np.minimum(counts, 1.0), 0.0)
        chosen, before = hidden, -1
        while (hidden_now := int(chosen.sum())) > before:
            # What others hide behind is protected like them: once it is worked out, they stand alone.
            before, needy = hidden_now, chosen & stated & (fresh | (counts < least))
            chosen = suppress(
                tables,
                needy=needy,
                hidden=chosen,
                candidate=candidate,
                cost=cost,
                demand=Demand(MINIMUM_WIDTH, least),
                low=low,
                all_alike=True,
                safe=self._safe[topic, False],
                seen=lambda hidden: self._swapped(topic, False, hidden, counts - low, MINIMUM_WIDTH),
            )
        for more in np.flatnonzero(chosen & ~hidden):
            self._hide(topic, names[more])

    def _hide(self, topic: str, name: tuple[str, str, str]) -> None:
        group_by, group, school = name
        if not group_by:
            self.hidden_schools[topic].add(school)
        elif not school:
            self.margins.add((topic, group_by, group))
        else:
            self.complements.add(name)

    def _told_answers(self, topic: str) -> list[tuple[str, str, str]]:
        """Return the small hidden rows of which the shown ones tell how many people agree, or do not.

        That nobody does is not looked for: it is told of the hidden groups together, who are enough people, and the
        share of these is coded.
        """
        tables = self._linked(topic, answers=True)
        names = [self._name(key) for key in tables.keys]
        size = np.array([self._size(topic, name) for name in names])
        answer = np.array(["answer" in dict(key) for key in tables.keys])
        stated = np.array([group != NOT_STATED for _, group, _ in names])
        hidden = np.array([self._is_hidden(topic, name) for name in names])
        small = (size > 0) & (size < self.policy.minimum_group_size) & stated
        # Who answers is one of the row's people, and a row has at least one.
        spare = np.where(answer, np.minimum(tables.counts, size - np.minimum(size, 1) * stated), 0.0)
        self._safe[topic, True] |= self._swapped(topic, True, hidden, spare, 1)
        found = attack(
            tables.equations,
            tables.counts,
            hidden,
            enough=1,
            targets=hidden & small & answer & (tables.counts > 0) & ~self._safe[topic, True],
            low=np.where(stated & ~answer, np.minimum(tables.counts, 1.0), 0.0),
        )
        self._safe[topic, True][found.cells[found.width >= 1]] = True
        return sorted({names[cell] for cell in found.cells[found.width < 1]})

    def _hide_beside(self, topic: str, name: tuple[str, str, str]) -> None:
        """Hide one more row where a hidden one's answers are told: the next smallest group or school, or the margin."""
        group_by, group, school = name
        if not group_by and (others := self._schools_to_hide(topic, self.hidden_schools[topic])):
            self.hidden_schools[topic].add(others[0])
            return
        shown = [
            (self.in_group.get((topic, group_by, other, school), 0), other)
            for other in self.groups.get(group_by, [])
            if not self._is_hidden(topic, (group_by, other, school))
            and (group_by, other, school) not in self.absent
            and self._was(topic, group_by, other, school) is not True
        ]
        if school and group_by and shown:
            self.complements.add((group_by, min(shown)[1], school))
        elif group_by and not self._is_hidden(topic, (group_by, group, "")):
            self.margins.add((topic, group_by, group))
        else:
            raise DisclosureError(
                f"{self.population}, wave {self.wave}",
                "the answers of a small hidden row follow from the shown ones",
                fix="Merge groups, pool waves, or leave the smallest school out of the study.",
            )

    def _is_hidden(self, topic: str, name: tuple[str, str, str]) -> bool:
        group_by, group, school = name
        if name in self.absent:
            return False  # Pages of other waves and topics say so, also where this one hides the whole school.
        if school in self.hidden_schools[topic] or not group_by:
            return school in self.hidden_schools[topic]
        margin = not school and (topic, group_by, group) in self.margins
        if group == NOT_STATED or name in self.complements or margin:
            return True
        few = self._size(topic, name) < self.policy.minimum_group_size
        return few or self._was(topic, *name) is False

    def _size(self, topic: str, name: tuple[str, str, str]) -> int:
        group_by, group, school = name
        schools = [school] if school else self.schools
        if not group_by:
            return sum(self.people.get((topic, s), 0) for s in schools)
        return sum(self.in_group.get((topic, group_by, group, s), 0) for s in schools)

    def _linked(self, topic: str, *, answers: bool = False) -> LinkedTables:
        """Return one topic's tables of schools by each background question, with who did not state it."""
        if (topic, answers) not in self._tables:
            self._tables[topic, answers] = found = self._link(topic, answers)
            self._safe[topic, answers] = np.zeros(len(found.counts), bool)
            self._places[topic, answers] = self._places_of(found, answers)
        return self._tables[topic, answers]

    def _link(self, topic: str, answers: bool) -> LinkedTables:
        tables = []
        for group_by, groups in self.groups.items():
            rows = []
            for school in self.schools:
                for group in groups:
                    n = self.in_group.get((topic, group_by, group, school), 0)
                    yes = self.agree_in_group.get((topic, group_by, group, school), 0)
                    rows.append((school, group, n, yes))
                stated = [row for row in rows if row[0] == school]
                n = self.people.get((topic, school), 0) - sum(row[2] for row in stated)
                yes = self.agree.get((topic, school), 0) - sum(row[3] for row in stated)
                rows.append((school, NOT_STATED, n, yes))
            frame = pd.DataFrame(rows, columns=["school", group_by, "count", "yes"])
            if answers:
                split = [
                    frame.assign(answer="yes", count=frame["yes"]),
                    frame.assign(answer="no", count=frame["count"] - frame["yes"]),
                ]
                tables.append((pd.concat(split), ["school", group_by, "answer"]))
            else:
                tables.append((frame, ["school", group_by]))
        return link(tables)

    def _swapped(self, topic: str, answers: bool, hidden: np.ndarray, spare: np.ndarray, enough: float) -> np.ndarray:
        """Return the cells of one topic's tables that moves of people show to be wide enough."""
        found = np.zeros(len(hidden), bool)

        def part(place: np.ndarray) -> Part:
            return Part(spare[place], (place >= 0) & hidden[place])

        for schools, *tables in self._places[topic, answers]:
            widths, whole = sure_widths([part(place) for place in tables], part(schools))
            for place, width in zip([schools, *tables], [whole, *widths], strict=True):
                found[place[(place >= 0) & (width >= enough)]] = True
        return found

    def _places_of(self, tables: LinkedTables, answers: bool) -> list[list[np.ndarray]]:
        """Return the cells of schools (schools,) and of each table by groups (schools, groups), -1 where there is none.

        With `answers` for each answer.
        """
        row = {school: i for i, school in enumerate(self.schools)}
        found: dict[str, dict[str, np.ndarray]] = {}
        for cell, key in enumerate(tables.keys):
            group_by, group, school = self._name(key)
            answer = dict(key).get("answer", "")
            if school and bool(answer) == answers:
                columns = [*self.groups[group_by], NOT_STATED] if group_by else [""]
                place = found.setdefault(answer, {}).setdefault(group_by, np.full((len(row), len(columns)), -1))
                place[row[school], columns.index(group)] = cell
        return [[places.pop("")[:, 0], *places.values()] for places in found.values()]

    def _name(self, key: Key) -> tuple[str, str, str]:
        """Return (group_by, group, school) of a cell, blank for totals."""
        levels = dict(key)
        school = levels.pop("school", "")
        levels.pop("answer", None)
        group_by, group = next(iter(levels.items()), ("", ""))
        return group_by, group, school

    def _rows(self, with_groups: list[str]) -> dict[tuple[str, ...], bool]:
        rows: dict[tuple[str, ...], bool] = {}
        for topic in self.topics:
            for school in ["", *self.schools]:
                rows[self.population, topic, "", "", school, self.wave] = school not in self.hidden_schools[topic]
        for topic in with_groups:
            for group_by, groups in self.groups.items():
                for group in groups:
                    for school in ["", *self.schools]:
                        row = (self.population, topic, group_by, group, school, self.wave)
                        if (group_by, group, school) not in self.absent:
                            rows[row] = not self._is_hidden(topic, (group_by, group, school))
                        elif school not in self.hidden_schools[topic]:
                            self.absent_rows.append(row)
        return rows


def _counts(table: pd.DataFrame, column: str, keys: list[str]) -> dict[tuple[str, ...], int]:
    values: list[int] = table[column].astype("Float64").round().fillna(0).astype(int).tolist()
    return dict(zip(zip(*(table[key] for key in keys), strict=True), values, strict=True))
