"""Groups and populations compared: the same numbers as the design's own, family by family; nothing where nobody is."""

import numpy as np
import pandas as pd
import pytest

from sro_research.models.design import share_differences
from sro_research.models.differences import PLAN, group_differences, population_differences, told_apart


@pytest.fixture
def scores() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    school, gender = np.repeat(np.arange(12), 40), rng.choice([1, 2, 2], 480)
    agrees = (rng.random(480) < 0.5 + 0.2 * (gender == 1)).astype(float)
    return pd.DataFrame(
        {
            "population": "student",
            "construct": np.where(np.arange(480) % 2, "trust", "safety"),
            "school_id": school.astype(str),
            "gender": pd.array(gender, dtype="Int16"),
            "language": pd.array([None] * 480, dtype="Int16"),
            "agrees": agrees,
        }
    )


def test_each_group_is_held_against_the_largest(scores):
    found = group_differences(scores, groups=["gender", "language"])
    assert set(found["family"]) == {"gender"} and set(found["against"]) == {"2"} and set(found["group"]) == {"1"}
    of = scores.assign(group=scores["gender"].astype(str))
    wanted = share_differences(of, PLAN, "agrees", between="group", against="2", by=["construct"])
    for column in ("estimate", "conf_low", "conf_high", "p_value"):
        assert found[column].astype(float).tolist() == wanted[column].tolist()
    assert (found["estimate"] > 0).all()


def test_populations_and_families(scores):
    staff = scores.assign(population="staff", agrees=1 - scores["agrees"])
    found = population_differences(pd.concat([scores, staff]), against="staff")
    means = scores.groupby("construct")["agrees"].mean()
    assert found.set_index("construct")["estimate"].astype(float).to_dict() == pytest.approx((2 * means - 1).to_dict())
    assert population_differences(scores, against="staff").empty
    both = told_apart([group_differences(scores, groups=["gender"]), found])
    assert both["p_adjusted"].notna().all() and (both["p_adjusted"] >= both["p_value"]).all()
    assert told_apart([]).empty
