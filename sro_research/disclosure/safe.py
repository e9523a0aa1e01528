"""Estimates to safe cells: what a page may be made of.

A safe cell is shown; coded, where a share is so near to none or all that it would tell how everyone answered; rounded,
where it counts cases about people (`counts`); hidden; or not available. A hidden cell keeps its keys and loses every
number, its method and its note. Cells about schools of the nation have a rule of their own (`national`): shown, with
caution, or below the standards of their publisher.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pandera.pandas as pa

from sro_research.disclosure.pattern import ANSWERS, LEVEL, RESPONSES, ROW, Pattern
from sro_research.disclosure.policy import OFFICERS, Policy
from sro_research.disclosure.program import OF_EACH_OFFICER
from sro_research.errors import DisclosureError
from sro_research.estimates import ESTIMATED, KEYS, NUMBERS, SCHOOL, VS_OTHERS

SHOWN, CODED, ROUNDED, HIDDEN, NOT_AVAILABLE = "shown", "coded", "rounded", "hidden", "not_available"
CAUTION, NOT_MET = "caution", "not_met"
"""Only of schools of the nation: "!" and "‡" of NCES tables."""
WITH_NUMBERS = (SHOWN, CODED, ROUNDED, CAUTION)
COLUMNS = [*KEYS, *NUMBERS, "unit", "status"]
COMBINED = "other"
"""The hidden groups of a school together, with those who stated none: what a reader could subtract anyway."""
LEAN = "answer_lean"
"""Share of the answers to an item that lie above the middle of its scale; `group` is blank."""
CHANGE = "_change"

_OF_ROWS = (LEVEL, "mean_score", RESPONSES, "response_rate", ANSWERS, LEAN)
_FROM_ROWS = tuple(f"{measure}{what}" for measure in (LEVEL, "mean_score") for what in (CHANGE, VS_OTHERS, "_others"))
_CODED = (LEVEL, f"{LEVEL}_others", LEAN, *OF_EACH_OFFICER)
_FUZZ = 1e-9

SCHEMA = pa.DataFrameSchema(
    {
        **{key: pa.Column("string") for key in KEYS},
        "n": pa.Column("Int64", nullable=True),
        **{number: pa.Column("Float64", nullable=True) for number in NUMBERS if number != "n"},
        "unit": pa.Column("string"),
        "status": pa.Column("string", pa.Check.isin([*WITH_NUMBERS, HIDDEN, NOT_AVAILABLE, NOT_MET])),
    },
    checks=[
        pa.Check(
            lambda t: t["status"].isin(WITH_NUMBERS) | t[NUMBERS].isna().all(axis=1),
            error="a cell that is not shown carries no number",
        ),
        pa.Check(
            lambda t: (t["status"] != CODED) | t[["std_error", "conf_low", "conf_high"]].isna().all(axis=1),
            error="a coded cell carries no range",
        ),
        pa.Check(
            lambda t: (
                (t["status"] != ROUNDED)
                | (t[["n", "std_error", "conf_low", "conf_high"]].isna().all(axis=1) & (t["school_id"] == ""))
            ),
            error="a rounded cell is of the district, and carries nothing but its count",
        ),
        pa.Check(
            lambda t: (t["population"] == SCHOOL) | ~t["status"].isin([CAUTION, NOT_MET]),
            error="the marks of a national survey stand at its own cells only",
        ),
    ],
    unique=KEYS,
    strict=True,
    ordered=True,
)


def safe_cells(estimates: pd.DataFrame, pattern: Pattern, policy: Policy, *, waves: list[str]) -> pd.DataFrame:
    """Return the safe cells of a study: one for each estimate, and the lean of each item's answers.

    A figure about people of a row is shown where the row is; a change between two of `waves` (in the order of time)
    where both rows are. Officers count by their own threshold, and for the district only. Any other figure is
    hidden where it is about too few people, or nothing says how many. Raises `DisclosureError` where a row calls itself
    one of a national survey of schools, which are not decided here.
    """
    if national := int((estimates["population"] == SCHOOL).sum()):
        raise DisclosureError(
            "safe cells",
            f"a study of people has figures of the population '{SCHOOL}', which is that of national surveys of schools",
            rows=national,
            fix="Give the population another name.",
        )
    cells = pd.concat([estimates, _leans(estimates)], ignore_index=True)
    shown = _row_shown(cells, pattern, policy, waves) | _not_there(cells, pattern, waves)
    cells["status"] = np.where(cells["status"] == ESTIMATED, SHOWN, NOT_AVAILABLE)
    cells["status"] = cells["status"].where(shown, HIDDEN)
    cells = _code(pd.concat([cells, _absent(cells, pattern)], ignore_index=True), policy)
    cells[NUMBERS] = cells[NUMBERS].mask(~cells["status"].isin([SHOWN, CODED]))
    return SCHEMA.validate(cells[COLUMNS].sort_values(KEYS, ignore_index=True).astype({"status": "string"}))


def shown_schools(scores: pd.DataFrame, pattern: Pattern) -> pd.DataFrame:
    """Return the scores of schools whose row is shown on a topic.

    A comparison "with the other schools" rests on these: with a hidden school in it, its printed value would tell
    about that school.
    """
    keys = scores[["population", "construct", "school_id", "wave"]].drop_duplicates()
    shown = [pattern.shows(p, c, "", "", s, w) for p, c, s, w in keys.itertuples(index=False)]
    return scores.merge(keys[shown], on=list(keys.columns))


def hidden_groups_together(scores: pd.DataFrame, pattern: Pattern, group_by: str) -> pd.DataFrame:
    """Return the scores with a school's hidden groups, and those in none, as one group `COMBINED`; all others in none.

    Schools that are hidden themselves, or show no group at all, have no such rest.
    """
    keys = ["population", "construct", "school_id", "wave", group_by]
    groups = scores[keys].dropna(subset=[group_by]).drop_duplicates().astype(str)
    groups["shown"] = [pattern.shows(p, c, group_by, g, s, w) for p, c, s, w, g in groups[keys].itertuples(index=False)]
    some = groups.groupby(keys[:-1])["shown"].agg(lambda shown: shown.any() and not shown.all())
    table = shown_schools(scores, pattern)
    named = table[keys].assign(**{group_by: table[group_by].astype("string").fillna("")})
    told = named.merge(groups, on=keys, how="left")["shown"].fillna(False).to_numpy(dtype=bool)
    mixed = named[keys[:-1]].merge(some.rename("mixed").reset_index(), on=keys[:-1], how="left")["mixed"]
    rest = ~told & mixed.fillna(False).to_numpy(dtype=bool)
    return table.assign(**{group_by: pd.Series(COMBINED, index=table.index, dtype="string").where(rest)})


def _leans(estimates: pd.DataFrame) -> pd.DataFrame:
    """Sum each item's answers above the middle of its scale."""
    answers = estimates[estimates["measure"] == ANSWERS]
    item = ["population", "construct", "school_id", "wave"]
    code = pd.to_numeric(answers["group"])
    of_item = code.groupby([answers["population"], answers["construct"]])
    middle = (of_item.transform("min") + of_item.transform("max")) / 2
    upper = answers.assign(estimate=answers["estimate"].where(code > middle, 0.0))
    sums = upper.groupby(item, as_index=False).agg(
        n=("n", "first"), estimate=("estimate", "sum"), unit=("unit", "first"), status=("status", "first")
    )
    blank = {"measure": LEAN, "group_by": "", "group": "", "method": "share above the middle", "note": ""}
    rows = sums.assign(**blank, std_error=pd.NA, conf_low=pd.NA, conf_high=pd.NA)
    return rows[estimates.columns].astype(estimates.dtypes.to_dict())


