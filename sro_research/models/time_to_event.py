"""How long until something happens, when for some cases it has not happened yet.

A course not yet taken, a complaint not yet decided, a tip not yet followed up are open cases: they have lasted at least
until the day they were last seen. Left out, or taken as closed on that day, they make a program look faster than it is.
Kaplan & Meier 1958 (J. Am. Stat. Assoc. 53, 457-481): over the times t_i at which cases close,

    S(t) = prod over t_i <= t of (1 - d_i / r_i)        d_i closed at t_i, of r_i that had lasted until then
    Var log S(t) = sum of d_i / (r_i (r_i - d_i))       (Greenwood)

Limits are those of log(-log S), which stay between 0 and 1. The time by which a share of the cases has closed is where
S crosses 1 minus the share; its limits are where those of S do, which may be never. Where S lies on that height for a
while, the middle of the while is taken, as R does. Cases that were lost on the day when others closed lasted that long.

It takes for granted that a case is lost from sight for a reason that says nothing about when it would have closed, and
that cases are independent. Several cases of one officer are not quite: their limits are too narrow.

References: R `survival::survfit(Surv(duration, observed) ~ 1, conf.type = "log-log")`, its `quantile` and `summary`;
tests/reference/time_to_event; coverage by simulation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.errors import WorkbenchError
from sro_research.estimates import as_estimates
from sro_research.models.precision import TAIL

METHOD = "Kaplan-Meier, open cases counted"
NO_CASES = "there is no case"
NOT_REACHED = "too many cases are still open"
NOT_FOLLOWED = "no case was followed for so long"
NO_LIMITS = "no interval: none or all have closed by then"
NO_UPPER_LIMIT = "too few cases have closed for an upper limit"
AT_ONE_TIME = "no interval: the cases closed at one time"
SAME_HEIGHT = 1e-9
"""Heights of the curve that differ by less are one; products of shares of up to a million cases are exact to 1e-10."""


def kaplan_meier(durations: pd.Series, observed: pd.Series) -> pd.DataFrame:
    """Return the curve of cases that are still open, one row for each time at which a case closed or was last seen.

    `durations` are times from the first day of a case to its last, or to the day it was last seen; `observed` is true
    where it closed. Returns `time`, `at_risk`, `closed`, `open` (counts of cases), `survival`, `std_error`, `conf_low`
    and `conf_high`; limits are missing where the curve is 1 or 0. Raises `WorkbenchError` where a duration is missing
    or negative: such a case has to be counted by itself, not guessed.
    """
    time = durations.to_numpy(dtype=float, na_value=np.nan)
    bad = int((~(time >= 0)).sum())
    if bad:
        raise WorkbenchError("durations", "a duration is missing or negative", fix="Set these cases apart.", rows=bad)
    if observed.isna().any():
        raise WorkbenchError("durations", "it is not known whether a case closed", fix="Set these cases apart.")
    times, place = np.unique(time, return_inverse=True)
    ended = np.bincount(place, weights=observed.to_numpy(dtype=float), minlength=len(times))
    left = np.bincount(place, minlength=len(times)) - ended
    at_risk = (ended + left)[::-1].cumsum()[::-1]
    survival = np.cumprod(1 - ended / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_error = np.sqrt(np.cumsum(ended / (at_risk * (at_risk - ended))))
    low, high = _limits(survival, log_error)
    counts = {"at_risk": at_risk, "closed": ended, "open": left}
    return pd.DataFrame(
        {
            "time": times,
            **{name: count.astype(np.int64) for name, count in counts.items()},
            "survival": survival,
            "std_error": np.where(survival > 0, survival * np.where(survival > 0, log_error, 0), np.nan),
            "conf_low": low,
            "conf_high": high,
        }
    )


def _limits(survival: np.ndarray, log_error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside = (survival > 0) & (survival < 1)
    log = np.log(np.where(inside, survival, np.nan))
    reach = stats.norm.ppf(1 - TAIL) * np.where(inside, log_error, np.nan) / -log
    return np.exp(log * np.exp(reach)), np.exp(log * np.exp(-reach))


def survival_at(curve: pd.DataFrame, days: Sequence[float]) -> pd.DataFrame:
    """Return the share of cases that last longer than each of `days`: `day`, `at_risk`, `survival`, and its error.

    `at_risk` counts the cases that lasted until then or longer. Numbers are missing beyond the last day on which a case
    was seen, unless all had closed. R: `summary(fit, times)`.
    """
    rows = []
    for day in days:
        before = curve[curve["time"] <= day]
        known = len(curve) > 0 and (day <= curve["time"].iloc[-1] or curve["survival"].iloc[-1] == 0)
        row = {"day": day, "at_risk": int((curve["closed"] + curve["open"])[curve["time"] >= day].sum())}
        if known and before.empty:
            row |= {"survival": 1.0, "std_error": 0.0}
        elif known:
            row |= before.iloc[-1][["survival", "std_error", "conf_low", "conf_high"]].to_dict()
        rows.append(row)
    columns = ["day", "at_risk", "survival", "std_error", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], float))


def time_by_which(curve: pd.DataFrame, share: float = 0.5) -> tuple[float, float, float]:
    """Return the time by which a share of the cases has closed, and its limits; NaN where it is not reached.

    R: `quantile(fit, share)`.
    """
    lasted = curve["time"].to_numpy(dtype=float)
    # The lower limit of the curve comes down first, and with it the lower limit of the time.
    low, high = (_crossing(lasted, curve[name].to_numpy(), share) for name in ("conf_low", "conf_high"))
    return _crossing(lasted, curve["survival"].to_numpy(), share), low, high


def _crossing(times: np.ndarray, height: np.ndarray, share: float) -> float:
    """Return where a falling curve crosses 1 - share, the middle of the times at which it lies there."""
    fallen = 1 - height
    reached, passed = (np.flatnonzero(fallen >= share + off) for off in (-SAME_HEIGHT, SAME_HEIGHT))
    if len(reached) == 0:
        return float("nan")
    if len(passed) > 0:
        return float(times[reached[0]] + times[passed[0]]) / 2
    level = not np.isnan(fallen[-1])
    return float(times[reached[0]] + times[-1]) / 2 if level else float("nan")


def time_estimates(
    cases: pd.DataFrame, *, measure: str, by: Sequence[str] = (), within: Sequence[int] = (), **constants: str
) -> pd.DataFrame:
    """Return the median time and the share closed within so many days, as estimates; n counts cases.

    `cases` has `duration` (days) and `observed`, and the columns of `by` (`wave`, `school_id`, `construct`, …), whose
    groups each have their rows. Measures are `<measure>_median_days` and `<measure>_within_<days>_days`. A limit that
    lies beyond what was seen is missing, and `note` says so.
    """
    groups = cases.groupby(list(by), observed=True) if by else [((), cases)]
    rows = []
    for keys, group in groups:
        curve = kaplan_meier(group["duration"], group["observed"])
        known = dict(zip(by, keys, strict=True)) | {"n": len(group)}
        rows.append(known | {"measure": f"{measure}_median_days", "unit": "days", **_median(curve)})
        for row in survival_at(curve, within).to_dict("records"):
            name = f"{measure}_within_{row['day']}_days"
            rows.append(known | {"measure": name, "unit": "share", **_closed(row, len(curve))})
    return as_estimates(pd.DataFrame(rows), method=METHOD, **constants)


def _median(curve: pd.DataFrame) -> dict[str, object]:
    middle, low, high = time_by_which(curve)
    if np.isnan(middle):
        return {"estimate": middle, "note": NOT_REACHED if len(curve) else NO_CASES}
    note = "" if not np.isnan(high) else AT_ONE_TIME if np.isnan(low) else NO_UPPER_LIMIT
    return {"estimate": middle, "conf_low": low, "conf_high": high, "note": note}


def _closed(row: dict[str, float], seen: int) -> dict[str, object]:
    if np.isnan(row["survival"]):
        return {"estimate": np.nan, "note": NOT_FOLLOWED if seen else NO_CASES}
    return {
        "estimate": 1 - row["survival"],
        "std_error": row["std_error"],
        "conf_low": 1 - row["conf_high"],
        "conf_high": 1 - row["conf_low"],
        "note": NO_LIMITS if np.isnan(row["conf_low"]) else "",
    }
