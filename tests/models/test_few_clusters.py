"""CR2, the jackknife and the wild cluster bootstrap against R, and on simulated school systems."""

import numpy as np
import pandas as pd
import pytest
from multilevel_reference import CHICKS, DISTRICTS, EXPECTED, HOURS, PEOPLE
from scipy import stats

from sro_research.models.exposure_design import engagement_design
from sro_research.models.few_clusters import (
    COLUMNS,
    CR2,
    CV3,
    NO_LIMIT,
    NOT_WITHOUT,
    WILD,
    beside_the_model,
    cr2,
    cv3,
    least_squares,
    side_by_side,
    wild_bootstrap,
)

MADE = engagement_design(PEOPLE, HOURS, districts=DISTRICTS)
NOW = MADE.table.assign(alone=(MADE.table["school"] == "03").astype(float))
CELLS = NOW.groupby(["school", "school_wave"], as_index=False)[
    ["score", "wave_1", "wave_2", "within", "between"]
].mean()
TERMS = ["wave_1", "wave_2", "within", "between"]
DIETS = ["time", "diet_2", "diet_3", "diet_4"]
BY_R = {"wave_1": "wave2024", "wave_2": "wave2025"}
REGRESSIONS = {
    "people": (NOW[NOW["school"] <= "12"], "score", TERMS, "school"),
    "alone": (NOW[NOW["school"] <= "12"], "score", ["wave_1", "wave_2", "within", "alone"], "school"),
    "cells": (CELLS, "score", TERMS, "school"),
    "districts": (NOW, "score", TERMS, "district"),
    "chicks": (CHICKS, "weight", DIETS, "chick"),
}


def regression(name):
    data, outcome, terms, cluster = REGRESSIONS[name]
    return least_squares(data, outcome=outcome, terms=terms, cluster=cluster)


@pytest.mark.parametrize("name", REGRESSIONS)
def test_errors_and_degrees_of_freedom_against_r(name):
    of, r = regression(name), EXPECTED["few"][name]
    assert len(of.names) == len(r)
    table = side_by_side(of, of.names).set_index(["term", "method"])
    for term in of.names:
        wanted = r[BY_R.get(term, term)]
        error, df = cr2(of, term)
        assert of.coefficients[of.names.index(term)] == pytest.approx(wanted["estimate"], rel=1e-8)
        assert error == pytest.approx(wanted["cr2_se"], rel=1e-8)
        assert df == pytest.approx(wanted["cr2_df"], rel=1e-8)
        assert table.loc[(term, CR2), "p"] == pytest.approx(wanted["cr2_p"], rel=1e-7)
        if wanted["cv3_se"] is None:
            assert np.isnan(cv3(of, term)) and table.loc[(term, CV3), "note"] == NOT_WITHOUT
        else:
            assert cv3(of, term) == pytest.approx(wanted["cv3_se"], rel=1e-8)


@pytest.mark.parametrize(
    ("name", "data", "cluster", "weights"),
    [
        ("twelve_within", CELLS[CELLS["school"] <= "12"], "school", "rademacher"),
        ("twelve_between", CELLS[CELLS["school"] <= "12"], "school", "rademacher"),
        ("eight_within", CELLS[CELLS["school"] <= "08"], "school", "rademacher"),
        ("districts_within", NOW, "district", "rademacher"),
        ("districts_within_webb", NOW, "district", "webb"),
    ],
)
def test_an_enumerated_bootstrap_is_that_of_the_definition(name, data, cluster, weights):
    r, term = EXPECTED["bootstrap"][name], name.split("_")[1]
    turned = wild_bootstrap(least_squares(data, outcome="score", terms=TERMS, cluster=cluster), term, weights=weights)
    assert turned.enumerated and turned.turns == r["turns"]
    assert turned.estimate == pytest.approx(r["estimate"], rel=1e-8)
    # Shares of turns: equal, or a turn was counted wrongly.
    assert turned.p(0.0) == r["p"] and turned.p(r["estimate"] / 2) == r["p_half"]
    low, high = turned.interval(0.05)
    if r["low"] is None:
        assert np.isinf([low, high]).all()
    else:
        assert (low, high) == pytest.approx((r["low"], r["high"]), rel=1e-6)


