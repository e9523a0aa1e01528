"""May the groups of a study be compared on its scales? The verdicts of `invariance`, construct by construct."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sro_research.instruments import Instrument
from sro_research.models.factor import FEWEST
from sro_research.models.invariance import measurement_invariance

FEWEST_ITEMS = 3
"""With fewer items one factor fits whatever the answers are."""
LEFT_OUT = "groups of fewer than {} complete answers are left out"


def comparability(answers: Mapping[str, pd.DataFrame], groups: pd.Series) -> pd.DataFrame:
    """Say of each construct whether groups may be compared on it.

    `answers` maps constructs to keyed answers (respondents by items), `groups` is a label per respondent, missing where
    there is none. Groups of fewer than `FEWEST` complete respondents are left out, which `note` says. Returns
    `construct`, `verdict` ("comparable", "not comparable", "can't tell"), `reason`, `groups` and `n` compared, the
    changes of CFI and RMSEA at the last step, and `note`.
    """
    rows = []
    for construct, items in answers.items():
        size = groups.where(items.notna().all(axis=1)).value_counts()
        large = size.index[size >= FEWEST]
        left_out = bool((size[size > 0] < FEWEST).any())
        found = measurement_invariance(items, groups.where(groups.isin(large)), items=list(items))
        last = found.steps.iloc[-1] if len(found.steps) else {}
        rows.append(
            {
                "construct": construct,
                "verdict": found.verdict,
                "reason": found.reason,
                "groups": len(found.groups),
                "n": int(found.groups.sum()),
                "cfi_change": last.get("cfi_change"),
                "rmsea_change": last.get("rmsea_change"),
                "note": LEFT_OUT.format(FEWEST) if left_out else "",
            }
        )
    return pd.DataFrame(rows)


def common_items(one: Instrument, other: Instrument) -> dict[str, list[str]]:
    """Return by construct the items that two instruments ask in the same words, where there are three or more."""
    theirs = {item.id: (item.text, item.reverse, item.codes) for item in other.items}
    shared = {
        construct.id: [i.id for i in construct.items if theirs.get(i.id) == (i.text, i.reverse, i.codes)]
        for construct in one.constructs.values()
    }
    return {construct: items for construct, items in shared.items() if len(items) >= FEWEST_ITEMS}
