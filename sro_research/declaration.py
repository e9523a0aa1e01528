"""What was declared before results were seen, and what was added afterwards.

The first run that comes to the model keeps what the study file declares, beside the ledger, where it outlives the
results. What a later run declares otherwise is exploratory: it may have been chosen because of what the results were.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sro_research.files import make_private_folder, read_json, write_json
from sro_research.parameters import Model

ADDED = ("subgroups", "harms")
"""What may be added to without a change to the question itself."""
EXPLORATORY = "exploratory: declared after results were seen"


@dataclass(frozen=True)
class Declaration:
    """What is declared now, and what of it was not when results were first seen.

    `on` is that day. `changed` names keys of `model` that differ; `added` are `subgroups:<question>` and
    `harms:<harm>` that were not there.
    """

    now: dict[str, Any]
    on: str
    changed: tuple[str, ...]
    added: tuple[str, ...]

    def marked(self, estimates: pd.DataFrame) -> pd.DataFrame:
        """Return estimates of the model with what is exploratory said in their notes, before what they note already."""
        of_group = "subgroups:" + estimates["group_by"]
        of_harm = "harms:" + estimates["construct"]
        late = bool(self.changed) | of_group.isin(self.added) | of_harm.isin(self.added)
        note = EXPLORATORY + estimates["note"].where(estimates["note"] == "", "; " + estimates["note"])
        return estimates.assign(note=estimates["note"].where(~late, note))

    @property
    def exploratory(self) -> tuple[str, ...]:
        """What is exploratory: `question`, and what was added to it."""
        return (("question",) if self.changed else ()) + self.added


def declare(model: Model, path: Path, *, today: str) -> Declaration:
    """Return the declaration of a study, and keep it if it is the first one."""
    now = model.model_dump(mode="json")
    first = read_json(path)
    if first is None:
        first = {**now, "on": today}
        make_private_folder(path.parent)
        write_json(path, first)
    changed = tuple(key for key in now if key not in ADDED and now[key] != first.get(key))
    added = tuple(f"{key}:{name}" for key in ADDED for name in now[key] if name not in first.get(key, []))
    return Declaration(now, first["on"], changed, added)
