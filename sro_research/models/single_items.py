"""What the declared effect looks like in the answers to each question of the outcome.

A mean of codes takes the steps of the scale for equal. Each item by itself is fitted with the cumulative-logit model
(`ordinal`), with a random intercept for every school-wave, because that is where the exposure varies.
"""

from __future__ import annotations

import pandas as pd

from sro_research.errors import WorkbenchError
from sro_research.models.declared import Question
from sro_research.models.exposure_design import BETWEEN_TERM, WITHIN_TERM
from sro_research.models.ordinal import fit_ordinal, share_changes

COLUMNS = ["item", "answer", "change", "conf_low", "conf_high", "note"]


def item_changes(asked: Question, responses: pd.DataFrame, items: dict[str, tuple[int, ...]]) -> pd.DataFrame:
    """Return by how much the share of each answer differs with `per` units more than a school usually has.

    `responses` has `respondent_key` and a column of codes per item, `items` the codes of each item that are on the
    scale. `change` and its limits are shares (0.02 = 2 of 100 people). Adjusted for waves and the school's mean
    exposure only. Where an item cannot be modelled, `note` says why.
    """
    try:
        made = asked.design(apart=["respondent_key"])
    except ValueError as reason:
        return pd.DataFrame([(item, pd.NA, *[float("nan")] * 3, str(reason)) for item in items], columns=COLUMNS)
    terms = [name for name in made.terms if name.startswith("wave_")] + [BETWEEN_TERM, WITHIN_TERM]
    table = made.table[["respondent_key", "school_wave", *terms]].merge(
        responses[["respondent_key", *items]], on="respondent_key"
    )
    return pd.concat(
        [_of_item(table, item, codes, terms, asked.model.per) for item, codes in items.items()], ignore_index=True
    )


def _of_item(table: pd.DataFrame, item: str, codes: tuple[int, ...], terms: list[str], per: float) -> pd.DataFrame:
    answered = table[table[item].isin(codes)]
    try:
        fit = fit_ordinal(answered, outcome=item, covariates=terms, school="school_wave")
    except WorkbenchError as reason:
        return pd.DataFrame([(item, pd.NA, *[float("nan")] * 3, reason.rule)], columns=COLUMNS)
    usual = answered[terms].mean().to_frame().T.assign(**{WITHIN_TERM: 0.0})
    rows = share_changes(fit, before=usual, after=usual.assign(**{WITHIN_TERM: per}))
    return rows.rename(columns={"category": "answer", "estimate": "change"}).assign(item=item, note=fit.note)[COLUMNS]
