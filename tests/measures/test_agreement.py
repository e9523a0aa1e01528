"""Adherence to the agreement: small tables in, what is known of each clause out."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.measures.agreement import (
    COULD_NOT,
    NEVER,
    TOO_OLD,
    agreement_findings,
    agreement_indicators,
    breach_indicators,
    clause_standing,
)
from sro_research.parameters import Wave
from sro_research.standards.agreement import Agreement
from sro_research.synthetic.agreement import AgreementTruth, make_agreement_reviews, make_breaches

WAVES = [
    Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
SCHOOLS = pd.DataFrame({"school_id": ["a", "a", "b", "b"], "wave": ["1", "2"] * 2}).astype("string")


def register(valid_days: int = 730, **scopes: str) -> Agreement:
    clauses = {name: {"title": {"en": name}, "asks": {"en": name}, "scope": scope} for name, scope in scopes.items()}
    return Agreement.model_validate({"valid_days": valid_days, "publications": {}, "clauses": clauses})


REGISTER = register(privacy="district", searches="school")


def reviews(*rows: tuple[str, str | None, str, str, str | None]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["clause", "school_id", "date", "finding", "evidence"])
    return table.astype(dict.fromkeys(["clause", "school_id", "finding", "evidence"], "string")).assign(
        date=pd.to_datetime(table["date"])
    )


FOUR = reviews(
    ("privacy", None, "2024-03-01", "met", "document"),
    ("searches", "a", "2024-03-01", "not_met", None),
    ("searches", "a", "2025-03-01", "met", "records"),
    ("searches", "b", "2025-03-01", "not_assessed", None),
)


def standing(table: pd.DataFrame = FOUR, register: Agreement = REGISTER) -> pd.DataFrame:
    return clause_standing(table, SCHOOLS, WAVES, agreement=register)


def test_the_last_finding_stands_until_the_next() -> None:
    known = standing().set_index(["clause", "school_id", "wave"])
    assert known["finding"].to_dict() == {
        ("privacy", "", "1"): "met",
        ("searches", "a", "1"): "not_met",
        ("searches", "b", "1"): "not_assessed",
        ("privacy", "", "2"): "met",
        ("searches", "a", "2"): "met",
        ("searches", "b", "2"): "not_assessed",
    }
    assert known["reason"].to_dict()[("searches", "b", "1")] == NEVER
    assert known["reason"].to_dict()[("searches", "b", "2")] == COULD_NOT
    assert known["age_days"]["privacy", "", "2"] == (dt.date(2025, 6, 30) - dt.date(2024, 3, 1)).days


def test_a_review_that_could_not_assess_does_not_undo_what_was_found() -> None:
    later = reviews(("privacy", None, "2025-06-01", "not_assessed", None))
    known = standing(pd.concat([FOUR, later])).set_index(["clause", "wave"])
    assert known["finding"]["privacy", "2"] == "met"
    assert known["reason"]["privacy", "2"] == ""


@pytest.mark.parametrize(("valid_days", "finding", "reason"), [(486, "met", ""), (485, "not_assessed", TOO_OLD)])
def test_an_old_finding_is_no_longer_known(valid_days: int, finding: str, reason: str) -> None:
    # 2024-03-01 to 2025-06-30 are 486 days.
    row = standing(register=register(valid_days, privacy="district")).set_index("wave").loc["2"]
    assert (row["finding"], row["reason"], row["age_days"]) == (finding, reason, 486)
    assert pd.isna(row["evidence"]) == bool(reason)


def value(table: pd.DataFrame, measure: str, wave: str = "2", school_id: str = "", group: str = "") -> tuple:
    row = table[
        (table["measure"] == measure)
        & (table["wave"] == wave)
        & (table["school_id"] == school_id)
        & (table["group"] == group)
    ].squeeze()
    return tuple(None if pd.isna(x) else x for x in row[["numerator", "denominator", "value", "cases"]])


def test_shares_are_of_what_was_assessed() -> None:
    table = agreement_indicators(standing())
    assert value(table, "agreement_assessed_share") == (2, 3, 2 / 3, 3)
    assert value(table, "agreement_met_share") == (2, 2, 1, 2)
    assert value(table, "agreement_not_met_share", wave="1") == (1, 2, 0.5, 2)
    assert value(table, "agreement_evidence_share", wave="1") == (1, 2, 0.5, 2)
    assert value(table, "agreement_met_share", school_id="a") == (1, 1, 1, 1)
    assert value(table, "agreement_met_share", group="searches") == (1, 1, 1, 1)
    # Nobody has looked at b: there is no share, and no zero.
    assert value(table, "agreement_met_share", school_id="b") == (0, 0, None, 0)
    assert value(table, "agreement_review_age_days", school_id="b") == (None, 0, None, 0)
    assert value(table, "agreement_review_age_days", school_id="a") == (None, 1, 121, 1)


def test_rows_are_one_per_statistic() -> None:
    table = agreement_indicators(standing())
    assert not table.duplicated(["school_id", "wave", "group_by", "group", "measure"]).any()
    assert set(table["group_by"]) == {"", "clause"}


def test_without_any_review_everything_is_not_assessed() -> None:
    known = standing(FOUR.head(0))
    assert set(known["finding"]) == {"not_assessed"} and set(known["reason"]) == {NEVER}
    assert value(agreement_indicators(known), "agreement_assessed_share") == (0, 3, 0, 3)


def test_breaches_are_counted_where_they_were_looked_for() -> None:
    counts = pd.DataFrame({"clause": ["searches", "searches", "lunch"], "wave": ["1", "2", "2"], "rows": [0, 5, 1]})
    table = breach_indicators(counts, REGISTER)
    assert table[["group", "wave", "value"]].to_numpy().tolist() == [["searches", "1", 0], ["searches", "2", 5]]


def test_what_does_not_fit_is_counted_and_explained() -> None:
    odd = reviews(("privacy", None, "2025-07-30", "met", "document"), ("privacy", None, "2024-07-10", "met", None))
    table = pd.concat([FOUR, odd], ignore_index=True)
    breaches = pd.DataFrame({"clause": ["searches", "searches"], "wave": ["2", "9"], "rows": [4, 1]})
    found = agreement_findings(table, standing(table), breaches, WAVES).set_index("finding")
    assert found["rows"].to_dict() == {
        "reviews_after_last_wave": 1,
        "reviews_between_waves": 1,
        "assessed_without_evidence": 2,
        "never_reviewed": 0,
        "could_not_be_assessed": 1,
        "assessed_too_long_ago": 0,
        "met_but_breached": 1,
        "breaches_outside_waves": 1,
    }
    assert all(said.endswith(f": {n}.") for said, n in zip(found["explanation"], found["rows"], strict=True))


def test_nothing_is_found_where_all_is_well() -> None:
    good = reviews(
        *[("searches", s, "2025-03-01", "met", "records") for s in "ab"],
        ("privacy", None, "2025-03-01", "partly", "document"),
    )
    found = agreement_findings(good, standing(good), None, WAVES).set_index("finding")["rows"]
    assert set(found) == {0} and not {"met_but_breached", "breaches_outside_waves"} & set(found.index)


DAY = st.dates(dt.date(2023, 8, 1), dt.date(2025, 6, 30)).map(str)
PLACE = st.sampled_from([("privacy", None), ("searches", "a"), ("searches", "b")])
FINDING = st.sampled_from(["met", "partly", "not_met", "not_assessed"])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(PLACE, DAY, FINDING), unique_by=lambda row: row[:2], max_size=12))
def test_every_place_has_one_state_and_shares_add_up(rows: list[tuple]) -> None:
    table = standing(reviews(*[(*place, day, finding, None) for place, day, finding in rows]))
    assert len(table) == 2 * 3
    assert ((table["reason"] == "") == (table["finding"] != "not_assessed")).all()
    shares = (
        agreement_indicators(table).query("group == '' and school_id == ''").set_index(["wave", "measure"])["value"]
    )
    for wave in "12":
        parts = [shares[wave, f"agreement_{name}_share"] for name in ("met", "partly", "not_met")]
        assert pd.isna(parts[0]) or sum(parts) == pytest.approx(1)
        assert shares[wave, "agreement_assessed_share"] == (table[table["wave"] == wave]["reason"] == "").mean()


# ---- planted truth ---------------------------------------------------------------------------
SCOPES = {f"d{i}": "district" for i in range(8)} | {f"s{i}": "school" for i in range(8)}
TEN = pd.DataFrame([(f"{i:04d}", w) for i in range(10) for w in "12"], columns=["school_id", "wave"], dtype="string")


def made(seed: int, truth: AgreementTruth | None = None) -> pd.DataFrame:
    raw = make_agreement_reviews(TEN, WAVES, SCOPES, rng=np.random.default_rng(seed), truth=truth)
    return raw.astype(dict.fromkeys(["clause", "school_id", "finding", "evidence"], "string"))


def test_planted_faults_are_found() -> None:
    truth, table = AgreementTruth(), made(3)
    known = clause_standing(table, TEN, WAVES, agreement=register(**SCOPES))
    breaches = make_breaches(WAVES, rng=np.random.default_rng(3))
    found = agreement_findings(table, known, breaches, WAVES).set_index("finding")["rows"]
    assert found["never_reviewed"] == truth.never_reviewed
    assert found["assessed_without_evidence"] == truth.without_evidence
    assert found["reviews_after_last_wave"] == truth.after_last_wave


def test_planted_shares_lie_in_their_intervals() -> None:
    """200 districts of 88 clauses at their places, all reviewed: Wilson's intervals of the share met cover 95 %.

    Of the first wave only: in the second, what could not be assessed keeps the finding of the first.
    """
    truth = AgreementTruth(never_reviewed=0, without_evidence=0, after_last_wave=0)
    planted = truth.findings["met"] / (1 - truth.findings["not_assessed"])
    districts = [
        clause_standing(made(seed, truth), TEN, WAVES[:1], agreement=register(**SCOPES)).assign(wave=str(seed))
        for seed in range(200)
    ]
    table = agreement_indicators(pd.concat(districts, ignore_index=True))
    rows = table[(table["measure"] == "agreement_met_share") & (table["school_id"] == "") & (table["group"] == "")]
    assert len(rows) == 200
    z, n, share = 1.959964, rows["denominator"], rows["value"]
    middle = (rows["numerator"] + z**2 / 2) / (n + z**2)
    reach = z * (share * (1 - share) * n + z**2 / 4) ** 0.5 / (n + z**2)
    held = (planted - middle).abs() <= reach
    # 95 % of 200, with three binomial errors of 1.5 %.
    assert 0.904 <= held.mean() <= 0.996


def test_the_same_seed_gives_the_same_reviews() -> None:
    pd.testing.assert_frame_equal(made(5), made(5))
