"""Structure within and between schools against R `psych::statsBy`, `aov` and `lavaan` (tests/reference/lavaan)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.models.school_structure import one_factor, school_structure

REFERENCE = Path(__file__).parents[1] / "reference" / "lavaan"
R = json.loads((REFERENCE / "expected.json").read_text())["schools"]
ITEMS = [f"q{i}" for i in range(1, 6)]


@pytest.fixture(scope="module")
def students() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "schools.csv")


def test_both_levels_agree_with_r(students):
    found = school_structure(students[ITEMS], students["school"])
    assert found.icc.tolist() == pytest.approx(R["icc"], rel=1e-9)
    for level in ("within", "between"):
        ours = getattr(found, level)
        assert ours.reason == ""
        assert ours.correlations.to_numpy().ravel() == pytest.approx(R[level], rel=1e-9)
        # lavaan ends its search at a relative change of 1e-10 of the misfit.
        assert ours.loadings.tolist() == pytest.approx(R[f"{level}_factor"]["loadings"], abs=1e-5)
        assert ours.srmr == pytest.approx(R[f"{level}_factor"]["srmr"], rel=1e-6)


def test_side_by_side(students):
    found = school_structure(students[ITEMS], students["school"])
    table = found.side_by_side()
    assert table.columns.tolist() == ["item", "icc", "within", "between"]
    assert table["item"].tolist() == ITEMS
    assert table["between"].tolist() == found.between.loadings.tolist()
    assert (found.schools, found.n, found.note) == (60, 840, "")


def test_by_hand():
    """Schools (1, 3) and (5, 7): squares within 4 on 2, between 16 on 1, so 2 and (16 - 2) / 2 = 7."""
    answers = pd.DataFrame({"a": [1, 3, 5, 7], "b": [1, 3, 5, 7], "c": [3, 1, 5, 7]})
    found = school_structure(answers, pd.Series(list("xxyy")))
    assert found.icc.tolist() == pytest.approx([7 / 9] * 3)
    assert found.within.correlations.loc["a"].tolist() == pytest.approx([1, 1, 0])
    assert found.between.correlations.loc["a"].tolist() == pytest.approx([1, 1, 8 / 7])


def test_few_schools_are_said_to_be_few(students):
    some = students[students["school"] <= 20]
    assert school_structure(some[ITEMS], some["school"]).note.startswith("few schools")


def test_schools_that_do_not_differ_have_no_structure_between():
    codes = np.random.default_rng(1).integers(1, 6, (600, 4))
    answers = pd.DataFrame(codes, columns=list("abcd"))
    found = school_structure(answers, pd.Series(np.arange(600) % 60))
    assert "do not differ" in found.between.reason
    assert found.between.loadings.isna().all()
    assert found.within.correlations.notna().all(axis=None)


def test_one_school_or_one_item_says_so(students):
    alone = school_structure(students[ITEMS], pd.Series(1, index=students.index))
    assert alone.between.reason == alone.note == "too few schools, respondents or items"


def test_a_factor_of_known_loadings_is_found_and_an_improper_one_refused():
    truth = np.array([0.9, 0.5, -0.4, 0.6])
    loadings, reason = one_factor(np.outer(truth, truth) + np.diag(1 - truth**2))
    assert (loadings == pytest.approx(truth)) and reason == ""
    loadings, reason = one_factor(np.array([[1, 0.8, 0.8], [0.8, 1, 0.4], [0.8, 0.4, 1]]))
    assert np.isnan(loadings).all() and "no part of its own" in reason
