"""Made-up reviews, budgets and grants keep the rules of their tables, and are the same for the same seed."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd

from sro_research import schemas
from sro_research.parameters import Wave, read_checked
from sro_research.standards.agreement import Agreement
from sro_research.standards.budget import BudgetStandard
from sro_research.synthetic.agreement import AgreementTruth, make_agreement_reviews, make_breaches
from sro_research.synthetic.budget import BudgetTruth, make_budget

STANDARDS = Path(__file__).parents[2] / "params" / "standards"
AGREEMENT, _ = read_checked(STANDARDS / "agreement.yaml", Agreement)
BUDGET, _ = read_checked(STANDARDS / "budget.yaml", BudgetStandard)
WAVES = [
    Wave(id=str(year), label={"en": "x"}, start=dt.date(year - 1, 8, 1), end=dt.date(year, 6, 30))
    for year in (2024, 2025, 2026)
]
SCHOOLS = pd.DataFrame([(f"{i:04d}", w.id) for i in range(4) for w in WAVES], columns=["school_id", "wave"])
OFFICERS = pd.DataFrame(
    {
        "officer_id": ["SRO-1", "SRO-2"],
        "start_date": pd.to_datetime(["2020-01-01", "2024-02-01"]),
        "end_date": pd.to_datetime([None, "2025-12-31"]),
    }
)


def broken(table: pd.DataFrame, schema) -> list[str]:
    """Write a table as text and read it again, as from a file."""
    text = table.map(lambda cell: "" if pd.isna(cell) else str(cell).removesuffix(" 00:00:00"))
    typed, unread = schemas.convert(text.astype("str"), schema)
    return unread["rule"].tolist() + schemas.broken_rules(typed, schema)["rule"].tolist()


def reviews(seed: int = 1) -> pd.DataFrame:
    return make_agreement_reviews(SCHOOLS, WAVES, AGREEMENT.scopes, rng=np.random.default_rng(seed))


def test_reviews_keep_the_rules() -> None:
    assert broken(reviews(), schemas.agreement_reviews(SCHOOLS["school_id"], AGREEMENT.scopes)) == []


def test_the_same_seed_gives_the_same_reviews() -> None:
    pd.testing.assert_frame_equal(reviews(), reviews())
    assert not reviews().equals(reviews(2))


def test_breaches_are_of_clauses_of_the_register() -> None:
    counts = make_breaches(WAVES, rng=np.random.default_rng(1))
    assert set(counts["clause"]) == set(AgreementTruth().breaches) <= set(AGREEMENT.clauses)
    assert len(counts) == 3 * len(WAVES)


def test_budgets_keep_the_rules() -> None:
    budget, grants = make_budget(OFFICERS, WAVES, first_month=BUDGET.first_month)
    assert broken(budget, schemas.budget(BUDGET.items, BUDGET.partners)) == []
    assert broken(grants, schemas.grants()) == []
    assert set(budget["fiscal_year"]) == {2024, 2025, 2026}


def test_what_is_planted_is_what_the_standard_assumes() -> None:
    assert dict(BudgetTruth().growth) == {name: item.growth for name, item in BUDGET.items.items()}
