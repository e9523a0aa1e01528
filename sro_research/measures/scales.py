"""Answers to scale scores, by the codebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from sro_research.instruments import Construct, Instrument


def keyed_answers(responses: pd.DataFrame, construct: Construct) -> pd.DataFrame:
    """Return a construct's answers as numbers that all point the same way.

    Shape: respondents by items, float. A reverse-keyed answer a becomes low + high - a. Missing codes ("don't
    know", "prefer not to answer") and blanks are missing: they are answers, but not positions on the scale.
    """
    columns = {}
    for item in construct.items:
        answer = responses[item.id].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        on_scale = np.where(np.isin(answer, item.codes), answer, np.nan)
        columns[item.id] = construct.low + construct.high - on_scale if item.reverse else on_scale
    return pd.DataFrame(columns, index=responses.index)


def score(responses: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Score each respondent on each construct: the mean of the valid answers, if there are enough of them.

    Returns one row per respondent and construct: `respondent_key`, `population`, `school_id`, `wave`,
    `construct`, `score` (in units of the response scale; missing where fewer than `minimum_items` answers are
    valid), `agrees` (1 above the midpoint of the scale, else 0), and the background questions as codes, missing where
    the answer is a missing code: those who prefer not to answer are no group.
    """
    about = responses[["respondent_key", "school_id", "wave"]].assign(
        **{id_: responses[id_].where(responses[id_].isin(list(q.labels))) for id_, q in instrument.background.items()}
    )
    tables = []
    for construct in instrument.constructs.values():
        answers = keyed_answers(responses, construct)
        enough = answers.notna().sum(axis=1) >= construct.minimum_items
        scores = answers.mean(axis=1).where(enough)
        agrees = (scores > construct.midpoint).astype(float).where(enough)
        tables.append(about.assign(construct=construct.id, score=scores, agrees=agrees))
    table = pd.concat(tables, ignore_index=True)
    return table.assign(population=instrument.population).astype({"construct": "string", "population": "string"})


def answer_counts(responses: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Count the answers to each item by school and wave.

    Returns `school_id`, `wave`, `item`, `code`, `count` (answers with this code) and `valid` (answers on the scale),
    one row for each code of the scale, also where nobody chose it.
    """
    tables = []
    for item in instrument.items:
        on_scale = responses[responses[item.id].isin(item.codes)]
        counts = on_scale.groupby(["school_id", "wave", item.id], observed=True).size().unstack(item.id, fill_value=0)
        counts = counts.reindex(columns=list(item.codes), fill_value=0).rename_axis(columns="code")
        table = counts.stack().rename("count").reset_index()
        tables.append(table.assign(item=item.id, valid=table.groupby(["school_id", "wave"])["count"].transform("sum")))
    return pd.concat(tables, ignore_index=True)


def asking_only(instrument: Instrument, items: Mapping[str, list[str]]) -> Instrument:
    """Return an instrument as if it had asked these items of these constructs only, such as those shared with another.

    A score needs no more answers than before, and no more than there are items.
    """
    constructs = {}
    for name, kept in items.items():
        construct = instrument.constructs[name]
        chosen = tuple(item for item in construct.items if item.id in kept)
        constructs[name] = replace(construct, items=chosen, minimum_items=min(construct.minimum_items, len(chosen)))
    return replace(instrument, constructs=constructs)
