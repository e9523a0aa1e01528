"""Outcomes of schools by the roles of their officers."""

import numpy as np
import pandas as pd
import pytest

from sro_research.models.officer_contrasts import ABSENT, ROLES, contrast_estimates, role_contrasts, role_shares

REPLICATES = 20


def schools(*, ratio: float = 1.0, seed: int = 3) -> pd.DataFrame:
    """A sample of 600 schools in which those whose officers take part in discipline record `ratio` times as much."""
    rng = np.random.default_rng(seed)
    n = 600
    table = pd.DataFrame(
        {
            "level": rng.choice(["high", "middle"], n),
            "size": rng.choice(["from_500_to_999", "under_300"], n),
            "locale": rng.choice(["suburb", "city"], n),
            "crime": rng.choice(["moderate_crime", "low_crime"], n),
            "minority": pd.Series(pd.NA, index=range(n), dtype="string"),
            "officer": rng.choice(["no_officer", "has_officer"], n),
            "officer_role": rng.choice(["no_officer", "does_neither", "mentors_or_teaches"], n),
            "officer_discipline": rng.choice(["no_officer", "not_in_discipline", "in_discipline"], n),
            "officer_agreement": rng.choice(["no_officer", "no_agreement", "has_agreement"], n),
            "any_arrest": pd.array(rng.random(n) < 0.3, dtype="boolean"),
            "serious_action": pd.Series(pd.NA, index=range(n), dtype="boolean"),
        }
    )
    usual = np.where(table["level"] == "high", 8.0, 4.0) * np.where(
        table["officer_discipline"] == "in_discipline", ratio, 1
    )
    table["incidents"] = rng.poisson(usual).astype(float)
    weight = rng.uniform(10, 40, n)
    group = rng.permutation(n) % REPLICATES
    left_out = {
        f"replicate_{r + 1}": np.where(group == r, 0.0, weight * REPLICATES / (REPLICATES - 1))
        for r in range(REPLICATES)
    }
    return table.assign(weight=weight, **left_out)


def contrasts(table: pd.DataFrame) -> pd.DataFrame:
    return role_contrasts({"2020": table}, counts=["incidents"], shares=["any_arrest", "serious_action"])


def test_a_planted_ratio_is_found_against_schools_that_have_an_officer_too() -> None:
    found = contrasts(schools(ratio=1.5)).set_index(["role", "outcome", "group"])
    row = found.loc["officer_discipline", "incidents", "in_discipline"]
    assert row["against"] == "not_in_discipline"
    assert row["ratio_low"] < 1.5 < row["ratio_high"]
    assert row["ratio_low"] > 1.2
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    other = found.loc["officer_agreement", "incidents", "has_agreement"]
    assert other["ratio_low"] < 1 < other["ratio_high"]


def test_p_values_are_adjusted_within_a_wave_and_grouping() -> None:
    found = contrasts(schools(ratio=1.5))
    for _, family in found.dropna(subset=["p_value"]).groupby(["wave", "role"]):
        groups = 1 if family["role"].iloc[0] == "officer" else 2
        assert len(family) == 2 * groups  # two outcomes, each group against the reference
        assert family["p_adjusted"].max() == pytest.approx(family["p_value"].max())
        assert (family["p_adjusted"] >= family["p_value"]).all()


def test_what_a_years_file_does_not_have_is_said() -> None:
    found = contrasts(schools())
    missing = found[found["outcome"] == "serious_action"]
    assert list(missing["note"]) == [ABSENT] * len(ROLES)
    assert missing["difference"].isna().all()


def test_differences_are_rows_of_the_spine_with_their_unit_and_reference() -> None:
    found = contrasts(schools())
    rows = contrast_estimates(found).set_index(["measure", "group_by", "group"]).sort_index()
    row = rows.loc["difference_in_any_arrest", "officer_role", "mentors_or_teaches"]
    same = found[(found["outcome"] == "any_arrest") & (found["group"] == "mentors_or_teaches")].squeeze()
    assert (row["estimate"], row["unit"]) == (pytest.approx(same["difference"]), "share")
    assert row["method"].endswith("less does_neither")
    assert rows.loc["difference_in_incidents", "unit"].eq("per school").all()


def test_shares_of_a_grouping_add_up_to_one() -> None:
    shares = role_shares(schools())
    assert shares.groupby("role")["estimate"].sum().to_list() == pytest.approx([1, 1, 1, 1])
    assert shares.groupby("role")["n"].sum().to_list() == [600] * 4


def test_the_nations_contrasts_are_those_of_the_regression_that_r_witnesses(ssocs) -> None:
    from sro_research.measures.officer_roles import with_officer_roles
    from sro_research.models.national import jackknife_of
    from sro_research.models.survey_regression import effects

    table = with_officer_roles(ssocs["2018"])
    terms = {"officer_role": "does_neither", "level": "high", "size": "from_500_to_999", "locale": "suburb",
             "crime": "moderate_crime"}  # fmt: skip
    known = table.dropna(subset=["incidents_to_police"])
    direct = effects(
        known, jackknife_of(table), outcome="incidents_to_police", link="log", terms=list(terms), reference=terms
    )
    found = role_contrasts({"2018": table}, counts=["incidents_to_police"], shares=[])
    both = found[found["role"] == "officer_role"].set_index("group")["ratio"]
    assert both.to_dict() == pytest.approx(
        direct[direct["term"] == "officer_role"].set_index("group")["ratio"].to_dict()
    )
