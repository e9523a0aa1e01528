"""The rules of reviews of the agreement, the budget and the grants."""

import pandas as pd
import pytest

from sro_research import schemas
from sro_research.schemas.agreement import OF_A_SCHOOL, OF_THE_DISTRICT

REVIEWS = schemas.agreement_reviews(["0001", "0002"], {"privacy": "district", "searches": "school"})
REVIEW = {"clause": "searches", "school_id": "0001", "date": "2024-03-01", "finding": "met", "evidence": "records"}
BUDGET = schemas.budget(["salaries", "other"], ["district", "city"])
LINE = {"fiscal_year": "2024", "item": "salaries", "amount": "100.50", "paid_by": "district"}
GRANTS = schemas.grants()
GRANT = {"grant_id": "G-1", "end_date": "2026-06-30", "amount": "5000"}


def broken(schema, *rows: dict[str, str]) -> list[str]:
    text = pd.DataFrame(list(rows), dtype="str")[list(schema.columns)]
    typed, unread = schemas.convert(text, schema)
    return unread["rule"].tolist() + schemas.broken_rules(typed, schema)["rule"].tolist()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, []),
        ({"evidence": ""}, []),
        ({"finding": "not_assessed", "evidence": ""}, []),
        ({"clause": "privacy", "school_id": ""}, []),
        ({"clause": "privacy"}, [OF_THE_DISTRICT]),
        ({"school_id": ""}, [OF_A_SCHOOL]),
        ({"clause": "lunch", "school_id": ""}, ["not a clause of this study"]),
        ({"school_id": "1"}, ["lost the leading zeros of a school of this study"]),
        ({"school_id": "0003"}, ["not a school of this study"]),
        ({"date": "03/01/2024"}, ["not a day as YYYY-MM-DD", "must not be blank"]),
        ({"finding": "failed"}, ["not one of met, partly, not_met, not_assessed"]),
        ({"finding": ""}, ["must not be blank"]),
        ({"evidence": "hearsay"}, ["not one of document, records, interview, observation"]),
    ],
)
def test_a_review(change: dict[str, str], rule: list[str]) -> None:
    assert broken(REVIEWS, REVIEW | change) == rule


def test_a_clause_is_reviewed_once_a_day_at_a_place() -> None:
    assert broken(REVIEWS, REVIEW, REVIEW | {"finding": "not_met"}) == [schemas.TWICE]
    of_district = REVIEW | {"clause": "privacy", "school_id": ""}
    assert broken(REVIEWS, of_district, of_district | {"finding": "not_met"}) == [schemas.TWICE]
    assert broken(REVIEWS, REVIEW, REVIEW | {"school_id": "0002"}, REVIEW | {"date": "2025-03-01"}) == []


def test_reviews_without_a_list_of_schools_name_any_school() -> None:
    assert broken(schemas.agreement_reviews(None, {"searches": "school"}), REVIEW | {"school_id": "x"}) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, []),
        ({"amount": "0"}, []),  # known to be nothing
        ({"paid_by": "grant:G-1"}, []),
        ({"paid_by": "grant:"}, ["not one of district, city, or grant: and the grant's identifier"]),
        ({"paid_by": "grant:a b"}, ["not one of district, city, or grant: and the grant's identifier"]),
        ({"paid_by": "county"}, ["not one of district, city, or grant: and the grant's identifier"]),
        ({"amount": "-1"}, ["must not be negative"]),
        ({"amount": ""}, ["must not be blank"]),
        ({"amount": "1,000"}, ["not a number", "must not be blank"]),
        ({"item": "cars"}, ["not a kind of cost of this study"]),
        ({"fiscal_year": "24"}, ["not a year between 1900 and 2100"]),
    ],
)
def test_a_line_of_the_budget(change: dict[str, str], rule: list[str]) -> None:
    assert broken(BUDGET, LINE | change) == rule


def test_a_partner_pays_a_kind_of_cost_once_a_year() -> None:
    assert broken(BUDGET, LINE, LINE | {"amount": "7"}) == [schemas.TWICE]
    assert broken(BUDGET, LINE, LINE | {"paid_by": "city"}, LINE | {"fiscal_year": "2025"}) == []


def test_a_grant() -> None:
    assert broken(GRANTS, GRANT, GRANT | {"grant_id": "G-2"}) == []
    assert broken(GRANTS, GRANT, GRANT) == [schemas.TWICE]
    assert broken(GRANTS, GRANT | {"amount": "0"}) == ["must be above zero"]
    assert broken(GRANTS, GRANT | {"end_date": ""}) == ["must not be blank"]
