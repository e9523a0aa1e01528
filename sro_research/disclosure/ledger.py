"""What earlier releases showed and hid: decided once, and kept for every later one.

Two releases that are safe by themselves undo each other where one shows what the other hides. The ledger therefore
holds every row that was ever decided and whether it was shown. Of a hidden row it holds nothing else; of a shown one
what was published, so that answers which came in late are noticed: the difference of two releases is the answer of
those few.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sro_research.disclosure.pattern import ANSWERS, LEVEL, RESPONSES, ROW, Frozen, Pattern
from sro_research.errors import DisclosureError
from sro_research.tables import is_table, read_table, write_table

COLUMNS = [*ROW, "shown", "n", "agree"]
"""`n` people and how many of them agree, in rows that are shown (of an item, `n` alone); missing in all others."""


@dataclass(frozen=True)
class Ledger:
    """The rows that earlier releases decided, with the columns of `COLUMNS`; none before the first release."""

    rows: pd.DataFrame

    def unchanged(self, estimates: pd.DataFrame) -> Frozen:
        """Return what was decided, for `decide_rows`.

        Raises `DisclosureError` where people of a row that was shown have changed since it was published.
        """
        now = _people(estimates)
        surveyed = now[["population", "wave"]].drop_duplicates()
        published = self.rows[self.rows["shown"] & self.rows["n"].notna()].merge(surveyed, on=["population", "wave"])
        both = published.merge(now, on=ROW, how="left", suffixes=("", "_now"))
        same = [both[number].fillna(-1) == both[f"{number}_now"].fillna(-1) for number in ("n", "agree")]
        changed = int((~(same[0] & same[1])).sum())
        if changed:
            raise DisclosureError(
                "ledger",
                "answers have changed since they were published, and the difference would tell who came late",
                rows=changed,
                fix="Restore the answers that were published; late ones need an expert's check first. If nobody else "
                "has seen that release, delete the study's ledger/ and release/, and run again.",
            )
        keys = zip(*(self.rows[column] for column in ROW), strict=True)
        return dict(zip(keys, self.rows["shown"].astype(bool), strict=True))

    def with_rows(self, rows: pd.DataFrame) -> Ledger:
        """Return the ledger after a release of `rows`."""
        both = pd.concat([self.rows, rows], ignore_index=True).drop_duplicates(ROW, keep="last")
        return Ledger(both.sort_values(ROW, ignore_index=True))


def rows_to_keep(pattern: Pattern, estimates: pd.DataFrame) -> pd.DataFrame:
    """Return what the ledger has to hold of a pattern, with the columns of `COLUMNS`."""
    table = pattern.rows.merge(_people(estimates), on=ROW, how="left")
    table[["n", "agree"]] = table[["n", "agree"]].mask(~table["shown"])
    return table[COLUMNS]


def read_ledger(path: Path) -> Ledger:
    """Read the ledger of a study; there is none before its first release."""
    if is_table(path):
        return Ledger(read_table(path))
    dtypes = {**dict.fromkeys(ROW, "string"), "shown": "bool", "n": "Int64", "agree": "Int64"}
    return Ledger(pd.DataFrame(columns=COLUMNS).astype(dtypes))


def write_ledger(path: Path, ledger: Ledger) -> None:
    """Write the ledger of a study, whole or not at all."""
    write_table(path, ledger.rows)


def _people(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return how many people each row is about, and how many of them agree; of an item, how many answered."""
    table = estimates[estimates["measure"].isin([LEVEL, RESPONSES])]
    agree = (table["estimate"] * table["n"]).round().astype("Int64").where(table["measure"] == LEVEL)
    people = table[ROW].assign(n=table["n"].astype("Int64"), agree=agree)
    items = estimates[estimates["measure"] == ANSWERS].assign(group_by="", group="").drop_duplicates(ROW)
    items = items[ROW].assign(n=items["n"].astype("Int64"), agree=pd.array([pd.NA] * len(items), dtype="Int64"))
    return pd.concat([people, items.astype(people.dtypes)], ignore_index=True)
