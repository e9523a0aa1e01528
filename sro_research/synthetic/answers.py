"""Answers with a known structure: people within school-waves within schools.

A person's position on a construct is a sum of the planted parts. An answer is that position rounded up or down at
random so that its expectation is the position itself; scores therefore keep the planted means and effects, which
ordinary rounding to four categories would shrink.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sro_research.instruments import Construct, Instrument
from sro_research.parameters import Wave
from sro_research.synthetic.truth import ABOUT_THE_OFFICER, Truth

RACE_SHARES = {1: 0.01, 2: 0.06, 3: 0.17, 4: 0.31, 5: 0.005, 6: 0.395, 7: 0.05}
GENDER_SHARES = {1: 0.485, 2: 0.485, 3: 0.03}
LANGUAGE_SHARES = {1: 0.72, 2: 0.23, 3: 0.05}
STAFF_SHARES = {1: 0.62, 2: 0.14, 3: 0.06, 4: 0.18}
YEARS_SHARES = {1: 0.3, 2: 0.4, 3: 0.3}
GRADES = {
    "middle": {1: 1.0},
    "high": {2: 0.52, 3: 0.48},
    "combined": {1: 0.4, 2: 0.32, 3: 0.28},
    "elementary": {1: 1.0},
}
SHARES = {
    "race_ethnicity": RACE_SHARES,
    "gender": GENDER_SHARES,
    "language": LANGUAGE_SHARES,
    "role": STAFF_SHARES,
    "years_here": YEARS_SHARES,
}
SILENT_ABOUT_SELF = 0.04
GENERAL = 0.75
"""Correlation of a person's constructs with the person's general view."""


def make_answers(
    instrument: Instrument, exposure: pd.DataFrame, waves: list[Wave], truth: Truth, rng: np.random.Generator
) -> pd.DataFrame:
    """Make the answers of everyone who takes part, in export form: `respondent_id`, `school_id`, `wave`, codes."""
    cells = _cells(exposure, waves, truth, rng)
    roster = cells["students" if instrument.population == "student" else "staff"].to_numpy()
    answered = rng.binomial(roster, cells["rate"])
    people = cells.loc[cells.index.repeat(answered)].reset_index(drop=True)
    for question in instrument.background:
        people[question] = _background(question, instrument, people, rng)
    general = rng.normal(0, 1, len(people))
    straight = rng.random(len(people)) < truth.straight_lining
    same = rng.integers(1, 5, len(people))
    columns = {}
    for construct in instrument.constructs.values():
        position = _position(construct, people, general, truth, rng)
        for item in construct.items:
            columns[item.id] = _answer(position, item.reverse, construct, rng).where(
                ~pd.Series(straight), pd.Series(same)
            )
    answers = pd.DataFrame(columns).astype("Int64")
    codes = {meaning: code for code, meaning in instrument.missing_codes.items()}
    draw = rng.random(answers.shape)
    answers = answers.mask(draw < truth.blank)
    answers = answers.mask((draw >= truth.blank) & (draw < truth.blank + truth.dont_know), codes["dont_know"])
    silent = draw > 1 - truth.prefer_not
    answers = answers.mask(silent, codes["prefer_not"])
    about = people[["school_id", "wave", *instrument.background]].copy()
    for question in instrument.background:
        about[question] = about[question].mask(rng.random(len(about)) < SILENT_ABOUT_SELF, codes["prefer_not"])
    table = pd.concat([about, answers], axis=1)
    # The order in which people answered carries nothing from the way they were made.
    table = table.sample(frac=1, random_state=rng).reset_index(drop=True)
    table.insert(0, "respondent_id", [f"R{number:06d}" for number in rng.permutation(len(table)) + 1])
    return table


def enrolled_groups(
    roster: pd.DataFrame, answers: pd.DataFrame, instrument: Instrument, rng: np.random.Generator
) -> pd.DataFrame:
    """Count the students of each school and wave by group: those who said so in `answers`, and the rest by chance."""
    rows = []
    for question, background in instrument.background.items():
        codes = list(background.labels)
        stated = answers.groupby(["school_id", "wave", question]).size().unstack(question).reindex(columns=codes)
        stated = stated.reindex(pd.MultiIndex.from_frame(roster[["school_id", "wave"]])).fillna(0).astype(int)
        for (school, wave), level, students in zip(stated.index, roster["level"], roster["students"], strict=True):
            said = stated.loc[(school, wave)].to_numpy()
            shares = _shares(question, level, codes)
            rest = rng.multinomial(students - said.sum(), [shares.get(code, 0.0) for code in codes])
            rows += [(school, wave, question, str(code), n) for code, n in zip(codes, said + rest, strict=True)]
    return pd.DataFrame(rows, columns=["school_id", "wave", "group_by", "group", "people"])


def _shares(question: str, level: str, codes: list[int]) -> dict[int, float]:
    """Return how likely each code of a background question is in a school of a level."""
    return GRADES[level] if question == "grade_band" else SHARES.get(question, {code: 1 / len(codes) for code in codes})


def _cells(exposure: pd.DataFrame, waves: list[Wave], truth: Truth, rng: np.random.Generator) -> pd.DataFrame:
    """Return school-waves with their planted effects and response rates."""
    ids = list(exposure["school_id"].unique())
    rate = dict(zip(ids, rng.uniform(*truth.response_rate, len(ids)), strict=True))
    cells = exposure.reset_index(drop=True)
    cells["mean_exposure"] = cells.groupby("school_id")["exposure"].transform("mean")
    cells["rate"] = cells["school_id"].map(rate)
    cells["step"] = cells["wave"].map({w.id: i for i, w in enumerate(waves)})
    for construct in truth.means:
        school = dict(zip(ids, rng.normal(0, truth.sd_school, len(ids)), strict=True))
        cells[f"u_{construct}"] = cells["school_id"].map(school) + rng.normal(0, truth.sd_school_wave, len(cells))
    return cells


def _position(
    construct: Construct, people: pd.DataFrame, general: np.ndarray, truth: Truth, rng: np.random.Generator
) -> np.ndarray:
    sign = 1 if construct.favorable else -1
    person = GENERAL * sign * general + np.sqrt(1 - GENERAL**2) * rng.normal(0, 1, len(people))
    position = truth.means[construct.id] + truth.change_per_wave * people["step"].to_numpy() + truth.sd_person * person
    position = position + people[f"u_{construct.id}"].to_numpy()
    if construct.id in truth.exposed:
        mean, now = people["mean_exposure"].to_numpy(), people["exposure"].to_numpy()
        overall = people.drop_duplicates("school_id")["mean_exposure"].mean()
        position = position + truth.within_effect * (now - mean) + truth.between_effect * (mean - overall)
    if construct.id in ABOUT_THE_OFFICER:
        for (question, code), effect in truth.group_effects.items():
            if question in people:
                position = position + sign * effect * (people[question] == code).to_numpy()
    return position


def _answer(position: np.ndarray, reverse: bool, construct: Construct, rng: np.random.Generator) -> pd.Series:
    inside = np.clip(position, construct.low, construct.high)
    answer = np.floor(inside + rng.random(len(inside))).clip(construct.low, construct.high).astype(int)
    return pd.Series(construct.low + construct.high - answer if reverse else answer)


def _background(question: str, instrument: Instrument, people: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    codes = list(instrument.background[question].labels)
    if question == "grade_band":
        drawn = np.zeros(len(people), dtype=int)
        for level, shares in GRADES.items():
            here = (people["level"] == level).to_numpy()
            drawn[here] = rng.choice(list(shares), here.sum(), p=list(shares.values()))
        return drawn
    shares = _shares(question, "", codes)
    return rng.choice(list(shares), len(people), p=list(shares.values()))
