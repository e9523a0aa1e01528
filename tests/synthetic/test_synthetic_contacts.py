"""A made-up contact log: its rules, its flaws, and whether 200 districts give back what was planted.

The districts are made as one table of many schools, which takes seconds instead of minutes; nothing is shared
between them. At a coverage of 95 %, 200 intervals hold the truth in 90.4 to 99.6 % of the cases (3 standard errors),
and 800 of four groups in 92.7 to 97.3 %.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sro_research import schemas
from sro_research.deidentify import pseudonymize_officers
from sro_research.measures.contact_findings import contact_findings
from sro_research.measures.contact_groups import KEYS, STEPS, by_officer, group_counts
from sro_research.measures.contacts import coded_twice, steps
from sro_research.measures.outreach import wave_of
from sro_research.models.boundary import routine_trend
from sro_research.models.disparity import at_step, relative_rates, risk_ratios, shrunken_ratios
from sro_research.models.kappa import cohen_kappa
from sro_research.models.officer_clusters import ratios_by_officer
from sro_research.parameters import Wave
from sro_research.synthetic.contacts import Contacts, ContactTruth, make_contacts

RACE, GENDER = "race_ethnicity", "gender"
SHARES = {RACE: [0.05, 0.15, 0.20, 0.60], GENDER: [0.5, 0.5]}
WAVES = [
    Wave(id=str(year), label={"en": str(year)}, start=dt.date(year - 1, 8, 1), end=dt.date(year, 6, 30))
    for year in (2024, 2025, 2026)
]
TRUTH = ContactTruth()
DISTRICTS, SCHOOLS = 200, 8


def enrolled(schools: list[str], waves: list[Wave], rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for school in schools:
        students = int(rng.integers(80, 500))
        for wave in waves:
            for question, shares in SHARES.items():
                counts = enumerate(rng.multinomial(students, shares), 1)
                rows += [(school, wave.id, question, str(code), people) for code, people in counts]
    table = pd.DataFrame(rows, columns=["school_id", "wave", "group_by", "group", "people"])
    return table.astype(dict.fromkeys(["school_id", "wave", "group_by", "group"], "string") | {"people": "Int64"})


def posted(schools: list[str]) -> pd.DataFrame:
    table = pd.DataFrame({"officer_id": [f"SRO-{s}" for s in schools], "school_id": schools})
    return table.assign(from_date=pd.Timestamp("2020-01-01"), to_date=pd.Series(pd.NaT, index=table.index))


def made(schools: list[str], waves: list[Wave], truth: ContactTruth, seed: int) -> tuple[pd.DataFrame, Contacts]:
    rng = np.random.default_rng(seed)
    enrollment = enrolled(schools, waves, rng)
    log = make_contacts(enrollment, posted(schools), waves, rng, questions=list(SHARES), truth=truth)
    return enrollment, log


TEN = [f"{i:04d}" for i in range(1, 11)]


def test_the_log_keeps_the_rules_of_its_schema() -> None:
    _, log = made(TEN, WAVES, TRUTH, 1)
    officers = posted(TEN)["officer_id"]
    schema = schemas.contacts(TEN, officers, {RACE: (1, 2, 3, 4), GENDER: (1, 2)})
    assert schemas.broken_rules(log.table, schema).empty
    written = log.table.assign(date=log.table["date"].dt.strftime("%Y-%m-%d")).astype("string").fillna("")
    typed, unread = schemas.convert(written, schema)
    assert unread.empty
    pd.testing.assert_frame_equal(typed, log.table, check_dtype=False)


def test_the_same_seed_makes_the_same_log() -> None:
    first, again, other = (made(TEN, WAVES, TRUTH, seed)[1].table for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_planted_flaws_are_found_counted_and_explained() -> None:
    enrollment, log = made(TEN, WAVES, TRUTH, 1)
    protected = pseudonymize_officers({"contacts": log.table, "assignments": posted(TEN)})
    schools = enrollment[["school_id", "wave"]].drop_duplicates().assign(students=100)
    groups = group_counts(protected["contacts"], enrollment, WAVES, questions=list(SHARES))
    found = contact_findings(
        protected["contacts"],
        schools,
        WAVES,
        questions=list(SHARES),
        assignments=protected["assignments"],
        groups=groups,
    ).set_index("finding")
    table = log.table
    blanks = {
        "outcome_not_recorded": int(table["outcome"].isna().sum()),
        "group_not_recorded": int(table[list(SHARES)].isna().any(axis=1).sum()),
    }
    assert found.loc[found["rows"] > 0, "rows"].to_dict() == TRUTH.flaws | blanks
    assert found["explanation"].str.endswith(".").all()


@pytest.fixture(scope="module")
def districts() -> tuple[pd.DataFrame, pd.DataFrame, Contacts]:
    """200 districts: the district is the first part of `school_id`. Enrollment, protected contacts, and the truth."""
    return _districts(replace(TRUTH, flaws={}), 20262)


def _districts(
    truth: ContactTruth, seed: int, districts: int = DISTRICTS
) -> tuple[pd.DataFrame, pd.DataFrame, Contacts]:
    schools = [f"{d:03d}-{s}" for d in range(districts) for s in range(SCHOOLS)]
    enrollment, log = made(schools, WAVES[:1], truth, seed)
    return enrollment, log.table.rename(columns={"officer_id": "officer_key"}), log


def by_district(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    place = rows.assign(school_id=rows["school_id"].str[:3])
    return place.groupby(KEYS)[columns].sum().reset_index()


def true_ratios(expected: pd.DataFrame) -> pd.Series:
    """Risk ratio of each group against all others, by place, question and group, as planted."""
    totals = expected.groupby(KEYS[:3])[["people", "expected"]].transform("sum")
    others = (totals["expected"] - expected["expected"]) / (totals["people"] - expected["people"])
    ratio = (expected["expected"] / expected["people"] / others).astype(float)
    return ratio.set_axis(pd.MultiIndex.from_frame(expected[KEYS]))


def covered(rows: pd.DataFrame, truth: pd.Series | np.ndarray) -> pd.Series:
    return ((rows["conf_low"] <= truth) & (truth <= rows["conf_high"])).astype(bool)


def test_risk_ratios_recover_what_was_planted(districts: tuple[pd.DataFrame, pd.DataFrame, Contacts]) -> None:
    enrollment, contacts, log = districts
    counts = by_district(group_counts(contacts, enrollment, WAVES[:1], questions=list(SHARES)), ["people", *STEPS])
    rows = risk_ratios(at_step(counts, "stop"), share=False)
    truth = true_ratios(by_district(log.expected, ["people", "expected"]))
    rows["holds"] = covered(rows, truth.loc[pd.MultiIndex.from_frame(rows[KEYS])].to_numpy())
    race = rows[rows["group_by"] == RACE]
    assert 0.93 <= race["holds"].mean() <= 0.97 and len(race) == 4 * DISTRICTS
    assert race.groupby("group")["holds"].mean().between(0.91, 0.99).all()
    assert 0.91 <= rows.loc[(rows["group_by"] == GENDER) & (rows["group"] == "2"), "holds"].mean() <= 0.99


def test_the_chain_recovers_what_was_planted(districts: tuple[pd.DataFrame, pd.DataFrame, Contacts]) -> None:
    enrollment, contacts, _ = districts
    counts = by_district(group_counts(contacts, enrollment, WAVES[:1], questions=[RACE]), ["people", *STEPS])
    rows = relative_rates(counts, reference={RACE: "4"})
    planted = {
        "stop": TRUTH.ratios,
        "search": TRUTH.search_ratios,
        "referral": TRUTH.referral_ratios,
        "arrest": TRUTH.arrest_ratios,
        "hit": TRUTH.found_ratios,
    }
    # A school's level and its groups go together by chance only; a stop's ratio is planted within schools.
    truth = np.array([planted[s].get((RACE, g), 1.0) for s, g in zip(rows["step"], rows["group"], strict=True)])
    known = rows["conf_low"].notna()
    holds = covered(rows, truth)[known]
    share = holds.groupby([rows["step"][known], rows["group"][known]]).mean().unstack()
    assert holds[rows["step"] != "stop"].mean() > 0.93
    assert share.loc[["search", "referral", "arrest", "hit"], ["2", "3"]].stack().between(0.91, 0.99).all()
    # One contact in a hundred is with group 1: whole counts so small that limits cover more.
    assert share["1"].gt(0.91).all()


def test_shrunken_ratios_recover_what_was_planted(districts: tuple[pd.DataFrame, pd.DataFrame, Contacts]) -> None:
    enrollment, contacts, log = districts
    counts = group_counts(contacts, enrollment, WAVES[:1], questions=[RACE])
    rows = risk_ratios(at_step(counts, "stop"), share=False)
    truth = true_ratios(log.expected).loc[pd.MultiIndex.from_frame(rows[KEYS])].to_numpy()
    # Each district is shrunken for itself: its name stands where the wave does.
    asked = rows.assign(truth=truth, wave=rows["school_id"].str[:3])
    asked = asked[asked["group"].isin(["1", "3"])]
    shrunken = shrunken_ratios(asked[asked["wave"] < "040"])
    holds = covered(shrunken, shrunken["truth"])[shrunken["estimate"].notna()]
    by_group = holds.groupby(shrunken["group"]).mean()
    # Planted ratios of a group are alike in all schools, where limits over tau2 cover more than 95 %.
    assert by_group.between(0.94, 1).all()
    own = np.log(shrunken["own_estimate"].clip(lower=0.05)) - np.log(shrunken["truth"])
    drawn = np.log(shrunken["estimate"]) - np.log(shrunken["truth"])
    assert (drawn**2).mean() < 0.3 * (own**2).mean()


def test_kappa_recovers_what_was_planted(districts: tuple[pd.DataFrame, pd.DataFrame, Contacts]) -> None:
    _, contacts, _ = districts
    coded = coded_twice(contacts, WAVES[:1])
    rows = [cohen_kappa(one["first"], one["second"]) for _, one in coded.groupby(coded["school_id"].str[:3])]
    found = pd.DataFrame(rows)
    known = found[found["std_error"].notna()]
    assert len(known) > 0.95 * DISTRICTS and known["n"].median() < 80
    assert found["estimate"].mean() == pytest.approx(TRUTH.kappa(TRUTH.routine_share), abs=0.02)
    assert 0.91 <= covered(known, np.full(len(known), TRUTH.kappa(TRUTH.routine_share))).mean() <= 0.99


def test_where_officers_differ_limits_by_officer_hold_and_others_do_not() -> None:
    enrollment, contacts, log = _districts(replace(TRUTH, flaws={}, officer_alike=12.0), 20263, 80)
    of_schools = group_counts(contacts, enrollment, WAVES[:1], questions=[RACE])
    counts = by_district(of_schools, ["people", *STEPS])
    plain = risk_ratios(at_step(counts, "stop"), share=False)
    plain = plain[plain["group"] == "3"].set_index("school_id")
    truth = true_ratios(by_district(log.expected, ["people", "expected"])).xs((RACE, "3"), level=["group_by", "group"])
    truth = truth.droplevel("wave").loc[plain.index]
    stops = by_officer(contacts, WAVES[:1], questions=[RACE], counts=of_schools)
    stops = stops[stops["stop"]].assign(group=lambda t: t["group"].where(t["group"] == "3", "others"))
    people = counts.assign(group=counts["group"].where(counts["group"] == "3", "others"))
    rows = []
    for district, one in stops.groupby(stops["school_id"].str[:3]):
        enrolled_here = people[people["school_id"] == district].groupby(["group_by", "group"])["people"].sum()
        made_here = ratios_by_officer(one, enrolled_here.reset_index())
        rows.append(made_here[made_here["group"] == "3"].assign(school_id=district))
    clustered = pd.concat(rows).set_index("school_id").loc[plain.index]
    assert set(clustered["officers"]) <= {SCHOOLS, SCHOOLS - 1}
    assert covered(plain, truth.to_numpy()).mean() < 0.75
    # Eight officers: 6 degrees of freedom or so, and limits that hold nearly as often as they should.
    assert covered(clustered, truth.to_numpy()).mean() > 0.89


def test_the_trend_recovers_what_was_planted() -> None:
    schools = [f"{d:03d}-{s}" for d in range(DISTRICTS) for s in range(8)]
    _, log = made(schools, WAVES, replace(TRUTH, flaws={}), 20264)
    said = steps(log.table)
    table = pd.DataFrame(
        {
            "school_id": log.table["school_id"],
            "wave": wave_of(log.table["date"], WAVES),
            "routine": said["routine"].astype(float).where(said["classed"]),
        }
    )
    district = log.table["school_id"].str[:3]
    found = pd.concat([routine_trend(one, [w.id for w in WAVES]) for _, one in table.groupby(district)])
    planted = 100 * TRUTH.creep_per_wave
    assert found["estimate"].mean() == pytest.approx(planted, abs=0.3)
    assert 0.93 <= covered(found, np.full(len(found), planted)).mean() <= 0.97
