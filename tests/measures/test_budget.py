"""Costs, who bears them, and what ends: small tables in, arithmetic out."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.measures.budget import (
    budget_findings,
    budget_indicators,
    fiscal_period,
    fiscal_year,
    officer_years,
    yearly_costs,
)
from sro_research.measures.budget_plan import PLAN, budget_plan, funding_cliff
from sro_research.parameters import Wave
from sro_research.standards.budget import BudgetStandard
from sro_research.synthetic.budget import BudgetTruth, make_budget

WAVES = [
    Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
SCHOOLS = pd.DataFrame({"school_id": ["a", "a", "b", "b"], "wave": ["1", "2"] * 2, "students": [300, 300, 100, None]})
SCHOOLS = SCHOOLS.astype({"students": "Int64", "school_id": "string", "wave": "string"})


def standard(first_month: int = 7, years: int = 3, **growth: float) -> BudgetStandard:
    def item(rate: float, required: bool) -> dict:
        return {"title": {"en": "x"}, "reason": {"en": "x"}, "growth": rate, "required": required}

    rates = {"salaries": 0.03, "cameras": 0.5, "other": 0.0} | growth
    return BudgetStandard.model_validate(
        {
            "currency": "dollars",
            "first_month": first_month,
            "years": years,
            "partners": {"district": {"title": {"en": "x"}}, "city": {"title": {"en": "x"}}},
            "items": {name: item(rate, name != "other") for name, rate in rates.items()},
        }
    )


def budget(*rows: tuple[int, str, float, str]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["fiscal_year", "item", "amount", "paid_by"])
    return table.astype({"fiscal_year": "Int64", "item": "string", "amount": "Float64", "paid_by": "string"})


def grants(*rows: tuple[str, str, float]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["grant_id", "end_date", "amount"])
    return table.astype({"grant_id": "string", "amount": "Float64"}).assign(end_date=pd.to_datetime(table["end_date"]))


BUDGET = budget(
    (2024, "salaries", 600, "district"),
    (2024, "salaries", 200, "grant:A"),
    (2024, "cameras", 200, "grant:B"),
    (2025, "salaries", 900, "city"),
)
GRANTS = grants(("A", "2025-12-31", 1000), ("B", "2024-06-30", 200))
OFFICERS = pd.DataFrame(
    {
        "officer_key": ["p", "q"],
        "start_date": pd.to_datetime(["2020-01-01", "2023-12-31"]),
        "end_date": pd.to_datetime([None, "2024-06-30"]),
    }
)


@pytest.mark.parametrize(
    ("first_month", "day", "year", "first", "last"),
    [
        (7, "2024-06-30", 2024, "2023-07-01", "2024-06-30"),
        (7, "2024-07-01", 2025, "2024-07-01", "2025-06-30"),
        (1, "2024-12-31", 2024, "2024-01-01", "2024-12-31"),
        (10, "2024-09-30", 2024, "2023-10-01", "2024-09-30"),
        (3, "2024-02-29", 2024, "2023-03-01", "2024-02-29"),
    ],
)
def test_a_fiscal_year_is_named_by_its_end(first_month: int, day: str, year: int, first: str, last: str) -> None:
    of = standard(first_month)
    assert fiscal_year(dt.date.fromisoformat(day), of) == year
    assert fiscal_period(year, of) == (pd.Timestamp(first), pd.Timestamp(last))


def test_a_year_that_lacks_a_required_cost_has_no_total() -> None:
    costs = yearly_costs(BUDGET, standard()).set_index("fiscal_year")
    assert costs.loc[2024].tolist() == [1000, 1000, 3, 0]
    assert pd.isna(costs.loc[2025, "cost"])
    assert costs.loc[2025, ["recorded", "lines", "lacking"]].tolist() == [900, 1, 1]
    # A zero is known.
    whole = pd.concat([BUDGET, budget((2025, "cameras", 0, "city"))])
    assert yearly_costs(whole, standard()).set_index("fiscal_year").loc[2025, "cost"] == 900


def test_service_counts_by_days() -> None:
    years, people = officer_years(OFFICERS, 2024, standard())
    assert people == 2
    assert years == pytest.approx(1 + 183 / 366)  # 31 December to 30 June, in a leap year
    assert officer_years(OFFICERS, 2025, standard()) == (1.0, 1)


def values(**more: object) -> pd.DataFrame:
    tables = {"schools": SCHOOLS, "officers": OFFICERS, "grants": GRANTS} | more
    table = budget_indicators(BUDGET, WAVES, standard=standard(), **tables)
    return table.set_index(["measure", "group", "wave"])


def test_costs_per_officer_and_per_100_students() -> None:
    table = values()
    assert table.loc[("cost_per_officer", "", "1"), "value"] == pytest.approx(1000 / (1 + 183 / 366))
    assert table.loc[("cost_per_officer", "", "1"), "cases"] == 2
    assert table.loc[("cost_per_100_students", "", "1"), "value"] == 250
    assert table.loc[("cost_per_100_students", "", "1"), "unit"] == "dollars per 100 students"
    # The year has no total; neither are all students known.
    assert table.loc[("cost_per_officer", "", "2"), "value"] is pd.NA
    assert table.loc[("cost_per_100_students", "", "2"), ["numerator", "denominator"]].isna().all()


def test_shares_by_partner_and_kind_of_cost() -> None:
    table = values()["value"]
    shares = table["cost_share"]
    assert shares[:, "1"].to_dict() == {"district": 0.6, "grant": 0.4, "cameras": 0.2, "salaries": 0.8}
    assert shares[:, "2"].isna().all()
    # A ends in the fiscal year 2026: not this year, not the next.
    assert table["ending_grants_share", "", "1"] == pytest.approx(0.2)


def test_what_was_not_provided_has_no_value() -> None:
    table = values(officers=None, grants=None)
    for measure in ("cost_per_officer", "ending_grants_share"):
        assert table.loc[(measure, "", "1"), "value"] is pd.NA
    assert table.loc[("cost_per_100_students", "", "1"), "value"] == 250


def test_the_cliff_is_the_first_year_in_which_grants_end() -> None:
    table = funding_cliff(BUDGET, GRANTS, standard=standard(), from_year=2024)
    assert table["fiscal_year"].tolist() == [2024, 2026]
    assert table.loc[0, ["grants", "of_year", "amount", "cost", "share"]].tolist() == [1, 2024, 200, 1000, 0.2]
    # 2026 is not on record; of 2025 the total is not known, and A pays nothing in it.
    assert table.loc[1, "of_year"] == 2025 and table.loc[1, "amount"] == 0 and table.loc[1, "share"] is pd.NA
    assert funding_cliff(BUDGET, GRANTS, standard=standard(), from_year=2025)["fiscal_year"].tolist() == [2026]


def test_a_cliff_before_any_record_has_no_share() -> None:
    row = funding_cliff(BUDGET, grants(("C", "2020-01-01", 5)), standard=standard(), from_year=2000).iloc[0]
    assert row["of_year"] is pd.NA and row["amount"] is pd.NA and row["share"] is pd.NA


def test_a_plan_by_hand() -> None:
    plan = budget_plan(BUDGET, GRANTS, standard=standard(years=3)).set_index(["fiscal_year", "item"])
    # The last year known in full is 2024. A pays 200 in 2025 and half of that until its end in December 2025.
    salaries = plan.xs("salaries", level="item")
    assert salaries["cost"].tolist() == pytest.approx([824, 848.72, 874.1816])
    assert salaries["partners"].tolist() == pytest.approx([618, 636.54, 655.6362])
    assert salaries["grants"].tolist() == pytest.approx([200, 200 * 184 / 365, 0])
    assert salaries["gap"].tolist() == pytest.approx([6, 212.18 - 200 * 184 / 365, 218.5454])
    cameras = plan.xs("cameras", level="item")  # B ended
    assert cameras["grants"].tolist() == [0, 0, 0]
    assert cameras["gap"].tolist() == pytest.approx([300, 450, 675])


def test_a_grant_gives_no_more_than_is_left() -> None:
    lines = budget((2024, "salaries", 60, "grant:A"), (2024, "cameras", 40, "grant:A"))
    plan = budget_plan(lines, grants(("A", "2030-06-30", 250)), standard=standard(years=3))
    paid = plan.pivot(index="fiscal_year", columns="item", values="grants")
    assert paid["salaries"].tolist() == pytest.approx([60, 30, 0])
    assert paid["cameras"].tolist() == pytest.approx([40, 20, 0])


def test_a_grant_whose_end_is_not_known_pays_nothing_ahead() -> None:
    for known in (None, grants(("B", "2030-06-30", 200))):
        plan = budget_plan(BUDGET, known, standard=standard())
        assert plan.loc[plan["item"] == "salaries", "grants"].tolist() == [0, 0, 0]


def test_without_a_year_known_in_full_there_is_no_plan() -> None:
    plan = budget_plan(budget((2025, "salaries", 1, "city")), GRANTS, standard=standard())
    assert plan.empty and list(plan.columns) == PLAN


AMOUNT = st.integers(0, 10**6).map(float)
PAYER = st.sampled_from(["district", "city", "grant:A", "grant:B", "grant:C"])
LINE = st.tuples(st.sampled_from([2023, 2024]), st.sampled_from(["salaries", "cameras", "other"]), AMOUNT, PAYER)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(LINE, unique_by=lambda line: (line[0], line[1], line[3]), min_size=1, max_size=15),
    st.floats(1, 1e6),
    st.dates(dt.date(2023, 1, 1), dt.date(2030, 1, 1)),
)
def test_a_plan_adds_up_and_no_grant_is_overdrawn(lines: list[tuple], award: float, end: dt.date) -> None:
    known = grants(("A", str(end), award), ("B", "2026-01-31", 1000.0))
    plan = budget_plan(budget(*lines), known, standard=standard(years=6))
    assert (plan["cost"] - plan["partners"] - plan["grants"] - plan["gap"]).abs().max() < 1e-6 or plan.empty
    assert (plan["grants"] >= 0).all()
    assert plan["grants"].sum() <= award + 1000 + 1e-6
    after = plan[plan["fiscal_year"] > max(fiscal_year(end, standard()), 2026)]
    assert (after["grants"] == 0).all()


def test_what_does_not_fit_is_counted_and_explained() -> None:
    odd = budget(
        (2025, "salaries", 50, "grant:B"),  # ended in 2024
        (2025, "cameras", 1, "grant:Z"),
        (2026, "salaries", 900, "grant:A"),
    )
    known = pd.concat([GRANTS, grants(("idle", "2027-06-30", 1))], ignore_index=True)
    waves = [*WAVES, Wave(id="3", label={"en": "x"}, start=dt.date(2026, 8, 1), end=dt.date(2027, 6, 30))]
    found = budget_findings(pd.concat([BUDGET, odd]), known, waves, standard=standard()).set_index("finding")
    assert found["rows"].to_dict() == {
        "years_not_known_in_full": 1,
        "waves_without_budget": 1,
        "unknown_grants": 1,
        "paid_after_grant_ended": 1,
        "paid_more_than_awarded": 2,
        "grants_without_lines": 1,
    }
    assert all(said.endswith(f": {n}.") for said, n in zip(found["explanation"], found["rows"], strict=True))


def test_nothing_is_found_where_all_is_well() -> None:
    whole = pd.concat([BUDGET, budget((2025, "cameras", 0, "city"))])
    found = budget_findings(whole, GRANTS, WAVES, standard=standard())
    assert set(found["rows"]) == {0} and "unknown_grants" in set(found["finding"])
    without = budget_findings(whole, None, WAVES, standard=standard())
    assert without["finding"].tolist() == ["years_not_known_in_full", "waves_without_budget"]


def test_a_budget_or_grants_without_rows() -> None:
    nothing = budget_findings(BUDGET[:0], GRANTS, WAVES, standard=standard()).set_index("finding")["rows"]
    assert nothing[nothing > 0].to_dict() == {"waves_without_budget": 2, "grants_without_lines": 2}
    without = budget_findings(BUDGET, GRANTS[:0], WAVES, standard=standard()).set_index("finding")["rows"]
    assert without["unknown_grants"] == BUDGET["paid_by"].str.startswith("grant:").sum()


# ---- planted truth ---------------------------------------------------------------------------
@pytest.mark.parametrize("first_month", [1, 7, 10])
def test_planted_costs_are_found_again(first_month: int) -> None:
    truth = BudgetTruth()
    of = standard(first_month, years=4, **truth.growth)
    of = of.model_copy(update={"items": {name: of.items[name] for name in truth.growth}})
    raw, known = make_budget(OFFICERS, WAVES, first_month=first_month, truth=truth)
    made = raw.astype({"fiscal_year": "Int64", "amount": "Float64", "item": "string", "paid_by": "string"})
    known = known.astype({"grant_id": "string", "amount": "Float64"})
    table = budget_indicators(made, WAVES, standard=of, schools=SCHOOLS, officers=OFFICERS, grants=known)
    found = table.set_index(["measure", "group", "wave"])["value"]
    first, second = (
        sum(cost * (1 + truth.growth[item]) ** k for item, cost in truth.per_officer_year.items()) for k in (0, 1)
    )
    assert found["cost_per_officer", "", "1"] == pytest.approx(first, rel=1e-12)
    assert found["cost_per_officer", "", "2"] == pytest.approx(second, rel=1e-12)
    assert found["cost_share"]["district", "2"] == pytest.approx(0.45)
    assert found["cost_share"]["grant", "2"] == pytest.approx(0.25)
    assert found["ending_grants_share", "", "2"] == pytest.approx(0.15)
    assert set(budget_findings(made, known, WAVES, standard=of)["rows"]) == {0}
    last = fiscal_year(WAVES[-1].end, of)
    cliff = funding_cliff(made, known, standard=of, from_year=last)
    assert cliff["fiscal_year"].tolist() == [last + 1, last + 3]
    assert cliff["share"].tolist() == pytest.approx([0.15, 0.10])
    # Grants pay flat until they end; then the gap is what grew, and what they no longer bear.
    plan = budget_plan(made, known, standard=of).groupby("fiscal_year")[["cost", "grants", "gap"]].sum()
    paid = {year: made.loc[(made["fiscal_year"] == last) & made["paid_by"].str.startswith("grant"), "amount"].sum()
            for year in (last + 1,)}  # fmt: skip
    assert plan["grants"][last + 1] == pytest.approx(paid[last + 1])
    assert plan["grants"][last + 2] == pytest.approx(paid[last + 1] * 0.10 / 0.25)
    assert plan["grants"][last + 4] == 0
    assert plan["gap"][last + 4] == pytest.approx(0.25 * plan["cost"][last + 4])


def test_a_grant_whose_end_is_not_known_leaves_the_share_that_ends_soon_open() -> None:
    """Not known to end is not known to stay."""

    def ending(known: pd.DataFrame) -> pd.Series:
        rows = budget_indicators(BUDGET, WAVES[:1], standard=standard(), schools=SCHOOLS, officers=None, grants=known)
        return rows[rows["measure"] == "ending_grants_share"].squeeze()

    assert ending(grants(("A", "2027-06-30", 1000), ("B", "2024-06-30", 200)))["value"] == 0.2
    assert pd.isna(ending(grants(("B", "2024-06-30", 200)))["value"])
