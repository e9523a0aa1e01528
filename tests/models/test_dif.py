"""Differential item functioning against R `ordinal::clm` and `MASS::polr`, tests/reference/psych."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from statsmodels.miscmodels.ordinal_model import OrderedModel

from sro_research.models.dif import differential_items, proportional_odds

PSYCH = Path(__file__).parents[1] / "reference" / "psych"
REFERENCE = json.loads((PSYCH / "expected.json").read_text())
TESTS = ["uniform", "nonuniform", "total"]


@pytest.fixture(scope="module")
def keyed() -> pd.DataFrame:
    table = pd.read_csv(PSYCH / "bfi.csv").astype(float)
    table[REFERENCE["reversed"]] = 7 - table[REFERENCE["reversed"]]
    return table


@pytest.mark.parametrize(
    ("scale", "group", "note"),
    [("agreeableness", "gender", ""), ("neuroticism", "education", "groups below 100 are left out")],
)
def test_agrees_with_r(keyed, scale, group, note):
    r = REFERENCE["dif"][f"{scale}_by_{group}"]
    found = differential_items(keyed[REFERENCE["scales"][scale]], keyed[group])
    assert (found["groups"] == len(r["groups"])).all()
    assert (found["note"] == note).all() and (found["status"] == "estimated").all()
    found = found.set_index(["item", "test"])
    numbers = ["chi2", "df", "p", "nagelkerke_change", "mcfadden_change"]
    for item, of in r["items"].items():
        for test in TESTS:
            ours = found.loc[(item, test), numbers].tolist()
            # A change in R2 of 1e-8 is the difference of two numbers with 16 digits.
            assert ours == pytest.approx([of[test][name] for name in numbers], rel=1e-6, abs=1e-12), (item, test)
        assert found.loc[(item, "total"), "n"] == of["n"]
        assert found.loc[(item, "total"), "p_adjusted"] == pytest.approx(r["total_p_adjusted"][item], rel=1e-6)


def test_the_log_likelihoods_are_those_of_r(keyed):
    r = REFERENCE["dif"]["agreeableness_by_gender"]["items"]
    names = REFERENCE["scales"]["agreeableness"]
    table = keyed[[*names, "gender"]].dropna()
    for item, of in r.items():
        rest = table[[name for name in names if name != item]].mean(axis=1).to_numpy()
        rest = (rest - rest.mean())[:, None]
        woman = (table["gender"].to_numpy() == 2)[:, None].astype(float)
        answers = table[item].rank(method="dense").to_numpy(dtype=int) - 1
        models = {"null": rest[:, :0], "score": rest, "uniform": np.hstack([rest, woman])}
        models["full"] = np.hstack([models["uniform"], rest * woman])
        for model, x in models.items():
            ours = proportional_odds(answers, x, np.ones(len(x)))
            assert ours == pytest.approx(of["logliks"][model], rel=1e-10), (item, model)


def test_statsmodels_agrees_row_by_row(keyed):
    table = keyed[["N1", "N2", "gender"]].dropna()
    x = table[["N2", "gender"]].to_numpy() - table[["N2", "gender"]].mean().to_numpy()
    answers = table["N1"].to_numpy(dtype=int) - 1
    cells = pd.DataFrame({"y": answers, "a": x[:, 0], "b": x[:, 1]}).groupby(["y", "a", "b"]).size().reset_index()
    ours = proportional_odds(cells["y"].to_numpy(), cells[["a", "b"]].to_numpy(), cells[0].to_numpy(dtype=float))
    theirs = OrderedModel(answers, x, distr="logit").fit(method="bfgs", disp=False, gtol=1e-8, maxiter=500).llf
    # BFGS on numerical slopes ends about 1e-7 from the top.
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert len(cells) < len(table)


def simulated(n: int, *, uniform: float = 0.0, slope: float = 1.5, seed: int = 4) -> tuple[pd.DataFrame, pd.Series]:
    """Six items of four answers and two groups; item `a` is shifted, and has another slope, in the second group."""
    rng = np.random.default_rng(seed)
    person, group = rng.normal(size=n), np.arange(n) % 2
    columns = {}
    for item in "abcdef":
        here = group * (item == "a")
        eta = (1.5 + here * (slope - 1.5)) * person + uniform * here
        columns[item] = 1.0 + (rng.random((n, 1)) > expit(np.array([-1.5, 0, 1.5]) - eta[:, None])).sum(axis=1)
    return pd.DataFrame(columns), pd.Series(group).map({0: "x", 1: "y"})


def test_a_shifted_item_is_found_and_no_other():
    found = differential_items(*simulated(4000, uniform=1.5)).set_index(["item", "test"])
    assert found.loc[("a", "uniform"), "jodoin_gierl"] == "large"
    # The older limits are so high that even a shift of one and a half logits is negligible: the reason to show both.
    assert found.loc[("a", "total"), "zumbo"] == "negligible"
    assert found.loc[("a", "total"), "p_adjusted"] < 1e-10
    others = found.drop(index="a", level="item")
    assert (others["jodoin_gierl"] == "negligible").all()


def test_an_item_that_matters_less_to_a_group_is_non_uniform():
    found = differential_items(*simulated(4000, slope=0.0)).set_index(["item", "test"])
    assert found.loc[("a", "nonuniform"), "p_adjusted"] < 1e-10
    assert found.loc[("a", "nonuniform"), "jodoin_gierl"] in ("moderate", "large")
    assert found.loc[("a", "uniform"), "nagelkerke_change"] < 0.01


def test_p_is_uniform_where_nothing_differs():
    """Of 100 independent p, those below 0.2 are 20 on average with a standard deviation of 4."""
    p = []
    for seed in range(50):
        answers, groups = simulated(400, seed=100 + seed)
        found = differential_items(answers[["a", "b", "c"]], groups).set_index(["item", "test"])
        p += found.loc[[("a", "uniform"), ("a", "nonuniform")], "p"].tolist()
    assert 20 - 3 * 4 < (np.array(p) < 0.2).sum() < 20 + 3 * 4
    assert np.mean(p) == pytest.approx(0.5, abs=3 * np.sqrt(1 / 12 / 100))


def test_small_groups_are_not_compared():
    answers, groups = simulated(300)
    found = differential_items(answers, groups.mask(np.arange(300) < 110, "z").mask(np.arange(300) >= 280))
    # 110 of z and 85 each of x and y: one group is left.
    assert (found["status"] == "not_estimable").all() and found["p"].isna().all()
    assert (found["note"] == "fewer than two groups of 100 complete answers").all()
    assert (found["jodoin_gierl"] == "").all() and len(found) == 18


def test_who_left_an_item_blank_or_is_in_no_group_does_not_count():
    answers, groups = simulated(400)
    found = differential_items(answers.mask(answers.index.to_series() < 10), groups.mask(groups.index > 389))
    assert (found["n"] == 380).all()
    kept = slice(10, 390)
    alone = differential_items(answers.iloc[kept], groups.iloc[kept])
    pd.testing.assert_frame_equal(found, alone)


def test_what_cannot_be_fitted_says_why():
    answers, groups = simulated(400)
    answers = answers[["a", "b"]].assign(same=2.0)
    found = differential_items(answers, groups).set_index(["item", "test"])
    assert found.loc[("same", "total"), "note"] == "everyone gave this item the same answer"
    twin = pd.DataFrame({"a": answers["a"], "twin": answers["a"]})
    found = differential_items(twin, groups)
    assert (found["note"] == "the model did not converge: some answers are predicted exactly").all()
    alone = differential_items(answers[["a"]], groups)
    assert (alone["note"] == "the other items do not differ").all()
    assert (alone["status"] == "not_estimable").all()


def test_an_answer_that_a_group_never_gave_is_said():
    answers, groups = simulated(600)
    answers.loc[groups == "y", "a"] = answers.loc[groups == "y", "a"].clip(upper=3)
    found = differential_items(answers, groups).set_index(["item", "test"])
    assert found.loc[("a", "total"), "note"] == "a group never gave one of the answers"
    assert found.loc[("a", "total"), "status"] == "estimated"
    assert found.loc[("b", "total"), "note"] == ""


def test_equal_rows_are_counted_not_repeated():
    """A hundred times as many people say a hundred times as much, in the same time."""
    answers, groups = simulated(400, uniform=0.5)
    once = differential_items(answers, groups)
    often = differential_items(
        pd.concat([answers] * 100, ignore_index=True), pd.concat([groups] * 100, ignore_index=True)
    )
    assert often["chi2"].tolist() == pytest.approx((100 * once["chi2"]).tolist(), rel=1e-6, abs=1e-6)
    assert often["nagelkerke_change"].tolist() == pytest.approx(once["nagelkerke_change"].tolist(), rel=1e-6, abs=1e-10)
