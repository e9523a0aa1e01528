"""How many of those asked took part."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sro_research.estimates import as_estimates
from sro_research.instruments import Instrument
from sro_research.schemas import NO_CONSENT, SCREENED_OUT

ROSTER = {"student": "students", "staff": "staff"}
"""The column of `schools` that counts the people of a population."""


def roster(schools: pd.DataFrame, population: str) -> pd.Series:
    """Return how many people of a population each school has, by (school_id, wave); missing where not known."""
    by_school = schools.set_index(["school_id", "wave"])
    if population not in ROSTER:
        return pd.Series(pd.NA, index=by_school.index, dtype="Float64")
    return by_school[ROSTER[population]].astype("Float64")


def response_rates(responses: pd.DataFrame, schools: pd.DataFrame, *, population: str) -> pd.DataFrame:
    """Count answers against the roster of each school and wave in which the population was surveyed, as indicators.

    A school on the roster where nobody answered counts with zero answers: left out, it would make the district's rate
    look better than it is. Everyone on the roster is taken as eligible, and every survey that was handed in counts,
    also one that was broken off: `outcome_rates` has the rates by AAPOR's names. The rate is missing where the roster
    is not known, or counts fewer people than answered and is therefore wrong.
    """
    answered, people = responses.groupby(["school_id", "wave"]).size(), roster(schools, population)
    surveyed = people.index[people.index.isin(answered.index.unique("wave"), level="wave")]
    table = answered.reindex(answered.index.union(surveyed), fill_value=0).rename("numerator").to_frame()
    table["denominator"] = people.reindex(table.index)
    rate = table["numerator"] / table["denominator"]
    table["value"] = rate.where(rate <= 1)
    return table.reset_index().assign(measure="response_rate", population=population, unit="share")


def response_counts(rates: pd.DataFrame) -> pd.DataFrame:
    """Return the number of answers by school, and in the whole district, with the district's response rate.

    A school where nobody answered has a count of zero with n = 0, which disclosure hides like any other small group.
    """
    keys = ["population", "wave"]
    by_school = rates.assign(estimate=rates["numerator"], n=rates["numerator"])[[*keys, "school_id", "estimate", "n"]]
    total = rates.groupby(keys)[["numerator", "denominator"]].sum(min_count=1)
    known = rates.groupby(keys)["value"].agg(lambda rate: rate.notna().all())
    total = total.assign(
        n=total["numerator"], rate=(total["numerator"] / total["denominator"]).where(known)
    ).reset_index()
    note = total["rate"].isna().map({True: "the roster of a school is not known", False: ""})
    return pd.concat(
        [
            as_estimates(by_school, measure="responses", unit="people", method="count"),
            as_estimates(
                total[[*keys, "n"]].assign(estimate=total["n"]),
                measure="responses",
                unit="people",
                method="count",
            ),
            as_estimates(
                total[[*keys, "n"]].assign(estimate=total["rate"]),
                measure="response_rate",
                unit="share",
                method="answers over roster",
                note=note,
            ),
        ],
        ignore_index=True,
    )


COMPLETE, PARTIAL = 0.8, 0.5
"""Share of the questions whose answer makes a survey complete, or partial; less is a break-off. AAPOR asks each study
to say what counts (Standard Definitions 2023, "Complete/partial questionnaires")."""
OUTCOMES = ["complete", "partial", "break_off"]


def dispositions(responses: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Count complete, partial and broken-off surveys by `school_id` and `wave`.

    "Don't know" and "prefer not to answer" are answers; a blank is none.
    """
    items = [item.id for item in instrument.items]
    answered = responses[items].notna().sum(axis=1) / len(items)
    outcome = pd.cut(answered, [-1, PARTIAL, COMPLETE, 2], right=False, labels=OUTCOMES[::-1])
    counts = pd.crosstab([responses["school_id"], responses["wave"]], outcome).reindex(columns=OUTCOMES, fill_value=0)
    return counts.rename_axis(columns=None).reset_index()


def outcome_rates(counts: pd.DataFrame) -> pd.DataFrame:
    """Add AAPOR's outcome rates to counts of people.

    `counts` has `complete` (I), `partial` (P), `break_off` and `refused` (R), `not_eligible`, and `roster`, all people
    who could have been asked, or missing. Adds `rr1` = I / eligible, `rr2` = (I+P) / eligible, `coop1` = I / (I+P+R),
    `coop2` = (I+P) / (I+P+R) and `ref1` = R / eligible, where everyone on the roster who is not known to be ineligible
    is eligible (AAPOR 2023, Standard Definitions). Rates are missing where the roster is, or counts fewer people than
    answered.
    """
    complete, both = counts["complete"], counts["complete"] + counts["partial"]
    refused = counts["break_off"] + counts["refused"]
    eligible = (counts["roster"] - counts["not_eligible"]).astype("Float64")
    eligible = eligible.where(eligible >= both + refused)
    reached = (both + refused).astype("Float64")
    reached = reached.where(reached > 0)
    return counts.assign(
        eligible=eligible,
        rr1=complete / eligible,
        rr2=both / eligible,
        coop1=complete / reached,
        coop2=both / reached,
        ref1=refused / eligible,
    )


def group_rates(responses: pd.DataFrame, enrollment: pd.DataFrame) -> pd.DataFrame:
    """Count answers against enrollment by wave and group, of the schools whose enrollment is known.

    `enrollment` has `school_id`, `wave`, `group_by`, `group` (a code as text) and `people`. Returns `wave`, `group_by`,
    `group`, `answers`, `people` and `rate`, missing where fewer people are enrolled than answered: then the two do not
    mean the same group. In a wave in which no answer tells a group nobody was asked: `answers` are missing too.
    """
    tables = []
    for group_by, people in enrollment.groupby("group_by"):
        group = responses[group_by].astype("Int64").astype("string")
        answers = responses.assign(group=group).groupby(["school_id", "wave", "group"]).size().rename("answers")
        table = people.merge(answers.reset_index(), on=["school_id", "wave", "group"], how="left")
        table["answers"] = table["answers"].fillna(0).where(table["wave"].isin(answers.index.unique("wave")))
        table = table.groupby(["wave", "group"])[["answers", "people"]].sum(min_count=1).reset_index()
        rate = table["answers"] / table["people"].astype("Float64").where(table["people"] > 0)
        tables.append(table.assign(group_by=group_by, rate=rate.where(rate <= 1)))
    columns = ["wave", "group_by", "group", "answers", "people", "rate"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def reached_without_answers(quarantine: pd.DataFrame, surveys: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Count people whose rows were set aside at the door, by `population` and `wave`: `refused` and `not_eligible`.

    `surveys` gives population and wave of each file. Previews are nobody.
    """
    rows = []
    for file, (population, wave) in surveys.items():
        of = quarantine[quarantine["source"] == file]
        counts = {
            name: of.loc[of["rule"] == rule, "row"].nunique()
            for name, rule in {"refused": NO_CONSENT, "not_eligible": SCREENED_OUT}.items()
        }
        rows.append({"population": population, "wave": wave, **counts})
    return pd.DataFrame(rows).groupby(["population", "wave"], as_index=False).sum()
