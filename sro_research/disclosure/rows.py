"""The row rule of surveys: a school's row, or a group's row in it, is shown whole or hidden whole.

A row is what a page says about some people: how many they are and what they answered. It is hidden where they are too
few (primary suppression), and where it would give such a row away (complementary suppression). Both look the same.
What is decided, over all schools, topics and waves of a study at once:

1. Schools. Where the hidden schools of a district are one alone, or too few people together, the next smallest school
   is hidden as well.
2. Groups. A school's group is hidden on a topic where it is too small. What it hides behind is hidden on every topic:
   complements that differ from topic to topic would undo each other, because nearly the same people answer all of
   them. They come from `complementary`, topic by topic on top of each other, and are protected like what hides behind
   them: so whether a pattern is safe does not depend on which of its hidden rows are the small ones.
3. Answers. Knowing the answers of all shown rows, nobody may work out how many people of a small hidden row gave one.

Everything shown counts as known to the last digit, whatever the pages round.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sro_research.disclosure.pattern import ANSWERS, LEVEL, RESPONSES, ROW, Frozen, Pattern, Refused
from sro_research.disclosure.policy import Policy
from sro_research.disclosure.wave import WaveRows
from sro_research.errors import DisclosureError
from sro_research.estimates import ESTIMATED


def decide_rows(
    estimates: pd.DataFrame,
    policy: Policy,
    *,
    construct_of: Mapping[str, str],
    rosters: Mapping[str, pd.Series] | None = None,
    frozen: Frozen | None = None,
) -> Pattern:
    """Decide for every row of a study whether it is shown.

    `estimates` is the spine with all rows that may be published; `construct_of` gives the construct of each item;
    `rosters` gives by population how many people each (school_id, wave) has, as far as that is public; `frozen`
    holds what earlier releases decided. Raises `DisclosureError` where a row that was shown would have to be hidden
    now, or nothing protects a row.
    """
    known = estimates[estimates["status"] == ESTIMATED]
    stated = known[(known["measure"] == LEVEL) & (known["group_by"] != "") & (known["school_id"] != "")]
    present = set(stated[["population", "group_by", "group", "school_id"]].itertuples(index=False, name=None))
    people = known[known["measure"].isin([LEVEL, RESPONSES])].assign(agree=lambda t: t["estimate"] * t["n"])
    decided: dict[tuple[str, ...], bool] = {}
    refused: list[Refused] = []
    absent: list[tuple[str, ...]] = []
    for (population, wave), table in people.groupby(["population", "wave"], sort=True):
        known_people = (rosters or {}).get(str(population), pd.Series(dtype="Float64")).dropna()
        roster = {(str(school), str(at)): float(n) for (school, at), n in known_people.items()}
        system = WaveRows(str(population), str(wave), table, policy, frozen or {}, present, roster)
        decided |= system.decide()
        refused += system.refused
        absent += system.absent_rows
    items = known[known["measure"] == ANSWERS].drop_duplicates(["population", "construct", "school_id", "wave"])
    for population, item, school, wave, n in items[["population", "construct", "school_id", "wave", "n"]].itertuples(
        index=False
    ):
        enough = n >= policy.minimum_group_size
        decided[population, item, "", "", school, wave] = bool(
            enough and decided.get((population, construct_of[item], "", "", school, wave), False)
        )
    _refuse_conflicts(decided, frozen or {})
    rows = pd.DataFrame(sorted(decided), columns=ROW).astype("string")
    return Pattern(rows.assign(shown=[decided[key] for key in sorted(decided)]), tuple(refused), tuple(absent))


def _refuse_conflicts(decided: Mapping[tuple[str, ...], bool], frozen: Frozen) -> None:
    """Refuse to hide what an earlier release showed: it can no longer be hidden."""
    count = sum(1 for row, shown in frozen.items() if shown and decided.get(row) is False)
    if count:
        raise DisclosureError(
            "ledger",
            "rows that an earlier release showed would have to be hidden now",
            rows=count,
            fix="The answers have changed since; restore those that were published.",
        )
