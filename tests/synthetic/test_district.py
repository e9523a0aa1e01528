"""The made-up district: reproducible, of the promised size, and with its truth in it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from conftest import PROJECT

from sro_research.instruments import load_instrument
from sro_research.intake import take_in
from sro_research.measures.flags import flag_answers
from sro_research.measures.outreach import outreach_hours
from sro_research.measures.quality import answer_quality
from sro_research.measures.scales import score
from sro_research.models.multilevel import BETWEEN, WITHIN, engagement_estimates
from sro_research.models.reliability import school_reliability
from sro_research.parameters import Quality, read_parameters
from sro_research.standards.outreach import OutreachStandard
from sro_research.standards.together import read_standards
from sro_research.synthetic import Truth, make_district, write_exports
from sro_research.synthetic.answers import make_answers
from sro_research.synthetic.district import District
from sro_research.synthetic.exports import FLAWS
from sro_research.synthetic.truth import ABOUT_THE_OFFICER

DEMO = read_parameters(PROJECT / "params" / "demo.yaml")
INSTRUMENTS = [load_instrument(PROJECT / "surveys", name, ["en"]) for name in ("student_climate", "staff_climate")]
STANDARDS = read_standards(PROJECT / "params" / "standards", DEMO.records)


def students(district: District) -> pd.DataFrame:
    tables = [district.responses["student_climate", wave.id].assign(wave=wave.id) for wave in DEMO.waves]
    table = pd.concat(tables, ignore_index=True).astype({"school_id": "string", "wave": "string"})
    return table.rename(columns={"respondent_id": "respondent_key"})


@pytest.fixture(scope="module")
def district() -> District:
    return make_district(INSTRUMENTS, DEMO.waves, STANDARDS)


def test_the_same_seed_makes_the_same_district(district):
    again = make_district(INSTRUMENTS, DEMO.waves, STANDARDS)
    other = make_district(INSTRUMENTS, DEMO.waves, STANDARDS, seed=1)
    for name, table in district.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])
    key = ("student_climate", "2025")
    pd.testing.assert_frame_equal(district.responses[key], again.responses[key])
    assert not district.responses[key].equals(other.responses[key])


def test_it_has_the_promised_size(district):
    answers = {
        name: sum(len(t) for (i, _), t in district.responses.items() if i == name) for name, _ in district.responses
    }
    assert 5000 <= answers["student_climate"] <= 7000
    assert 500 <= answers["staff_climate"] <= 700
    assert district.tables["schools"]["school_id"].nunique() == 12
    per_school = students(district).groupby(["school_id", "wave"]).size()
    assert per_school.min() < 15 < 300 < per_school.max()
    groups = students(district).groupby(["school_id", "wave", "race_ethnicity"]).size()
    assert (groups < 10).mean() > 0.3


def test_enrolled_groups_add_up_to_their_school_and_hold_who_answered(district):
    groups, roster = district.tables["enrollment"], district.tables["schools"]
    per_school = groups.groupby(["school_id", "wave", "group_by"])["people"].sum().unstack()
    students_ = roster.set_index(["school_id", "wave"])["students"]
    assert set(per_school) == {"gender", "race_ethnicity", "grade_band", "language"}
    assert per_school.eq(students_, axis=0).all(axis=None)
    stated = students(district).groupby(["school_id", "wave", "gender"]).size()
    gender = groups[groups["group_by"] == "gender"]
    people = gender.set_index(["school_id", "wave", gender["group"].astype(int)])["people"]
    codes = list(INSTRUMENTS[0].background["gender"].labels)
    stated = stated[stated.index.isin(codes, level="gender")]
    assert (stated.to_numpy() <= people.reindex(stated.index).to_numpy()).all() and len(stated) > 10


def test_training_is_staggered_and_incomplete(district):
    officers, training = district.tables["officers"], district.tables["training"]
    first = training.groupby("officer_id")["completed_on"].min()
    assert first.nunique() > 10
    taken = training.drop_duplicates(["officer_id", "course"])  # Courses expire, and are taken again.
    assert 0.6 < len(taken) / (len(officers) * len(STANDARDS.courses)) < 1
    assert len(officers) > 10


def test_officers_serve_when_they_reach_out(district):
    posts, log = district.tables["assignments"], district.tables["outreach"]
    joined = log.merge(posts, on=["officer_id", "school_id"])
    inside = (joined["from_date"] <= joined["date"]) & (
        joined["to_date"].isna() | (joined["date"] <= joined["to_date"])
    )
    assert inside.all() and len(joined) == len(log)


def test_activities_are_those_of_the_standard(district):
    log, standard = district.tables["outreach"], STANDARDS.outreach
    assert set(log["activity"]) == set(standard.activities)
    assert set(log["audience"].dropna()) <= set(standard.audiences) and 0 < log["audience"].isna().mean() < 0.2
    own = OutreachStandard(
        activities={"garden": {"title": {"en": "Garden"}, "category": "outreach"}},
        audiences={"neighbors": {"title": {"en": "Neighbors"}}},
    )
    made = make_district(INSTRUMENTS[:1], DEMO.waves, replace(STANDARDS, outreach=own), schools=2).tables["outreach"]
    assert set(made["activity"]) == {"garden"} and set(made["audience"].dropna()) <= {"neighbors"}
    plain = OutreachStandard(activities=own.model_dump()["activities"])
    made = make_district(INSTRUMENTS[:1], DEMO.waves, replace(STANDARDS, outreach=plain), schools=2).tables["outreach"]
    assert "audience" not in made and set(made["activity"]) == {"garden"}
    free = make_district(INSTRUMENTS[:1], DEMO.waves, replace(STANDARDS, outreach=None), schools=2).tables["outreach"]
    assert "audience" not in free and set(free["activity"]) == {"activity"}


def test_planted_shares_come_back(district):
    truth, quality = Truth(), answer_quality(students(district), INSTRUMENTS[0])
    for name in ("blank", "dont_know", "prefer_not"):
        assert quality[name].mean() == pytest.approx(getattr(truth, name), abs=0.003)
    # A few straight-liners skip too many questions to be seen.
    flags = flag_answers(students(district), INSTRUMENTS[0], rules=Quality())
    assert flags["straight_lining"].mean() == pytest.approx(truth.straight_lining, abs=0.01)


def plain_district(rng: np.random.Generator) -> pd.DataFrame:
    """Return an exposure by school and wave, of schools that are large so that chance is small."""
    schools = pd.DataFrame(
        {
            "school_id": ["1", "2", "3", "4", "5", "6"],
            "level": ["middle", "high", "combined"] * 2,
            "usual": [6, 10, 14, 18, 22, 26],
        }
    )
    table = schools.merge(pd.DataFrame({"wave": [w.id for w in DEMO.waves]}), how="cross")
    table["exposure"] = table["usual"] + rng.uniform(-6, 6, len(table))
    return table.assign(students=1600, staff=1600)


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda i: i.population)
def test_planted_means_changes_and_groups_come_back(instrument):
    """A regression of every score on the planted terms finds them, within 4 of its standard errors and 0.005.

    Schools do not differ here, so that people are independent. Straight-liners answer 2.5 on average and carry no
    effect: of an effect e a share of 1 - s is left, of a mean m the mean (1 - s) m + s 2.5. The 0.005 is what the ends
    of the scale cut off: with an SD of 0.42, at most 0.002 of a mean of 2.95.
    """
    truth, rng = Truth(sd_school=0.0, sd_school_wave=0.0), np.random.default_rng(4)
    exposure, kept = plain_district(rng), 1 - truth.straight_lining
    answers = make_answers(instrument, exposure, DEMO.waves, truth, rng).rename(
        columns={"respondent_id": "respondent_key"}
    )
    groups = [(q, code) for q, code in truth.group_effects if q in instrument.background]
    assert len(groups) >= 1
    scores = score(answers, instrument).dropna(subset=["score", *{q for q, _ in groups}])
    about = scores.merge(exposure[["school_id", "wave", "exposure"]], on=["school_id", "wave"])
    usual = exposure.groupby("school_id")["exposure"].mean()
    between = about["school_id"].map(usual) - usual.mean()
    terms = {
        "mean": 1.0,
        "change": about["wave"].map({w.id: i for i, w in enumerate(DEMO.waves)}),
        "within": about["exposure"] - about["school_id"].map(usual),
        "between": between,
        **{f"{q} {code}": (about[q] == code).astype(float) for q, code in groups},
    }
    x = pd.DataFrame(terms, index=about.index).astype(float)
    for construct in instrument.constructs.values():
        here = about["construct"] == construct.id
        sign = 1 if construct.favorable else -1
        of_officer, exposed = construct.id in ABOUT_THE_OFFICER, construct.id in truth.exposed
        planted = {
            "mean": truth.means[construct.id],
            "change": truth.change_per_wave,
            "within": truth.within_effect * exposed,
            "between": truth.between_effect * exposed,
            **{f"{q} {code}": sign * truth.group_effects[q, code] * of_officer for q, code in groups},
        }
        wanted = pd.Series(planted) * kept
        wanted["mean"] += truth.straight_lining * 2.5
        fit = sm.OLS(about.loc[here, "score"].astype(float), x[here]).fit()
        off = (fit.params - wanted).abs() - 0.005
        assert (off <= 4 * fit.bse).all(), (construct.id, fit.params, wanted)
        assert fit.bse.drop([t for t in x if " " in t]).max() < 0.02


def test_planted_effects_and_nesting_come_back():
    """Over 24 districts mean estimates are within 3 standard errors of the truth, less what straight-liners take."""
    truth, within, between, nesting, covered = Truth(), [], [], [], 0
    for seed in range(24):
        made = make_district(INSTRUMENTS[:1], DEMO.waves, STANDARDS, seed=seed)
        scores = score(students(made), INSTRUMENTS[0])
        schools = made.tables["schools"].astype({"school_id": "string", "wave": "string", "students": "Int64"})
        hours = outreach_hours(made.tables["outreach"], schools, DEMO.waves).set_index(["school_id", "wave"])["value"]
        rows = engagement_estimates(scores, hours, population="student", construct="officer_trust", per=1)
        rows = rows.set_index("measure")
        within.append(float(rows.loc[WITHIN, "estimate"]))
        between.append(float(rows.loc[BETWEEN, "estimate"]))
        covered += rows.loc[WITHIN, "conf_low"] <= truth.within_effect <= rows.loc[WITHIN, "conf_high"]
        last = scores[(scores["wave"] == "2026") & (scores["construct"] == "safety")]
        nesting.append(school_reliability(last["score"], last["school_id"])[0])
    kept = 1 - truth.straight_lining
    for found, planted in ((within, truth.within_effect), (between, truth.between_effect)):
        error = pd.Series(found).std() / len(found) ** 0.5
        assert pd.Series(found).mean() == pytest.approx(kept * planted, abs=3 * error)
    assert covered >= 21
    assert 0.04 <= pd.Series(nesting).mean() <= 0.10


def test_a_construct_that_outreach_does_not_touch_shows_no_effect(district):
    scores = score(students(district), INSTRUMENTS[0])
    schools = district.tables["schools"].astype({"school_id": "string", "wave": "string", "students": "Int64"})
    hours = outreach_hours(district.tables["outreach"], schools, DEMO.waves).set_index(["school_id", "wave"])["value"]
    row = engagement_estimates(scores, hours, population="student", construct="belonging", per=1).iloc[0]
    assert row["conf_low"] < 0 < row["conf_high"]


def test_exports_come_back_through_intake_with_their_flaws_counted(district, tmp_path: Path):
    files = {(s.instrument, s.wave): s.file for s in DEMO.surveys}
    records = {kind: source.file for kind, source in vars(DEMO.records).items()}
    write_exports(district, tmp_path, files, records)
    taken = take_in(
        DEMO.surveys, DEMO.records, folder=tmp_path, instruments={i.id: i for i in INSTRUMENTS},
        waves=[w.id for w in DEMO.waves], standards=STANDARDS,
    )  # fmt: skip
    assert taken.problems == []
    assert taken.quarantine.groupby("rule")["row"].nunique().to_dict() == FLAWS
    answers = taken.tables["responses/student_climate"]
    assert len(answers) == len(students(district))
    for wave in DEMO.waves:  # CSV, CSV and SPSS bring back the same codes
        ours = district.responses["student_climate", wave.id].set_index("respondent_id").sort_index()
        theirs = answers[answers["wave"] == wave.id].set_index("respondent_id").sort_index()
        assert (ours["trust_1"].fillna(-1) == theirs["trust_1"].fillna(-1)).all()
    for name in records:
        assert len(taken.tables[name]) == len(district.tables[name])
