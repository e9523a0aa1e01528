"""What a study's batch consists of, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sro_research.batch.notebook import check_parameters
from sro_research.errors import StudyFileError, nearest
from sro_research.files import file_fingerprint, fingerprint
from sro_research.parameters import Language
from sro_research.study import Study

BOARD = "board"


@dataclass(frozen=True)
class Job:
    """One notebook to run. `pages` says whether it ends in a published page, `name` is unique in the study."""

    name: str
    notebook: Path
    output: Path
    parameters: dict[str, str]
    key: str
    pages: dict[Language, Path]
    """By language; empty for study notebooks."""


def study_jobs(study: Study, params_file: Path, environment: str) -> list[Job]:
    """Return the study notebooks in their order; each key holds everything that went before it.

    Raises `StudyFileError` where a notebook is missing or does not declare the parameters it will be given.
    """
    parameters, data = study.parameters, Path(study.parameters.folders.data)
    sources = [s.file for s in parameters.surveys]
    sources += [s.file for s in vars(parameters.records).values() if s is not None]
    texts = sorted(
        [*Path(parameters.folders.surveys).glob("*.yaml"), *Path(parameters.folders.standards).glob("*.yaml")]
    )
    key = fingerprint(
        parameters.fingerprint,
        environment,
        {name: file_fingerprint(data / name) for name in sources},
        {path.name: file_fingerprint(path) for path in texts},
    )
    given = {"params_file": str(params_file), "run_dir": str(study.folders.root)}
    jobs = []
    for name in parameters.notebooks.study:
        notebook = Path(parameters.folders.notebooks) / name
        check_parameters(notebook, given)
        key = fingerprint(key, file_fingerprint(notebook))
        output = study.folders.internal / "notebooks" / name
        jobs.append(Job(f"study/{Path(name).stem}", notebook, output, given, key, {}))
    return jobs


def page_jobs(study: Study, params_file: Path, environment: str, schools: dict[str, str]) -> list[Job]:
    """Return one job for each school, and the board's last; each key holds the safe cells it is made of."""
    parameters, folders = study.parameters, study.folders
    cells = fingerprint(
        parameters.fingerprint,
        environment,
        file_fingerprint(folders.cells),
        file_fingerprint(folders.facts),
        {p.name: file_fingerprint(p) for p in sorted(Path(parameters.folders.surveys).glob("*.yaml"))},
    )
    given = {"params_file": str(params_file), "run_dir": str(folders.root)}
    school, board = (
        Path(parameters.folders.notebooks) / n for n in (parameters.notebooks.school, parameters.notebooks.board)
    )
    check_parameters(school, {**given, "school_id": ""})
    check_parameters(board, given)
    jobs = [
        _page_job(
            study,
            f"school/{i}",
            school,
            {**given, "school_id": i},
            f"school_{i}",
            fingerprint(cells, file_fingerprint(school), i),
        )
        for i in schools
    ]
    return [*jobs, _page_job(study, BOARD, board, given, BOARD, fingerprint(cells, file_fingerprint(board)))]


def _page_job(study: Study, name: str, notebook: Path, given: dict[str, str], stem: str, key: str) -> Job:
    internal = study.folders.internal
    pages = {lang: internal / "pages" / page_name(stem, lang) for lang in study.parameters.pages.languages}
    return Job(name, notebook, internal / "notebooks" / f"{stem}.ipynb", given, key, pages)


def page_name(stem: str, language: str) -> str:
    """Return the file name of a page; English carries no language in its name."""
    return f"{stem}.html" if language == "en" else f"{stem}.{language}.html"


def chosen(schools: dict[str, str], only: list[str], limit: int | None) -> dict[str, str]:
    """Return the schools a run was asked for.

    Raises `StudyFileError` where `only` names a school that is not there.
    """
    for school in only:
        if school not in schools:
            raise StudyFileError("--only", f"there is no school '{school}' in this study", fix=nearest(school, schools))
    names = {i: name for i, name in schools.items() if not only or i in only}
    return dict(list(names.items())[:limit])
