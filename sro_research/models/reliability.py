"""Do the items of a construct belong together, and can schools be told apart by it?

References: R `psych`, `factanal` and one-way `aov`, tests/reference/lq2002; `psych::omega`, `psych::polychoric`,
`psych::ICC` and `lme4`, tests/reference/psych.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import minimize
from statsmodels.multivariate.factor_rotation import rotate_factors

from sro_research.estimates import as_estimates
from sro_research.models.items import moments
from sro_research.models.polychoric import polychoric_correlations
from sro_research.models.school_means import CONFIDENCE

TOO_FEW = "too few items, answers or schools"
NO_VARIANCE, ONE_CONSTANT = "all answers are equal", "an item has the same answer from everyone"
NO_FACTOR = "the factor model did not converge"
NO_BETWEEN = "the schools do not differ at all"
TOO_FEW_FOR_THREE = "fewer than six items: no three factors"
NO_GENERAL = "the three factors have no general factor in common"
NO_ANSWERS = "nobody has a score"

LOWEST_RELIABILITY = 0.7
"""ICC(2) from which school means are commonly compared (LeBreton & Senter 2008, Organ. Res. Methods 11, 815-852; from
Nunnally 1978 for tests)."""
ANOVA = "one-way analysis of variance, limits of F"
LOW = f"reliability below {LOWEST_RELIABILITY:.2f}: differences between single schools cannot be relied on"

FACTORS, FEWEST_ITEMS = 3, 6
"""Omega hierarchical needs three factors for a general one to be identified, and two items for each (R `psych::omega`,
whose default is three factors; Zinbarg, Yovel, Revelle & McDonald 2006, Appl. Psych. Meas. 30, 121-144)."""

OBLIMIN = ("oblimin", 0, "oblique")
OTHER_STARTS = 8
LOWEST_UNIQUENESS = 0.005
"""As in R `factanal`: below it an item would have no error of its own."""
STEEPEST = 1e-5
"""Largest slope at which a search has ended."""
SINGULAR = 1e-10
"""Smallest eigenvalue of the correlations below which an item is a sum of others and the likelihood has no maximum."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval and the number of respondents it rests on."""

    estimate: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Coefficient:
    """An estimate without an interval, the number of respondents it rests on, and where it is missing the reason."""

    estimate: float
    n: int
    note: str


@dataclass(frozen=True)
class OneWay:
    """A one-way analysis of variance by school: mean squares, and the number of scores by school."""

    between: float
    within: float
    sizes: pd.Series

    @property
    def mean_size(self) -> float:
        """Scores per school."""
        return float(self.sizes.mean())

    @property
    def usual_size(self) -> float:
        """Return the size n0 of equal schools that would expect the same mean square (Donner 1986, below the mean)."""
        n = self.sizes.sum()
        return float((n - (self.sizes**2).sum() / n) / (len(self.sizes) - 1))


def alpha(answers: pd.DataFrame) -> Interval:
    """Return Cronbach's alpha of keyed answers (respondents by items), complete respondents only.

    Interval after Feldt, Woodruff & Salih 1987 (Appl. Psych. Meas. 11, 93-103): (1 - alpha) times quantiles of F with
    n-1 and (n-1)(k-1) degrees of freedom.
    """
    together, k = moments(answers), answers.shape[1]
    n, value = together.n, alpha_of(together.covariances)
    if np.isnan(value):
        return Interval(np.nan, np.nan, np.nan, n)
    tail = (1 - CONFIDENCE) / 2
    low, high = (1 - (1 - value) * stats.f.ppf(q, n - 1, (n - 1) * (k - 1)) for q in (1 - tail, tail))
    return Interval(value, low, high, n)


def alpha_of(covariances: np.ndarray) -> float:
    """Return the alpha of covariances or correlations (k x k) of keyed items; of correlations it is standardized.

    k / (k - 1) (1 - trace / sum), missing where there are fewer than two items or the sum of the items does not vary.
    R: `psych::alpha(covariances)$total$raw_alpha`.
    """
    k, total = len(covariances), covariances.sum()
    if k < 2 or not total > 0:
        return float("nan")
    return float(k / (k - 1) * (1 - np.trace(covariances) / total))


