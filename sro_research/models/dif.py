"""Do people of different groups who are alike on a construct answer an item alike? (differential item functioning)

An item that does not is unfair to compare: part of the difference between the groups is the item's. For each item a
proportional odds model of its answer y (McCullagh 1980, J. R. Stat. Soc. B 42, 109-142), with s the mean of the
construct's other items, is fitted three times:

    score       logit P(y <= c) = theta_c - b s
    uniform     ... - d_group         the groups differ by as much at every score
    full        ... - e_group s       and by more at one score than at another

Twice the difference in log likelihood is tested against chi-square (Swaminathan & Rogers 1990, J. Educ. Meas. 27,
361-370; Zumbo 1999): uniform against score, full against uniform (`nonuniform`), and full against score (`total`). In
large samples everything is significant; the change in R2 says whether it matters. The other items are taken as they
are: where several of them favor a group, s does too.

The log likelihood is concave (Pratt 1981, J. Am. Stat. Assoc. 76, 103-106) and depends on the counts of equal rows
only, so it is maximized by Newton steps on the few thousand different rows of a million respondents; `OrderedModel`
of statsmodels agrees but knows no counts. References: R `ordinal::clm`, `MASS::polr`, tests/reference/psych.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit
from statsmodels.stats.multitest import multipletests

from sro_research.estimates import ESTIMATED, NOT_ESTIMABLE

FEWEST_IN_A_GROUP = 100
"""With two groups of 100 chance alone moves R2 by up to 0.03 one time in twenty (a chi-square of 5.99 over n = 200);
with fewer it would pass for a moderate effect (0.035, below)."""
SIGNIFICANCE = 0.05
"""Adjusted p above which an effect is called negligible whatever its size."""
NEGLIGIBLE, MODERATE, LARGE = "negligible", "moderate", "large"
JODOIN_GIERL = (0.035, 0.070)
"""Changes in Nagelkerke's R2 from which an effect is moderate and large (Jodoin & Gierl 2001, Appl. Meas. Educ. 14,
329-349)."""
ZUMBO = (0.13, 0.26)
"""The older and much higher limits (Zumbo & Thomas 1997; Zumbo 1999, A Handbook on the Theory and Methods of DIF)."""

TESTS = {"uniform": ("score", "uniform"), "nonuniform": ("uniform", "full"), "total": ("score", "full")}
"""Test: the smaller model and the larger."""

ONE_GROUP = f"fewer than two groups of {FEWEST_IN_A_GROUP} complete answers"
ONE_ANSWER, REST_ALIKE = "everyone gave this item the same answer", "the other items do not differ"
NO_MAXIMUM = "the model did not converge: some answers are predicted exactly"
EMPTY = "a group never gave one of the answers"
LEFT_OUT = f"groups below {FEWEST_IN_A_GROUP} are left out"

STEPS = 100
ENDED = 1e-10
"""Newton's search has ended when the log likelihood has no more than this to gain."""
ROUNDING = 1e-12
"""The part of a log likelihood by which a step may seem to lose."""
FLAT = 1e-4
"""Information (of standardized predictors) below which a coefficient has no finite best value."""


@dataclass(frozen=True)
class Rows:
    """Different rows of an item's data: answers from 0, scores and groups from 0 as columns, and how often each is."""

    answers: np.ndarray
    score: np.ndarray
    groups: np.ndarray
    counts: np.ndarray


