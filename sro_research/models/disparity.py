"""Contacts of one group of students beside those of all others: risks, risk ratios, relative rates, hit rates.

    risk          contacts of the group / its students, or those that reached a step / those that could have
    risk ratio    risk of the group / risk of all other groups of the same question, in the same place
    alternate risk ratio   the same, with the others of a wider area (the district for a school)

The alternate takes the place of the risk ratio where the others of the place are fewer than 30 or have fewer than 10
contacts; where the group itself is so small, neither is reported (sizes that 34 CFR 300.647(b)(1)(iv) presumes to be
reasonable). The regulation counts children of a race or ethnicity; a log counts contacts, of which one student may
have several, and groups of other questions are compared in the same way. Up to three years in a row are added up
(`recent`), so that students are student-years; the regulation lets a State wait for so many, and takes each by itself.

The relative rate index divides the rate of a group by that of one reference group, at every step of a chain. Not every
referral follows a search: referrals are taken per stop, as searches are, and arrests per referral. A ratio above 1 at
a step tells neither why nor where it began.

A hit rate is the share of searches that found something. Different hit rates do not prove different thresholds, and
like ones not the same (infra-marginality: Simoiu, Corbett-Davies & Goel 2017, Ann. Appl. Stat. 11, 1193-1216).

Contacts per student are taken as Poisson, steps of the chain as binomial; limits are in `small_counts`. Contacts by the
same officer or of the same student are not independent: `officer_clusters` shows how far that matters. p-values are
adjusted by Benjamini & Hochberg over the groups of a question, place and wave that may be reported.

References: R `epitools`, `metafor::rma`, `p.adjust`, formulas; tests/reference/contacts. Planted ratios are recovered
in 200 synthetic districts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sro_research.estimates import as_estimates
from sro_research.models.design import adjusted
from sro_research.models.sampling import numbers
from sro_research.models.shrinkage import shrink
from sro_research.models.small_counts import midp_rate, midp_rate_ratio, midp_share, score_share_ratio

MINIMUM_CELL, MINIMUM_N = 10, 30
"""Fewest contacts, and fewest students (or prior contacts), of a group that is compared: 34 CFR 300.647(b)(1)(iv)."""
YEARS = 3
"""Most consecutive years the regulation lets a State look back on before it names a district: 34 CFR 300.647(d)(1)."""
PLACE = ["school_id", "wave", "group_by"]
KEYS = [*PLACE, "group"]
REPORTED = ["risk", "risk_low", "risk_high", "estimate", "conf_low", "conf_high", "p_value", "p_adjusted"]
"""What a comparison tells of a group, and what is not told where it is too small."""
LOCAL, WIDER, RELATIVE = "risk_ratio", "alternate_risk_ratio", "relative_rate"
_SMALL = f"fewer than {MINIMUM_CELL} contacts, or fewer than {MINIMUM_N} students or earlier contacts"
SMALL_GROUP = f"the group has {_SMALL}"
SMALL_OTHERS = f"those it would be compared with have {_SMALL}"
NOT_KNOWN = "the numbers of contacts or students are not known"
NO_OTHERS = "there is no other group, or the numbers of one are not known"
EVERY_ONE = "all of both reached the step: no limits can be computed"


@dataclass(frozen=True)
class Step:
    """A step of the chain: what is counted, of what, and whether one of the latter can have only one of the former."""

    events: str
    of: str
    share: bool


CHAIN = {
    "stop": Step("stop", "people", share=False),
    "search": Step("search", "stop", share=True),
    "referral": Step("referral", "stop", share=True),
    "arrest": Step("arrest", "referral", share=True),
    "hit": Step("found", "result", share=True),
}
"""Each step, and what it is taken of."""


def at_step(counts: pd.DataFrame, step: str) -> pd.DataFrame:
    """Return `KEYS`, `events` and `people` of a step of the `CHAIN`; `counts` has these by group, wave and school."""
    asked = CHAIN[step]
    return counts[KEYS].assign(events=counts[asked.events], people=counts[asked.of])


def recent(rows: pd.DataFrame, waves: Sequence[str]) -> pd.DataFrame:
    """Add up `events` and `people` over the last three of `waves`, as the wave "" (all of them).

    A group whose numbers are not known in one of these waves has missing sums.
    """
    last = list(waves)[-YEARS:]
    within = rows[rows["wave"].isin(last)]
    keys = [k for k in KEYS if k != "wave"]
    sums = within.groupby(keys, sort=False)[["events", "people"]].agg(["sum", "count"])
    made = pd.DataFrame({c: sums[c, "sum"].where(sums[c, "count"] == len(last)) for c in ("events", "people")})
    return made.reset_index().assign(wave=pd.array([""] * len(made), dtype="string"))[[*KEYS, "events", "people"]]


def risk_ratios(rows: pd.DataFrame, *, share: bool, wider: pd.DataFrame | None = None) -> pd.DataFrame:
    """Compare each group with all others: `rows` has `KEYS`, `events` and `people`, one row per group and place.

    `share` says that one of `people` has at most one of `events`. `wider` has the same columns without `school_id`, for
    the area whose other groups are taken where those of the place are too small. Returns the rows with `risk`,
    `risk_low`, `risk_high`, `others`, `other_people`, `comparison` (which of the two ratios), `estimate`, `conf_low`,
    `conf_high`, `p_value`, `p_adjusted`, `meets_minimum` and `note`. Ratios are made whatever the size: what may be
    reported has `meets_minimum`.
    """
    table = _with_others(rows, rows, PLACE)
    if wider is not None:
        areas = _with_others(rows, wider, ["wave", "group_by"])
        known = table["others"].notna() & areas["others"].notna()  # What is not known is not small.
        instead = (_small(table["others"], table["other_people"]) & known).to_numpy()
        for column in ("others", "other_people"):
            table[column] = table[column].where(~instead, areas[column])
        table["comparison"] = np.where(instead, WIDER, LOCAL)
    return _adjusted(_compared(table, share))


def _with_others(rows: pd.DataFrame, area: pd.DataFrame, place: list[str]) -> pd.DataFrame:
    """Add the events and people of all other groups of the area; missing where those of any group are not known."""
    unknown = (area["events"].isna() | area["people"].isna()).groupby([area[c] for c in place]).transform("any")
    own = area.assign(**{c: area[c].where(~unknown) for c in ("events", "people")})
    totals = own.groupby(place)[["events", "people"]].sum(min_count=1).add_prefix("all_").reset_index()
    keys = [*place, "group"]
    beside = rows[keys].merge(totals, on=place, how="left").merge(own[[*keys, "events", "people"]], on=keys, how="left")
    others, people = ((beside[f"all_{c}"] - beside[c].fillna(0)).to_numpy() for c in ("events", "people"))
    return rows.reset_index(drop=True).assign(others=others, other_people=people, comparison=LOCAL)


def relative_rates(counts: pd.DataFrame, *, reference: Mapping[str, str]) -> pd.DataFrame:
    """Compare each group with the reference group of its question, at every step of the `CHAIN`.

    `counts` are those of `measures/contact_groups`; `reference` names a group by question. Returns `step` and the
    columns of `risk_ratios`; what may be reported has `meets_minimum`, which the reference group has to meet too.
    """
    tables = []
    for name, step in CHAIN.items():
        rows = at_step(counts[counts["group_by"].isin(list(reference))], name)
        is_reference = rows["group"] == rows["group_by"].map(dict(reference))
        base = rows[is_reference].rename(columns={"events": "others", "people": "other_people"}).drop(columns="group")
        beside = rows[~is_reference].merge(base, on=PLACE, how="left").assign(comparison=RELATIVE)
        tables.append(_adjusted(_compared(beside, step.share)).assign(step=name))
    return pd.concat(tables, ignore_index=True)


def _adjusted(compared: pd.DataFrame) -> pd.DataFrame:
    """Adjust p-values over the groups that may be reported; the others are not in the family."""
    tested = compared.assign(p_value=compared["p_value"].where(compared["meets_minimum"]))
    return compared.assign(p_adjusted=adjusted(tested, family=PLACE)["p_adjusted"])


def _compared(table: pd.DataFrame, share: bool) -> pd.DataFrame:
    x, n, y, m = (numbers(table, c) for c in ("events", "people", "others", "other_people"))
    low, high, p = (score_share_ratio if share else midp_rate_ratio)(x, n, y, m)
    risk_low, risk_high = (midp_share if share else midp_rate)(x, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        risk = np.where(n > 0, x / n, np.nan)
        ratio = risk / np.where(m > 0, y / m, np.nan)
    few, few_others = _small(table["events"], table["people"]), _small(table["others"], table["other_people"])
    note = pd.Series("", index=table.index).mask(few_others, SMALL_OTHERS).mask(few, SMALL_GROUP)
    note = note.mask(np.isnan(y) | (m <= 0), NO_OTHERS).mask(np.isnan(x) | np.isnan(n), NOT_KNOWN)
    meets = note == ""
    return table.assign(
        risk=risk,
        risk_low=risk_low,
        risk_high=risk_high,
        estimate=np.where(np.isfinite(ratio), ratio, np.nan),
        conf_low=low,
        conf_high=high,
        p_value=p,
        meets_minimum=meets,
        note=note.mask(meets & np.isnan(low), EVERY_ONE),
    )


def _small(events: pd.Series, people: pd.Series) -> pd.Series:
    """Return where there are too few of either, or it is not known how many."""
    return ~((events >= MINIMUM_CELL) & (people >= MINIMUM_N)).fillna(False).astype(bool)


def shrunken_ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Draw the risk ratios of one group in many schools towards each other: for schools where a group is small.

    `rows` are `risk_ratios` with `share` false, compared in their own place. For each wave, question and group the
    logarithms of the ratios are shrunken (`shrinkage.shrink`). A logarithm of few contacts is far off, or minus
    infinity; so each school's is a step from the ratio of all schools together, log r + (x - E) / V, with E and V the
    mean and variance that x has given all contacts of the school if its ratio is r (Peto's step; Yusuf and others
    1985, Prog. Cardiovasc. Dis. 27, 335-371, take r = 1), and 1 / V is its variance. Returns the rows with `estimate`,
    `conf_low`, `conf_high` as shrunken ratios, the school's own `own_estimate`, `weight_of_own`, `tau2` (of logarithms)
    and `note`. All are drawn to one ratio, also a school that is truly unlike the others.
    """
    tables = []
    for _, part in rows[rows["comparison"] == LOCAL].groupby(["wave", "group_by", "group"]):
        step, error = _steps_from_common(part)
        made = shrink(pd.DataFrame({"estimate": step, "std_error": error}, index=part.index))
        back = {column: np.exp(made.rows[column]) for column in ("estimate", "conf_low", "conf_high")}
        beside = {column: made.rows[column] for column in ("weight_of_own", "note")}
        own = part.assign(own_estimate=part["estimate"]).drop(columns=["p_value", "p_adjusted"])
        tables.append(own.assign(**back, **beside, tau2=made.tau2))
    if not tables:
        nothing = dict.fromkeys(["own_estimate", "weight_of_own", "tau2"], np.nan)
        return rows.head(0).assign(**nothing).drop(columns=["p_value", "p_adjusted"])
    return pd.concat(tables).sort_index()


