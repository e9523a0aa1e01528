"""Cohen's kappa against R, its limits by simulation, and what has no kappa."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.models.kappa import (
    FEW,
    NEVER_ALIKE,
    NO_CASES,
    NO_DIFFERENCE,
    ONE_CLASS,
    ONE_CODER,
    agreement_estimates,
    cohen_kappa,
)

FOLDER = Path(__file__).parents[1] / "reference" / "contacts"
R = json.loads((FOLDER / "expected.json").read_text())
CODED = pd.read_csv(FOLDER / "coded.csv")
TOLERANCE = 1e-10
"""Relative: the same sums of shares."""


@pytest.mark.parametrize(
    ("name", "columns"), [("kappa_two", ["first", "second"]), ("kappa_three", ["third", "fourth"])]
)
def test_agrees_with_r(name: str, columns: list[str]) -> None:
    found = cohen_kappa(*(CODED[c] for c in columns))
    for column in ("n", "agreement", "estimate", "std_error"):
        assert found[column] == pytest.approx(R[name][column], rel=TOLERANCE), column
    assert found["std_error"] == pytest.approx(R[name]["psych_std_error"], rel=TOLERANCE)


def test_kappa_by_hand() -> None:
    """20 times both said r, 15 times both s, 15 times they differed: po is 0.7, pe 0.5 * 0.6 + 0.5 * 0.4 = 0.5."""
    first = pd.Series(["r"] * 25 + ["s"] * 25)
    second = pd.Series(["r"] * 20 + ["s"] * 5 + ["r"] * 10 + ["s"] * 15)
    found = cohen_kappa(first, second)
    assert found["estimate"] == pytest.approx(0.4) and found["agreement"] == pytest.approx(0.7)
    limits = np.arctanh(0.4) + np.array([-1, 1]) * 1.959964 * float(found["std_error"]) / (1 - 0.4**2)
    assert [found["conf_low"], found["conf_high"]] == pytest.approx(np.tanh(limits).tolist(), rel=1e-6)


def test_limits_cover_95_percent() -> None:
    rng = np.random.default_rng(7)
    differs, routine, n, times = 0.12, 0.35, 90, 1200
    second = routine * (1 - differs) + (1 - routine) * differs
    chance = routine * second + (1 - routine) * (1 - second)
    truth = (1 - differs - chance) / (1 - chance)
    held = []
    for _ in range(times):
        first = rng.random(n) < routine
        found = cohen_kappa(pd.Series(first), pd.Series(first ^ (rng.random(n) < differs)))
        held.append(found["conf_low"] <= truth <= found["conf_high"])
    # 1,200 draws: 3 standard errors of a coverage of 95 % are 1.9 %.
    assert 0.931 <= np.mean(held) <= 0.975


@pytest.mark.parametrize(
    ("first", "second", "kappa", "note"),
    [
        ("", "", None, NO_CASES),
        ("rrrr", "rrrr", None, ONE_CLASS),
        ("rrss", "rrss", 1, NO_DIFFERENCE),
        ("rrss", "ssrr", -1, NEVER_ALIKE),
        *((n * "r" + n * "s", n * "s" + n * "r", -1, NEVER_ALIKE) for n in (6, 9, 50)),  # 12ths do not add up
        (40 * "r", 30 * "r" + 10 * "s", 0, ONE_CODER),
        (30 * "s" + 1 * "r", 31 * "s", 0, ONE_CODER),
        ("rrssrs", "rrssss", 2 / 3, FEW),
    ],
)
def test_what_two_people_cannot_tell(first: str, second: str, kappa: float | None, note: str) -> None:
    coded = pd.DataFrame({"wave": "2024", "first": list(first), "second": list(second)})
    rows = agreement_estimates(coded)
    row = rows[(rows["measure"] == "coding_kappa") & (rows["wave"] == "")].squeeze()
    assert row["note"] == note and row["n"] == len(first)
    assert pd.isna(row["estimate"]) if kappa is None else row["estimate"] == pytest.approx(kappa, abs=1e-15)
    assert pd.isna(row["conf_low"]) == (note != FEW)


def test_each_wave_and_all_have_both_figures() -> None:
    coded = CODED[["first", "second"]].assign(wave=["2024", "2025"] * 40)
    rows = agreement_estimates(coded)
    assert rows.groupby("wave")["n"].first().to_dict() == {"": 80, "2024": 40, "2025": 40}
    assert set(rows["measure"]) == {"coding_kappa", "coding_agreement"}
    share = rows.set_index(["measure", "wave"]).loc[("coding_agreement", ""), "estimate"]
    assert share == pytest.approx(R["kappa_two"]["agreement"])
