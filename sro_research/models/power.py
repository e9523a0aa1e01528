"""How small an effect can the study see? Power of the declared within-between model, before its results are looked at.

The effect is the one within schools (models/multilevel.py). With the variances known, generalised least squares on the
means of school-waves give its standard error,

    V_j = sd_school^2 11' + diag(sd_school_wave^2 + sd_person^2 / n_jt)      SE^2 = [(sum_j X_j' V_j^-1 X_j)^-1]_within

and power is that of a t test with the design's degrees of freedom (school-waves - schools - waves). In a study the
variances have to be estimated. So studies of the same design are also simulated under no effect and each is fitted by
restricted maximum likelihood on the same means, the variance of people being known well from their many answers. An
effect of b moves every estimate by b and no standard error; one set of simulations therefore tells the power of every
effect, and how often there is a false alarm.

References: GLS from the covariance matrix of single answers and `power.t.test` in R, tests/reference/panel; the fit by
models/multilevel.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import optimize, stats

from sro_research.models.district_means import FEW_CLUSTERS
from sro_research.models.school_means import CONFIDENCE

POWER = 0.80
"""The power that is asked for (Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, 2nd ed., 56)."""
DRAWS = 400
"""Studies simulated: a power of 80 % is then known to 4 points on either side."""
POINTS = 32, 8
"""Values of the variances of school-waves and of schools at which the likelihood of simulated studies is computed: for
all of them at once. A standard error within schools is then right to 2 %, and is wrong as often up as down."""
MOST_DRAWN = 100_000
"""School-waves simulated in all; larger designs have fewer draws, but at least 100."""
MOST_CELLS = 3_000
"""School-waves up to which studies are simulated: beyond, variances are as good as known and the formula holds."""
ICC = (0.04, 0.07, 0.10)
"""Between-school part of the variance of climate scores where the study's own is not known: least, middle, most
(0.04-0.10 in 13 scales of Maryland high schools, Bradshaw et al. 2014, J. Sch. Health 84, 593-604)."""
SCHOOL_WAVE_PART = 0.25
"""Part of that variance that comes and goes with the wave, where the study's own is not known: assumed."""
SD_OF_RANGE = 1 / 6
"""Standard deviation of people's scores as a part of the scale's range, where not known: 0.5 on 1-4; assumed."""


@dataclass(frozen=True)
class Design:
    """School-waves (`school_id`, `wave`, `answers`, `within` and `between` exposure) and standard deviations."""

    cells: pd.DataFrame
    sd_school: float
    sd_school_wave: float
    sd_person: float

    @property
    def icc(self) -> float:
        """Part of the variance of a wave's scores that lies between schools."""
        between = self.sd_school**2 + self.sd_school_wave**2
        return between / (between + self.sd_person**2)

    @property
    def exposure_sd(self) -> float:
        """Standard deviation of the exposure within schools."""
        return float(np.sqrt((self.cells["within"] ** 2).mean()))

    @property
    def df(self) -> int:
        """Degrees of freedom of the effect within schools."""
        return len(self.cells) - self.cells["school_id"].nunique() - self.cells["wave"].nunique()


@dataclass(frozen=True)
class Power:
    """What a design sees; effects are in points per unit of exposure, powers and shares 0-1.

    `low` and `high` are the limits that the number of simulated studies leaves to `simulated` (Wilson).
    """

    smallest: float
    smallest_by_formula: float
    simulated: float
    low: float
    high: float
    by_formula: float
    false_alarms: float
    draws: int


def observed_design(scores: pd.DataFrame, exposure: pd.Series) -> Design:
    """Return the design of scores (`school_id`, `wave`, `score`) and an exposure by (school_id, wave).

    The standard deviations are estimated from the scores; whether scores go with the exposure is neither asked nor
    kept. Raises `ValueError` as `power` does, and where no school-wave has two answers.
    """
    known = exposure.dropna().astype(float).rename("exposure").reset_index()
    seen = scores.dropna(subset=["score"]).groupby(["school_id", "wave"])["score"].agg(["size", "mean", "var"])
    cells = seen.reset_index().merge(known, on=["school_id", "wave"]).rename(columns={"size": "answers"})
    # As in the model: a school's mean exposure is that of the waves in which it answered.
    cells["between"] = cells.groupby("school_id")["exposure"].transform("mean")
    cells["within"] = cells["exposure"] - cells["between"]
    free = cells["answers"] - 1
    if free.sum() < 1:
        raise ValueError("no school and wave has two answers")
    sd_person = float(np.sqrt((cells["var"].fillna(0) * free).sum() / free.sum()))
    design = Design(cells[["school_id", "wave", "answers", "within", "between"]], 0.0, 0.0, sd_person)
    _check(design)
    means = _Means(design)
    u, c = means.variances(cells["mean"].to_numpy(dtype=float)[means.order], sd_person**2)
    return replace(design, sd_school=float(np.sqrt(u)), sd_school_wave=float(np.sqrt(c)))


