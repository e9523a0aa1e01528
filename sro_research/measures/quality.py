"""How the answers came about: blanks, missing codes and straight-lining, counted before anything is scored."""

from __future__ import annotations

import pandas as pd

from sro_research.instruments import Instrument

STRAIGHT_LINE_ANSWERS = 10
"""Fewer answers than this say nothing about straight-lining."""


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