def test_drawn_turns_come_near_to_the_enumerated_ones_and_come_back_with_their_seed():
    of = regression("cells")
    one, same, other = (wild_bootstrap(of, "between", seed=seed) for seed in (1, 1, 2))
    assert not one.enumerated and one.p(0.0) == same.p(0.0)
    # 9,999 draws: a share of p has the standard error sqrt(p (1 - p) / 9999), here below 0.005.
    assert one.p(0.0) == pytest.approx(other.p(0.0), abs=0.02)
    assert one.p(one.estimate) == 1.0


def test_five_clusters_cannot_reject_and_say_so():
    table = side_by_side(regression("districts"), ["within"]).set_index("method")
    assert list(table.index) == [CR2, CV3, WILD]
    assert table.loc[WILD, "note"] == NO_LIMIT and np.isnan(table.loc[WILD, "conf_low"])
    assert table.loc[CV3, "df"] == 4 and (table["clusters"] == 5).all()


@pytest.mark.parametrize("means", [False, True])
def test_effects_of_a_design_side_by_side(means):
    made = engagement_design(PEOPLE, HOURS, adjust=["years"])
    table = beside_the_model(made, means=means)
    assert list(table.columns) == COLUMNS
    assert list(table["term"].unique()) == ["within", "between", "contextual"] and len(table) == 9
    effect = table.groupby("term")["estimate"].first()
    assert effect["contextual"] == pytest.approx(effect["between"] - effect["within"])
    # The contextual effect is a contrast of the same regression, so its error lies within those of its sides.
    error = table[table["method"] == CV3].set_index("term")["std_error"]
    assert abs(error["between"] - error["within"]) <= error["contextual"] <= error["between"] + error["within"]


@pytest.mark.parametrize(
    ("data", "terms", "reason"),
    [
        (NOW[NOW["school"] == "01"], ["within"], "fewer than two clusters"),
        (NOW.assign(twice=2 * NOW["within"]), ["within", "twice"], "cannot be told apart"),
    ],
)
def test_what_cannot_be_regressed_says_why(data, terms, reason):
    with pytest.raises(ValueError, match=reason):
        least_squares(data, outcome="score", terms=terms, cluster="school")


@pytest.mark.parametrize("schools", [12, 20, 50])
def test_intervals_cover_a_trait_of_schools_of_unequal_size(schools):
    """300 systems, a trait that half the schools have and sizes from 5 to 60: each way holds the truth in 92-98 %.

    The standard error of a coverage of 95 % is 1.3 points. Plain standard errors hold it far too seldom.
    """
    rng = np.random.default_rng(schools)
    size = np.linspace(5, 60, schools).astype(int)
    trait = np.arange(schools) % 2
    school, hits, plain = np.repeat(np.arange(schools), size), {CR2: 0, CV3: 0, WILD: 0}, 0
    for _ in range(300):
        score = (0.3 * trait + rng.normal(0, 0.25, schools))[school] + rng.normal(0, 0.6, len(school))
        data = pd.DataFrame({"score": score, "trait": trait[school], "school": school})
        of = least_squares(data, outcome="score", terms=["trait"], cluster="school")
        distance = abs(of.coefficients[1] - 0.3)
        error, df = cr2(of, "trait")
        hits[CR2] += distance <= stats.t.ppf(0.975, df) * error
        hits[CV3] += distance <= stats.t.ppf(0.975, schools - 1) * cv3(of, "trait")
        hits[WILD] += wild_bootstrap(of, "trait").p(0.3) >= 0.05
        variance = np.concatenate(of.residuals).var(ddof=2)
        plain += distance <= 1.96 * (variance * of.bread[1, 1]) ** 0.5
    assert all(0.92 <= count / 300 <= 0.98 for count in hits.values()), hits
    assert plain / 300 < 0.85
