"""What the program costs, per officer and per student, and who bears it.

A wave is held against the fiscal year in which it ends. A year that lacks a required kind of cost is not known in full:
it has no total, because a missing amount is not zero. All figures are of the district.
"""

from __future__ import annotations

import datetime as dt

import pandas as pd

from sro_research.measures.cases import findings
from sro_research.parameters import Wave
from sro_research.schemas.budget import GRANT
from sro_research.standards.budget import BudgetStandard

PER_STUDENTS = 100
COLUMNS = ["school_id", "wave", "group_by", "group", "measure", "population"]
COLUMNS += ["numerator", "denominator", "value", "unit", "cases"]


def fiscal_year(day: dt.date, standard: BudgetStandard) -> int:
    """Return the fiscal year of a day; it is named by the year in which it ends."""
    return day.year + (standard.first_month > 1 and day.month >= standard.first_month)


def fiscal_period(year: int, standard: BudgetStandard) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and the last day of a fiscal year."""
    first = pd.Timestamp(year - (standard.first_month > 1), standard.first_month, 1)
    return first, first + pd.DateOffset(years=1) - pd.Timedelta(days=1)


def yearly_costs(budget: pd.DataFrame, standard: BudgetStandard) -> pd.DataFrame:
    """Return by `fiscal_year`: `cost`, missing where the year is not known in full, `recorded` (what is known of it),
    `lines` (counted) and `lacking` (required kinds of cost without a row, counted)."""
    years = budget.groupby("fiscal_year")
    table = years.agg(recorded=("amount", "sum"), lines=("amount", "size"))
    needed = budget[budget["item"].isin(standard.required)]
    table["lacking"] = len(standard.required) - needed.groupby("fiscal_year")["item"].nunique().reindex(
        table.index, fill_value=0
    )
    table["cost"] = table["recorded"].where(table["lacking"] == 0)
    return table.reset_index()[["fiscal_year", "cost", "recorded", "lines", "lacking"]]


def officer_years(officers: pd.DataFrame, year: int, standard: BudgetStandard) -> tuple[float, int]:
    """Return the years of service that officers gave in a fiscal year, and how many officers gave them."""
    first, last = fiscal_period(year, standard)
    start = officers["start_date"].clip(lower=first)
    end = officers["end_date"].fillna(last).clip(upper=last)
    days = ((end - start).dt.days + 1).clip(lower=0)
    return float(days.sum() / ((last - first).days + 1)), int((days > 0).sum())


def budget_indicators(
    budget: pd.DataFrame,
    waves: list[Wave],
    *,
    standard: BudgetStandard,
    schools: pd.DataFrame,
    officers: pd.DataFrame | None,
    grants: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return costs as indicators of the district.

    `cost_per_officer` is per officer-year of service in the fiscal year (`cases` counts officers),
    `cost_per_100_students` per students of all schools (`cases` counts students), `cost_share` by partner (`group_by`
    "paid_by", all grants together as "grant") and by kind of cost ("item"); `ending_grants_share` is the share of cost
    borne by grants that have ended by the last day of the next fiscal year (`cases` counts lines of the budget). What
    the tables do not tell has no value: neither has the last, where a grant that pays is not in `grants`.
    """
    costs = yearly_costs(budget, standard).set_index("fiscal_year")
    rows = []
    for wave in waves:
        year = fiscal_year(wave.end, standard)
        cost = costs["cost"].get(year, pd.NA)
        lines = budget[budget["fiscal_year"] == year]
        of_wave = [_per_officer(cost, officers, year, standard), _per_students(cost, schools, wave, standard)]
        of_wave += [*_shares(lines, cost), _ending(lines, cost, grants, year, standard)]
        rows += [{"school_id": "", "wave": wave.id, "population": "", **row} for row in of_wave]
    table = pd.DataFrame(rows).astype({"numerator": "Float64", "denominator": "Float64", "cases": "Int64"})
    table["value"] = table.pop("per") * table["numerator"] / table["denominator"].mask(table["denominator"] <= 0)
    return table[COLUMNS]


def _row(measure: str, numerator: object, denominator: object, **more: object) -> dict[str, object]:
    return {"measure": measure, "numerator": numerator, "denominator": denominator, "per": 1} | (
        {"group_by": "", "group": "", "unit": "share"} | more
    )


