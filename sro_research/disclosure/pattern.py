"""Which rows of a study are shown: what is decided once, kept in the ledger, and followed by every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

ROW = ["population", "construct", "group_by", "group", "school_id", "wave"]
"""What names a row. A blank construct: all who answered. A blank school: the district."""

LEVEL, RESPONSES, ANSWERS = "share_agree", "responses", "answer_share"
Frozen = Mapping[tuple[str, ...], bool]
"""Rows that an earlier release decided, and whether it showed them."""


@dataclass(frozen=True)
class Refused:
    """A table of which too much would be hidden; it is given for the district only."""

    population: str
    wave: str
    group_by: str
    hidden: float
    """Share of the schools' rows that would be hidden (0-1)."""

    @property
    def proposal(self) -> str:
        """What to do instead."""
        return (
            f"{self.population}, wave {self.wave}, by {self.group_by}: {self.hidden:.0%} of the schools' rows would be "
            f"hidden, so only the district is shown. Merge groups of '{self.group_by}', or pool waves, to show schools."
        )


@dataclass(frozen=True)
class Pattern:
    """Which rows of a study are shown: `rows` has the columns of `ROW` and `shown`."""

    rows: pd.DataFrame
    refused: tuple[Refused, ...] = ()
    absent: tuple[tuple[str, ...], ...] = ()
    """Rows of groups that nobody stated at a school in any wave, such as grades it does not teach: not available."""
    _shown: dict[tuple[str, ...], bool] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        keys = zip(*(self.rows[column] for column in ROW), strict=True)
        object.__setattr__(self, "_shown", dict(zip(keys, self.rows["shown"].astype(bool), strict=True)))

    def shows(self, *row: str) -> bool:
        """Tell whether a row (in the order of `ROW`) is shown; one that nobody answered is not."""
        return self._shown.get(row, False)
