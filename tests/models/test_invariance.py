"""Measurement invariance against R `lavaan` (tests/reference/lavaan), and verdicts on groups of known difference."""

import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.errors import WorkbenchError
from sro_research.models.dwls import difference
from sro_research.models.invariance import fit_step, measurement_invariance, step_model, steps_for
from sro_research.models.polychoric import ordinal_moments

REFERENCE = Path(__file__).parents[1] / "reference" / "lavaan"
R = json.loads((REFERENCE / "expected.json").read_text())["invariance"]
NEUROTIC = [f"N{i}" for i in range(1, 6)]


def tables() -> dict[str, list[np.ndarray]]:
    hs, bfi = pd.read_csv(REFERENCE / "hs.csv"), pd.read_csv(REFERENCE / "bfi.csv")
    third = np.arange(len(bfi)) % 3

    def split(table: pd.DataFrame, by: object) -> list[np.ndarray]:
        return [of.to_numpy() for _, of in table.groupby(by)]

    return {
        "textual_by_school": split(hs[["x4", "x5", "x6", "x1"]], hs["school"]),
        "yes_no_by_gender": split((bfi[NEUROTIC] > 3).astype(int), bfi["gender"]),
        "neurotic_by_gender": split(bfi[NEUROTIC], bfi["gender"]),
        "neurotic_by_third": split(bfi[NEUROTIC[:4]], third),
    }


@pytest.fixture(scope="module", params=R)
def both(request):
    moments = [ordinal_moments(of) for of in tables()[request.param]]
    return moments, {step: fit_step(moments, step) for step in steps_for(moments)}, R[request.param]


def test_fit_of_each_step_agrees_with_lavaan(both):
    """lavaan ends its search at a relative change of 1e-10 of the misfit: 1e-5 in estimates, less in the misfit."""
    _, fits, r = both
    assert list(fits) == list(r)
    for step, fit in fits.items():
        assert fit.reason == ""
        assert fit.srmr == pytest.approx(r[step]["srmr"], rel=1e-6)
        for kind in ("plain", "scaled"):
            ours = asdict(getattr(fit, kind))
            assert ours.pop("df") == r[step][kind]["df"]
            # lavaan takes p as 1 - P, which is 0 below 1e-16.
            assert ours.pop("p") == pytest.approx(r[step][kind]["p"], rel=1e-5, abs=1e-12)
            for name, value in ours.items():
                assert value == pytest.approx(r[step][kind][name], rel=2e-6), (step, kind, name)


def test_differences_of_fit_agree_with_lavaan(both):
    _, fits, r = both
    steps = list(fits)
    for before, step in pairwise(steps):
        chi2, df, p = difference(fits[before], fits[step])
        assert df == r[step]["difference_df"]
        assert chi2 == pytest.approx(r[step]["difference"], rel=1e-5)
        assert p == pytest.approx(r[step]["difference_p"], rel=1e-5, abs=1e-12)


def test_estimates_of_each_step_agree_with_lavaan(both):
    moments, fits, r = both
    for step, fit in fits.items():
        model = step_model(moments, step)
        error = np.append(np.sqrt(np.diag(fit.covariance)), 0.0)  # what is fixed has none
        for name in ("loadings", "scales", "intercepts", "means"):
            found = getattr(model, name).values(fit.free).ravel()
            # Behind scales and intercepts of other groups lies a flatter misfit than behind loadings.
            assert found == pytest.approx(r[step][name], abs=5e-5), (step, name)
        assert model.factors.values(fit.free).ravel() == pytest.approx(r[step]["variances"], rel=1e-4)
        for block, name in ((model.loadings, "loading"), (model.means, "mean"), (model.factors, "variance")):
            assert error[block.place.ravel()] == pytest.approx(r[step][f"{name}_errors"], rel=2e-4), (step, name)


LOADINGS = np.array([0.8, 0.75, 0.7, 0.65, 0.6])
CUTS = np.array([-1.2, -0.3, 0.6])


