"""Cases that begin at made-up schools, and days that follow."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from sro_research.parameters import Wave


def begin(
    schools: pd.DataFrame, waves: list[Wave], mean: float, rng: np.random.Generator, *, as_of: dt.date
) -> pd.DataFrame:
    """Return cases with `school_id` and `day`, sorted by day: Poisson in number, on any day of a wave up to `as_of`.

    `schools` has `school_id`, `wave` and `students`; `mean` is the number of cases per 100 students in a wave.
    """
    period = {w.id: (pd.Timestamp(w.start), (w.end - w.start).days + 1) for w in waves}
    number = rng.poisson(mean * schools["students"].to_numpy(dtype=float) / 100)
    at = schools[["school_id", "wave"]].iloc[np.repeat(np.arange(len(schools)), number)]
    start = pd.to_datetime(at["wave"].map({wave: first for wave, (first, _) in period.items()}))
    length = at["wave"].map({wave: days for wave, (_, days) in period.items()}).to_numpy(dtype=float)
    day = start + pd.to_timedelta(np.floor(rng.random(len(at)) * length), unit="D")
    cases = pd.DataFrame({"school_id": at["school_id"], "day": day.astype("datetime64[ns]")})
    return cases[cases["day"] <= pd.Timestamp(as_of)].sort_values("day", kind="stable", ignore_index=True)


def after(day: pd.Series, typical: float, rng: np.random.Generator, *, as_of: dt.date) -> pd.Series:
    """Return days that follow: whole days of an exponential wait of mean `typical`, blank where `as_of` is before.

    Within d days of `day` come 1 - exp(-(d + 1) / typical) of them.
    """
    later = day + pd.to_timedelta(np.floor(rng.exponential(typical, len(day))), unit="D")
    return later.where(later <= pd.Timestamp(as_of))


def yes_no(yes: np.ndarray) -> pd.Series:
    """Return `yes` and `no` for true and false."""
    return pd.Series(np.where(yes, "yes", "no"), dtype="string")


def numbered(table: pd.DataFrame, key: str, letter: str) -> pd.DataFrame:
    """Return the table with an identifier of each row as its first column."""
    ids = [f"{letter}{number:06d}" for number in range(1, len(table) + 1)]
    table = table.reset_index(drop=True)
    table.insert(0, key, pd.array(ids, dtype="string"))
    return table
