"""95 % intervals of school and district means and of the engagement model, in made-up districts of known truth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_district_means import simulated

from sro_research.models.district_means import district_estimates
from sro_research.models.exposure_design import BETWEEN_TERM, WITHIN_TERM, Design, engagement_design
from sro_research.models.few_clusters import cr2, cv3, least_squares, wild_bootstrap
from sro_research.models.multilevel import fit
from sro_research.models.school_means import school_estimates

DISTRICTS = 1000
RESPONSE = 0.6


def held(rows: pd.DataFrame, truth: pd.Series | float) -> float:
    """Return the share of intervals that hold the truth."""
    return float(((rows["conf_low"] <= truth) & (truth <= rows["conf_high"])).mean())


@pytest.mark.parametrize("schools", [5, 12, 50])
def test_intervals_of_means_cover(schools: int) -> None:
    """District means speak of schools like these, school means of the school's own people, 60 % of whom answer.

    Schools differ with an SD of 0.13, people within them with 0.42, and sizes are lognormal with a median of 40.
    """
    rng = np.random.default_rng(schools)
    sizes = np.rint(40 * np.exp(rng.normal(0, 0.5, (DISTRICTS, schools)))).clip(8, 300).astype(int)
    everyone = simulated(rng.normal(0, 0.13, sizes.shape), sizes, rng, wave="1")
    # Every school of every district has a name of its own: a roster knows schools and waves only.
    everyone["school_id"] = everyone["construct"] + "-" + everyone["school_id"]
    keys = [everyone[c] for c in ("construct", "school_id")]
    people = everyone.groupby("school_id").size()
    place = everyone.assign(chance=rng.random(len(everyone))).groupby(keys)["chance"].rank()
    sample = everyone[place <= np.ceil(RESPONSE * everyone["school_id"].map(people))]

    district = district_estimates(sample).query("measure == 'mean_score'")
    assert len(district) == DISTRICTS
    assert 0.93 <= held(district, 2.5) <= 0.97

    roster = (
        people.rename_axis("school_id").to_frame("people").assign(wave="1").set_index("wave", append=True)["people"]
    )
    of_schools = school_estimates(sample, roster).query("measure == 'mean_score'")
    truth = of_schools["school_id"].map(everyone.groupby("school_id")["score"].mean())
    assert len(of_schools) == DISTRICTS * schools
    assert 0.93 <= held(of_schools, truth) <= 0.97


STUDIES, EFFECT = 300, 0.2
CHANCE = 3 * (0.95 * 0.05 / STUDIES) ** 0.5
"""Three binomial standard errors of a coverage of 95 %: 3.8 points."""


def test_intervals_of_engagement_cover() -> None:
    """Within and between effects of 15 schools in three waves, by the model and by the three ways beside it.

    Schools differ with an SD of 0.2, their waves with 0.15, people with 0.6. A larger version of this simulation, with
    designs that are drawn anew for each study: `tests/benchmarks/coverage.py`.
    """
    rng = np.random.default_rng(15)
    made = _engagement(rng, schools=15)
    held: dict[tuple[str, str], list[bool]] = {}
    for _ in range(STUDIES):
        table = made.table.assign(score=_scores(made.table, rng))
        for key, holds in _holding(replace(made, table=table)).items():
            held.setdefault(key, []).append(holds)
    assert len(held) == 8
    assert {key: np.mean(of) for key, of in held.items()} == pytest.approx(dict.fromkeys(held, 0.95), abs=CHANCE)


def _engagement(rng: np.random.Generator, *, schools: int) -> Design:
    """Return a design of three waves with 8 to 40 answers, whose exposure differs between and within schools."""
    at = pd.MultiIndex.from_product([np.char.mod("%02d", range(schools)), list("123")], names=["school_id", "wave"])
    exposure = pd.Series(np.repeat(rng.normal(size=schools), 3) + rng.normal(size=len(at)), at)
    answers = at.repeat(rng.integers(8, 41, len(at))).to_frame(index=False)
    return engagement_design(answers.assign(score=0.0), exposure)


def _scores(table: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Draw scores with the same effect within and between schools."""
    score = 2.5 + EFFECT * (table[WITHIN_TERM] + table[BETWEEN_TERM]) + rng.normal(0, 0.6, len(table))
    for level, sd in {"school": 0.2, "school_wave": 0.15}.items():
        code, names = pd.factorize(table[level])
        score += rng.normal(0, sd, len(names))[code]
    return score.to_numpy()


def _holding(made: Design) -> dict[tuple[str, str], bool]:
    """Return whether the interval of each effect and method holds the truth."""
    effects, terms = fit(made).effects, list(made.terms)
    of, found = least_squares(made.table, outcome="score", terms=terms, cluster="school"), {}
    for term in (WITHIN_TERM, BETWEEN_TERM):
        plain = float(of.coefficients[of.names.index(term)])
        intervals = {
            "model": tuple(effects.loc[term, ["estimate", "std_error", "df"]]),
            "CR2": (plain, *cr2(of, term)),
            "CV3": (plain, cv3(of, term), of.clusters - 1),
        }
        for method, (estimate, error, df) in intervals.items():
            found[term, method] = abs(estimate - EFFECT) <= stats.t.ppf(0.975, df) * error
        # The bootstrap's interval holds what it does not reject.
        found[term, "wild"] = wild_bootstrap(of, term).p(EFFECT) >= 0.05
    return found
