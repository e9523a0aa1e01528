"""A made-up survey as estimates: schools by gender, with as many people and as many who agree as a test wants."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sro_research.estimates import as_estimates

Counts = dict[tuple[str, str], tuple[int, int]]
"""People and how many of them agree, by (school, group)."""


def survey(
    counts: Counts,
    *,
    topic: str = "trust",
    wave: str = "2026",
    unstated: dict[str, tuple[int, int]] | None = None,
    population: str = "student",
) -> pd.DataFrame:
    """Return the rows of one topic: groups of schools, schools, the district's groups and the district."""
    cells = pd.DataFrame([(s, g, *c) for (s, g), c in counts.items()], columns=["school_id", "group", "n", "agree"])
    more = pd.DataFrame(
        [(s, "", *c) for s, c in (unstated or {}).items()], columns=["school_id", "group", "n", "agree"]
    )
    everyone = pd.concat([cells, more])
    tables = [
        cells.assign(group_by="gender"),
        cells.groupby("group", as_index=False)[["n", "agree"]].sum().assign(group_by="gender", school_id=""),
        everyone.groupby("school_id", as_index=False)[["n", "agree"]].sum().assign(group_by="", group=""),
        everyone[["n", "agree"]].sum().to_frame().T.assign(group_by="", group="", school_id=""),
    ]
    rows = pd.concat(tables)
    rows = rows[rows["n"] > 0].assign(estimate=lambda t: t["agree"] / t["n"])
    about = {"measure": "share_agree", "population": population, "construct": topic, "wave": wave, "unit": "share"}
    return as_estimates(rows.drop(columns="agree"), method="made up", **about)


def random_counts(seed: int, schools: int, groups: int = 4, median: int = 90) -> Counts:
    """Draw a district: schools of many sizes around a median, groups down to a handful or none."""
    random = np.random.default_rng(seed)
    sizes = np.clip(random.lognormal(np.log(median), 0.8, schools), 3, 600)
    mix = random.dirichlet(np.array([5.0, 2.5, 0.5, 0.2, 0.1][:groups]) * 2, schools)
    people = random.poisson(sizes[:, None] * mix)
    agree = random.binomial(people, random.beta(6, 3, people.shape))
    return {(f"{s:04d}", str(g)): (int(people[s, g]), int(agree[s, g])) for s in range(schools) for g in range(groups)}
