"""Attack a published folder: with nothing but its bytes, can anyone work out what it hides?

Every number that a page says of a row of people becomes a constraint on how many people there are and how many agree:
a count is exact, a whole percent leaves the counts that round to it, "or fewer" those below. Rows add up to their
district, and groups to no more than their school. The attack of `attack` then asks of each hidden row what it can still
be. `sro-research audit` does this, and a run does it before anything is published.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sro_research.disclosure.claims import Published, against_cells, unbalanced
from sro_research.disclosure.ledger import read_ledger
from sro_research.disclosure.national import not_public
from sro_research.disclosure.pattern import ROW
from sro_research.disclosure.policy import MINIMUM_GROUP_SIZE
from sro_research.disclosure.published import canaries_in, read_published
from sro_research.disclosure.systems import Recovered, attack_rows, bounds_of
from sro_research.disclosure.texts import canonical, numbers_in
from sro_research.disclosure.told import Known, Row, describe, extremes, rows_told
from sro_research.errors import DisclosureError
from sro_research.estimates import SCHOOL
from sro_research.tables import is_table

ALL_SHOWN = 20
"""So many findings of a kind are printed; all are counted."""

MOST_DECLARED = 100
"""So many texts that pages declare as their study's own are printed."""

OwnTexts = Mapping[str, Mapping[str, Iterable[str]]]
"""What a study says of itself, by language and by the place of the catalogue that it fills."""


@dataclass(frozen=True)
class Audit:
    """What an attack on a folder found; each finding names a cell or a file, never a value."""

    files: int
    hidden: int
    """Rows of people that the folder hides."""
    exact: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    small_groups: tuple[str, ...] = ()
    unregistered: tuple[str, ...] = ()
    canaries: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    too_small: tuple[str, ...] = ()
    """Rows that are shown though they are about too few people."""
    extreme: tuple[str, ...] = ()
    """Shares so near to none or all that they tell how everyone answered, and are not coded."""
    conflicts: tuple[str, ...] = ()
    """Rows that the folder shows and the ledger or the safe cells hide, or that are told differently."""
    declared: tuple[str, ...] = ()
    """Texts with numbers that the pages declare as their study's own: no findings, but for a person to read."""

    FINDINGS = (
        "exact",
        "near",
        "small_groups",
        "too_small",
        "extreme",
        "unregistered",
        "canaries",
        "unreadable",
        "conflicts",
    )

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not any(getattr(self, kind) for kind in self.FINDINGS)

    def lines(self) -> list[str]:
        """Return the audit as lines to print."""
        counts = ", ".join(f"{len(getattr(self, kind))} {kind.replace('_', ' ')}" for kind in self.FINDINGS)
        lines = [f"{self.files} files, {self.hidden} hidden rows: {counts}"]
        for kind in self.FINDINGS:
            found = getattr(self, kind)
            lines += [f"{kind.replace('_', ' ')}: {text}" for text in found[:ALL_SHOWN]]
            lines += [f"{kind.replace('_', ' ')}: and {len(found) - ALL_SHOWN} more"] if len(found) > ALL_SHOWN else []
        return lines

    def to_read(self) -> list[str]:
        """Return the declared texts with numbers as lines to print: a person sees whether one tells about people."""
        more = len(self.declared) - MOST_DECLARED
        return [
            f"{len(self.declared)} texts with numbers are declared as the study's own; read them",
            *(f"declared: {text}" for text in self.declared[:MOST_DECLARED]),
            *([f"declared: and {more} more"] if more > 0 else []),
        ]


