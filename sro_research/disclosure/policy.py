"""Who is protected from what: thresholds, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

MINIMUM_GROUP_SIZE = 10
"""Fewer people than this are hidden, zero included. The most common threshold of the states (39 of them in 2010; NCES
2011-603, ERIC ED514095). Zeros hide with 1-9: a printed zero would tell that every hidden count is at least 1."""

MINIMUM_OFFICERS = 10
"""Figures about officers need this many of them. A school often has one officer; its training record is a person's."""

OFFICERS = "officer"
"""The population to which the officers' threshold applies."""


@dataclass(frozen=True)
class Policy:
    """The thresholds of one study."""

    minimum_group_size: int = MINIMUM_GROUP_SIZE
    minimum_officers: int = MINIMUM_OFFICERS