def ordinal_alpha(answers: pd.DataFrame) -> Coefficient:
    """Return the alpha of the polychoric correlations of keyed answers in whole numbers, complete respondents only.

    It is the alpha of what lies behind the answers, not of the score made of them, and mostly higher (Zumbo, Gadermann
    & Zeisser 2007, J. Mod. Appl. Stat. Methods 6, 21-29; the objection: Chalmers 2018, Educ. Psychol. Meas. 78,
    1056-1071). R: `alpha(polychoric(x, correct = 0, global = FALSE)$rho)` of `psych`. Raises `WorkbenchError` where
    answers are not whole numbers.
    """
    complete = answers.dropna()
    n, k = complete.shape
    if n < 2 or k < 2:
        return Coefficient(np.nan, n, TOO_FEW)
    if (complete.nunique() < 2).any():
        return Coefficient(np.nan, n, ONE_CONSTANT)
    value = alpha_of(polychoric_correlations(complete.to_numpy()))
    return Coefficient(value, n, NO_VARIANCE if np.isnan(value) else "")


def omega_total(answers: pd.DataFrame) -> float:
    """Return McDonald's omega of a one-factor maximum likelihood model of the covariances.

    omega = (sum of loadings)^2 / ((sum of loadings)^2 + sum of uniquenesses), loadings in the items' own units
    (McDonald 1999, Test Theory). Missing where there are fewer than three items, an item does not vary, or the factor
    model has no proper solution.
    """
    return _omega(answers)[0]


def _omega(answers: pd.DataFrame) -> tuple[float, str]:
    """Return omega, and where it is missing the reason."""
    correlations, spread, _, reason = _correlations(answers, at_least=3)
    if correlations is None:
        return float("nan"), reason
    uniqueness = one_factor_uniqueness(correlations)
    if uniqueness is None:
        return float("nan"), NO_FACTOR
    common = (_loadings(correlations, uniqueness) * spread).sum() ** 2
    return float(common / (common + (uniqueness * spread**2).sum())), ""


def _correlations(answers: pd.DataFrame, *, at_least: int) -> tuple[np.ndarray | None, np.ndarray, int, str]:
    """Return correlations (p x p), standard deviations (p) and n of complete respondents, or why there are none."""
    together = moments(answers)
    spread, p = np.sqrt(np.diag(together.covariances)), answers.shape[1]
    if p < at_least or together.n <= p:
        return None, spread, together.n, TOO_FEW
    if not (spread > 0).all():
        return None, spread, together.n, NO_VARIANCE if not (spread > 0).any() else ONE_CONSTANT
    return together.covariances / np.outer(spread, spread), spread, together.n, ""


def omega_hierarchical(answers: pd.DataFrame) -> Coefficient:
    """Return the part of the variance of the sum of keyed answers that one general factor makes.

    Three factors (minres) of the correlations, turned obliquely (oblimin), have one factor in common; carried through
    to the items, its loadings g are those of Schmid & Leiman (1957, Psychometrika 22, 53-61), and
    omega_h = (sum of g s)^2 / sum of the covariances, s the items' standard deviations (McDonald 1999, Test Theory;
    Zinbarg et al. 2005, Psychometrika 70, 123-133). Of standardized items it is
    `psych::omega(x, nfactors = 3, flip = FALSE)$omega_h` of R. Missing with a reason below six items, without a proper
    solution, or where the three factors do not share one.
    """
    correlations, spread, n, reason = _correlations(answers, at_least=FEWEST_ITEMS)
    if correlations is None:
        return Coefficient(np.nan, n, TOO_FEW_FOR_THREE if answers.shape[1] < FEWEST_ITEMS else reason)
    loadings, reason = general_loadings(correlations)
    if loadings is None:
        return Coefficient(np.nan, n, reason)
    total = (correlations * np.outer(spread, spread)).sum()
    return Coefficient(float((loadings * spread).sum() ** 2 / total), n, "")


