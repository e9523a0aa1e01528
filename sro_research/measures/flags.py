"""Answers that look careless: flagged by rules that a study declares, shown with and without, never dropped.

Each flag also marks people who meant what they ticked. What the flags are good for is the question whether results
would be others without them (Curran 2016, J. Exp. Soc. Psychol. 66, 4-19; Meade & Craig 2012, Psychol. Methods 17,
437-455).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sro_research.instruments import Instrument
from sro_research.parameters import Quality

STRAIGHT, SPEEDING, INCONSISTENT, TWICE = "straight_lining", "speeding", "inconsistent", "same_answers"
ANY = "any"
DURATION = "duration_seconds"


def flag_answers(responses: pd.DataFrame, instrument: Instrument, *, rules: Quality) -> pd.DataFrame:
    """Tell for each respondent which rules their answers break.

    Returns one row per row of `responses` with columns of booleans: `straight_lining`, `inconsistent`, `same_answers`,
    and `speeding` where the export told how long people took.
    """
    answers = _on_scale(responses, instrument)
    found = {
        STRAIGHT: straight_lining(answers, instrument, least=rules.straight_line_answers),
        INCONSISTENT: inconsistent(answers, instrument, least=rules.opposite_pairs),
        TWICE: same_answers(responses, answers, instrument, least=rules.equal_answers),
    }
    if DURATION in responses:
        found[SPEEDING] = speeding(responses, answers, seconds_per_item=rules.seconds_per_item)
    return pd.DataFrame(found, index=responses.index)


def straight_lining(answers: pd.DataFrame, instrument: Instrument, *, least: int) -> pd.Series:
    """Tell which respondents gave one and the same code to every item they answered.

    Only respondents with at least `least` answers on the scale that include a reverse-keyed item count: without one,
    equal answers may be meant.
    """
    reverse = answers[[item.id for item in instrument.items if item.reverse]].notna().any(axis=1)
    enough = answers.notna().sum(axis=1) >= least
    return reverse & enough & (answers.min(axis=1) == answers.max(axis=1))


def inconsistent(answers: pd.DataFrame, instrument: Instrument, *, least: int) -> pd.Series:
    """Tell who fully agreed with a question and fully agreed with its opposite, or fully disagreed with both.

    Pairs are a question and a reverse-keyed one of the same construct; each reverse-keyed question counts once, and
    `least` of them are needed.
    """
    pairs = np.zeros(len(answers), int)
    for construct in instrument.constructs.values():
        plain = answers[[item.id for item in construct.items if not item.reverse]]
        for item in construct.items:
            if item.reverse and plain.shape[1]:
                end = answers[item.id].isin([construct.low, construct.high])
                same = plain.eq(answers[item.id], axis=0)
                most = plain.notna().sum(axis=1)
                # Most of the plain questions: one of them may be an honest exception.
                pairs += (end & (most > 0) & (2 * same.sum(axis=1) > most)).to_numpy(int)
    return pd.Series(pairs >= least, index=answers.index)


def same_answers(responses: pd.DataFrame, answers: pd.DataFrame, instrument: Instrument, *, least: int) -> pd.Series:
    """Tell whose answers, background and all, are those of an earlier row of the same school and wave.

    Respondents with fewer than `least` answers, and those who gave one code to everything, may well agree by chance.
    """
    columns = ["school_id", "wave", *instrument.codes]
    twice = pd.util.hash_pandas_object(responses[columns], index=False).duplicated().to_numpy()
    varied = (answers.notna().sum(axis=1) >= least) & (answers.min(axis=1) < answers.max(axis=1))
    return varied & twice


def speeding(responses: pd.DataFrame, answers: pd.DataFrame, *, seconds_per_item: float) -> pd.Series:
    """Tell who took less time than `seconds_per_item` for each item they answered.

    Two seconds an item: Huang, Curran, Keeney, Poposki & DeShon 2012 (J. Bus. Psychol. 27, 99-114).
    """
    needed = seconds_per_item * answers.notna().sum(axis=1)
    taken = responses[DURATION].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    return pd.Series(taken < needed.to_numpy(), index=responses.index)


def with_and_without(scores: pd.DataFrame, flags: pd.DataFrame) -> pd.DataFrame:
    """Compare results with and without the respondents that each rule flags, and that any of them does.

    `scores` comes from `measures.scales.score`, `flags` from `flag_answers` with `respondent_key` as its index. Returns
    one row per population, construct, wave and rule: `n` scores, how many are `flagged`, and mean score and share that
    agree `with` and `without` these.
    """
    valid = scores.dropna(subset=["score"])
    by = valid[["population", "construct", "wave"]]
    every = valid.groupby(list(by), observed=True)[["score", "agrees"]].agg(["size", "mean"])
    tables = []
    for rule in [*flags, ANY]:
        flagged = flags.any(axis=1) if rule == ANY else flags[rule]
        keep = ~valid["respondent_key"].isin(flags.index[flagged])
        kept = valid[keep].groupby(list(by), observed=True)[["score", "agrees"]].mean().reindex(every.index)
        tables.append(
            pd.DataFrame(
                {
                    "rule": rule,
                    "n": every["score", "size"],
                    "flagged": (~keep).groupby([by[c] for c in by], observed=True).sum().reindex(every.index),
                    "mean_with": every["score", "mean"],
                    "mean_without": kept["score"],
                    "share_with": every["agrees", "mean"],
                    "share_without": kept["agrees"],
                }
            ).reset_index()
        )
    return pd.concat(tables, ignore_index=True)


def _on_scale(responses: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Return the answers to items as codes of the scale, missing where they are none (respondents, items)."""
    return pd.DataFrame({i.id: responses[i.id].where(responses[i.id].isin(i.codes)) for i in instrument.items})
