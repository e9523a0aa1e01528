"""What may be shown: small groups lose every number, whoever asks."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sro_research.disclosure.policy import Policy
from sro_research.disclosure.primary import protect, summary
from sro_research.estimates import KEYS, NUMBERS, as_estimates

SECRET = 731001.25


def estimates(*counts: int | None, population: str = "student", estimate: float | None = SECRET) -> pd.DataFrame:
    rows = pd.DataFrame({"n": list(counts), "school_id": [str(i) for i in range(len(counts))]})
    return as_estimates(
        rows, measure="m", population=population, estimate=estimate, conf_low=estimate, conf_high=estimate,
        std_error=estimate, note="" if estimate else "reason", unit="u", method="x",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("n", "population", "status"),
    [
        (0, "student", "hidden"),  # zero hides with 1-9
        (9, "student", "hidden"),
        (10, "student", "shown"),
        (None, "student", "hidden"),  # nothing shows that it is safe
        (11, "officer", "hidden"),  # officers count by their own threshold
        (12, "officer", "shown"),
    ],
)
def test_thresholds(n, population, status):
    cells = protect(estimates(n, population=population), Policy(minimum_group_size=10, minimum_officers=12))
    assert cells["status"].tolist() == [status]
    assert cells[NUMBERS].isna().all(axis=None) == (status == "hidden")


def test_what_could_not_be_estimated_is_not_available_or_hidden_by_its_size():
    cells = protect(estimates(50, 5, estimate=None), Policy())
    assert cells["status"].tolist() == ["not_available", "hidden"]
    assert cells[NUMBERS].isna().all(axis=None)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(5, 30))
def test_no_hidden_row_keeps_a_number_and_no_row_is_lost(counts, threshold):
    table = estimates(*counts)
    cells = protect(table, Policy(minimum_group_size=threshold))
    hidden = cells[cells["status"] == "hidden"]
    assert sorted(map(tuple, cells[KEYS].to_numpy())) == sorted(map(tuple, table[KEYS].to_numpy()))
    assert len(hidden) == sum(n < threshold for n in counts)
    assert hidden[NUMBERS].isna().all(axis=None)
    assert str(SECRET) not in hidden.to_csv()
    assert summary(cells)["hidden"] + summary(cells)["shown"] == len(counts)


def test_hidden_cells_do_not_depend_on_what_they_hide():
    few = protect(estimates(3, 40, estimate=1.0), Policy())
    other = protect(estimates(7, 40, estimate=1.0), Policy())
    pd.testing.assert_frame_equal(few, other)


def test_reasons_and_methods_stay_behind():
    assert {"note", "method"} & set(protect(estimates(40), Policy()).columns) == set()
