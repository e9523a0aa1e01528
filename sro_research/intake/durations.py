"""How long somebody took, from what programs write of times; the times themselves go no further."""

from __future__ import annotations

import pandas as pd

WAYS = [
    "ISO8601",
    *(f"{day} {time}" for day in ("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y")
      for time in ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")),
]  # fmt: skip
"""Ways to write a time, in the United States and Mexico."""
BEFORE_PROGRAMS = pd.Timestamp("1990-01-01", tz="UTC")
"""LimeSurvey writes 1980 for a time that it was told not to keep."""


def seconds_between(start: pd.Series, end: pd.Series) -> pd.Series:
    """Return whole seconds from `start` to `end` (both text) as Int64.

    Missing where one of the two is blank or cannot be read, where two ways to read them do not agree, or where the end
    comes first, as it does when the clock of a device was set.
    """
    found = pd.Series(pd.NA, index=start.index, dtype="Int64")
    doubtful = pd.Series(False, index=start.index)
    for way in WAYS:
        times = [pd.to_datetime(t.str.strip(), format=way, utc=True, errors="coerce") for t in (start, end)]
        if all(t.notna().any() for t in times):
            first, last = (t.where(t > BEFORE_PROGRAMS) for t in times)
            seconds = (last - first).dt.total_seconds().round().astype("Float64").astype("Int64")
            doubtful |= (found.notna() & seconds.notna() & (found != seconds)).fillna(False).astype(bool)
            found = found.fillna(seconds)
    return found.where(~doubtful & (found >= 0).fillna(False).astype(bool))


def whole_seconds(text: pd.Series) -> pd.Series:
    """Return durations that a program wrote in seconds as Int64; missing where blank, negative or no number."""
    seconds = pd.to_numeric(text.str.strip(), errors="coerce").round().astype("Float64")
    return seconds.where((seconds >= 0) & (seconds < 2**53)).astype("Int64")
