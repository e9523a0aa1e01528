"""Item statistics against R `psych::alpha`, tests/reference/psych."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.instruments import load_instrument
from sro_research.models import items as items_module
from sro_research.models.items import item_analysis, item_statistics, moments

PSYCH = Path(__file__).parents[1] / "reference" / "psych"
REFERENCE = json.loads((PSYCH / "expected.json").read_text())
SURVEYS = Path(__file__).parents[2] / "surveys"


@pytest.fixture(scope="module")
def keyed() -> pd.DataFrame:
    table = pd.read_csv(PSYCH / "bfi.csv").astype(float)
    table[REFERENCE["reversed"]] = 7 - table[REFERENCE["reversed"]]
    return table


@pytest.mark.parametrize("scale", REFERENCE["items"])
def test_agrees_with_r(keyed, scale):
    r = REFERENCE["items"][scale]
    found = item_statistics(keyed[REFERENCE["scales"][scale]], low=1, high=6).set_index("item")
    columns = {"n": "n", "mean": "mean", "sd": "sd", "share_floor": "floor", "share_ceiling": "ceiling"}
    columns |= {"item_rest": "item_rest", "alpha_if_dropped": "alpha_if_dropped"}
    for item, of in r["items"].items():
        ours, theirs = found.loc[item, list(columns)].tolist(), [of[name] for name in columns.values()]
        assert ours == pytest.approx(theirs, rel=1e-9), item
    assert (found["n_complete"] == r["n_complete"]).all() and (found["n"] > r["n_complete"]).any()
    assert (found["note"] == "").all()


def test_blocks_change_nothing(keyed, monkeypatch):
    answers = keyed[REFERENCE["scales"]["neuroticism"]]
    whole = moments(answers)
    monkeypatch.setattr(items_module, "BLOCK", 7)
    parts = moments(answers)
    assert parts.n == whole.n
    assert parts.covariances == pytest.approx(whole.covariances, rel=1e-12)
    assert whole.covariances == pytest.approx(answers.dropna().cov().to_numpy(), rel=1e-12)
    assert whole.means == pytest.approx(answers.dropna().mean().to_numpy(), rel=1e-12)


def test_large_numbers_lose_no_digits(keyed):
    answers = keyed[REFERENCE["scales"]["neuroticism"]]
    assert moments(answers + 1e9).covariances == pytest.approx(moments(answers).covariances, rel=1e-9)


def test_a_million_answers_are_not_copied():
    answers = pd.DataFrame(np.random.default_rng(2).integers(1, 5, (400_000, 20)).astype(float))
    tracemalloc.start()
    item_statistics(answers, low=1, high=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The table takes 64 MB.
    assert peak < answers.to_numpy().nbytes / 2


@pytest.mark.parametrize(
    ("answers", "rest", "alphas", "notes"),
    [
        (
            {"a": [1, 2, 3, 4.0], "b": [2, 2, 2, 2.0], "c": [1, 3, 2, 4.0]},
            [0.8, np.nan, 0.8],
            [0, 0.8888888888888889, 0],
            ["", "everyone gave this item the same answer", ""],
        ),
        (
            {"a": [1, 2, 3, 4.0], "b": [2, 2, 2, 2.0], "c": [3, 3, 3, 3.0]},
            [np.nan] * 3,
            [np.nan, 0, 0],
            [
                "the sum of the other items is the same for everyone",
                *["everyone gave this item the same answer"] * 2,
            ],
        ),
        (
            {"a": [1, 2, 3, 4.0], "b": [1, 3, 2, 4.0]},
            [0.8, 0.8],
            [np.nan] * 2,
            ["of two items none can be dropped"] * 2,
        ),
        ({"a": [1, 2, 3, 4.0]}, [np.nan], [np.nan], ["too few items or complete answers"]),
        (
            {"a": [1, np.nan], "b": [np.nan, 2], "c": [1, 2.0]},
            [np.nan] * 3,
            [np.nan] * 3,
            ["too few items or complete answers"] * 3,
        ),
    ],
)
def test_what_is_missing_says_why(answers, rest, alphas, notes):
    """By hand: a and c have variances 5/3 and covariance 4/3, so r = 0.8 and the alpha of the two 2 (1 - 10/18)."""
    found = item_statistics(pd.DataFrame(answers), low=1, high=4)
    assert found["item_rest"].tolist() == pytest.approx(rest, nan_ok=True)
    assert found["alpha_if_dropped"].tolist() == pytest.approx(alphas, nan_ok=True, abs=1e-12)
    assert found["note"].tolist() == notes


def test_blank_dont_know_and_prefer_not_are_kept_apart():
    instrument = load_instrument(SURVEYS, "student_climate", ["en"])
    construct = instrument.constructs["complaint_awareness"]
    first, *others = [item.id for item in construct.items]
    low, high = construct.low, construct.high
    responses = pd.DataFrame(
        {
            "wave": ["1"] * 5 + ["2"],
            first: pd.array([low, high, 98, 99, None, low], dtype="Int16"),
            **{item: pd.array([low, high, low, high, high, low], dtype="Int16") for item in others},
        },
        index=[3, 1, 4, 8, 5, 9],
    )
    plain = responses[[first, *others]].astype("Float64").astype(float)
    answers = {construct.id: plain.where(plain <= high)}
    found = item_analysis(responses, answers, instrument).set_index(["wave", "item"])
    shares = ["share_floor", "share_ceiling", "share_blank", "share_dont_know", "share_prefer_not"]
    assert found.loc[("1", first), ["respondents", "n", *shares]].tolist() == [5, 2, 0.5, 0.5, 0.2, 0.2, 0.2]
    assert found.loc[("1", others[0]), ["respondents", "n", *shares]].tolist() == [5, 5, 0.4, 0.6, 0, 0, 0]
    assert found.loc[("2", first), ["respondents", "n", *shares]].tolist() == [1, 1, 1, 0, 0, 0, 0]
    assert (found.loc["1", "n_complete"] == 2).all()
    assert (found.loc["2", "note"] == "too few items or complete answers").all()
    assert (found["construct"] == construct.id).all()
    assert item_analysis(responses[:0], answers, instrument).empty