def assumed_design(
    *,
    schools: int,
    waves: int,
    answers: int,
    exposure_sd: float,
    sd_person: float,
    icc: float,
    school_wave_part: float = SCHOOL_WAVE_PART,
) -> Design:
    """Return a design of equal school-waves.

    `exposure_sd` is the spread of the exposure within schools and, for want of better, between them: the effect within
    schools hardly depends on the latter. Changes are normal draws with a fixed seed, scaled to that spread.
    """
    rng = np.random.default_rng(schools * 1000 + waves)
    within = rng.normal(size=(schools, waves))
    within -= within.mean(axis=1, keepdims=True)
    within *= exposure_sd / np.sqrt((within**2).mean())
    between = exposure_sd * rng.normal(size=schools)
    cells = pd.DataFrame(
        {
            "school_id": np.repeat([f"{j:06d}" for j in range(schools)], waves),
            "wave": np.tile([f"{t:03d}" for t in range(waves)], schools),
            "answers": answers,
            "within": within.ravel(),
            "between": np.repeat(between, waves),
        }
    )
    variance = sd_person**2 * icc / (1 - icc)
    part = school_wave_part
    return Design(cells, float(np.sqrt((1 - part) * variance)), float(np.sqrt(part * variance)), sd_person)


def standard_errors(design: Design) -> tuple[float, float]:
    """Return the standard errors of the effects within and between schools if the variances are known."""
    means = _Means(design)
    none = np.zeros((len(means.n), 0))
    inverse = np.linalg.inv(means.gls(design.sd_school**2, design.sd_school_wave**2, design.sd_person**2, none)[0])
    return float(np.sqrt(inverse[-2, -2])), float(np.sqrt(inverse[-1, -1]))


def power_of(effect: float, std_error: float, df: float) -> float:
    """Return the power of a two-sided t test at 5 %: a noncentral t."""
    critical = stats.t.ppf((1 + CONFIDENCE) / 2, df)
    shift = abs(effect) / std_error
    return float(stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift))


def smallest_effect(std_error: float, df: float) -> float:
    """Return the effect that a two-sided t test at 5 % sees with a power of `POWER`."""
    # It lies little above the critical value; far above, the noncentral t cannot be computed.
    most = 2 * stats.t.ppf((1 + CONFIDENCE) / 2, df) + 3
    return std_error * float(optimize.brentq(lambda b: power_of(b, 1.0, df) - POWER, 0, most, xtol=1e-13, rtol=1e-14))


