"""Who sees it differently? Groups against the largest one, and one population against another; schools as clusters."""

from __future__ import annotations

import pandas as pd

from sro_research.models.design import adjusted, share_differences
from sro_research.models.sampling import Design

COLUMNS = ["family", "construct", "group", "against", "n", "estimate", "conf_low", "conf_high", "p_value"]
PLAN = Design(cluster="school_id")


def group_differences(scores: pd.DataFrame, *, groups: list[str]) -> pd.DataFrame:
    """Compare the shares that agree in each group of background questions with those of the largest group.

    `scores` is of one population and wave, from `measures.scales.score`. Each question is a `family`. Returns the
    columns of `COLUMNS`; differences and limits as in `design.share_differences`.
    """
    tables = []
    for question in groups:
        of = scores.dropna(subset=["agrees", question])
        if of.empty:
            continue
        of = of.assign(group=of[question].astype(int).astype(str))
        largest = of["group"].mode()[0]
        rows = share_differences(of, PLAN, "agrees", between="group", against=largest, by=["construct"])
        tables.append(rows.assign(family=question, against=largest))
    return pd.concat([pd.DataFrame(columns=COLUMNS), *tables], ignore_index=True)[COLUMNS]


def population_differences(scores: pd.DataFrame, *, against: str) -> pd.DataFrame:
    """Compare populations with the population `against`, on scores of the questions that both were asked.

    Nothing is returned where only one of them answered.
    """
    of = scores.dropna(subset=["agrees"]).rename(columns={"population": "group"})
    if of["group"].nunique() < 2 or against not in set(of["group"]):
        return pd.DataFrame(columns=COLUMNS)
    rows = share_differences(of, PLAN, "agrees", between="group", against=against, by=["construct"])
    return rows.assign(family="populations", against=against)[COLUMNS]


def told_apart(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Put comparisons under each other with `p_adjusted`, the false discovery rate within each family."""
    return adjusted(pd.concat([pd.DataFrame(columns=COLUMNS), *tables], ignore_index=True), family=["family"])
