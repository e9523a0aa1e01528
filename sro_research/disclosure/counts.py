"""Counts of cases about people, as they may leave the building: of the district by wave, rounded so that they add up.

Most such counts are small. Hidden below ten they would leave tables of blanks, which readers take for concealment; so
each is told as a multiple of five (`rounding`), and zero stands for "fewer than five". A reader learns of a count that
it lies less than five from what is told, and the tables together say no more: what follows for a part from its total
and the other parts is never less wide. Nothing is told of a school, or of one or two officers; of a group of students
from thirty of them on, and smaller groups stand with those of whom no group was recorded.

A table that was published stays as it is while each of its counts lies less than five from what is counted now: a
case that came in late would otherwise show where a number turns from one multiple to the next. Then all of it is
rounded anew. Who sees a release after every single case knows a count at the moment at which it turns; so a release
holds more than one case that the last did not. Groups of students that were published of a wave stay that wave's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sro_research.disclosure.linked import link
from sro_research.disclosure.rounding import round_tables
from sro_research.disclosure.safe import COLUMNS, HIDDEN, NOT_AVAILABLE, ROUNDED, SCHEMA
from sro_research.errors import DisclosureError
from sro_research.estimates import COUNT_BASE, KEYS, NUMBERS
from sro_research.schemas import COMPLAINT_CHANNELS, COMPLAINT_FINDINGS, LEGAL_BASES
from sro_research.schemas.contacts import CALLED_BY, NOT_CLASSED, OUTCOMES, ROUTINE, SAFETY
from sro_research.schemas.operations import DISPOSITIONS

FEWEST_STUDENTS = 100
"""In a district of fewer students nothing is told: readers would know whom a count is about."""
FEWEST_SCHOOLS = 2
"""In a district of one school each count would be that school's."""
FEWEST_OFFICERS = 3
"""Where fewer serve, what officers do is told of nobody: one of two would know the other's, who is known by name."""
FEWEST_OF_GROUP = 30
"""As the number of children from which 34 CFR 300.647 lets a risk ratio be computed."""
FEWEST_FOR_RATE = 100
"""Students of a group from which cases per 100 are told: a count that is off by four moves them by four at most."""
MOST_UNKNOWN = 0.2
"""Where more contacts than this share are of no group that is told, no cases per 100 are: who knows whose they are."""
NOT_RECORDED, OTHER = "not_recorded", "other"

CONTACTS, STUDENTS, RATE = "contacts_counted", "students_counted", "contacts_counted_per_100_students"
COUNTED: dict[str, dict[str, tuple[str, ...]]] = {
    CONTACTS: {
        "outcome": (*OUTCOMES, NOT_RECORDED),
        "reason": (ROUTINE, SAFETY, NOT_CLASSED),
        "called_by": (*CALLED_BY, NOT_RECORDED),
    },
    "calls_counted": {"disposition": (*DISPOSITIONS, NOT_RECORDED)},
    "searches_counted": {"found": ("yes", "no", NOT_RECORDED)},
    "complaints_counted": {"finding": (*COMPLAINT_FINDINGS, "open", NOT_RECORDED), "channel": COMPLAINT_CHANNELS},
    "tips_counted": {"state": ("closed", "acted_on", "waiting")},
    "threat_assessments_counted": {"officer": ("present", "not_present", NOT_RECORDED, "not_met")},
    "restorative_counted": {"session": ("completed", "not_completed", NOT_RECORDED, "not_held")},
    "information_sharing_counted": {"legal_basis": (*LEGAL_BASES, NOT_RECORDED)},
    "students_excluded_counted": {},
    "students_referred_counted": {},
    "students_arrested_counted": {},
}
"""What is told, with the parts of each breakdown. Contacts are broken down by groups of students, too."""
OF_OFFICERS = (CONTACTS, "searches_counted", "calls_counted", "complaints_counted", STUDENTS)
"""Counts of what officers did, or were said to have done; of students only beside their contacts."""
BY_GROUP = (CONTACTS, STUDENTS, RATE)
"""What is told by group of students; the last is no count, but one over the other."""
TOLD = frozenset((*COUNTED, *BY_GROUP))
"""All that a page may tell of cases about people."""
CELL = ["measure", "group_by", "group", "wave"]


