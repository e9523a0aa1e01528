"""All files of a national survey of schools, one for each wave of the study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sro_research.errors import SourceError
from sro_research.intake.admission import QUARANTINE_COLUMNS
from sro_research.intake.district import Intake, as_log
from sro_research.intake.ssocs import find_ssocs, read_ssocs
from sro_research.standards.ssocs import SsocsLayout, SsocsMeasures

KIND = "national"


def find_national(folder: Path, layouts: Mapping[str, SsocsLayout]) -> dict[str, Path]:
    """Return the file of each wave below a folder.

    Raises one `SourceError` that names all that are not there, or are there twice, and says who publishes them and what
    to put where.
    """
    found: dict[str, Path] = {}
    wrong: list[SourceError] = []
    for wave, layout in layouts.items():
        try:
            found[wave] = find_ssocs(folder, layout)
        except SourceError as error:
            wrong.append(error)
    if wrong:
        fix = " ".join(dict.fromkeys(error.fix for error in wrong))
        raise SourceError(folder, "; ".join(error.rule for error in wrong), fix=fix)
    return found


def take_in_national(folder: Path, layouts: Mapping[str, SsocsLayout], asked: SsocsMeasures) -> Intake:
    """Read the files of all waves; tables are `national/<wave>`, of the columns that `read_ssocs` gives.

    A file is read whole or not at all, and a study is not made without one of its waves: raises `SourceError` then.
    """
    tables: dict[str, pd.DataFrame] = {}
    log: list[dict[str, object]] = []
    for wave, path in find_national(folder, layouts).items():
        tables[f"{KIND}/{wave}"] = table = read_ssocs(path, layout=layouts[wave], asked=asked)
        counts = {"rows_read": len(table), "rows_admitted": len(table), "rows_set_aside": 0, "rows_lost": 0}
        log.append({"source": path.name, "kind": KIND, "status": "read", **counts})
    return Intake(tables, as_log(log), pd.DataFrame({name: [] for name in QUARANTINE_COLUMNS}))
