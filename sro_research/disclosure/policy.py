"""Who is protected from what: thresholds, each with its source.

What is protected are the people behind a count. A row of zero people is hidden like one of nine, because a printed zero
would tell that every hidden count is at least 1. Only a group that nobody stated at a school in any wave, such as a
grade it does not teach, is said to be not available; protection therefore takes it that a reader knows of hidden
groups that they are not empty.
People who skipped a background question are no group: how many they are may follow from totals, but nobody can know
who they are. They are never shown, and stand with the hidden groups when it is asked how many people a difference
tells about. Where a school is hidden on one topic only, its answers are protected; how many gave them is little fewer
than how many answered at all, which is shown. Open answers are never published: no codebook names them, so intake
drops them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MINIMUM_GROUP_SIZE = 10
"""Fewer people than this are hidden, zero included. The most common threshold of the states (39 of them in 2010; NCES
2011-603, ERIC ED514095)."""

MINIMUM_OFFICERS = 10
"""Figures about officers need this many of them, and are given for the district only. A school often has one officer;
its training record is a person's."""

MINIMUM_WIDTH = 5
"""A reader must not be able to say of a hidden number of people more than that it is one of six or more whole numbers;
half the threshold, as the sliding protection of tau-ARGUS and sdcTable."""

MOST_HIDDEN = 0.6
"""A table of which a larger share of rows would be hidden is refused as a whole: coarser groups say more."""

LARGEST_SHARE_OF_ONE = 0.5
"""A count of events of which one person makes more than this share tells about that person (dominance rule, n = 1)."""

BANDS = ((300, 0.01), (100, 0.02), (40, 0.05), (20, 0.10), (10, 0.20))
"""From this many people on, shares nearer to none or all than this are printed as "or fewer", "or more": a 0 or 100
tells how every single one answered. Bands of NCES 2011-603 as districts use them; coarser below 40."""

OFFICERS = "officer"
"""The population to which the officers' threshold applies."""


def must_hide(
    counts: np.ndarray, largest: np.ndarray | None = None, *, minimum: int = MINIMUM_GROUP_SIZE
) -> np.ndarray:
    """Return which counts of events are primary: too few, or more than half of them one person's.

    `largest` is how many events of each count the busiest person has: 9 of 12 referrals may be one student's.
    """
    few = counts < minimum
    return few if largest is None else few | (largest > LARGEST_SHARE_OF_ONE * counts)


@dataclass(frozen=True)
class Policy:
    """The thresholds of one study."""

    minimum_group_size: int = MINIMUM_GROUP_SIZE
    minimum_officers: int = MINIMUM_OFFICERS

    def smallest_share(self, people: float) -> float:
        """Return the share below which a group of so many people is only said to be "or fewer"."""
        return next((share for least, share in BANDS if people >= least), BANDS[-1][1])