def _per_officer(cost: object, officers: pd.DataFrame | None, year: int, standard: BudgetStandard) -> dict[str, object]:
    years, people = (pd.NA, pd.NA) if officers is None else officer_years(officers, year, standard)
    unit = f"{standard.currency} per officer-year"
    return _row("cost_per_officer", cost, years, unit=unit, cases=people)


def _per_students(cost: object, schools: pd.DataFrame, wave: Wave, standard: BudgetStandard) -> dict[str, object]:
    students = schools.loc[schools["wave"] == wave.id, "students"].sum(skipna=False)
    unit = f"{standard.currency} per {PER_STUDENTS} students"
    return _row("cost_per_100_students", cost, students, unit=unit, cases=students, per=PER_STUDENTS)


def _shares(lines: pd.DataFrame, cost: object) -> list[dict[str, object]]:
    payer = lines["paid_by"].mask(lines["paid_by"].str.startswith(GRANT), GRANT.removesuffix(":"))
    return [
        _row("cost_share", amounts.sum(), cost, group_by=group_by, group=group, cases=len(amounts))
        for group_by, groups in (("paid_by", payer), ("item", lines["item"]))
        for group, amounts in lines["amount"].groupby(groups)
    ]


def _ending(
    lines: pd.DataFrame, cost: object, grants: pd.DataFrame | None, year: int, standard: BudgetStandard
) -> dict[str, object]:
    if grants is None:
        return _row("ending_grants_share", pd.NA, cost, cases=pd.NA)
    of_grants = lines.loc[lines["paid_by"].str.startswith(GRANT), "paid_by"]
    if not of_grants.isin(GRANT + grants["grant_id"]).all():
        return _row("ending_grants_share", pd.NA, cost, cases=len(of_grants))
    soon = grants[grants["end_date"] <= fiscal_period(year + 1, standard)[1]]
    borne = lines.loc[lines["paid_by"].isin(GRANT + soon["grant_id"]), "amount"]
    return _row("ending_grants_share", borne.sum(), cost, cases=len(borne))


def budget_findings(
    budget: pd.DataFrame, grants: pd.DataFrame | None, waves: list[Wave], *, standard: BudgetStandard
) -> pd.DataFrame:
    """Return what does not fit, counted: `finding`, `rows` and `explanation`; a zero says that it was looked for."""
    costs = yearly_costs(budget, standard)
    silent = {fiscal_year(wave.end, standard) for wave in waves} - set(costs["fiscal_year"])
    found = {
        "years_not_known_in_full": (
            int((costs["lacking"] > 0).sum()),
            "Fiscal years that lack a required kind of cost and so have no total and no shares",
        ),
        "waves_without_budget": (len(silent), "Fiscal years in which a wave ends and of which there is no budget"),
        **({} if grants is None else _grant_findings(budget, grants, standard)),
    }
    return findings({name: (count, f"{words}: {count}.") for name, (count, words) in found.items()})


def _grant_findings(budget: pd.DataFrame, grants: pd.DataFrame, standard: BudgetStandard) -> dict[str, tuple[int, str]]:
    lines = budget[budget["paid_by"].str.startswith(GRANT)]
    lines = lines.assign(grant_id=lines["paid_by"].str.removeprefix(GRANT))
    known = lines.merge(grants.rename(columns={"amount": "award"}), on="grant_id")
    begins = pd.Series(
        [fiscal_period(int(year), standard)[0] for year in known["fiscal_year"]], known.index, dtype="datetime64[ns]"
    )
    paid = known.groupby("grant_id").agg(amount=("amount", "sum"), award=("award", "first"))
    return {
        "unknown_grants": (
            int((~lines["grant_id"].isin(grants["grant_id"])).sum()),
            "Lines of the budget whose grant is not in the file of grants, so that its end is not known",
        ),
        "paid_after_grant_ended": (
            int((known["end_date"] < begins).sum()),
            "Lines of the budget paid by a grant that ended before their fiscal year began",
        ),
        "paid_more_than_awarded": (
            int((paid["amount"] > paid["award"]).sum()),
            "Grants that pay more over all fiscal years than their award",
        ),
        "grants_without_lines": (
            int((~grants["grant_id"].isin(lines["grant_id"])).sum()),
            "Grants that pay for nothing in the budget",
        ),
    }
