"""What a study's batch consists of, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sro_research.batch.notebook import check_parameters
from sro_research.errors import StudyFileError, nearest
from sro_research.files import file_fingerprint, fingerprint
from sro_research.intake import find_national
from sro_research.parameters import Language, Parameters
from sro_research.study import Study
from sro_research.tables import read_table

BOARD = "board"


@dataclass(frozen=True)
class Job:
    """One notebook to run. `pages` says whether it ends in a published page, `name` is unique in the study."""

    name: str
    notebook: Path
    output: Path
    parameters: dict[str, str]
    inputs: dict[str, str]
    """What it is made of, a hash for each, under names that an evaluator knows."""
    pages: dict[Language, Path]
    """By language; empty for study notebooks."""


def study_jobs(study: Study, params_file: Path, environment: str) -> list[Job]:
    """Return the study notebooks in their order; the inputs of each hold everything that went before it.

    Raises `StudyFileError` where a notebook is missing or does not declare the parameters it will be given, and
    `SourceError` where the files of a national survey, without which nothing can be made, are not there.
    """
    parameters, data = study.parameters, Path(study.parameters.folders.data)
    inputs = {
        "study file": parameters.fingerprint,
        "program": environment,
        "source files": fingerprint({name: file_fingerprint(data / name) for name in _sources(study)}),
        "instruments and standards": _texts(parameters),
    }
    given = {"params_file": str(params_file), "run_dir": str(study.folders.root)}
    jobs = []
    for name in parameters.notebooks.study:
        notebook = Path(parameters.folders.notebooks) / name
        check_parameters(notebook, given)
        inputs = {**inputs, name: file_fingerprint(notebook)}
        output = study.folders.internal / "notebooks" / name
        jobs.append(Job(f"study/{Path(name).stem}", notebook, output, given, inputs, {}))
    return jobs


def _texts(parameters: Parameters) -> str:
    """Return a hash of the instruments and standards that lie beside a study file."""
    folders = [Path(folder) for folder in (parameters.folders.surveys, parameters.folders.standards)]
    texts = sorted(path for folder in folders for path in folder.rglob("*.yaml"))
    return fingerprint([[path.name, file_fingerprint(path)] for path in texts])


def _sources(study: Study) -> list[str]:
    """Return the names of the raw files; raises `SourceError` where those of a national survey are not there."""
    parameters = study.parameters
    if study.national is not None:
        found = find_national(Path(parameters.folders.data), study.national.layouts)
        return [path.name for path in found.values()]
    records = [source.file for source in vars(parameters.records).values() if source is not None]
    return [*(survey.file for survey in parameters.surveys), *records]


def page_jobs(study: Study, params_file: Path, environment: str, schools: Iterable[str]) -> list[Job]:
    """Return one job for each school, and the board's last; the inputs of each hold the safe cells it is made of."""
    parameters, folders = study.parameters, study.folders
    common = {
        "study file": parameters.fingerprint,
        "program": environment,
        "facts": file_fingerprint(folders.facts),
        "instruments and standards": _texts(parameters),
    }
    cells = _cells_of_each(read_table(folders.cells))
    given = {"params_file": str(params_file), "run_dir": str(folders.root)}
    school, board = page_notebooks(study)
    notebook = file_fingerprint(school)
    jobs = [
        _page_job(
            study,
            f"school/{i}",
            school,
            {**given, "school_id": i},
            f"school_{i}",
            {**common, "notebook": notebook, "safe cells": fingerprint(cells.get("", ""), cells.get(i, ""))},
        )
        for i in schools
    ]
    inputs = {**common, "notebook": file_fingerprint(board), "safe cells": fingerprint(cells)}
    return [*jobs, _page_job(study, BOARD, board, given, BOARD, inputs)]


def page_notebooks(study: Study) -> tuple[Path, Path]:
    """Return the notebooks of a school's page and of the board's.

    Raises `StudyFileError` where one is missing or does not declare the parameters it will be given.
    """
    folder, names = Path(study.parameters.folders.notebooks), study.parameters.notebooks
    school, board = folder / names.school, folder / names.board
    check_parameters(school, ["params_file", "run_dir", "school_id"])
    check_parameters(board, ["params_file", "run_dir"])
    return school, board


def _cells_of_each(cells: pd.DataFrame) -> dict[str, str]:
    """Return a hash of the safe cells of each school, and of the district under a blank."""
    rows = pd.util.hash_pandas_object(cells, index=False)
    return {str(school): fingerprint(part.tolist()) for school, part in rows.groupby(cells["school_id"])}


def _page_job(study: Study, name: str, notebook: Path, given: dict[str, str], stem: str, inputs: dict[str, str]) -> Job:
    internal = study.folders.internal
    pages = {lang: internal / "pages" / page_name(stem, lang) for lang in study.parameters.pages.languages}
    return Job(name, notebook, internal / "notebooks" / f"{stem}.ipynb", given, inputs, pages)


def page_name(stem: str, language: str) -> str:
    """Return the file name of a page; English carries no language in its name."""
    return f"{stem}.html" if language == "en" else f"{stem}.{language}.html"


def chosen(schools: Iterable[str], only: list[str], limit: int | None) -> list[str]:
    """Return the ids of the schools a run was asked for.

    Raises `StudyFileError` where `only` names a school that is not there.
    """
    everyone = list(schools)
    for school in only:
        if school not in everyone:
            raise StudyFileError(
                "--only", f"there is no school '{school}' in this study", fix=nearest(school, everyone)
            )
    return [i for i in everyone if not only or i in only][:limit]