def _absent(cells: pd.DataFrame, pattern: Pattern) -> pd.DataFrame:
    """Return a cell for each group that is not there at a school."""
    rows = pd.DataFrame(list(pattern.absent), columns=ROW)
    rows = rows.assign(measure=LEVEL, status=NOT_AVAILABLE, unit="", method="", note="")
    return rows.reindex(columns=cells.columns).astype(cells.dtypes)


def _row_shown(cells: pd.DataFrame, pattern: Pattern, policy: Policy, waves: list[str]) -> pd.Series:
    earlier = dict(zip(waves[1:], waves, strict=False))
    enough = (cells["n"] >= policy.minimum_group_size).fillna(False)
    officers = (cells["n"] >= policy.minimum_officers).fillna(False) & (cells["school_id"] == "")
    shown = []
    for measure, key, few, officer in zip(
        cells["measure"], cells[ROW].itertuples(index=False), ~enough, officers, strict=True
    ):
        population, construct, group_by, group, school, wave = key
        if population == OFFICERS:
            shown.append(officer)
        elif measure in _OF_ROWS and group != COMBINED:
            row = ("", "") if measure == ANSWERS else (group_by, group)
            shown.append(not few and pattern.shows(population, construct, *row, school, wave))
        elif measure in _FROM_ROWS:
            both = [wave, earlier.get(wave, "")] if measure.endswith(CHANGE) else [wave]
            rows = [(population, construct, group_by, group, school, at) for at in both]
            shown.append(not few and all(pattern.shows(*row) for row in rows))
        else:
            shown.append(not few)
    return pd.Series(shown, index=cells.index, dtype=bool)


def _not_there(cells: pd.DataFrame, pattern: Pattern, waves: list[str]) -> pd.Series:
    """Tell which cells have no number because nobody was asked in a wave, or nothing says about how many people it is.

    They are not hidden, and to say so tells of nobody: it holds for a survey as a whole, or for a school's records.
    """
    earlier = dict(zip(waves[1:], waves, strict=False))
    surveyed = set(pattern.rows[["population", "wave"]].drop_duplicates().itertuples(index=False, name=None))
    of_rows = cells["measure"].isin([*_OF_ROWS, *_FROM_ROWS])
    before = cells["wave"].map(earlier).where(cells["measure"].str.endswith(CHANGE), cells["wave"])
    asked = [
        (population, wave) in surveyed and (population, first) in surveyed
        for population, wave, first in zip(cells["population"], cells["wave"], before, strict=True)
    ]
    nothing = np.where(of_rows, ~np.array(asked, dtype=bool), cells["n"].isna())
    return pd.Series((cells["status"] != ESTIMATED).to_numpy(dtype=bool) & nothing, index=cells.index)


def _code(cells: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Print shares near none or all as "or fewer", "or more", and hide the single answers to such an item.

    That nobody chose one of several answers is shown: it leaves open what each person did choose.
    """
    subject = cells["measure"].isin(_CODED) & (cells["status"] == SHOWN)
    bound = cells["n"].where(subject).map(policy.smallest_share, na_action="ignore").astype("Float64")
    low = (cells["estimate"] < bound - _FUZZ).fillna(False)
    high = (cells["estimate"] > 1 - bound + _FUZZ).fillna(False)
    item = [cells[key] for key in ("population", "construct", "school_id", "wave")]
    told = ((low | high) & (cells["measure"] == LEAN)).groupby(item).transform("any") & (cells["measure"] == ANSWERS)
    cells["estimate"] = cells["estimate"].mask(low, bound).mask(high, 1 - bound)
    cells[["std_error", "conf_low", "conf_high"]] = cells[["std_error", "conf_low", "conf_high"]].mask(low | high)
    cells["status"] = cells["status"].mask(low | high, CODED).mask(told, HIDDEN)
    return cells