def general_loadings(correlations: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Return the loadings (p) of correlations (p x p) on the general factor of three, or None and the reason."""
    axes = _minres_loadings(correlations)
    if axes is None:
        return None, NO_FACTOR
    pattern, turn = _oblimin(axes)
    if _turning(pattern, turn) > STEEPEST:
        return None, NO_FACTOR
    (_, ab, ac), (_, _, bc), _ = turn.T @ turn
    if not ab * ac * bc > 0 or max(ab * ac / bc, ab * bc / ac, ac * bc / ab) >= 1:
        return None, NO_GENERAL
    first = np.sqrt(ab * ac / bc)  # Three correlations of one factor give its three loadings.
    return pattern @ np.array([first, ab / first, ac / first]), ""


def _minres_loadings(correlations: np.ndarray) -> np.ndarray | None:
    """Return loadings (p x 3, not turned) that leave the smallest residuals off the diagonal, or None.

    Harman & Jones 1966 (Psychometrika 31, 351-368). Searched over the uniquenesses u: half the sum of squares of the
    eigenvalues of R - u that the factors leave out has its minimum where minres has it, and exact slopes.
    """
    p = len(correlations)
    if np.linalg.eigvalsh(correlations)[0] < SINGULAR:
        return None

    def misfit(uniqueness: np.ndarray) -> tuple[float, np.ndarray]:
        values, vectors = np.linalg.eigh(correlations - np.diag(uniqueness))
        left, at = values[:-FACTORS], vectors[:, :-FACTORS]
        return float((left**2).sum() / 2), -(at**2 @ left)

    start = (1 / np.diag(np.linalg.inv(correlations))).clip(LOWEST_UNIQUENESS, 1.0)
    bounds = [(LOWEST_UNIQUENESS, 1.0)] * p
    options = {"ftol": 1e-16, "gtol": 1e-10, "maxiter": 5000, "maxfun": 50_000}
    uniqueness = minimize(misfit, start, method="L-BFGS-B", jac=True, bounds=bounds, options=options).x
    proper = (uniqueness > LOWEST_UNIQUENESS * (1 + 1e-6)) & (uniqueness < 1)
    values, vectors = np.linalg.eigh(correlations - np.diag(uniqueness))
    if not proper.all() or np.abs(misfit(uniqueness)[1]).max() > STEEPEST or values[-FACTORS] <= 0:
        return None
    return vectors[:, -FACTORS:] * np.sqrt(values[-FACTORS:])


def _oblimin(axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the oblique pattern (p x 3) of the lowest oblimin criterion and its turn T: factor correlations are T'T.

    From varimax alone the search can end on a level point that is no minimum, where factors mirror one another; so it
    also starts from positions drawn at random, always the same ones.
    """
    draws = np.random.default_rng(0).normal(size=(OTHER_STARTS, FACTORS, FACTORS))
    starts = [rotate_factors(axes, "varimax")[0], *(axes @ np.linalg.qr(draw)[0] for draw in draws)]
    near = min(starts, key=lambda start: _complexity(rotate_factors(start, *OBLIMIN, tol=1e-5)[0]))
    # Near the optimum the criterion's own rounding ends the search; the caller asks whether it got there.
    return rotate_factors(near, *OBLIMIN, tol=1e-8, max_tries=300)


def _complexity(pattern: np.ndarray) -> float:
    """Return the oblimin criterion: how far items load on more than one factor."""
    squares = pattern**2
    return float((squares.sum(axis=1) ** 2 - (squares**2).sum(axis=1)).sum())


def _turning(pattern: np.ndarray, turn: np.ndarray) -> float:
    """Return how far from level the oblimin criterion is at a pattern (Jennrich 2002, Psychometrika 67, 7-19)."""
    squares = pattern**2
    slope = pattern * (squares.sum(axis=1, keepdims=True) - squares)
    pull = -(pattern.T @ slope @ np.linalg.inv(turn)).T
    return float(np.linalg.norm(pull - turn * (turn * pull).sum(axis=0)))


def one_factor_uniqueness(correlations: np.ndarray) -> np.ndarray | None:
    """Return the uniquenesses (p) of a one-factor maximum likelihood model of correlations (p x p), or None.

    The likelihood is maximized over the uniquenesses alone, the loadings being known given them (Jöreskog 1967,
    Psychometrika 32, 443-482; R `factanal`). Where the search does not end, other starts are tried. A uniqueness at
    its lower bound is an improper solution (Heywood 1931): an item would be the factor itself, without error.
    """
    p = len(correlations)
    if np.linalg.eigvalsh(correlations)[0] < SINGULAR:
        return None
    # R's start, then plain ones.
    starts = [(1 - 0.5 / p) / np.diag(np.linalg.inv(correlations)), *(np.full(p, u) for u in (0.5, 0.2, 0.8))]
    bounds = [(LOWEST_UNIQUENESS, 1.0)] * p
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
    for start in starts:
        inside = start.clip(LOWEST_UNIQUENESS, 1.0)
        fit = minimize(_misfit, inside, (correlations,), "L-BFGS-B", jac=True, bounds=bounds, options=options)
        slope = _misfit(fit.x, correlations)[1]
        settled = np.abs(np.clip(fit.x - slope, LOWEST_UNIQUENESS, 1.0) - fit.x).max() < STEEPEST
        if settled:
            return fit.x if (fit.x > LOWEST_UNIQUENESS * (1 + 1e-6)).all() else None
    return None


def _misfit(uniqueness: np.ndarray, correlations: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the likelihood's distance from a perfect fit, and its slopes by the uniquenesses."""
    root = np.sqrt(uniqueness)
    others = np.linalg.eigvalsh(correlations / np.outer(root, root))[:-1]
    loadings = _loadings(correlations, uniqueness)
    left = np.outer(loadings, loadings) + np.diag(uniqueness) - correlations
    return float((others - np.log(others) - 1).sum()), np.diag(left) / uniqueness**2


def _loadings(correlations: np.ndarray, uniqueness: np.ndarray) -> np.ndarray:
    root = np.sqrt(uniqueness)
    values, vectors = np.linalg.eigh(correlations / np.outer(root, root))
    return root * vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0.0))


