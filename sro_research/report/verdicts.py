"""A difference in words: higher, lower, about the same, or can't tell yet.

"About the same" needs a margin. An interval that merely crosses zero says that little is known, not that there
is little difference.
"""

from __future__ import annotations

from typing import Literal

Verdict = Literal["higher", "lower", "same", "unclear"]
SYMBOLS: dict[Verdict, str] = {"higher": "▲", "lower": "▼", "same": "=", "unclear": "?"}


def verdict(low: float, high: float, margin: float) -> Verdict:
    """Say what an interval of a difference shows, given the smallest difference that matters.

    Inside the margins on both sides it is the same, even if it excludes zero: a difference too small to matter.
    """
    if -margin < low and high < margin:
        return "same"
    if low > 0:
        return "higher"
    if high < 0:
        return "lower"
    return "unclear"
