"""The budget and the grants of a synthetic district; nothing is drawn, so that costs are found again to the cent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from sro_research.parameters import Wave


@dataclass(frozen=True)
class BudgetTruth:
    """What is planted."""

    per_officer_year: Mapping[str, float] = field(
        default_factory=lambda: {
            "salaries": 104_000.0,
            "development": 2_400.0,
            "body_cameras": 1_800.0,
            "refreshers": 900.0,
            "other": 1_500.0,
        }
    )
    """Cost by kind for an officer who serves the whole of the first fiscal year."""
    growth: Mapping[str, float] = field(
        default_factory=lambda: {
            "salaries": 0.03,
            "development": 0.02,
            "body_cameras": 0.04,
            "refreshers": 0.02,
            "other": 0.02,
        }
    )
    """Growth of these from year to year."""
    partners: Mapping[str, float] = field(default_factory=lambda: {"district": 0.45, "city": 0.30})
    """Shares of every cost that partners pay."""
    grants: Mapping[str, tuple[float, int]] = field(default_factory=lambda: {"G-21": (0.15, 1), "G-34": (0.10, 3)})
    """Share of every cost that a grant pays, and how many fiscal years after the last wave's its last day is."""
    award: float = 1.0
    """What is left of an award for the years to its end, as a part of what the grant would pay in them at this rate."""


def make_budget(
    officers: pd.DataFrame, waves: list[Wave], *, first_month: int, truth: BudgetTruth | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the tables `budget`, for the fiscal years in which waves end, and `grants`.

    Fiscal years begin with `first_month` and are named by the year in which they end.
    """
    truth = truth or BudgetTruth()
    ends = sorted({_ends(wave.end, first_month) for wave in waves})
    shares = {**truth.partners, **{f"grant:{name}": share for name, (share, _) in truth.grants.items()}}
    rows = []
    for end in ends:
        service = _service(officers, end)
        for item, cost in truth.per_officer_year.items():
            grown = cost * (1 + truth.growth[item]) ** (end.year - ends[0].year) * service
            rows += [(end.year, item, grown * share, payer) for payer, share in shares.items()]
    budget = pd.DataFrame(rows, columns=["fiscal_year", "item", "amount", "paid_by"])
    grants = []
    for name, (_, years) in truth.grants.items():
        paid = budget[budget["paid_by"] == f"grant:{name}"].groupby("fiscal_year")["amount"].sum()
        last = ends[-1]
        left = truth.award * years * paid[last.year]
        grants.append((name, _month_end(last.year + years, last.month), paid.sum() + left))
    return budget, pd.DataFrame(grants, columns=["grant_id", "end_date", "amount"])


def _month_end(year: int, month: int) -> pd.Timestamp:
    return pd.Timestamp(year, month, 1) + pd.offsets.MonthEnd(0)


def _ends(day: dt.date, first_month: int) -> pd.Timestamp:
    """Return the last day of the fiscal year that a day lies in."""
    last_month = (first_month - 2) % 12 + 1
    return _month_end(day.year + (day.month > last_month), last_month)


def _service(officers: pd.DataFrame, end: pd.Timestamp) -> float:
    """Count the officers of each day of a fiscal year, and average."""
    days = pd.date_range(end - pd.DateOffset(years=1) + pd.Timedelta(days=1), end)
    last = officers["end_date"].fillna(end)
    return sum(int(((officers["start_date"] <= day) & (last >= day)).sum()) for day in days) / len(days)
