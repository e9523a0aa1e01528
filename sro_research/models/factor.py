"""Do the answers have the structure the questionnaire was written for? Confirmatory factor analysis.

Each item shows its own construct and no other; constructs may go together. Answers are ordinal, so what is fitted are
polychoric correlations, by diagonally weighted least squares with robust standard errors and a scaled and shifted test
("WLSMV": Muthén, du Toit & Spisic 1997). R: `lavaan::cfa(model, ordered=, estimator="WLSMV", std.lv=TRUE)`;
tests/reference/lavaan. Not here: the "robust" CFI and RMSEA of Savalei 2021, which lavaan adds to the "scaled" ones.

Cutoffs that were found for continuous answers are kinder to ordinal ones (Xia & Yang 2019, Behav. Res. Methods 51,
409-428): the indices are shown, and no verdict is drawn from them here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sro_research.errors import WorkbenchError, nearest
from sro_research.models.dwls import Block, Fit, Indices, Model, fit_model
from sro_research.models.polychoric import OrdinalMoments, ordinal_moments

FEWEST = 100
"""Fewest complete respondents for a test of structure: the smallest samples in which it was found to behave
(Flora & Curran 2004, Psychol. Methods 9, 466-491)."""
FEW, CONSTANT = "too few complete answers", "an item has the same answer from everyone"
LOADING = ["construct", "item", "loading", "std_error"]
CORRELATION = ["first", "second", "correlation", "std_error"]


@dataclass(frozen=True)
class Structure:
    """A fitted structure, or a `reason` why there is none that could be trusted.

    `loadings` has a row per item (standardized), `correlations` one per pair of constructs; standard errors are
    robust. `plain` is the fit by itself, `scaled` the one to report. `n` counts complete respondents.
    An improper solution keeps its fit but shows no loadings.
    """

    n: int
    reason: str
    loadings: pd.DataFrame
    correlations: pd.DataFrame
    plain: Indices | None = None
    scaled: Indices | None = None
    srmr: float = float("nan")


def factor_structure(answers: pd.DataFrame, constructs: dict[str, list[str]]) -> Structure:
    """Fit a factor per construct to keyed answers (respondents by items), complete respondents only.

    Raises `WorkbenchError` where an item is not in the table or belongs to two constructs.
    """
    items = _items(answers, constructs)
    complete = answers[items].dropna()
    reason = unfit(complete)
    if reason:
        return _nothing(len(complete), reason)
    moments = ordinal_moments(complete.to_numpy())
    factor_of = np.repeat(np.arange(len(constructs)), [len(of) for of in constructs.values()])
    model = single_group(moments, factor_of)
    fit = fit_model(model, [moments], starting_values(model, [moments]))
    if fit.reason:
        known = (fit.plain, fit.scaled, fit.srmr) if np.isfinite(fit.srmr) else (None, None, float("nan"))
        return _nothing(len(complete), fit.reason, *known)
    return Structure(len(complete), "", *_tables(model, fit, constructs), fit.plain, fit.scaled, fit.srmr)


def unfit(complete: pd.DataFrame) -> str:
    """Return why a factor model of these answers cannot be tried, or nothing."""
    if len(complete) < FEWEST:
        return FEW
    return CONSTANT if (complete.nunique() < 2).any() else ""


def single_group(moments: OrdinalMoments, factor_of: np.ndarray) -> Model:
    """Return the model of one group: factors and what lies behind the items have variance 1."""
    p, m = len(factor_of), int(factor_of.max()) + 1
    item_of_cut = np.repeat(np.arange(p), [len(cuts) for cuts in moments.thresholds])
    t, pairs = len(item_of_cut), m * (m + 1) // 2
    variance = np.zeros(pairs, bool)
    variance[np.cumsum(np.arange(1, m + 1)) - 1] = True
    place = np.full(pairs, -1)
    place[~variance] = t + p + np.arange(pairs - m)
    return Model(
        factor_of,
        item_of_cut,
        cuts=Block(np.arange(t)[None], np.zeros((1, t))),
        loadings=Block(t + np.arange(p)[None], np.zeros((1, p))),
        intercepts=_fixed(p, 0.0),
        scales=_fixed(p, 1.0),
        means=_fixed(m, 0.0),
        factors=Block(place[None], variance[None].astype(float)),
        size=t + p + pairs - m,
    )


def starting_values(model: Model, groups: list[OrdinalMoments]) -> np.ndarray:
    """Return starting values: observed thresholds, loadings of the first component, 1 for scales and variances.

    A parameter that several groups share starts from the first of them.
    """
    start = np.zeros(model.size)
    for g in reversed(range(len(groups))):
        loadings = _first_component(groups[g].correlations, model.factor_of)
        m = int(model.factor_of.max()) + 1
        values = (
            (model.cuts, np.concatenate(groups[g].thresholds)),
            (model.loadings, loadings),
            (model.scales, np.ones(len(loadings))),
            (model.factors, np.eye(m)[np.tril_indices(m)]),
        )
        for block, value in values:
            free = block.place[g] >= 0
            start[block.place[g][free]] = value[free]
    return start


def _first_component(correlations: np.ndarray, factor_of: np.ndarray) -> np.ndarray:
    loadings = np.zeros(len(factor_of))
    for f in np.unique(factor_of):
        of = np.flatnonzero(factor_of == f)
        values, vectors = np.linalg.eigh(correlations[np.ix_(of, of)])
        first = vectors[:, -1] * np.sqrt(values[-1])
        loadings[of] = first * (np.sign(first.sum()) or 1.0)
    return loadings.clip(-0.9, 0.9)


def _fixed(size: int, value: float) -> Block:
    return Block(np.full((1, size), -1), np.full((1, size), value))


def _items(answers: pd.DataFrame, constructs: dict[str, list[str]]) -> list[str]:
    items = [item for of in constructs.values() for item in of]
    for item in items:
        if item not in answers:
            raise WorkbenchError(f"item {item}", "there is no such column of answers", fix=nearest(item, answers))
    twice = sorted({item for item in items if items.count(item) > 1})
    if twice:
        fix = "Let each item belong to one construct."
        raise WorkbenchError(f"item {twice[0]}", "it belongs to two constructs", fix=fix)
    return items


def _tables(model: Model, fit: Fit, constructs: dict[str, list[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    error = np.sqrt(np.diag(fit.covariance))
    at = model.loadings.place[0]
    rows = [(construct, item) for construct, of in constructs.items() for item in of]
    loadings = pd.DataFrame(rows, columns=LOADING[:2]).assign(loading=fit.free[at], std_error=error[at])
    names = list(constructs)
    pairs = [(names[low], names[high]) for high in range(len(names)) for low in range(high)]
    free = model.factors.place[0][model.factors.place[0] >= 0]
    correlations = pd.DataFrame(pairs, columns=CORRELATION[:2])
    return loadings, correlations.assign(correlation=fit.free[free], std_error=error[free])


def _nothing(
    n: int, reason: str, plain: Indices | None = None, scaled: Indices | None = None, srmr: float = float("nan")
) -> Structure:
    empty = pd.DataFrame(columns=LOADING), pd.DataFrame(columns=CORRELATION)
    return Structure(n, reason, *empty, plain, scaled, srmr)