def school_reliability(scores: pd.Series, schools: pd.Series) -> tuple[float, float]:
    """Return ICC(1), the share of variance between schools, and ICC(2), the reliability of a school's mean.

    From a one-way analysis of variance, with the average number of answers per school (Bliese 2000). ICC(1) may be
    negative, which says that schools differ less than chance would make them. ICC(2) is missing where they do not
    differ at all, both where no answer differs.
    """
    icc1, icc2 = school_reliability_intervals(scores, schools)
    return icc1.estimate, icc2.estimate


def school_reliability_intervals(scores: pd.Series, schools: pd.Series) -> tuple[Interval, Interval]:
    """Return ICC(1) and ICC(2) of `school_reliability` with their intervals.

    From limits of F (Shrout & Fleiss 1979, Psychol. Bull. 86, 420-428; McGraw & Wong 1996, Psychol. Methods 1, 30-46),
    exact for schools of one size, where R `psych::ICC(lmer = FALSE)` agrees (ICC1, ICC1k); with the mean size
    otherwise, approximate. An interval is missing where no answer differs within schools.
    """
    table = one_way(scores, schools)
    n = int((scores.notna().to_numpy() & schools.notna().to_numpy()).sum())
    nothing = Interval(np.nan, np.nan, np.nan, n)
    if table is None or not table.between + table.within > 0:
        return nothing, nothing
    size, between, within = table.mean_size, table.between, table.within
    icc1 = (between - within) / (between + (size - 1) * within)
    icc2 = (between - within) / between if between > 0 else np.nan
    if not (between > 0 and within > 0):
        return Interval(icc1, np.nan, np.nan, n), Interval(icc2, np.nan, np.nan, n)
    df, tail = (len(table.sizes) - 1, n - len(table.sizes)), (1 - CONFIDENCE) / 2
    f = np.array([between / within / stats.f.isf(tail, *df), between / within * stats.f.isf(tail, *df[::-1])])
    (low1, high1), (low2, high2) = (f - 1) / (f + size - 1), 1 - 1 / f
    return Interval(icc1, low1, high1, n), Interval(icc2, low2, high2, n)


def one_way(scores: pd.Series, schools: pd.Series) -> OneWay | None:
    """Return the analysis of variance of scores by school, or None without two schools and an answer to spare."""
    table = pd.DataFrame({"score": scores, "school": schools}).dropna()
    by_school = table.groupby("school", observed=True)["score"]
    groups, n = by_school.ngroups, len(table)
    if groups < 2 or n <= groups:
        return None
    within = ((table["score"] - by_school.transform("mean")) ** 2).sum()
    between = ((table["score"] - table["score"].mean()) ** 2).sum() - within
    return OneWay(float(between / (groups - 1)), float(within / (n - groups)), by_school.size())


