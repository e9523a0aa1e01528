"""Contacts against clauses: small logs in, counts out."""

import datetime as dt

import pandas as pd
from conftest import PROJECT

from sro_research.measures.agreement import breach_indicators
from sro_research.measures.breaches import contact_breaches
from sro_research.parameters import Wave, read_checked
from sro_research.standards.agreement import Agreement

WAVES = [
    Wave(id="1", label={"en": "One"}, start=dt.date(2024, 1, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
COLUMNS = ["date", "kind", "reason", "basis", "outcome", "called_by", "second_reason", "found"]


def log(*rows: tuple[str, str, str | None, str | None, str | None]) -> pd.DataFrame:
    table = pd.DataFrame([(*row, None, None, None) for row in rows], columns=COLUMNS)
    return table.astype(dict.fromkeys(COLUMNS, "string") | {"date": "datetime64[ns]"})


LOG = log(
    ("2024-02-01", "other", "routine_discipline", None, "warned"),
    ("2024-02-02", "search", "safety_or_criminal", None, "warned"),
    ("2024-02-03", "search", "safety_or_criminal", "consent", None),
    ("2024-02-04", "stop", None, None, None),  # no power of the police was used, and no class is not a class
    ("2024-07-15", "arrest", "routine_discipline", None, None),  # in no wave
)


def test_contacts_that_do_not_fit_a_clause_are_counted() -> None:
    rows = contact_breaches(LOG, WAVES)
    assert dict(zip(rows["clause"], rows["rows"], strict=True)) == {
        "discipline_boundary": 1,
        "search_rules": 1,
        "incident_documentation": 1,
    }
    assert set(rows["wave"]) == {"1"}  # nothing was logged in the other wave: that is not known


def test_a_log_with_nothing_against_a_clause_has_a_zero() -> None:
    kept = log(("2024-02-03", "search", "safety_or_criminal", "consent", "warned"))
    rows = contact_breaches(kept, WAVES)
    assert rows["rows"].tolist() == [0, 0, 0] and contact_breaches(LOG[:0], WAVES).empty


def test_the_clauses_are_those_of_the_standard() -> None:
    agreement = read_checked(PROJECT / "params" / "standards" / "agreement.yaml", Agreement)[0]
    rows = contact_breaches(LOG, WAVES)
    assert set(rows["clause"]) <= set(agreement.clauses)
    assert len(breach_indicators(rows, agreement)) == len(rows)


def test_what_the_log_does_not_tell_is_no_breach_and_no_zero() -> None:
    """Columns may be missing: without classes nothing is known of discipline, without bases nothing of searches."""
    bare = LOG.assign(reason=pd.NA, basis=pd.NA, outcome=pd.NA).astype(LOG.dtypes)
    assert contact_breaches(bare, WAVES).empty
    assert set(contact_breaches(LOG.assign(reason=bare["reason"]), WAVES)["clause"]) == {
        "search_rules", "incident_documentation",
    }  # fmt: skip
    unsure = LOG.assign(reason="not_classed").astype(LOG.dtypes)
    assert "discipline_boundary" not in set(contact_breaches(unsure, WAVES)["clause"])
