"""What was run, with what, and how it ended: the record by which a run is resumed and explained.

It is a file of lines that is only ever added to. A line is what makes a notebook done: its outputs are there before
it, and what stopped before it was written is made again. A last line that a crash cut off is as if it were not there.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from sro_research import __version__
from sro_research.batch.notebook import Outcome
from sro_research.batch.plan import Job
from sro_research.errors import WorkbenchError
from sro_research.files import NO_FINGERPRINT, append_line, file_fingerprint, fingerprint

OK, FAILED = "ok", "failed"
FAILED_BEFORE = "failed before"


@dataclass(frozen=True)
class Entry:
    """One notebook run: `inputs` says what went in (a hash for each), `outputs` which files came out (path, hash)."""

    name: str
    inputs: dict[str, str]
    status: str
    seconds: float
    outputs: dict[str, str]
    ended: str
    """When, in UTC; of two entries of a name the later one holds."""
    cell: int | None = None
    error: str = ""


@dataclass
class Manifest:
    """The manifest of a study below `root`; each shard of a run writes lines in a file of its own, and reads all."""

    root: Path
    about: dict[str, Any]
    shard: str = ""
    entries: dict[str, Entry] = field(default_factory=dict)
    """The latest of each name, by the clocks of those who wrote them."""
    made: dict[str, list[Entry]] = field(default_factory=dict)
    """All that say that a notebook ran well: one whose inputs and outputs are those of now is proof, however old."""

    @property
    def path(self) -> Path:
        """The file that this run adds to."""
        return self.root / "internal" / f"manifest{self.shard and '.' + self.shard}.jsonl"

    @classmethod
    def open(cls, root: Path, study: str, parameters: str, shard: str = "") -> Manifest:
        """Read what all runs before left. Raises `WorkbenchError` where a file is damaged."""
        found = cls(root, {"study": study, "parameters": parameters, "version": __version__}, shard)
        for path in sorted((root / "internal").glob("manifest*.jsonl")):
            for line in _whole_lines(path):
                if "name" in line:
                    entry = Entry(**line)
                    found._note_made(entry)
                    if entry.name not in found.entries or found.entries[entry.name].ended <= entry.ended:
                        found.entries[entry.name] = entry
        return found

    def begin(self, environment: str) -> None:
        """Write down with what this run works."""
        about = {**self.about, "environment": environment, "python": platform.python_version(), "packages": packages()}
        append_line(self.path, json.dumps({"began": _now(), **about}, ensure_ascii=False))

    def reason(self, job: Job) -> str:
        """Say why a job has to be run; blank where it is done and its outputs are still what they were."""
        entry = self.entries.get(job.name)
        if entry is None:
            return "new"
        if any(made.inputs == job.inputs and self._stand(made) for made in self.made.get(job.name, [])):
            return ""
        if entry.status != OK:
            return FAILED_BEFORE
        changed = [name for name, value in job.inputs.items() if entry.inputs.get(name) != value]
        if changed:
            return f"changed: {', '.join(changed)}"
        return "its output is gone or was changed"

    def _stand(self, entry: Entry) -> bool:
        return all(file_fingerprint(self.root / path) == digest for path, digest in entry.outputs.items())

    def _note_made(self, entry: Entry) -> None:
        if entry.status == OK:
            self.made.setdefault(entry.name, []).append(entry)

    def done(self, job: Job) -> bool:
        """Tell whether this job was run on the same inputs and its outputs are still what they were."""
        return not self.reason(job)

    def record(self, job: Job, outcome: Outcome) -> Entry:
        """Add the entry of a job that ran, on the disk too, and return it; one without what it made has failed."""
        made = [job.output, *job.pages.values()] if outcome.ok else []
        outputs = {str(path.relative_to(self.root)): file_fingerprint(path) for path in made}
        if absent := [path for path, digest in outputs.items() if digest in NO_FINGERPRINT]:
            error = f"{absent[0]} is not there after it was made; does its maker see the same folders?"
            outcome, outputs = Outcome(outcome.seconds, None, error), {}
        entry = Entry(
            name=job.name,
            inputs=job.inputs,
            status=OK if outcome.ok else FAILED,
            seconds=round(outcome.seconds, 3),
            outputs=outputs,
            ended=_now(),
            cell=outcome.cell,
            error=outcome.error,
        )
        self.entries[job.name] = entry
        self._note_made(entry)
        append_line(self.path, json.dumps(asdict(entry), ensure_ascii=False))
        return entry


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    *lines, _ = path.read_bytes().split(b"\n")  # What follows the last end of line was cut off, maybe in a letter.
    try:
        return [json.loads(line) for line in lines]
    except ValueError:
        raise WorkbenchError(path, "this file is damaged", fix="Delete it and run again.") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@cache
def packages() -> dict[str, str]:
    """Return every installed distribution and its version."""
    read = (distribution.metadata for distribution in distributions())  # A file that is parsed at each look.
    found = {about["Name"]: about["Version"] for about in read if about["Name"]}
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def environment() -> str:
    """Return a fingerprint of the interpreter, the installed packages and this package's own source."""
    source = Path(__file__).parents[1]
    own = {
        str(p.relative_to(source)): file_fingerprint(p)
        for p in sorted(source.rglob("*"))
        if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".md"
    }
    return fingerprint(platform.python_version(), packages(), own)