def power(design: Design, *, effect: float, draws: int = DRAWS, seed: int = 1) -> Power:
    """Return what the design sees, and its power for an effect per unit of exposure.

    Raises `ValueError` where the declared model would not be fitted to it: too few schools, one wave, no change of
    exposure, no degree of freedom.
    """
    _check(design)
    std_error, df = standard_errors(design)[0], design.df
    smallest, by_formula = smallest_effect(std_error, df), power_of(effect, std_error, df)
    if len(design.cells) > MOST_CELLS:
        return Power(smallest, smallest, by_formula, by_formula, by_formula, by_formula, 1 - CONFIDENCE, draws=0)
    draws = max(100, min(draws, MOST_DRAWN // len(design.cells)))
    estimates, errors = simulate(design, draws=draws, seed=seed)
    critical = stats.t.ppf((1 + CONFIDENCE) / 2, df)
    # |b + estimate| > critical * error, for any b; by symmetry each draw also stands for its mirror image.
    estimates, errors = np.concatenate([estimates, -estimates]), np.concatenate([errors, errors])

    def seen(b: float) -> float:
        return float((np.abs(b + estimates) > critical * errors).mean())

    simulated = seen(effect)
    low, high = _wilson(simulated, draws)
    return Power(
        smallest=_first(seen, smallest),
        smallest_by_formula=smallest,
        simulated=simulated,
        low=low,
        high=high,
        by_formula=by_formula,
        false_alarms=seen(0.0),
        draws=draws,
    )


def simulate(design: Design, *, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the estimates of the effect within schools and their standard errors (draws) in studies without one."""
    means, rng = _Means(design), np.random.default_rng(seed)
    u0, c0, e = design.sd_school**2, design.sd_school_wave**2, design.sd_person**2
    schools = rng.normal(0, design.sd_school, (len(means.starts), draws))[means.school]
    y = schools + np.sqrt(c0 + e / means.n)[:, None] * rng.normal(size=(len(means.n), draws))
    best = np.full((3, draws), np.inf)
    noise = float((e / means.n).mean())
    for c in _variances(c0, noise, design.df, POINTS[0]):
        for u in _variances(u0, (c0 + noise) / design.cells["wave"].nunique(), len(means.starts) - 2, POINTS[1]):
            criterion, effect, error = means.likelihood(u, c, e, y)
            best = np.where(criterion < best[0], np.array([criterion, effect, np.full(draws, error)]), best)
    return best[1], best[2]


def _variances(truth: float, noise: float, df: int, points: int) -> np.ndarray:
    """Return values from zero to beyond what an estimate is in one of 10,000 studies, in equal steps of log error."""
    most = (truth + noise) * stats.chi2.ppf(1 - 1e-4, df) / df
    return np.maximum(np.geomspace(noise, max(most, 2 * noise), points) - noise, 0.0)


class _Means:
    """Means of school-waves, sorted by school: what the likelihood needs."""

    def __init__(self, design: Design) -> None:
        self.order = np.lexsort((design.cells["wave"], design.cells["school_id"]))
        cells = design.cells.iloc[self.order]
        self.n = cells["answers"].to_numpy(dtype=float)
        self.school = pd.factorize(cells["school_id"])[0]
        self.starts = np.flatnonzero(np.r_[True, np.diff(self.school) > 0])
        waves = pd.get_dummies(cells["wave"], dtype=float).to_numpy()
        self.x = np.column_stack([waves, cells["within"], cells["between"]])

    def gls(self, u: float, c: float, e: float, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Return X'V^-1 X (k x k), X'V^-1 Y (k x draws), each y'V^-1 y and log |V|; `y` is cells x draws."""
        d = c + e / self.n
        # V_j^-1 by Sherman & Morrison (1950, Ann. Math. Stat. 21, 124-127).
        total = np.add.reduceat(1 / d, self.starts)
        pull = np.sqrt(u / (1 + u * total))[:, None]
        x, w = self.x / d[:, None], y / d[:, None]
        mean_x = pull * np.add.reduceat(x, self.starts, axis=0)
        mean_y = pull * np.add.reduceat(w, self.starts, axis=0)
        a = self.x.T @ x - mean_x.T @ mean_x
        b = x.T @ y - mean_x.T @ mean_y
        squares = np.einsum("ij,ij->j", y, w) - np.einsum("ij,ij->j", mean_y, mean_y)
        return a, b, squares, float(np.log(d).sum() + np.log1p(u * total).sum())

    def likelihood(self, u: float, c: float, e: float, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Return minus twice the restricted log likelihood (draws) but for a constant, the effects within schools
        (draws) and their standard error."""
        a, b, squares, log_v = self.gls(u, c, e, y)
        inverse = np.linalg.inv(a)
        found = inverse @ b
        criterion = log_v + np.linalg.slogdet(a)[1] + squares - np.einsum("kj,kj->j", b, found)
        return criterion, found[-2], float(np.sqrt(inverse[-2, -2]))

    def variances(self, y: np.ndarray, e: float) -> tuple[float, float]:
        """Return the variances of schools and school-waves by REML, given that of people, e."""
        scale = float(np.var(y - self.x @ np.linalg.lstsq(self.x, y, rcond=None)[0]))
        if scale <= 0:
            return 0.0, 0.0
        found = optimize.minimize(
            lambda v: float(self.likelihood(v[0] * scale, v[1] * scale, e, y[:, None])[0][0]),
            [0.5, 0.5],
            method="L-BFGS-B",
            bounds=[(0, None), (0, None)],
            options={"ftol": 1e-14, "gtol": 1e-8},
        )
        return float(found.x[0] * scale), float(found.x[1] * scale)


def _check(design: Design) -> None:
    cells = design.cells
    if cells["school_id"].nunique() < FEW_CLUSTERS:
        raise ValueError(f"fewer than {FEW_CLUSTERS} schools: they will be shown, not modelled")
    if cells["wave"].nunique() < 2:
        raise ValueError("one wave only: nothing changes within schools")
    if np.isclose(design.exposure_sd, 0):
        raise ValueError("the exposure does not change within schools")
    if design.df < 1:
        raise ValueError("too few schools are seen in more than one wave")


def _first(seen: Callable[[float], float], guess: float) -> float:
    """Return the smallest effect from which a rising share reaches `POWER`, near a guess."""
    low, high = 0.0, 2 * guess
    while seen(high) < POWER:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if seen(middle) >= POWER else (middle, high)
    return high


def _wilson(share: float, n: int) -> tuple[float, float]:
    interval = stats.binomtest(round(share * n), n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def answer(powers: list[Power]) -> str:
    """Say whether the effect asked about can be seen, whichever of the designs is the true one."""
    if all(p.low >= POWER for p in powers):
        return "it can be seen"
    if all(p.high < POWER for p in powers):
        return "it cannot be seen with this design"
    return "can't tell: its power is too close to 80 % or depends on what had to be assumed"


@dataclass(frozen=True)
class Supposed:
    """What a person supposes of a design, instead of what the study's own data say; None: nothing."""

    schools: int | None = None
    answers: int | None = None
    icc: float | None = None
    exposure_sd: float | None = None


def report(
    seen: tuple[pd.DataFrame, pd.Series] | None,
    *,
    supposed: Supposed,
    waves: int,
    score_range: float,
    effect: float,
    per: float,
) -> list[str]:
    """Say in plain lines what was assumed, the smallest effect seen, and whether the declared one can be.

    `seen` are the study's scores and exposure, if there are any; `effect` is the declared smallest effect of interest
    in scale points for `per` units of the exposure.
    """
    try:
        observed = None if seen is None else observed_design(*seen)
        designs = _designs(observed, supposed, waves, score_range)
        powers = [power(design, effect=effect / per) for design in designs]
    except ValueError as reason:
        return [f"Smallest effect of interest, {effect:g} points per {per:g}: can't tell ({reason})."]
    lines = []
    for design, found in zip(designs, powers, strict=True):
        cells = design.cells
        lines += [
            f"Design: {cells['school_id'].nunique()} schools, {cells['wave'].nunique()} waves, "
            f"{len(cells)} school-waves, {int(cells['answers'].median())} answers in a typical one; "
            + ("as in the study's own data." if design is observed else "supposed, equal in all."),
            f"  Exposure changes within schools by {design.exposure_sd:.3g} (standard deviation).",
            f"  Standard deviations of scores: people {design.sd_person:.3f}, schools {design.sd_school:.3f}, "
            f"school-waves {design.sd_school_wave:.3f}; intraclass correlation {design.icc:.3f}.",
            f"  Smallest effect seen with {POWER:.0%} power: {per * found.smallest:.3g} points per {per:g} "
            f"(by formula {per * found.smallest_by_formula:.3g}).",
            f"  Power for {effect:g} points per {per:g}: {found.simulated:.0%}"
            + (
                f" ({found.low:.0%} to {found.high:.0%}, {found.draws} simulated studies; by formula "
                f"{found.by_formula:.0%}); false alarms {found.false_alarms:.1%}."
                if found.draws
                else " by formula; so many school-waves are not simulated."
            ),
        ]
    return [*lines, f"Smallest effect of interest, {effect:g} points per {per:g}: {answer(powers)}."]


def _designs(observed: Design | None, supposed: Supposed, waves: int, score_range: float) -> list[Design]:
    if observed is not None and supposed == Supposed():
        return [observed]
    known = Supposed()
    if observed is not None:
        cells = observed.cells
        known = Supposed(
            cells["school_id"].nunique(), int(cells["answers"].median()), observed.icc, observed.exposure_sd
        )
    merged = {name: getattr(known, name) if value is None else value for name, value in vars(supposed).items()}
    icc = merged.pop("icc")
    if lacking := [name for name, value in merged.items() if value is None]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in lacking)
        raise ValueError(f"the study has no data yet: suppose {options}")
    part, sd_person = SCHOOL_WAVE_PART, SD_OF_RANGE * score_range
    if observed is not None:
        between = observed.sd_school**2 + observed.sd_school_wave**2
        part, sd_person = (observed.sd_school_wave**2 / between if between else part), observed.sd_person
    return [
        assumed_design(waves=waves, icc=one, school_wave_part=part, sd_person=sd_person, **merged)
        for one in (ICC if icc is None else (icc,))
    ]
