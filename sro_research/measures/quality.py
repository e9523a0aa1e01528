"""How the answers came about: blanks, missing codes and straight-lining, counted before anything is scored."""

from __future__ import annotations

import pandas as pd

from sro_research.instruments import Instrument

STRAIGHT_LINE_ANSWERS = 10
"""Fewer answers than this say nothing about straight-lining."""
SMALLEST_COUNT = 10
"""Smaller counts of respondents are not repeated outside protected tables; see disclosure/policy.py."""
ON_THE_ROSTER = {"student": "students", "staff": "staff"}
"""The column of the table of schools that counts a population."""


def straight_lining(responses: pd.DataFrame, instrument: Instrument) -> pd.Series:
    """Tell which respondents gave one and the same code to every item they answered.

    Only respondents with at least `STRAIGHT_LINE_ANSWERS` answers on the scale that include a reverse-keyed item
    count: without one, equal answers may be meant (Curran 2016, J. Exp. Soc. Psychol. 66, 4-19).
    """
    items = list(instrument.items)
    answers = pd.DataFrame({i.id: responses[i.id].where(responses[i.id].isin(i.codes)) for i in items})
    reverse = answers[[i.id for i in items if i.reverse]].notna().any(axis=1)
    enough = answers.notna().sum(axis=1) >= STRAIGHT_LINE_ANSWERS
    return reverse & enough & (answers.min(axis=1) == answers.max(axis=1))


def answer_quality(responses: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Summarize the answers of each wave.

    Returns `wave`, `respondents`, and shares (0-1) of all item answers: `blank`, one column per meaning of a
    missing code (`dont_know`, …); and `straight_lining`, a share of respondents.
    """
    items = [i.id for i in instrument.items]
    straight = straight_lining(responses, instrument)
    rows = []
    for wave, of_wave in responses.groupby("wave"):
        answers = of_wave[items]
        row = {"wave": wave, "respondents": len(of_wave), "blank": answers.isna().to_numpy().mean()}
        for code, meaning in instrument.missing_codes.items():
            row[meaning] = row.get(meaning, 0.0) + (answers == code).fillna(False).to_numpy().mean()
        row["straight_lining"] = straight[of_wave.index].mean()
        rows.append(row)
    return pd.DataFrame(rows)


def answers_per_school(responses: pd.DataFrame) -> pd.Series:
    """Count respondents by `school_id` and `wave`."""
    return responses.groupby(["school_id", "wave"]).size()


def more_answers_than_people(responses: pd.DataFrame, schools: pd.DataFrame, population: str) -> list[str]:
    """Name each school and wave in which more people answered than the roster counts: one of the two is wrong.

    Numbers are repeated only where both are `SMALLEST_COUNT` or more.
    """
    people = ON_THE_ROSTER.get(population)
    if people is None:
        return []
    roster = schools.set_index(["school_id", "wave"])[people].dropna()
    both = pd.concat([answers_per_school(responses).rename("answers"), roster.rename("people")], axis=1, join="inner")
    found = []
    for (school, wave), answers, count in both[both["answers"] > both["people"]].itertuples(name=None):
        numbers = f" ({answers} and {count})" if min(answers, count) >= SMALLEST_COUNT else ""
        found.append(f"school {school}, wave {wave}: more {population} answers than {people} on the roster{numbers}")
    return found
