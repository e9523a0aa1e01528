"""The people and records of a synthetic district."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.instruments import Instrument
from sro_research.parameters import Wave
from sro_research.standards.together import Standards
from sro_research.synthetic.answers import enrolled_groups, make_answers
from sro_research.synthetic.records import make_records
from sro_research.synthetic.truth import Truth

MEDIAN_STUDENTS = 160
SPREAD_OF_SIZES = 0.95
SMALLEST_SCHOOL = 14
"""One school so small that no figure about it may be shown."""
STUDENTS_PER_STAFF = 10
NO_AUDIENCE = 0.1
"""Share of activities of which nobody wrote down for whom they were."""
USUAL_AUDIENCES = {
    "community_coffee": "community",
    "parent_night": "families",
    "briefing_sheet": "families",
    "arrival_dismissal_traffic": "families",
}
"""For whom activities usually are; for students, where it is not said here."""
NAMES = (
    "Alder",
    "Birch",
    "Cedar",
    "Dogwood",
    "Elm",
    "Fir",
    "Ginkgo",
    "Hazel",
    "Ironwood",
    "Juniper",
    "Katsura",
    "Laurel",
)


@dataclass(frozen=True)
class District:
    """Tables as a district would export them, and the truth behind them.

    `tables` holds `schools`, `enrollment` by group, `officers`, `outreach`, `discipline` and all other records that
    `make_records` makes; `responses` the answers by (instrument, wave). Students arrested are those of
    the contact log; referrals are drawn apart, as schools and police agencies keep records: a cross-check finds where
    they differ.
    """

    tables: dict[str, pd.DataFrame]
    responses: dict[tuple[str, str], pd.DataFrame]
    truth: Truth


def make_district(
    instruments: list[Instrument],
    waves: list[Wave],
    standards: Standards,
    *,
    schools: int = 12,
    seed: int = 20261,
    truth: Truth | None = None,
) -> District:
    """Make a district of any number of schools; the same arguments give the same district."""
    rng, truth = np.random.default_rng(seed), truth or Truth()
    roster = _schools(schools, waves, rng)
    officers, assignments = _officers(roster, waves, rng)
    exposure = _exposure(roster, waves, rng)
    tables = {
        "schools": roster,
        "officers": officers,
        "assignments": assignments,
        "outreach": _outreach(exposure, assignments, waves, _activities(standards), rng),
    }
    # What was logged, not what was planned, is the exposure: hours come in whole activities.
    logged = tables["outreach"].groupby(["school_id", "wave"])["hours"].sum()
    exposure = exposure.assign(
        exposure=100
        * logged.reindex(pd.MultiIndex.from_frame(exposure[["school_id", "wave"]])).fillna(0).to_numpy()
        / exposure["students"].to_numpy()
    )
    tables["outreach"] = tables["outreach"].drop(columns="wave")
    if standards.outreach is not None and standards.outreach.audiences:
        tables["outreach"] = _with_audiences(tables["outreach"], list(standards.outreach.audiences), seed)
    # Drawn from a stream of its own.
    tables["discipline"] = _discipline(exposure, truth, np.random.default_rng([seed, len(tables)]))
    responses: dict[tuple[str, str], pd.DataFrame] = {}
    for instrument in instruments:
        answers = make_answers(instrument, exposure, waves, truth, rng)
        responses |= {
            (instrument.id, wave.id): answers[answers["wave"] == wave.id].drop(columns="wave") for wave in waves
        }
        if instrument.population == "student":
            tables["enrollment"] = enrolled_groups(roster, answers, instrument, rng)
    tables |= make_records(tables, waves, standards, seed=seed)
    if "contacts" in tables:
        tables["discipline"] = _with_arrests_of(tables["contacts"], tables["discipline"], waves)
    return District(tables, responses, replace(truth))


def _schools(count: int, waves: list[Wave], rng: np.random.Generator) -> pd.DataFrame:
    quantiles = stats.norm.ppf((np.arange(count) + 0.5) / count)
    students = np.rint(MEDIAN_STUDENTS * np.exp(SPREAD_OF_SIZES * quantiles)).astype(int)
    students[0] = SMALLEST_SCHOOL
    level = np.array(["middle", "high", "combined", "high"])[np.arange(count) % 4]
    order = rng.permutation(count)
    width = max(4, len(str(count)) + 1)
    rows = []
    for i, k in enumerate(order):
        name = f"{NAMES[i % len(NAMES)]}{'' if i < len(NAMES) else f' {i // len(NAMES) + 1}'} {level[i].title()} School"
        for w, wave in enumerate(waves):
            enrolled = max(SMALLEST_SCHOOL, int(np.rint(students[k] * (1 + 0.02 * w))))
            staff = max(3, round(enrolled / STUDENTS_PER_STAFF))
            rows.append((f"{i + 1:0{width}d}", wave.id, name, level[i], enrolled, staff))
    return pd.DataFrame(rows, columns=["school_id", "wave", "school_name", "level", "students", "staff"])


def _officers(schools: pd.DataFrame, waves: list[Wave], rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One officer for each school, one more for the largest, and a successor for every sixth school."""
    first, middle = pd.Timestamp(waves[0].start), pd.Timestamp(waves[len(waves) // 2].start)
    ids = list(schools["school_id"].unique())
    largest = schools.loc[schools["students"].idxmax(), "school_id"]
    officers: list[tuple[str, pd.Timestamp, pd.Timestamp]] = []
    posts = []
    for i, school in enumerate([*ids, largest]):
        start = first - pd.Timedelta(days=int(rng.integers(30, 900)))
        leaves = middle - pd.Timedelta(days=1) if i % 6 == 5 else pd.NaT
        officers.append((f"SRO-{len(officers) + 101}", start, leaves))
        posts.append((officers[-1][0], school, max(start, first), leaves))
        if leaves is not pd.NaT:
            officers.append((f"SRO-{len(officers) + 101}", middle, pd.NaT))
            posts.append((officers[-1][0], school, middle, pd.NaT))
    return (
        pd.DataFrame(officers, columns=["officer_id", "start_date", "end_date"]),
        pd.DataFrame(posts, columns=["officer_id", "school_id", "from_date", "to_date"]),
    )


def _discipline(exposure: pd.DataFrame, truth: Truth, rng: np.random.Generator) -> pd.DataFrame:
    """Students to whom each harm happened: schools differ, and rates move with what was logged as planted."""
    apart = exposure["exposure"] - exposure.groupby("school_id")["exposure"].transform("mean")
    tables = []
    for event, (usual, slope) in truth.harms.items():
        schools = exposure["school_id"].unique()
        level = exposure["school_id"].map(dict(zip(schools, rng.uniform(0.7, 1.3, len(schools)), strict=True)))
        rate = (usual * level + slope * apart).clip(0, 100) / 100
        counts = rng.binomial(exposure["students"], rate)
        tables.append(exposure[["school_id", "wave"]].assign(event=event, students=counts))
    return pd.concat(tables, ignore_index=True)


def _with_arrests_of(contacts: pd.DataFrame, discipline: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Take students arrested from the contact log, as if each had been arrested once."""
    arrests = contacts[contacts["kind"].eq("arrest") | contacts["outcome"].eq("arrested")]
    of_wave = [arrests[arrests["date"].between(str(w.start), str(w.end))].assign(wave=w.id) for w in waves]
    number = pd.concat(of_wave).groupby(["school_id", "wave"]).size()
    of_arrests = discipline["event"] == "arrest"
    places = pd.MultiIndex.from_frame(discipline.loc[of_arrests, ["school_id", "wave"]])
    made = discipline.copy()
    made.loc[of_arrests, "students"] = number.reindex(places, fill_value=0).to_numpy()
    return made


def _exposure(schools: pd.DataFrame, waves: list[Wave], rng: np.random.Generator) -> pd.DataFrame:
    """Plan outreach hours per 100 students: a level of the school, and a change from wave to wave."""
    ids = list(schools["school_id"].unique())
    level = dict(zip(ids, rng.uniform(6, 26, len(ids)), strict=True))
    plan = schools[["school_id", "wave", "students", "staff", "level"]].copy()
    step = {(s, w.id): rng.normal(0, 6) for s in ids for w in waves}
    plan["planned"] = [max(1.0, level[r.school_id] + step[r.school_id, r.wave]) for r in plan.itertuples()]
    return plan


def _activities(standards: Standards) -> list[str]:
    return ["activity"] if standards.outreach is None else list(standards.outreach.activities)


def _with_audiences(log: pd.DataFrame, audiences: list[str], seed: int) -> pd.DataFrame:
    """Say for whom each activity was, as far as the standard knows such an audience; from a stream of its own."""
    usual = log["activity"].map(USUAL_AUDIENCES).fillna("students")
    usual = usual.where(usual.isin(audiences), audiences[0])
    blank = np.random.default_rng([seed, zlib.crc32(b"audience")]).random(len(log)) < NO_AUDIENCE
    return log.assign(audience=usual.mask(blank).astype("string"))


def _outreach(
    plan: pd.DataFrame,
    posts: pd.DataFrame,
    waves: list[Wave],
    activities: list[str],
    rng: np.random.Generator,
) -> pd.DataFrame:
    periods = {w.id: (pd.Timestamp(w.start), (w.end - w.start).days) for w in waves}
    rows = []
    for cell in plan.itertuples():
        start, days = periods[cell.wave]
        left = cell.planned * cell.students / 100
        serving = posts[posts["school_id"] == cell.school_id]
        while left > 0.25:
            hours = float(min(np.ceil(left * 2) / 2, rng.choice([0.5, 1, 1.5, 2, 3])))
            on = start + pd.Timedelta(days=int(rng.integers(0, days + 1)))
            there = serving[(serving["from_date"] <= on) & (serving["to_date"].isna() | (serving["to_date"] >= on))]
            who = there["officer_id"].iloc[int(rng.integers(len(there)))]
            counted = rng.random() < 0.7
            reached = int(rng.integers(3, 60)) if counted else pd.NA
            rows.append(
                (
                    cell.school_id,
                    who,
                    on,
                    activities[int(rng.integers(len(activities)))],
                    hours,
                    reached,
                    cell.wave,
                )
            )
            left -= hours
    columns = ["school_id", "officer_id", "date", "activity", "hours", "attendance", "wave"]
    # Two activities alike in everything would be taken for one that was entered twice.
    return pd.DataFrame(rows, columns=columns).astype({"attendance": "Int64"}).drop_duplicates(ignore_index=True)
