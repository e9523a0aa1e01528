"""What was run, with what, and how it ended: the record by which a run is resumed and explained."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from sro_research import __version__
from sro_research.batch.notebook import Outcome
from sro_research.batch.plan import Job
from sro_research.files import file_fingerprint, fingerprint, read_json, write_json

OK, FAILED = "ok", "failed"


@dataclass(frozen=True)
class Entry:
    """One notebook run: `key` says what went in, `outputs` which files came out (path in the study, hash)."""

    name: str
    key: str
    status: str
    seconds: float
    outputs: dict[str, str]
    cell: int | None = None
    error: str = ""


class Manifest:
    """The manifest of a study below `root`, one JSON file, rewritten whole after every run."""

    def __init__(self, root: Path, study: str, parameters: str) -> None:
        self.root, self.path = root, root / "internal" / "manifest.json"
        stored = read_json(self.path) or {}
        self.entries = {e["name"]: Entry(**e) for e in stored.get("runs", [])}
        self.about: dict[str, Any] = {
            "study": study,
            "parameters": parameters,
            "version": __version__,
            "environment": environment(),
            "python": platform.python_version(),
            "packages": packages(),
        }

    def done(self, job: Job) -> bool:
        """Tell whether this job was run on the same inputs and its outputs are still what they were."""
        entry = self.entries.get(job.name)
        return (
            entry is not None
            and entry.status == OK
            and entry.key == job.key
            and all(file_fingerprint(self.root / path) == digest for path, digest in entry.outputs.items())
        )

    def record(self, job: Job, outcome: Outcome) -> Entry:
        """Add or replace the entry of a job that ran, write the manifest, and return the entry."""
        outputs = [job.output, *job.pages.values()] if outcome.ok else []
        entry = Entry(
            name=job.name,
            key=job.key,
            status=OK if outcome.ok else FAILED,
            seconds=round(outcome.seconds, 3),
            outputs={str(path.relative_to(self.root)): file_fingerprint(path) for path in outputs},
            cell=outcome.cell,
            error=outcome.error,
        )
        self.entries[job.name] = entry
        runs = [asdict(e) for e in self.entries.values()]
        write_json(self.path, {**self.about, "written": datetime.now(UTC).isoformat(timespec="seconds"), "runs": runs})
        return entry


def packages() -> dict[str, str]:
    """Return every installed distribution and its version."""
    found = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def environment() -> str:
    """Return a fingerprint of the interpreter, the installed packages and this package's own source."""
    source = Path(__file__).parents[1]
    own = {
        str(p.relative_to(source)): file_fingerprint(p)
        for p in sorted(source.rglob("*"))
        if p.is_file() and "__pycache__" not in p.parts
    }
    return fingerprint(platform.python_version(), packages(), own)
