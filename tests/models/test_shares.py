"""Limits for shares of cases against R, what is left as it is, and what the rubric makes of them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models.rubric import evidence_error
from sro_research.models.shares import with_limits

BINOM_TEST = [
    (0, 12, 0.000000000000, 0.264648469397),
    (12, 12, 0.735351530603, 1.000000000000),
    (7, 20, 0.153909204785, 0.592188534533),
    (150, 400, 0.327386238730, 0.424478211339),
    (1, 9, 0.002809136747, 0.482496514917),
]
"""Cases that are a yes, all cases, and `binom.test(yes, all)$conf.int` of R 4.2.2, printed to 12 digits."""
Z = stats.norm.isf(0.025)


def shares(values: list[float | None], cases: list[int | None], **more: object) -> pd.DataFrame:
    note = ["" if value is not None else "not known" for value in values]
    rows = pd.DataFrame({"estimate": values, "n": cases, "note": note, "wave": [str(i) for i in range(len(values))]})
    return as_estimates(rows, **({"measure": "m", "unit": "share"} | more))


def test_limits_against_r() -> None:
    yes, of, low, high = (np.array(column) for column in zip(*BINOM_TEST, strict=True))
    made = with_limits(shares((yes / of).tolist(), of.tolist()))
    # Absolute: half of the last digit that R printed.
    np.testing.assert_allclose(made["conf_low"].astype(float), low, atol=6e-13)
    np.testing.assert_allclose(made["conf_high"].astype(float), high, atol=6e-13)
    as_estimates(made)  # Each interval holds its share.


def test_of_persons_with_several_cases_the_size_is_that_of_the_persons() -> None:
    low, high = with_limits(shares([0.8, 0.9, 0.85], [10, 10, 10]))[["conf_low", "conf_high"]].to_numpy(float).T
    assert low[0] < low[2] < low[1] and high[0] < high[2] < high[1]


@pytest.mark.parametrize(
    "rows",
    [
        shares([0.5], [20], unit="hours"),
        shares([0.5], [20], std_error=0.1),
        shares([0.5], [20], conf_low=0.4, conf_high=0.6),
        shares([1.2], [20]),
        shares([0.5], [0]),
        shares([0.5], [None]),
        shares([None], [20]),
    ],
    ids=["no share", "an error", "limits", "beyond one", "no cases", "cases not known", "no share known"],
)
def test_what_is_no_bare_share_of_cases_stays_as_it_is(rows: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(with_limits(rows), rows)


@pytest.mark.parametrize("cases", [10, 20, 50, 200])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.9, 0.98])
def test_a_normal_interval_with_the_error_made_of_limits_covers_the_share(cases: int, share: float) -> None:
    yes = np.arange(cases + 1)
    made = with_limits(shares((yes / cases).tolist(), [cases] * (cases + 1)))
    error = evidence_error(made).to_numpy()
    covers = np.abs(yes / cases - share) <= Z * error
    # By summing over all counts, so that nothing is random; exact limits cover 95 % or more.
    assert stats.binom.pmf(yes, cases, share)[covers].sum() >= 0.95


def test_an_error_that_is_known_stays_and_without_limits_there_is_none() -> None:
    known, ratio, bare = shares([0.5], [20], std_error=0.1), shares([1.5], [20], unit="ratio"), shares([2.0], [5])
    ratio = ratio.assign(conf_low=1.2, conf_high=2.0).astype({"conf_low": "Float64", "conf_high": "Float64"})
    found = evidence_error(pd.concat([known, ratio, bare], ignore_index=True))
    assert found[:2].to_list() == pytest.approx([0.1, 0.5 / Z]) and np.isnan(found[2])