def rounded_counts(
    counted: pd.DataFrame,
    students: pd.Series,
    published: pd.DataFrame,
    *,
    officers: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Return counts as safe cells: each rounded, hidden, or not available.

    `counted` has `CELL` and `count`, missing where it is not known; a blank `group_by` is a total, which the parts of
    every other `group_by` add up to, and `schools`: at how many the students of a group are. `students` are those of
    each school and wave, as far as known; where they are fewer than `FEWEST_STUDENTS` in all, or of fewer than
    `FEWEST_SCHOOLS`, all is hidden. `officers` says how many served in each wave, where that is known; where they are
    fewer than `FEWEST_OFFICERS`, what they did is hidden. `published` are the rounded cells of earlier releases.
    Raises `DisclosureError` where parts do not add up, or something else is counted than what may be told.
    """
    if unknown := set(counted["measure"]) - {*COUNTED, STUDENTS}:
        rule = f"'{min(unknown)}' is no count that may leave the building"
        raise DisclosureError("safe cells", rule, fix=f"Take it out; these may: {', '.join(COUNTED)}.")
    earlier = published.set_index(CELL)["estimate"] if len(published) else pd.Series(dtype="Float64")
    large = _large_groups(counted)
    known = students.groupby("wave").agg(["sum", "size"])
    large_enough = set(known.index[(known["sum"] >= FEWEST_STUDENTS) & (known["size"] >= FEWEST_SCHOOLS)])
    tables = []
    alone = counted["group_by"].where(counted["measure"] == STUDENTS, "")  # Questions that have no total in common.
    for (measure, wave, _), rows in counted.groupby(["measure", "wave", alone], sort=False):
        whole = _whole(rows.reset_index(drop=True), str(measure), str(wave), _groups_told(published, str(wave), large))
        few = measure in OF_OFFICERS and (officers or {}).get(str(wave), FEWEST_OFFICERS) < FEWEST_OFFICERS
        if few or wave not in large_enough:
            tables.append(whole.assign(status=HIDDEN))
        elif whole["count"].isna().any():
            tables.append(whole.assign(status=NOT_AVAILABLE))
        else:
            tables.append(whole.assign(status=ROUNDED, estimate=_rounded(whole, earlier)))
    return _as_cells(tables)


def with_counts(published: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the counts that are published (`CELL` and `estimate`) after a release of `cells`."""
    told = cells[(cells["status"] == ROUNDED) & (cells["measure"] != RATE)]
    both = pd.concat([published[[*CELL, "estimate"]], told[[*CELL, "estimate"]]], ignore_index=True)
    dtypes = dict.fromkeys(CELL, "string") | {"estimate": "Float64"}
    return both.drop_duplicates(CELL, keep="last").sort_values(CELL, ignore_index=True).astype(dtypes)


def _large_groups(counted: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the groups (question, code) that have students enough in every wave in which they are known.

    Of a question that has such a group at one school only there are none: its contacts would be that school's.
    """
    enrolled = counted[counted["measure"] == STUDENTS].dropna(subset=["count"])
    fewest = enrolled.groupby(["group_by", "group"])[["count", "schools"]].min()
    large = fewest[fewest["count"] >= FEWEST_OF_GROUP]
    questions = large.index.get_level_values("group_by")
    alone = set(questions[large["schools"] < FEWEST_SCHOOLS])
    return {key for key in large.index if key[0] not in alone}


def _groups_told(published: pd.DataFrame, wave: str, large: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the groups of a wave: of a question that was published of it those that were, else the large ones."""
    of_wave = published[(published["measure"] == CONTACTS) & (published["wave"] == wave)]
    before = of_wave[~of_wave["group_by"].isin(["", *COUNTED[CONTACTS]])]
    asked = set(before["group_by"])
    told = before.loc[before["group"] != OTHER, ["group_by", "group"]].itertuples(index=False, name=None)
    return {key for key in large if key[0] not in asked} | set(told)


def _whole(rows: pd.DataFrame, measure: str, wave: str, large: set[tuple[str, str]]) -> pd.DataFrame:
    """Return one measure of one wave with every part that is told, zero where there is no such case."""
    parts = COUNTED.get(measure, {})
    by_group = ~rows["group_by"].isin(["", *parts])
    told = pd.Series([key in large for key in rows[["group_by", "group"]].itertuples(index=False, name=None)])
    group = rows["group"].mask(by_group & ~told, OTHER)
    sums = rows.assign(group=group).groupby(["group_by", "group"])["count"].agg(lambda counts: counts.sum(skipna=False))
    named = [(by, part) for by, known in parts.items() for part in known]
    if strange := [key for key in sums.index if key[0] in parts and key not in named]:
        rule = f"'{strange[0][0]}' of {measure} has a part that nobody knows"
        raise DisclosureError("safe cells", rule, fix="Add it to `COUNTED`, or mend the count.")
    asked = set(rows["group_by"]) if measure in BY_GROUP else set()
    groups = sorted(key for key in large if key[0] in asked)
    if measure == STUDENTS:
        whole = sums.reindex(groups)
    else:
        whole = sums.reindex([("", ""), *named, *groups, *((by, OTHER) for by in sorted({by for by, _ in groups}))])
        whole = whole if pd.isna(whole.iloc[0]) else whole.fillna(0)
    return whole.rename("count").reset_index().assign(measure=measure, wave=wave)


def _rounded(rows: pd.DataFrame, earlier: pd.Series) -> np.ndarray:
    """Round one measure of one wave, or keep what was published of it."""
    counts = rows["count"].to_numpy(dtype=float)
    kept = earlier.reindex(pd.MultiIndex.from_frame(rows[CELL])).to_numpy(dtype=float, na_value=np.nan)
    if (np.abs(kept - counts) < COUNT_BASE).all():  # Which what was not published is not.
        return kept
    if rows["measure"].iloc[0] == STUDENTS:  # Who is enrolled is public elsewhere, and no part of a total here.
        return COUNT_BASE * np.rint(counts / COUNT_BASE)
    broken_down = {str(by): of for by, of in rows.groupby("group_by") if by}
    if any(of["count"].sum() != counts[0] for of in broken_down.values()):
        rule = f"parts of {rows['measure'].iloc[0]} do not add up to their total"
        raise DisclosureError("safe cells", rule, fix="Count them anew.")
    # A part is named by its breakdown: two of them may have a part of the same name.
    tables = [(of.rename(columns={"group": by}), [by]) for by, of in broken_down.items()]
    linked = link(tables or [(rows.assign(all="all"), ["all"])])
    cells = [((by, group),) if by else () for by, group in rows[["group_by", "group"]].itertuples(index=False)]
    made = round_tables(linked, base=COUNT_BASE)[[linked.index[cell] for cell in cells]].astype(float)
    if (np.abs(made - counts) >= COUNT_BASE).any():  # Trees of totals and parts always have a nearer one.
        raise DisclosureError("safe cells", f"{rows['measure'].iloc[0]} cannot be rounded", fix="Report this.")
    return made


def _rates(cells: pd.DataFrame) -> pd.DataFrame:
    """Return contacts per 100 students of a group, of what is told of both: it says nothing that they do not."""
    keys = ["group_by", "group", "wave"]
    told = cells[cells["status"] == ROUNDED].set_index("measure")[[*keys, "estimate"]]
    counts = {of: told.loc[told.index == of].set_index(keys)["estimate"].astype(float) for of in (CONTACTS, STUDENTS)}
    groups = counts[CONTACTS][counts[CONTACTS].index.get_level_values("group_by") != ""]
    rest = groups.index.get_level_values("group") == OTHER
    contacts, unknown = groups[~rest], groups[rest].droplevel("group") / groups.groupby(["group_by", "wave"]).sum()
    enough = counts[STUDENTS].reindex(contacts.index).where(lambda people: people >= FEWEST_FOR_RATE)
    known = unknown.reindex(contacts.index.droplevel("group")).to_numpy() <= MOST_UNKNOWN
    rate = (100 * contacts / enough).where(known & (contacts > 0)).rename("estimate")
    return rate.reset_index().assign(measure=RATE, status=np.where(rate.notna(), ROUNDED, NOT_AVAILABLE))


def _as_cells(tables: list[pd.DataFrame]) -> pd.DataFrame:
    counts = pd.concat([pd.DataFrame(columns=[*CELL, "estimate", "status"]), *tables], ignore_index=True)
    cells = pd.concat([counts, _rates(counts)], ignore_index=True)
    cells = cells.assign(**{key: "" for key in KEYS if key not in CELL}).reindex(columns=COLUMNS)
    cells["unit"] = np.where(cells["measure"] == RATE, "contacts per 100 students", "count")
    dtypes = {c: "Int64" if c == "n" else "Float64" if c in NUMBERS else "string" for c in COLUMNS}
    return SCHEMA.validate(cells.astype(dtypes).sort_values(KEYS, ignore_index=True))
