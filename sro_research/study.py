"""Opening a study: for analysis, with its protected tables, or for reporting, with safe cells only."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from sro_research import __version__, estimates
from sro_research.consistency import (
    breaks_of,
    check_names,
    names_of,
    refuse_private_data_in_repository,
    reported_schools,
)
from sro_research.declaration import Declaration, declare, held_against_first
from sro_research.disclosure.counts import CELL, COUNTED, with_counts
from sro_research.disclosure.ledger import Ledger, read_ledger, rows_to_keep, write_ledger
from sro_research.disclosure.national import read_yardstick_table
from sro_research.disclosure.pattern import Pattern
from sro_research.disclosure.policy import Policy
from sro_research.disclosure.program import NOT_OF_HOW_MANY, PROGRAM_FIGURES, of_program
from sro_research.errors import BoundaryError, DisclosureError, StudyFileError, WorkbenchError, nearest
from sro_research.estimates import SCHOOL
from sro_research.files import (
    delete,
    find_upward,
    make_private_folder,
    read_json,
    write_json,
    write_text,
)
from sro_research.folders import Folders, without_last_slash
from sro_research.instruments import Instrument, load_instrument
from sro_research.labels import MISSING, Registers, registers_of, said
from sro_research.measures.quality import losses
from sro_research.parameters import (
    Model,
    Parameters,
    Text,
    read_checked,
    read_parameters,
)
from sro_research.report.page import Facts, National, Page, ProgramFigure
from sro_research.standards.indicators import PROGRAM, Definition, read_definitions
from sro_research.standards.ssocs import read_ssocs
from sro_research.standards.together import Standards, read_standards
from sro_research.standards.yardstick import Yardstick
from sro_research.tables import is_table, read_table, write_table

REPORT_ONLY = "SRO_REPORT_ONLY"
"""Set in the kernels of report notebooks: a study cannot be opened for analysis there."""

FIGURE = ["measure", "population", "wave"]
"""What names a figure of the program."""


@dataclass(frozen=True)
class Study:
    """A study opened for analysis."""

    parameters: Parameters
    instruments: dict[str, Instrument]
    """By instrument id."""
    standards: Standards
    folders: Folders
    national: National | None = None
    """What is known beforehand of a national survey of schools, if that is what the study is of."""
    yardstick: Yardstick | None = None

    def yardstick_cells(self) -> pd.DataFrame | None:
        """Read the national figures that this study's figures are held against; none where it does not ask for it."""
        if self.yardstick is None:
            return None
        standards = Path(self.parameters.folders.standards)
        asked, _ = read_ssocs(standards / self.yardstick.survey)
        table = read_yardstick_table(standards / self.yardstick.table, asked.measures)
        wanted = {figure.national for figure in self.yardstick.figures}
        return table[(table["wave"] == self.yardstick.wave) & table["measure"].isin(wanted)]

    @property
    def waves(self) -> list[str]:
        """Wave ids in the order of time."""
        return [wave.id for wave in self.parameters.waves]

    @property
    def last_surveyed(self) -> str:
        """The last wave in which anybody answered; the last one of all where nobody did."""
        tables = [self.protected(f"responses/{i.id}")["wave"] for i in self.surveyed.values()]
        answered = {wave for column in tables for wave in column.unique()}
        return next((wave for wave in reversed(self.waves) if wave in answered), self.waves[-1])

    @property
    def breaks(self) -> set[tuple[str, str, str]]:
        """Return (population, construct, wave) where a line breaks, because a question got other words since."""
        return breaks_of(self.parameters, self.instruments)

    @property
    def policy(self) -> Policy:
        """The disclosure policy of the study."""
        return Policy(**self.parameters.disclosure.model_dump())

    @property
    def surveyed(self) -> dict[str, Instrument]:
        """The instruments that have answers, by population."""
        return {i.population: i for i in self.instruments.values() if self.has(f"responses/{i.id}")}

    def keep(self, tables: dict[str, pd.DataFrame]) -> None:
        """Write the protected tables of the study, all of them: those of an earlier run are deleted first.

        A record that the study does not name any more, or whose file cannot be read any more, would be counted on.
        """
        kept = {self.folders.protected(name) for name in tables}
        for path in (self.folders.internal / "protected").glob("*"):
            if path not in kept:
                delete(path)
        for name, table in tables.items():
            write_table(self.folders.protected(name), table)

    def protected(self, name: str) -> pd.DataFrame:
        """Read a protected table."""
        return read_table(self.folders.protected(name))

    def has(self, name: str) -> bool:
        """Tell whether a protected table was made."""
        return is_table(self.folders.protected(name))

    def keep_quarantine(self, quarantine: pd.DataFrame) -> None:
        """Write the rows that were set aside, by source, row number and rule."""
        write_text(self._quarantine, quarantine.to_csv(index=False))

    def quarantine(self) -> pd.DataFrame:
        """Read the rows that were set aside."""
        return pd.read_csv(self._quarantine, dtype={"source": "str", "column": "str", "rule": "str"}).fillna("")

    @property
    def _quarantine(self) -> Path:
        return self.folders.internal / "quarantine" / "quarantine.csv"

    @property
    def survey_files(self) -> dict[str, tuple[str, str]]:
        """Return population and wave of each file of answers."""
        return {s.file: (self.instruments[s.instrument].population, s.wave) for s in self.parameters.surveys}

    def declare(self) -> Declaration:
        """Return what the study declares of engagement and climate, and whether that was before results were seen.

        Raises `StudyFileError` where it declares nothing.
        """
        if self.parameters.model is None:
            raise StudyFileError(self.parameters.where("model"), "the study declares no model", fix="Add `model`.")
        return declare(self.parameters.model, self.folders.declaration, today=dt.date.today().isoformat())

    def keep_comparability(self, table: pd.DataFrame) -> None:
        """Write which groups may be compared on which construct: `population`, `construct`, `group_by`, `verdict`."""
        keys = ["population", "construct", "group_by"]
        write_json(
            self._comparability, {"|".join(key): v for *key, v in table[[*keys, "verdict"]].itertuples(index=False)}
        )

    @property
    def _comparability(self) -> Path:
        return self.folders.internal / "estimates" / "comparability.json"

    def keep_estimates(self, name: str, *tables: pd.DataFrame) -> pd.DataFrame:
        """Write the estimates of one notebook and return them."""
        table = estimates.stack(tables)
        write_table(self.folders.estimates(name), table)
        return table

    def estimates(self, names: Iterable[str]) -> pd.DataFrame:
        """Read the estimates of several notebooks as one table."""
        return estimates.stack(read_table(self.folders.estimates(name)) for name in names)

    def has_estimates(self, name: str) -> bool:
        """Tell whether the estimates of a notebook of this study were kept."""
        of_study = any(Path(notebook).stem == name for notebook in self.parameters.notebooks.study)
        return of_study and is_table(self.folders.estimates(name))

    def program_figures(self) -> tuple[ProgramFigure, ...]:
        """Read what the board's page may tell of the program: defined as such, and known to the audit as such.

        Raises `StudyFileError` where a file of definitions is wrong.
        """
        subjects = read_definitions(Path(self.parameters.folders.standards)).values()
        return tuple(
            ProgramFigure(
                subject=of.title,
                measure=name,
                title=d.title,
                definition=d.definition,
                caution=d.caution,
                unit=d.unit_on_pages,
                says_of_how_many=name not in NOT_OF_HOW_MANY,
                records=tuple(d.records),
            )
            for of in subjects
            for name, d in of.indicators.items()
            if d.about == PROGRAM and name in PROGRAM_FIGURES
        )

    def reported_schools(self) -> dict[str, Text]:
        """Return id and name by language of the schools that get a page; of a national survey, of groups of schools.

        None where nothing is told of a school: that are answers, and hours of outreach.
        """
        if self.national is not None:
            return reported_schools(self.parameters, self.national.units)
        schools = reported_schools(self.parameters, names_of(self.protected("schools"), self.parameters))
        return schools if self.parameters.surveys or self.has("outreach") else {}

    def said(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table of names and codes as people read it, in the first language of the study; see `labels.said`.

        Indicators are called by their definitions, groups by the questionnaire of the row's `population`, else by that
        of students first, as constructs are; courses, clauses and the like by the standards, schools by their names
        and all of them `district`.
        """
        return said(table, self._registers)

    def defined(self, measures: Iterable[str]) -> pd.DataFrame:
        """Return title, definition, and what is counted of what, of those measures that have a definition, each once.

        A measure of a step, `<measure>_<step>`, has the definition of the measure.
        """
        names = [name if name in self._definitions else name.rpartition("_")[0] for name in measures]
        known = [self._definitions[name] for name in dict.fromkeys(names) if name in self._definitions]
        texts = [(d.title, d.definition, d.numerator, d.denominator) for d in known]
        language = self.parameters.pages.languages[0]
        rows = [[text.get(language, MISSING) for text in of] for of in texts]
        return said(pd.DataFrame(rows, columns=["title", "definition", "counted", "of"]), {})

    @cached_property
    def _definitions(self) -> dict[str, Definition]:
        subjects = read_definitions(Path(self.parameters.folders.standards)).values()
        return {name: definition for of in subjects for name, definition in of.indicators.items()}

    @cached_property
    def _registers(self) -> Registers:
        return registers_of(
            list(self.instruments.values()),
            self.standards,
            self._definitions,
            schools=names_of(self.protected("schools"), self.parameters) if self.has("schools") else {},
            language=self.parameters.pages.languages[0],
        )

    @property
    def construct_of(self) -> dict[str, str]:
        """The construct of each item."""
        return {item.id: c.id for i in self.instruments.values() for c in i.constructs.values() for item in c.items}

    def facts(self) -> Facts:
        """Read what the study says about itself."""
        stored = read_json(self.folders.facts)
        if stored is None:
            raise WorkbenchError(
                self.folders.facts,
                "the safe cells have not been made yet",
                fix="Run the study notebooks: `sro-research run`.",
            )
        lists = ("provided", "rows_lost", "figures", "exploratory", "left_out")
        return Facts(**{**stored, **{name: tuple(stored.get(name, ())) for name in lists}})

    def board_page(self) -> Page:
        """Return the page that holds all safe cells and all texts of the study."""
        return _page(self, self.facts(), read_table(self.folders.cells), "")

    def ledger(self) -> Ledger:
        """Read what earlier releases showed and hid."""
        return read_ledger(self.folders.ledger)

    def published_counts(self) -> pd.DataFrame:
        """Read the rounded counts of earlier releases, as safe cells; none before the first."""
        if is_table(self.folders.ledger_counts):
            return read_table(self.folders.ledger_counts)
        return pd.DataFrame(columns=[*CELL, "estimate"])

    def keep_release_in_ledger(self) -> None:
        """Enter what the current safe cells show and hide into the ledger; before they are published, not after."""
        make_private_folder(self.folders.ledger.parent)
        write_table(self.folders.ledger_counts, with_counts(self.published_counts(), read_table(self.folders.cells)))
        write_ledger(self.folders.ledger, self.ledger().with_rows(read_table(self.folders.rows)))

    def _declared(self, model: Model) -> dict[str, Any]:
        """Return what the facts say of the declaration."""
        held = held_against_first(model, self.folders.declaration)
        first = {"on": held.on, "outcome": held.first.outcome, "smallest": f"{held.first.smallest_effect:g}"}
        return {"exploratory": held.exploratory, "left_out": held.left_out, "declared": first}

    def keep_cells(self, cells: pd.DataFrame, pattern: Pattern, estimates: pd.DataFrame) -> Facts:
        """Write the safe cells, the rows they rest on, and the facts that pages need beside them.

        Raises `DisclosureError` where cells about schools of the nation are not those of a national survey.
        """
        if self.national is None and (rows := int((cells["population"] == SCHOOL).sum())):
            rule = "cells of a study of people call themselves cells about schools of the nation"
            raise DisclosureError(self.folders.cells, rule, rows=rows, fix="Make them by `safe_cells`.")
        shown = int(pattern.rows["shown"].sum())
        sources = self.protected("sources")
        status = sources["status"]
        facts = Facts(
            schools=self.reported_schools(),
            sources_read=int((status == "read").sum()),
            sources_set_aside=int((status == "set aside").sum()),
            rows_set_aside=int(sources["rows_set_aside"].fillna(0).sum()),
            rows_shown=shown,
            rows_hidden=len(pattern.rows) - shown,
            audited=dt.date.today().isoformat(),
            provided=tuple(sorted(set(sources.loc[status == "read", "kind"]))),
            rows_lost=tuple(sorted(set(losses(sources)["kind"]))),
            figures=tuple("|".join(key) for key in cells.loc[of_program(cells), FIGURE].itertuples(index=False)),
            comparable=dict(read_json(self._comparability) or {}),
            **({} if self.parameters.model is None else self._declared(self.parameters.model)),
        )
        write_table(self.folders.rows, rows_to_keep(pattern, estimates))
        write_table(self.folders.cells, cells)
        write_json(self.folders.facts, asdict(facts))
        return facts


@dataclass(frozen=True)
class Report:
    """A study opened for reporting: a page, and nothing that is protected."""

    page: Page

    def protected(self, name: str) -> NoReturn:
        """Refuse: reports are made of safe cells."""
        raise BoundaryError(
            name,
            "a report may not load a protected table",
            fix="Compute it in a study notebook, as an estimate.",
        )


def open_study(params_file: str, *, run_dir: str = "") -> Study:
    """Open a study for analysis and make its folders.

    `params_file` is looked for in the working folder and those above it. `run_dir` replaces the study's own results
    folder; either may be a URL, and what is opened then is this machine's copy, as the last run left it.
    Raises `StudyFileError` or `InstrumentError` for the first thing that is wrong, `BoundaryError` in a report.
    """
    if os.environ.get(REPORT_ONLY):
        raise BoundaryError(params_file, "a report may not open a study for analysis", fix="Use `open_report`.")
    study = _read(params_file, run_dir)
    study.program_figures()  # Which says what is wrong with a definition; school pages, of which are many, need none.
    refuse_private_data_in_repository(study.parameters)
    if study.folders.url:
        make_private_folder(study.folders.root)
    make_private_folder(study.folders.internal)
    return study


def open_report(params_file: str, *, school_id: str = "", run_dir: str = "") -> Report:
    """Open a study for the report of one school, or of the board where `school_id` is blank.

    The page holds the school's safe cells and those of the district; the board's page holds all of them.
    """
    study = _read(params_file, run_dir)
    facts = study.facts()
    if not isinstance(school_id, str):
        # As papermill's `-p` would have it; 0 would even open the board's page.
        raise StudyFileError("school_id", "it must be text", fix="Pass it with `-r`: `-p` turns 0003 into 3.")
    if school_id and school_id not in facts.schools:
        raise StudyFileError(
            "school_id",
            f"there is no school '{school_id}' in this study",
            fix=nearest(school_id, facts.schools),
        )
    cells = read_table(study.folders.cells, schools=["", school_id] if school_id else None)
    return Report(_page(study, facts, cells, school_id))


def _page(study: Study, facts: Facts, cells: pd.DataFrame, school_id: str) -> Page:
    parameters, nation = study.parameters, None if school_id else study.yardstick_cells()
    used = dict.fromkeys(source.instrument for source in parameters.surveys)
    return Page(
        study=parameters.study,
        title=parameters.title,
        organization=parameters.organization,
        contact=parameters.contact,
        notice=parameters.notice,
        synthetic=parameters.synthetic,
        languages=tuple(parameters.pages.languages),
        waves=tuple(parameters.waves),
        breaks=frozenset(breaks_of(parameters, study.instruments)),
        groups=tuple(parameters.pages.groups),
        instruments={study.instruments[name].population: study.instruments[name] for name in used},
        margins=parameters.margins,
        disclosure=parameters.disclosure,
        model=parameters.model,
        facts=facts,
        fingerprint=parameters.fingerprint[:12],
        version=__version__,
        school_id=school_id,
        cells=cells if nation is None else pd.concat([cells, nation], ignore_index=True),
        national=study.national,
        yardstick=None if school_id else study.yardstick,
        program=() if school_id or study.national is not None else study.program_figures(),
        counted={} if school_id or study.national is not None else COUNTED,
    )


def _read(params_file: str, run_dir: str) -> Study:
    parameters = read_parameters(find_upward(params_file, Path.cwd()))
    surveys = Path(parameters.folders.surveys)
    instruments = {
        name: load_instrument(surveys, name, parameters.pages.languages)
        for name in dict.fromkeys(source.instrument for source in parameters.surveys)
    }
    check_names(parameters, instruments)
    breaks_of(parameters, instruments)  # Which also says where versions contradict each other.
    standards = read_standards(Path(parameters.folders.standards), parameters.records)
    place = run_dir or f"{without_last_slash(parameters.folders.reports)}/{parameters.study}"
    return Study(parameters, instruments, standards, Folders.at(place), _national(parameters), _yardstick(parameters))


def _yardstick(parameters: Parameters) -> Yardstick | None:
    if parameters.yardstick is None:
        return None
    return read_checked(Path(parameters.folders.standards) / parameters.yardstick, Yardstick)[0]


def _national(parameters: Parameters) -> National | None:
    if parameters.national is None or parameters.public_use_source is None:
        return None
    asked, layouts = read_ssocs(Path(parameters.folders.standards) / parameters.national)
    for i, wave in enumerate(parameters.waves):
        if wave.id not in layouts:
            rule = f"no file of the national survey is known for wave '{wave.id}'"
            raise StudyFileError(parameters.where("waves", i, "id"), rule, fix=nearest(wave.id, layouts))
    chosen = {wave.id: layouts[wave.id] for wave in parameters.waves}
    return National(parameters.public_use_source, asked, chosen, layouts)
