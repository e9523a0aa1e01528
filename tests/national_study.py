"""A made-up national survey of schools: files as NCES lays them out, with numbers that are nobody's.

Half of the schools of a page have an officer; of the high schools nine in ten. Of most kinds 40 schools took part, of
combined schools 10, which are too few to be shown. The files have fewer schools than were published, so the study has
maps of its own, which say so.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import PROJECT

from sro_research.standards.ssocs import SsocsColumn, SsocsLayout, SsocsMeasures, read_ssocs

STANDARDS = PROJECT / "params" / "standards"
ASKED, LAYOUTS = read_ssocs(STANDARDS / "ssocs")
SCHOOLS = 520
OFFICERS = {"elementary": 0.5, "middle": 0.5, "high": 0.9, "combined": 0.5}
MANY, FEW = 40, 10
RARE = 0.06
"""Share of schools with problems of a kind: too rare for 40 schools to say how many."""


def write_files(folder: Path, *, seed: int = 7) -> None:
    """Write a file for each year to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, layout in enumerate(LAYOUTS.values()):
        made_up(layout, ASKED, np.random.default_rng(seed + i)).to_csv(folder / f"{layout.file}.csv", index=False)


def national_study(folder: Path, *, data: Path | None = None) -> Path:
    """Write a study file like params/ssocs.yaml whose data and results lie in a folder, its maps beside the data."""
    path, data = folder / "national.yaml", data or folder / "data"
    if not (standards := data.parent / "standards").exists():
        write_standards(standards)
    folders = f"{{data: {data}, standards: {standards}, reports: {folder}/reports}}"
    path.write_text(f"extends: {PROJECT}/params/ssocs.yaml\nfolders: {folders}\n", encoding="utf-8")
    return path


def write_standards(folder: Path) -> None:
    """Write the standards of the project to a folder, with maps of as many schools as the made-up files have."""
    shutil.copytree(STANDARDS, folder)
    for layout in LAYOUTS.values():
        path = folder / "ssocs" / f"{layout.wave}.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"schools: {layout.schools}\n", f"schools: {SCHOOLS}\n"), encoding="utf-8")


def made_up(layout: SsocsLayout, asked: SsocsMeasures, random: np.random.Generator) -> pd.DataFrame:
    """Return a year's file: every variable that its map names, and weights."""
    level, locale = _kinds(layout)
    rows = len(level)
    table: dict[str, object] = {layout.school: [f"{i:04d}" for i in range(1, rows + 1)]}
    for codes in layout.groupings.values():
        table[codes.variable] = random.choice(list(codes.codes), rows)
    for name, groups in (("level", level), ("locale", locale)):
        codes_of = {group: code for code, group in layout.groupings[name].codes.items()}
        table[layout.groupings[name].variable] = [codes_of[group] for group in groups]
    yes: dict[str, np.ndarray] = {}
    for name, measure in asked.measures.items():
        if (column := layout.measures.get(name)) is None:
            continue
        were_asked = yes[measure.among] if measure.among else np.ones(rows, dtype=bool)
        share = [OFFICERS[group] for group in level] if name == "officer_present" else _share(name)
        for variable in column.variables:
            if variable not in table:
                table[variable] = _codes(column, measure.kind, random, np.broadcast_to(share, rows), were_asked)
        yes[name] = were_asked & np.isin(table[column.variables[0]], column.yes_if)
    return pd.DataFrame(table).assign(**_weights(layout, rows, random))


def _kinds(layout: SsocsLayout) -> tuple[list[str], list[str]]:
    levels, locales = (list(layout.groupings[name].codes.values()) for name in ("level", "locale"))
    kinds = [(level, locale) for level in levels for locale in locales]
    rows = [kind for kind in kinds for _ in range(FEW if kind[0] == "combined" else MANY)]
    return [level for level, _ in rows], [locale for _, locale in rows]


def _share(name: str) -> float:
    return RARE if name.endswith("_weekly") else 0.6


def _codes(
    column: SsocsColumn, kind: str, random: np.random.Generator, share: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    if kind == "count" or column.at_least is not None:
        return random.poisson(2.0, len(share))
    yes = random.random(len(share)) < share
    return np.where(asked, np.where(yes, column.yes_if[0], column.no_if[0]), -1)


def _weights(layout: SsocsLayout, rows: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a weight, and replicates that each leave out one of as many random groups of schools."""
    weight, number = random.uniform(20, 60, rows), layout.replicates.number
    group = random.permutation(np.arange(rows) % number)
    left_out = {
        f"{layout.replicates.prefix}{i + 1}": weight * np.where(group == i, 0.0, number / (number - 1))
        for i in range(number)
    }
    return {layout.weight: weight, **left_out}
