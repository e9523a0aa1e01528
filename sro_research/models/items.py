"""How each item does its work: its spread, who passes it over, and whether it goes with the rest of its construct.

Answers are read once, in blocks: what is needed of them are sums and cross products, of a million respondents as of
a hundred. References: R `psych::alpha` (item.stats `r.drop`, alpha.drop `raw_alpha`), tests/reference/psych.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sro_research.instruments import Instrument

BLOCK = 65_536
"""Respondents that are looked at together."""

TOO_FEW = "too few items or complete answers"
ONE_ANSWER = "everyone gave this item the same answer"
REST_ALIKE = "the sum of the other items is the same for everyone"
TWO_ITEMS = "of two items none can be dropped"
ROUNDING = 1e-12
"""A variance below this part of the items' own is rounding."""


@dataclass(frozen=True)
class Moments:
    """The number of complete respondents, and means (k) and covariances (k x k, divisor n - 1) of their answers."""

    n: int
    means: np.ndarray
    covariances: np.ndarray


def moments(answers: pd.DataFrame) -> Moments:
    """Return what the complete respondents' answers (respondents by items) come to; NaN where nothing can be said.

    Answers are taken as distances from those of the first complete respondent, so that an item which does not vary has
    a variance of exactly zero, and large numbers lose no digits.
    """
    k, n = answers.shape[1], 0
    origin, sums, products = np.full(k, np.nan), np.zeros(k), np.zeros((k, k))
    for block in _blocks(answers):
        complete = block[~np.isnan(block).any(axis=1)]
        if not len(complete):
            continue
        if not n:
            origin = complete[0].copy()
        complete -= origin
        n += len(complete)
        sums += complete.sum(axis=0)
        products += complete.T @ complete
    if n < 2:
        return Moments(n, origin, np.full((k, k), np.nan))
    return Moments(n, origin + sums / n, (products - np.outer(sums, sums) / n) / (n - 1))


def item_statistics(answers: pd.DataFrame, *, low: float, high: float) -> pd.DataFrame:
    """Describe the items of one construct by its keyed answers (respondents by items; missing where not on the scale).

    Returns one row per `item`: `n` valid answers, their `mean` and `sd` in points of the scale, `share_floor` and
    `share_ceiling` (0-1, of valid answers at `low` and at `high`); and, of the `n_complete` respondents who answered
    every item, as alpha is, `item_rest`, the correlation with the sum of the other items (corrected item-total;
    Nunnally & Bernstein 1994, Psychometric Theory, 3rd ed., ch. 8), and `alpha_if_dropped`, the alpha of the others.
    `note` says why one of the two is missing.
    """
    table = _described(answers, low, high)
    together = moments(answers)
    rest, alpha, note = _with_the_rest(together.covariances)
    return table.assign(n_complete=together.n, item_rest=rest, alpha_if_dropped=alpha, note=note)


def item_analysis(responses: pd.DataFrame, answers: dict[str, pd.DataFrame], instrument: Instrument) -> pd.DataFrame:
    """Describe every item of an instrument in every wave.

    `responses` has the codes as asked and `wave`; `answers` maps constructs to the keyed answers of the same
    respondents, in the same order. Returns `wave`, `construct`, the columns of `item_statistics`, `respondents`, and as
    shares of these (0-1), one beside the other: `share_blank` and one column for each meaning of a missing code
    (`share_dont_know`, `share_prefer_not`, ...).
    """
    tables = []
    for wave, at in sorted(responses.groupby("wave").indices.items()):
        for construct, keyed in answers.items():
            about = instrument.constructs[construct]
            found = item_statistics(keyed.iloc[at], low=about.low, high=about.high)
            passed_over = _passed_over(responses[list(keyed.columns)].iloc[at], instrument.missing_codes)
            found = found.merge(passed_over, on="item", validate="one_to_one")
            tables.append(found.assign(wave=wave, construct=construct, respondents=len(at)))
    if not tables:
        return pd.DataFrame(columns=["wave", "construct", "item", "respondents", "n"])
    table = pd.concat(tables, ignore_index=True)
    first = ["wave", "construct", "item", "respondents", "n"]
    return table[[*first, *(c for c in table if c not in [*first, "note"]), "note"]]


def _blocks(answers: pd.DataFrame) -> Iterator[np.ndarray]:
    for start in range(0, len(answers), BLOCK):
        yield answers.iloc[start : start + BLOCK].to_numpy(dtype=float, na_value=np.nan)


def _described(answers: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    columns = {item: column.dropna() for item, column in answers.items()}
    return pd.DataFrame(
        {
            "item": list(columns),
            "n": [len(valid) for valid in columns.values()],
            "mean": [valid.mean() for valid in columns.values()],
            "sd": [valid.std() for valid in columns.values()],
            "share_floor": [(valid == low).mean() for valid in columns.values()],
            "share_ceiling": [(valid == high).mean() for valid in columns.values()],
        }
    )


def _with_the_rest(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return, from covariances (k x k), each item's correlation with the sum of the others, and the others' alpha."""
    k, own = len(covariances), np.diag(covariances)
    with_all = covariances.sum(axis=0)
    # var(all - item) = var(all) - 2 cov(all, item) + var(item); cov(item, all - item) = cov(item, all) - var(item).
    of_rest = covariances.sum() - 2 * with_all + own
    of_rest = np.where(of_rest > ROUNDING * own.sum(), of_rest, np.nan)
    correlation = (with_all - own) / np.sqrt(np.where(own > 0, own, np.nan) * of_rest)
    others = k - 1
    alpha = others / (others - 1) * (1 - (own.sum() - own) / of_rest) if others > 1 else np.full(k, np.nan)
    return correlation, alpha, [_why(k, *pair) for pair in zip(own, of_rest, strict=True)]


def _why(items: int, own: float, of_rest: float) -> str:
    """Return why an item of this variance, among others of this variance, lacks a coefficient, or nothing."""
    if items < 2 or np.isnan(own):
        return TOO_FEW
    if own == 0:
        return ONE_ANSWER
    if np.isnan(of_rest):
        return REST_ALIKE
    return TWO_ITEMS if items == 2 else ""


def _passed_over(asked: pd.DataFrame, missing_codes: Mapping[int, str]) -> pd.DataFrame:
    """Return the share of respondents who left each item blank, and who gave it a code of each meaning."""
    shares = pd.DataFrame({"item": list(asked), "share_blank": [asked[item].isna().mean() for item in asked]})
    for meaning in dict.fromkeys(missing_codes.values()):
        codes = [code for code, of in missing_codes.items() if of == meaning]
        shares[f"share_{meaning}"] = [asked[item].isin(codes).mean() for item in asked]
    return shares
