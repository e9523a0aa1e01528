"""How many of those asked took part."""

from __future__ import annotations

import pandas as pd

from sro_research.estimates import as_estimates

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
    look better than it is. The rate is AAPOR's RR1 with everyone on the roster eligible. It is missing where the roster
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
