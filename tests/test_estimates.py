"""The spine: every statistic a row, every gap a reason."""

import pandas as pd
import pandera.errors
import pytest

from sro_research.estimates import COLUMNS, as_estimates, from_indicators, stack


def row(**values: object) -> pd.DataFrame:
    return pd.DataFrame([{"measure": "m", "n": 20, "estimate": 0.5, "unit": "share", "method": "x"} | values])


def test_blank_keys_and_types_are_filled_in():
    table = as_estimates(row())
    assert list(table.columns) == COLUMNS
    assert table.loc[0, ["population", "school_id", "wave", "note", "status"]].tolist() == ["", "", "", "", "estimated"]
    assert str(table["n"].dtype) == "Int64" and str(table["estimate"].dtype) == "Float64"


@pytest.mark.parametrize(
    "wrong",
    [
        {"estimate": None},  # not estimable, and no reason
        {"conf_low": 0.6, "conf_high": 0.7},  # an interval beside its estimate
        {"n": -1},
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises((pandera.errors.SchemaError, pandera.errors.SchemaErrors)):
        as_estimates(row(**wrong))


def test_infinity_is_not_an_estimate():
    table = as_estimates(row(estimate=float("inf"), note="division by zero"))
    assert table.loc[0, "status"] == "not_estimable" and pd.isna(table.loc[0, "estimate"])


def test_the_same_statistic_twice_is_refused_and_none_is_fine():
    with pytest.raises((pandera.errors.SchemaError, pandera.errors.SchemaErrors)):
        stack([as_estimates(row()), as_estimates(row(estimate=0.6))])
    assert stack([]).empty


def test_indicators_keep_the_groups_they_are_broken_down_by():
    rows = {"school_id": "", "wave": "1", "measure": "m", "population": "", "numerator": 1, "unit": "share"}
    whole = pd.DataFrame([rows | {"denominator": 4, "value": 0.25}])
    parts = pd.concat([whole.assign(denominator=2, group_by="kind", group=group) for group in "ab"])
    made = stack([from_indicators(table, people="denominator", method="m") for table in (whole, parts)])
    assert made[["group_by", "group", "n"]].values.tolist() == [["", "", 4], ["kind", "a", 2], ["kind", "b", 2]]
