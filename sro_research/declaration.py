"""What was declared before results were seen, and what was added afterwards.

The first run that comes to the model keeps what the study file declares, beside the ledger, where it outlives the
results of the same results folder. What a later run declares otherwise is exploratory: it may have been chosen
because of what the results were.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sro_research.files import make_private_folder, read_json, write_json
from sro_research.parameters import Model

ADDED = ("subgroups", "harms", "perceived")
"""What may be added to without a change to the question itself."""
EXPLORATORY = "exploratory: declared after results were seen"


@dataclass(frozen=True)
class Declaration:
    """What is declared now, and what of it was not when results were first seen.

    `on` is that day, `first` what was declared then. `changed` names keys of `model` that differ; `added` are
    `subgroups:<question>` and `harms:<harm>` that were not there, `left_out` those that are not there any more.
    """

    first: Model
    now: Model
    on: str
    changed: tuple[str, ...]
    added: tuple[str, ...]
    left_out: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """Return what was declared first, on its day, beside what is declared now."""
        both = {f"declared on {self.on}": self.first, "now": self.now}
        return pd.DataFrame({when: pd.Series(model.model_dump()) for when, model in both.items()})

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
    if read_json(path) is None:
        make_private_folder(path.parent)
        write_json(path, {**model.model_dump(mode="json"), "on": today})
    return held_against_first(model, path)


def held_against_first(model: Model, path: Path) -> Declaration:
    """Return the declaration of a study as it stands to the first one; to itself where there is none yet."""
    kept = read_json(path) or {**model.model_dump(mode="json"), "on": ""}
    on = kept.pop("on")
    first = Model.model_validate_json(json.dumps(kept))
    same = _question(first), _question(model)
    changed = tuple(key for key in same[0] if same[0][key] != same[1][key])
    return Declaration(first, model, on, changed, _only_in(model, first), _only_in(first, model))


def _only_in(one: Model, other: Model) -> tuple[str, ...]:
    """Return the subgroups and harms that one declaration has and the other has not."""
    return tuple(
        f"{key}:{name}"
        for key in ("subgroups", "harms")
        for name in getattr(one, key)
        if name not in getattr(other, key)
    )


def _question(model: Model) -> dict[str, Any]:
    """Return what makes the question what it is; the order of adjustments and the unit of effects do not."""
    said = model.model_dump(exclude={*ADDED, "per", "smallest_effect"})
    return {**said, "adjust": set(model.adjust), "smallest_effect": round(model.smallest_effect / model.per, 12)}