def answers(n: int, seed: int, *, mean=0.0, spread=1.0, loadings=LOADINGS, shift=(0, 0, 0, 0, 0)) -> np.ndarray:
    """Return answers of one group; `shift` moves items by themselves, which makes groups hard to compare."""
    rng = np.random.default_rng(seed)
    person = mean + spread * rng.normal(size=(n, 1))
    own = rng.normal(size=(n, 5)) * np.sqrt(1 - LOADINGS**2)
    return np.digitize(person * loadings + np.array(shift) + own, CUTS) + 1


def verdict(first: np.ndarray, second: np.ndarray):
    table = pd.DataFrame(np.vstack([first, second]), columns=list("abcde"))
    groups = pd.Series(["one"] * len(first) + ["two"] * len(second))
    return measurement_invariance(table, groups, items=list("abcde"))


def test_groups_that_differ_only_in_the_construct_are_comparable():
    found = verdict(answers(800, 1), answers(700, 2, mean=0.6, spread=1.3))
    assert (found.verdict, found.reason) == ("comparable", "")
    assert found.groups.to_dict() == {"one": 800, "two": 700}
    assert found.steps["step"].tolist() == ["configural", "thresholds", "loadings", "intercepts"]
    assert found.steps["df"].tolist() == [10, 15, 19, 23]
    assert (found.steps["note"] == "").all()


def test_the_difference_of_the_construct_is_found():
    first, second = answers(4000, 1), answers(4000, 2, mean=0.6, spread=1.3)
    moments = [ordinal_moments(first), ordinal_moments(second)]
    model, fit = step_model(moments, "intercepts"), fit_step(moments, "intercepts")
    assert model.means.values(fit.free)[1, 0] == pytest.approx(0.6, abs=0.08)
    assert model.factors.values(fit.free)[1, 0] == pytest.approx(1.3**2, abs=0.2)


def test_items_that_are_answered_differently_at_the_same_level_are_not_comparable():
    found = verdict(answers(1000, 1), answers(1000, 2, shift=(0.9, -0.7, 0, 0, 0)))
    assert found.verdict == "not comparable"
    assert found.reason == "the fit gets worse when intercepts are held equal"


def test_items_that_show_the_construct_differently_are_not_comparable():
    other = np.array([0.2, 0.75, 0.7, 0.3, 0.95])
    found = verdict(answers(1500, 1), answers(1500, 2, loadings=other))
    assert found.verdict == "not comparable"
    assert found.reason == "the fit gets worse when loadings are held equal"


def test_under_invariance_the_difference_is_significant_as_often_as_it_should():
    """Of 40 pairs of groups, 5 % have p < 0.05 at the last step: at most 7, with probability 0.999."""
    p = [verdict(answers(300, s), answers(300, 1000 + s, mean=0.3)).steps["difference_p"].iloc[-1] for s in range(40)]
    assert sum(x < 0.05 for x in p) <= 7
    assert np.mean(p) == pytest.approx(0.5, abs=0.15)


def noise(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 5, (n, 5))


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (answers(300, 1), answers(60, 2), "too few complete answers"),
        (answers(300, 1), np.minimum(answers(300, 2), 3), "an answer that nobody in one of the groups chose"),
        (answers(300, 1), answers(0, 2), "only one group"),
        (answers(300, 1), np.ones((300, 5), int), "the same answer from everyone"),
    ],
)
def test_what_cannot_be_told_says_why(first, second, reason):
    found = verdict(first, second)
    assert found.verdict == "can't tell"
    assert reason in found.reason
    assert found.steps.empty


def test_items_that_do_not_belong_together_cannot_tell():
    found = verdict(noise(400, 1), noise(400, 2))
    assert found.verdict == "can't tell" and found.reason


def test_an_item_that_is_not_there_is_an_error():
    with pytest.raises(WorkbenchError, match="no such column"):
        measurement_invariance(pd.DataFrame({"a": [1]}), pd.Series(["x"]), items=["a", "b"])