def mean_reliability(scores: pd.Series, schools: pd.Series) -> pd.DataFrame:
    """Return how reliable each school's mean is, given the answers it rests on; to be printed beside the mean.

    One row per `school_id`: `n` scores, `reliability` = t / (t + w / n), with w the variance within schools and
    t = (between - within) / n0, not below 0, that between them, both from the analysis of variance (Raudenbush & Bryk
    2002, Hierarchical Linear Models, 2nd ed., ch. 3; n0 of Donner 1986, Int. Stat. Rev. 54, 67-82). `note` warns below
    `LOWEST_RELIABILITY`, and says why a value is missing. R, for schools of one size: `lme4::lmer(y ~ (1 | school))`,
    1 - conditional variance / t.
    """
    table = one_way(scores, schools)
    known = schools[scores.notna()].value_counts()
    rows = pd.DataFrame({"school_id": sorted(schools.dropna().unique())})
    rows["n"] = rows["school_id"].map(known).fillna(0).astype(int)
    if table is None or not table.between + table.within > 0:
        return rows.assign(reliability=np.nan, note=TOO_FEW if table is None else NO_VARIANCE)
    true = max((table.between - table.within) / table.usual_size, 0.0)
    # A school without answers has no mean to rely on.
    reliability = true / (true + table.within / rows["n"].where(rows["n"] > 0))
    notes = np.where(reliability.isna(), NO_ANSWERS, np.where(reliability < LOWEST_RELIABILITY, LOW, ""))
    return rows.assign(reliability=reliability, note=notes)


def mean_reliability_estimates(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the reliability of each school's mean score as estimates, by population, construct and wave.

    `scores` comes from `measures.scales.score`.
    """
    tables = [as_estimates(pd.DataFrame({"n": []}))]
    for key, of in scores.groupby(["population", "construct", "wave"], observed=True):
        rows = mean_reliability(of["score"], of["school_id"]).rename(columns={"reliability": "estimate"})
        about = dict(zip(["population", "construct", "wave"], key, strict=True))
        method = "one-way analysis of variance, the school's own n"
        tables.append(as_estimates(rows, measure="reliability_of_mean", unit="coefficient", method=method, **about))
    return pd.concat(tables, ignore_index=True)


def reliability_estimates(
    answers: dict[str, pd.DataFrame], scores: pd.DataFrame, *, population: str, wave: str
) -> pd.DataFrame:
    """Return alpha, omega, ICC(1) and ICC(2) of each construct as estimates of one wave.

    `answers` maps constructs to keyed answers; `scores` are the scores of the same respondents. The note of an ICC(2)
    below `LOWEST_RELIABILITY` warns.
    """
    rows = []
    for construct, items in answers.items():
        of = scores[scores["construct"] == construct].dropna(subset=["score"])
        a, (omega, reason) = alpha(items), _omega(items)
        icc1, icc2 = school_reliability_intervals(of["score"], of["school_id"])
        equal = NO_VARIANCE if items.dropna().stack().nunique() == 1 else TOO_FEW
        apart = NO_VARIANCE if of["score"].nunique() == 1 else NO_BETWEEN if pd.notna(icc1.estimate) else TOO_FEW
        rows += [
            ("alpha", construct, a.n, a.estimate, a.low, a.high, "Cronbach, interval after Feldt", equal),
            ("omega_total", construct, a.n, omega, np.nan, np.nan, "one-factor maximum likelihood", reason),
            ("icc1", construct, len(of), icc1.estimate, icc1.low, icc1.high, ANOVA, apart),
            ("icc2", construct, len(of), icc2.estimate, icc2.low, icc2.high, ANOVA, apart),
        ]
    columns = ["measure", "construct", "n", "estimate", "conf_low", "conf_high", "method", "note"]
    table = pd.DataFrame(rows, columns=columns)
    low = (table["measure"] == "icc2") & (table["estimate"] < LOWEST_RELIABILITY)
    table["note"] = table["note"].where(table["estimate"].isna(), "").mask(low, LOW)
    return as_estimates(table, population=population, wave=wave, unit="coefficient")


def structure_estimates(answers: dict[str, pd.DataFrame], *, population: str, wave: str) -> pd.DataFrame:
    """Return omega hierarchical and ordinal alpha of each construct's keyed answers as estimates of one wave."""
    rows = []
    for construct, items in answers.items():
        omega, ordinal = omega_hierarchical(items), ordinal_alpha(items)
        rows += [
            (
                "omega_hierarchical",
                construct,
                omega.n,
                omega.estimate,
                "Schmid-Leiman of three minres factors",
                omega.note,
            ),
            ("alpha_ordinal", construct, ordinal.n, ordinal.estimate, "polychoric correlations", ordinal.note),
        ]
    table = pd.DataFrame(rows, columns=["measure", "construct", "n", "estimate", "method", "note"])
    return as_estimates(table, population=population, wave=wave, unit="coefficient")