def _steps_from_common(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return log ratios, one step from the one that fits all schools, and their errors."""
    x, n, y, m = (numbers(part, c) for c in ("events", "people", "others", "other_people"))
    with np.errstate(invalid="ignore", divide="ignore"):
        # Mantel & Haenszel's ratio of rates.
        common = np.nansum(x * m / (n + m)) / np.nansum(y * n / (n + m))
        share = common * n / (common * n + m)
        variance = (x + y) * share * (1 - share)
        step = np.log(common) + (x - (x + y) * share) / variance
    known = np.isfinite(step) & (variance > 0)
    return np.where(known, step, np.nan), np.where(known, variance, np.nan) ** -0.5


def reported(compared: pd.DataFrame) -> pd.DataFrame:
    """Return ratios without the numbers of those that may not be reported; `note` has the reason."""
    may = compared["meets_minimum"].to_numpy(dtype=bool)
    return compared.assign(**{c: compared[c].where(may) for c in REPORTED if c in compared})


def disparity_estimates(compared: pd.DataFrame, *, step: str) -> pd.DataFrame:
    """Return the ratios of one step that may be reported, as estimates; others are rows with the reason.

    `measure` is `comparison` and `step`, as `risk_ratio_stop`; `n` counts the group's students or earlier contacts.
    """
    shown = reported(compared)[[*KEYS, "estimate", "conf_low", "conf_high", "note"]]
    rows = shown.assign(n=compared["people"], measure=compared["comparison"] + f"_{step}")
    method = "Koopman's score" if CHAIN[step].share else "mid-P, given both counts"
    return as_estimates(rows, population="student", unit="ratio", method=method)