def audit(
    folder: Path,
    *,
    words: Mapping[str, Iterable[str]],
    own_texts: OwnTexts | None = None,
    cells: pd.DataFrame | None = None,
    public: pd.DataFrame | None = None,
    ledger: Path | None = None,
    aux: pd.DataFrame | None = None,
    canaries: Iterable[str] = (),
    minimum: int = MINIMUM_GROUP_SIZE,
) -> Audit:
    """Attack the pages below `folder` and return what was found.

    `words` are by language the sentences that pages are made of, with places to fill. `own_texts` are the texts a study
    has, and `cells` its safe cells: a page that declares another text, or tells another number, is found. Without
    `own_texts` a person has to read what the pages declare. `public` are cells of a national survey of schools that
    anyone may know: what pages tell of such schools has to stand there.

    `ledger` is the file of what earlier releases decided; `aux` a table of what else is public, with `school_id`,
    `wave`, `students`, `staff` (how many people there are, which bounds how many can have answered); `canaries` are
    tokens that may stand nowhere. Raises `DisclosureError` where the attack does not end in a proof.
    """
    found = read_published(folder, words)
    if own_texts is not None:
        found.unregistered += _foreign(found, own_texts)
    rows, conflicts = rows_told(found)
    recovered = Recovered() if conflicts else attack_rows(rows, bounds_of(aux), minimum)
    if ledger is not None and not is_table(ledger):
        raise DisclosureError(ledger, "there is no ledger here", fix="Give the study's `ledger/rows.parquet`.")
    if cells is not None:
        conflicts += against_cells([made for made in found.claims if made.cell[1] != SCHOOL], cells)
    conflicts += unbalanced(found.claims)
    conflicts += not_public(found.claims, public)
    if ledger is not None:
        conflicts += _against_ledger(rows, read_ledger(ledger).rows)
    return Audit(
        files=found.files,
        hidden=sum(known.hidden and bool(known.pages) for known in rows.values()),
        exact=tuple(recovered.exact),
        near=tuple(recovered.near),
        small_groups=tuple(recovered.small_groups),
        too_small=tuple(f"{describe(row)}. Hide it" for row, k in rows.items() if 0 < k.n[1] < minimum),
        extreme=tuple(extremes(found, rows)),
        unregistered=tuple(found.unregistered),
        canaries=tuple(canaries_in(folder, [token for token in canaries if token])),
        unreadable=tuple(found.unreadable),
        conflicts=tuple(conflicts),
        declared=tuple(_to_read(found)),
    )


def _foreign(found: Published, own_texts: OwnTexts) -> list[str]:
    """Return where a page declares a text with numbers that its study does not have."""
    known = {
        (language, place, canonical(text))
        for language, places in own_texts.items()
        for place, texts in places.items()
        for text in texts
    }
    return [
        f"{page}: it declares as '{place}' a text with numbers that the study does not have. Take it out of `own_texts`"
        for (language, place, text), page in found.declared.items()
        if numbers_in(text) and (language, place, canonical(text)) not in known
    ]


def _to_read(found: Published) -> list[str]:
    """Return each declared text with numbers once, with the places that it fills."""
    places: dict[str, set[str]] = defaultdict(set)
    for _, place, text in found.declared:
        places[text].add(place)
    return [f"{text} ({', '.join(sorted(places[text]))})" for text in sorted(places) if numbers_in(text)]


def _against_ledger(rows: dict[Row, Known], ledger: pd.DataFrame) -> list[str]:
    """Return rows that are shown though an earlier release hid them, or with other people than it showed."""
    decided = {tuple(row): (shown, n) for *row, shown, n in ledger[[*ROW, "shown", "n"]].itertuples(index=False)}
    found = []
    for row, known in sorted(rows.items()):
        shown, n = decided.get(row, (None, None))
        if known.n[1] == math.inf or shown is None:
            continue
        if not shown:
            found.append(f"{describe(row)}: an earlier release hides it. Keep its ledger, or ask an expert")
        elif pd.notna(n) and not known.n[0] <= n <= known.n[1]:
            found.append(f"{describe(row)}: an earlier release shows other people. Restore its answers")
    return found


def require_clean(result: Audit) -> None:
    """Raise `DisclosureError` with what was found, if anything was."""
    if not result.clean:
        count, *details = result.lines()
        raise DisclosureError(
            "audit",
            f"these pages give away what they hide ({count}): {'; '.join(details)}",
            fix="Nothing was published.",
        )
