"""Where the results of a study lie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sro_research.files import find_upward, is_url, local_copy, url_without_password


def without_last_slash(place: str) -> str:
    """Return a path or URL without the slashes at its end; those after a scheme stay."""
    return re.sub(r"(?<=[^:/])/+$", "", place)


@dataclass(frozen=True)
class Folders:
    """Where the results of a study lie: in `root`, which is this machine's copy where they are kept at a `url`."""

    root: Path
    url: str = ""

    @classmethod
    def at(cls, place: str) -> Folders:
        """Return the folders at a path or URL."""
        if is_url(place):
            url = without_last_slash(place)
            return cls(local_copy(url).absolute(), url)
        return cls(find_upward(place, Path.cwd()).absolute())

    def shown(self, path: Path) -> str:
        """Return where a person finds a file of the results."""
        if not self.url:
            return str(path)
        return f"{url_without_password(self.url)}/{path.relative_to(self.root).as_posix()}"

    @property
    def internal(self) -> Path:
        """Protected tables, estimates, quarantine and executed notebooks; never to be published."""
        return self.root / "internal"

    @property
    def release(self) -> Path:
        """The published pages."""
        return self.root / "release"

    @property
    def cells(self) -> Path:
        """The safe cells."""
        return self.internal / "safe" / "cells.parquet"

    @property
    def facts(self) -> Path:
        """What the study says about itself."""
        return self.internal / "safe" / "facts.json"

    @property
    def rows(self) -> Path:
        """The rows that the safe cells rest on: what the ledger takes up when they are published."""
        return self.internal / "safe" / "rows.parquet"

    @property
    def ledger(self) -> Path:
        """What earlier releases showed and hid. It outlives the results."""
        return self.root / "ledger" / "rows.parquet"

    @property
    def ledger_counts(self) -> Path:
        """The counts of cases that earlier releases told. It outlives the results."""
        return self.root / "ledger" / "counts.parquet"

    @property
    def declaration(self) -> Path:
        """What the study declared when results were first seen. It outlives the results."""
        return self.root / "ledger" / "declaration.json"

    def protected(self, name: str) -> Path:
        """The path of a protected table."""
        return self.internal / "protected" / f"{name.replace('/', '__')}.parquet"

    def estimates(self, name: str) -> Path:
        """The path of a table of estimates."""
        return self.internal / "estimates" / f"{name}.parquet"
