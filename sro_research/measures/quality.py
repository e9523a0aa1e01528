"""How the answers came about: blanks and missing codes, counted before anything is scored."""

from __future__ import annotations

import pandas as pd

from sro_research.instruments import Instrument

SMALLEST_COUNT = 10
"""Smaller counts of respondents are not repeated outside protected tables; see disclosure/policy.py."""
ON_THE_ROSTER = {"student": "students", "staff": "staff"}
"""The column of the table of schools that counts a population."""
TOLERATED_LOSS = 0.05
"""A file of which a larger share of rows broke a rule may give wrong numbers; the pages say so."""


def answer_quality(responses: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Summarize the answers of each wave.

    Returns `wave`, `respondents`, and shares (0-1) of all item answers: `blank`, and one column per meaning of a
    missing code (`dont_know`, …).
    """
    items = [i.id for i in instrument.items]
    rows = []
    for wave, of_wave in responses.groupby("wave"):
        answers = of_wave[items]
        row = {"wave": wave, "respondents": len(of_wave), "blank": answers.isna().to_numpy().mean()}
        for code, meaning in instrument.missing_codes.items():
            row[meaning] = row.get(meaning, 0.0) + (answers == code).fillna(False).to_numpy().mean()
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


def losses(sources: pd.DataFrame) -> pd.DataFrame:
    """Return `source`, `kind`, `lost` and `rows` of the files of which more than 5 % of the rows broke a rule.

    `sources` is `Intake.sources`. `rows` counts those that were to be used. A file that was set aside as a whole is
    said elsewhere.
    """
    read = sources[sources["status"] == "read"]
    lost = read["rows_lost"].fillna(0)
    found = read[["source", "kind"]].assign(lost=lost, rows=read["rows_admitted"] + lost)
    return found[found["lost"] > TOLERATED_LOSS * found["rows"]].reset_index(drop=True)


def losses_in_words(sources: pd.DataFrame) -> str:
    """Say which files lost many rows, as the end of a sentence; blank where none did."""
    told = [
        f"{row.source} lost {row.lost:,} of {row.rows:,} rows ({row.lost / row.rows:.0%})".replace("%", " %")
        for row in losses(sources).itertuples()
    ]
    if not told:
        return ""
    return f"{', '.join(told)}; numbers from {'it' if len(told) == 1 else 'them'} may be too low or too high."
