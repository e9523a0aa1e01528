"""What can go wrong, said to the person who can fix it, and the exit codes of the command line.

An error names the place, the rule that was broken and the way out. It counts rows; it never repeats a value
from a person's row.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

EXIT_LEAK = 1
"""An audit found that something hidden can be worked out."""
EXIT_INPUT = 2
"""The study file, an instrument or a source file must be mended before anything runs."""
EXIT_INCOMPLETE = 3
"""The run went to its end, but something was set aside or failed; the summary says what."""
EXIT_STOPPED = 130
"""Somebody stopped the command (Ctrl-C); shells use this number for it."""
STOPPED = "stopped; what is finished is kept, the same command goes on"


class WorkbenchError(Exception):
    """One problem a person can mend.

    `where` is a file (with a line when known), `rule` what was broken, `fix` what to do, and `rows` how many
    rows are concerned when the problem lies in rows.
    """

    def __init__(self, where: object, rule: str, *, fix: str, rows: int | None = None) -> None:
        self.where, self.rule, self.fix, self.rows = str(where), rule, fix, rows
        count = "" if rows is None else f" ({rows} {'row' if rows == 1 else 'rows'})"
        super().__init__(f"{self.where}: {rule}{count}. {fix}")

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword arguments do not survive pickling between processes without this.
        return (_rebuild, (type(self), self.where, self.rule, self.fix, self.rows))


def _rebuild(kind: type[WorkbenchError], where: str, rule: str, fix: str, rows: int | None) -> WorkbenchError:
    return kind(where, rule, fix=fix, rows=rows)


class StudyFileError(WorkbenchError):
    """A study file says something that cannot be meant."""


class InstrumentError(WorkbenchError):
    """A codebook is incomplete or contradicts itself."""


class SourceError(WorkbenchError):
    """A whole source file cannot be read; it is set aside and the run goes on without it."""


class DiskError(WorkbenchError):
    """There is no place for a result: the disk is full, or may not be written to."""


class BoundaryError(WorkbenchError):
    """A report reached for something it may not see."""


class DisclosureError(WorkbenchError):
    """Something hidden could be worked out, or nothing proves that it could not."""


class ContradictionError(DisclosureError):
    """Published numbers of which not all can be true."""


class ReportError(WorkbenchError):
    """A page is not fit to be published."""


def errors_of_ours() -> set[type[WorkbenchError]]:
    """Return all kinds of errors whose messages hold no value from a person's row."""
    found, more = {WorkbenchError}, {WorkbenchError}
    while more := {kind for one in more for kind in one.__subclasses__()} - found:
        found |= more
    return found


def counted(number: int, thing: str) -> str:
    """Write `1 row`, `2 rows`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the closest known spelling, or lists what is known."""
    choices = sorted(str(k) for k in known)
    close = get_close_matches(name, choices, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(choices) or 'nothing'}."