def differential_items(answers: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Test each item of a construct for differential functioning between groups.

    `answers` are keyed answers (respondents by items), `groups` the group of each respondent, missing where there is
    none. Respondents who answered every item count, and groups with `FEWEST_IN_A_GROUP` of them or more.

    Returns one row per `item` and `test` ("uniform", "nonuniform", "total"): `n` and `groups` compared, `chi2`, `df`,
    `p`, `p_adjusted` (Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57, 289-300, over the items), `nagelkerke_change`
    and `mcfadden_change` of R2, `jodoin_gierl` and `zumbo`, the class of the effect; `status` and `note`. R:
    `ordinal::clm(y ~ s)`, `clm(y ~ s + group)`, `clm(y ~ s * group)`.
    """
    total, note = answers.sum(axis=1, skipna=False), ""
    complete = groups.where(total.notna())
    sizes = complete.value_counts()
    sizes = sizes[sizes > 0]
    large = sizes.index[sizes >= FEWEST_IN_A_GROUP]
    kept = complete.isin(large)
    if len(large) < len(sizes):
        note = LEFT_OUT
    rows = []
    for item in answers:
        if len(large) < 2:
            found, why = None, ONE_GROUP
        else:
            rest = (total - answers[item])[kept] / max(answers.shape[1] - 1, 1)
            found, why = _tests(_rows(answers.loc[kept, item], rest, groups[kept]))
        about = {"item": item, "n": int(kept.sum()), "groups": len(large)}
        for test in TESTS:
            missing = found is None
            said = why if missing else "; ".join(part for part in (why, note) if part)
            status = NOT_ESTIMABLE if missing else ESTIMATED
            rows.append({**about, "test": test, **(found[test] if found else {}), "status": status, "note": said})
    return _classified(pd.DataFrame(rows, columns=[*_COLUMNS, "status", "note"]))


_COLUMNS = ["item", "test", "n", "groups", "chi2", "df", "p", "nagelkerke_change", "mcfadden_change"]


def _rows(answer: pd.Series, rest: pd.Series, groups: pd.Series) -> Rows:
    # Sums of answers in halves or thirds are equal only up to rounding.
    data = pd.DataFrame({"y": answer.to_numpy(), "s": rest.to_numpy().round(9), "g": groups.to_numpy()})
    cells = data.groupby(["y", "s", "g"], observed=True).size().rename("count").reset_index()
    return Rows(
        answers=cells["y"].rank(method="dense").to_numpy(dtype=int) - 1,
        score=cells["s"].to_numpy(dtype=float),
        groups=cells["g"].factorize(sort=True)[0],
        counts=cells["count"].to_numpy(dtype=float),
    )


def _tests(rows: Rows) -> tuple[dict[str, dict[str, float]] | None, str]:
    """Return the three tests of an item, and why there are none or what is to be known of them."""
    if rows.answers.max() == 0:
        return None, ONE_ANSWER
    if np.ptp(rows.score) == 0:
        return None, REST_ALIKE
    n, members = rows.counts.sum(), rows.groups[:, None] == np.arange(1, rows.groups.max() + 1)
    score = rows.score - np.average(rows.score, weights=rows.counts)
    score = (score / np.sqrt(np.average(score**2, weights=rows.counts)))[:, None]
    groups = members - np.average(members, axis=0, weights=rows.counts)
    predictors = {
        "null": score[:, :0],
        "score": score,
        "uniform": np.hstack([score, groups]),
        "full": np.hstack([score, groups, score * groups]),
    }
    logliks = {}
    for model, x in predictors.items():
        loglik = proportional_odds(rows.answers, x, rows.counts)
        if loglik is None:
            return None, NO_MAXIMUM
        logliks[model] = loglik
    null, found = logliks["null"], {}
    for test, (small, big) in TESTS.items():
        df = predictors[big].shape[1] - predictors[small].shape[1]
        # A larger model cannot fit worse; what is below zero is the search's last digit.
        chi2 = max(2 * (logliks[big] - logliks[small]), 0.0)
        found[test] = {
            "chi2": chi2,
            "df": df,
            "p": float(stats.chi2.sf(chi2, df)),
            "nagelkerke_change": _nagelkerke(logliks[big], null, n) - _nagelkerke(logliks[small], null, n),
            "mcfadden_change": (logliks[small] - logliks[big]) / null,
        }
    seen = np.zeros((rows.answers.max() + 1, rows.groups.max() + 1), dtype=bool)
    seen[rows.answers, rows.groups] = True
    return found, "" if seen.all() else EMPTY


def _nagelkerke(loglik: float, null: float, n: float) -> float:
    """Return R2 = (1 - exp(2 (l0 - l) / n)) / (1 - exp(2 l0 / n)) (Nagelkerke 1991, Biometrika 78, 691-692)."""
    return float(np.expm1(2 * (null - loglik) / n) / np.expm1(2 * null / n))


def proportional_odds(answers: np.ndarray, x: np.ndarray, counts: np.ndarray) -> float | None:
    """Return the greatest log likelihood of a proportional odds model, or None where it has no maximum.

    `answers` (m) are 0, 1, ... without gaps, `x` (m x q) predictors without a constant, about of size 1, and `counts`
    (m) how often each row occurs.
    """
    below = np.cumsum(np.bincount(answers, weights=counts))[:-1] / counts.sum()
    parameters = np.concatenate([np.log(below / (1 - below)), np.zeros(x.shape[1])])
    loglik, slope, information = _likelihood(parameters, answers, x, counts)
    for _ in range(STEPS):
        if np.linalg.eigvalsh(information)[0] < FLAT:
            return None
        step = np.linalg.solve(information, slope)
        if slope @ step / 2 < ENDED:
            return loglik
        while True:
            tried = _likelihood(parameters + step, answers, x, counts)
            if tried[0] >= loglik - ROUNDING * abs(loglik):
                break
            step = step / 2
            if np.abs(step).max() < ENDED:
                return None
        parameters = parameters + step
        loglik, slope, information = tried
    return None


def _likelihood(
    parameters: np.ndarray, answers: np.ndarray, x: np.ndarray, counts: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log likelihood, its slopes and the observed information, minus infinity where thresholds cross."""
    cuts = len(parameters) - x.shape[1]
    thresholds = np.concatenate([[-np.inf], parameters[:cuts], [np.inf]])
    if not (np.diff(thresholds) > 0).all():
        return -np.inf, parameters, np.empty((0, 0))
    shift = x @ parameters[cuts:]
    high, low = thresholds[answers + 1] - shift, thresholds[answers] - shift
    # Far to the right both probabilities are 1 and only their complements differ.
    right = low > 0
    chance = np.where(right, expit(-low) - expit(-high), expit(high) - expit(low))
    if not (chance > 0).all():
        return -np.inf, parameters, np.empty((0, 0))
    at_high, at_low = (expit(v) * expit(-v) / chance for v in (high, low))
    bend_high, bend_low = at_high * -np.tanh(high / 2), at_low * -np.tanh(low / 2)
    to_high = np.hstack([answers[:, None] == np.arange(cuts), -x]).astype(float)
    to_low = np.hstack([answers[:, None] == np.arange(1, cuts + 1), -x]).astype(float)
    gain = to_high * at_high[:, None] - to_low * at_low[:, None]
    information = (
        (gain * counts[:, None]).T @ gain
        - (to_high * (bend_high * counts)[:, None]).T @ to_high
        + (to_low * (bend_low * counts)[:, None]).T @ to_low
    )
    return float(counts @ np.log(chance)), gain.T @ counts, information


def _classified(table: pd.DataFrame) -> pd.DataFrame:
    """Add p adjusted over the items, test by test, and the classes of effects."""
    known = table["p"].notna()
    adjusted = pd.Series(np.nan, index=table.index)
    for _, at in table[known].groupby("test").groups.items():
        adjusted[at] = multipletests(table.loc[at, "p"], method="fdr_bh")[1]
    table.insert(table.columns.get_loc("p") + 1, "p_adjusted", adjusted)
    for name, (moderate, large) in {"jodoin_gierl": JODOIN_GIERL, "zumbo": ZUMBO}.items():
        change = table["nagelkerke_change"].where(adjusted <= SIGNIFICANCE, 0.0)
        classes = np.select([change >= large, change >= moderate], [LARGE, MODERATE], NEGLIGIBLE)
        table.insert(table.columns.get_loc("status"), name, np.where(known, classes, ""))
    return table
