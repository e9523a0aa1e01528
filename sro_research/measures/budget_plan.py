"""What happens to the budget when grants end, and what the next years cost if stated rates hold: arithmetic, not a
forecast.

Nothing is estimated here. A cliff is what ending grants bear of a recorded year's cost. A plan takes the last fiscal
year that is known in full, lets each kind of cost and what partners pay for it grow by the standard's rate g,

    cost in k years = cost (1 + g)^k,

and lets grants pay what they paid, for the part of the fiscal year that lies before their last day, and never more than
is left of the award. What nobody has said to pay is the gap.
"""

from __future__ import annotations

import pandas as pd

from sro_research.measures.budget import fiscal_period, fiscal_year, yearly_costs
from sro_research.schemas.budget import GRANT
from sro_research.standards.budget import BudgetStandard

PLAN = ["fiscal_year", "item", "growth", "cost", "partners", "grants", "gap"]


def funding_cliff(
    budget: pd.DataFrame, grants: pd.DataFrame, *, standard: BudgetStandard, from_year: int
) -> pd.DataFrame:
    """Return the fiscal years from `from_year` on in which grants end, earliest first: the first row is the cliff.

    `grants` counts those that end, `amount` is what they pay in `of_year`, the last fiscal year on record that is not
    after their end; `share` is that of its cost, missing where the year is not known in full or none is on record.
    """
    costs = yearly_costs(budget, standard).set_index("fiscal_year")["cost"]
    ends = grants["end_date"].map(lambda day: fiscal_year(day, standard))
    rows = []
    for year, ending in grants.groupby(ends):
        if year < from_year:
            continue
        on_record = costs.index[costs.index <= year]
        of_year = on_record.max() if len(on_record) else pd.NA
        lines = budget[budget["paid_by"].isin(GRANT + ending["grant_id"]) & (budget["fiscal_year"] == of_year)]
        amount = lines["amount"].sum() if len(on_record) else pd.NA
        rows.append((year, len(ending), of_year, amount, costs.get(of_year, pd.NA)))
    table = pd.DataFrame(rows, columns=["fiscal_year", "grants", "of_year", "amount", "cost"])
    table = table.astype({"of_year": "Int64", "amount": "Float64", "cost": "Float64"})
    return table.assign(share=table["amount"] / table["cost"].mask(table["cost"] == 0))


def budget_plan(budget: pd.DataFrame, grants: pd.DataFrame | None, *, standard: BudgetStandard) -> pd.DataFrame:
    """Return a row per year ahead and kind of cost: `growth`, `cost`, what `partners` and `grants` pay, and the `gap`.

    Grants whose end is not known pay nothing. Empty where no fiscal year is known in full.
    """
    costs = yearly_costs(budget, standard).dropna(subset=["cost"])
    if costs.empty:
        return pd.DataFrame(columns=PLAN)
    base = int(costs["fiscal_year"].max())
    lines = budget[budget["fiscal_year"] == base]
    of_grants = lines["paid_by"].str.startswith(GRANT)
    sums = pd.DataFrame(
        {"now": lines.groupby("item")["amount"].sum(), "theirs": lines[~of_grants].groupby("item")["amount"].sum()}
    ).fillna(0.0)
    left = _left(budget, grants, base)
    years = []
    for k in range(1, standard.years + 1):
        paid, left = _paid(lines[of_grants], left, base + k, standard)
        growth = pd.Series({item: standard.items[item].growth for item in sums.index}, dtype="Float64")
        factor = (1 + growth) ** k
        table = pd.DataFrame({"growth": growth, "cost": sums["now"] * factor, "partners": sums["theirs"] * factor})
        table["grants"] = paid.reindex(table.index, fill_value=0.0)
        years.append(table.rename_axis("item").reset_index().assign(fiscal_year=base + k))
    table = pd.concat(years, ignore_index=True)
    return table.assign(gap=table["cost"] - table["partners"] - table["grants"])[PLAN]


def _left(budget: pd.DataFrame, grants: pd.DataFrame | None, base: int) -> pd.DataFrame:
    """Return the last day and what is left of the award after the base year, by what `paid_by` calls the grant."""
    if grants is None:
        return pd.DataFrame({"end_date": pd.Series(dtype="datetime64[ns]"), "left": pd.Series(dtype="Float64")})
    spent = budget[budget["fiscal_year"] <= base].groupby("paid_by")["amount"].sum()
    by_name = grants.set_index(GRANT + grants["grant_id"])
    left = by_name["amount"] - spent.reindex(by_name.index, fill_value=0.0)
    return pd.DataFrame({"end_date": by_name["end_date"], "left": left.clip(lower=0)})


def _paid(
    lines: pd.DataFrame, left: pd.DataFrame, year: int, standard: BudgetStandard
) -> tuple[pd.Series, pd.DataFrame]:
    """Return what grants pay in a fiscal year, by kind of cost, and what is left of them after it."""
    first, last = fiscal_period(year, standard)
    part = (((left["end_date"] - first).dt.days + 1) / ((last - first).days + 1)).clip(0, 1)
    wanted = lines.assign(amount=lines["amount"] * lines["paid_by"].map(part).fillna(0).astype("Float64"))
    asked = wanted.groupby("paid_by")["amount"].sum().reindex(left.index, fill_value=0.0)
    given = asked.clip(upper=left["left"])
    scale = (given / asked.mask(asked == 0)).fillna(0)
    paid = wanted["amount"] * wanted["paid_by"].map(scale).fillna(0).astype("Float64")
    return paid.groupby(wanted["item"]).sum(), left.assign(left=left["left"] - given)
