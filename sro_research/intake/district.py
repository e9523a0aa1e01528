"""All sources of a study, taken in one after the other, in the order in which they refer to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from sro_research import schemas
from sro_research.errors import SourceError
from sro_research.instruments import Instrument
from sro_research.intake.admission import QUARANTINE_COLUMNS, Admission, admit, near_name
from sro_research.intake.exports import Export, read_export
from sro_research.intake.fixes import fix_of
from sro_research.intake.records import RECORDS, Known, codes_of_groups
from sro_research.intake.surveys import read_survey
from sro_research.intake.texts import same_text
from sro_research.intake.wordings import Titles, titles_of
from sro_research.parameters import Records, Source, SurveySource
from sro_research.standards.together import Standards

NO_ANSWER = (schemas.PREVIEW, schemas.NO_CONSENT, schemas.SCREENED_OUT)
"""Rules of rows that are no answers to a survey: nothing is lost with them."""
SHOWN = 5
"""Schools that a message names."""


@dataclass(frozen=True)
class Intake:
    """Everything a study took in.

    `notes` says what a person should know although nothing is broken. `refusal` is why the study cannot be run.

    `tables` maps names (`schools`, `training`, …, `responses/<instrument>`) to validated tables. `sources` has one
    row per source: `source`, `kind`, `status` (`read`, `set aside`, `not provided`), `rows_read`,
    `rows_admitted`, `rows_set_aside`, `rows_lost`, `columns_dropped`, `problem`. Lost are rows that broke a rule;
    people who did not agree or were not meant to be asked, previews, and records that stand there again under their id
    are set aside without being lost.
    `quarantine` has one row per broken rule; its `source` is the file as the study file names it.
    """

    tables: dict[str, pd.DataFrame]
    sources: pd.DataFrame
    quarantine: pd.DataFrame
    notes: tuple[str, ...] = ()
    refusal: SourceError | None = None

    @property
    def problems(self) -> list[str]:
        """The errors of the sources that were set aside as a whole."""
        return self.sources.loc[self.sources["status"] == "set aside", "problem"].tolist()


def take_in(
    surveys: Iterable[SurveySource],
    records: Records,
    *,
    folder: Path,
    instruments: Mapping[str, Instrument],
    waves: Iterable[str],
    standards: Standards,
) -> Intake:
    """Read every source of a study below `folder`.

    A source that cannot be read, or of which no row is left, is set aside with its error and the others go on. Only
    the list of schools is needed by all of them: without a readable one, and when no survey is left of those that the
    study has, or no record where it has none, `SourceError` is raised.
    """
    intake = look_through(surveys, records, folder=folder, instruments=instruments, waves=waves, standards=standards)
    if intake.refusal is not None:
        raise intake.refusal
    return intake


def look_through(
    surveys: Iterable[SurveySource],
    records: Records,
    *,
    folder: Path,
    instruments: Mapping[str, Instrument],
    waves: Iterable[str],
    standards: Standards,
) -> Intake:
    """Read every source like `take_in`, to the last one also where the study cannot be run; `refusal` says so."""
    waves = list(waves)
    refusal: SourceError | None = None
    notes: list[str] = []
    tables: dict[str, pd.DataFrame] = {}
    log: list[dict[str, object]] = []
    quarantine = [pd.DataFrame({name: [] for name in QUARANTINE_COLUMNS})]

    def take(kind: str, source: Source, read: Callable[[Path], Admission]) -> pd.DataFrame | None:
        path = folder / source.file
        fix = partial(
            fix_of,
            kind=kind,
            instruments=instruments,
            records=records,
            standards=standards,
            set_aside=rows_by_kind(as_log(log)),
        )
        nonlocal refusal
        try:
            taken = read(path)
        except SourceError as error:
            log.append({"source": source.file, "kind": kind, "status": "set aside", "problem": str(error)})
            refusal = refusal or (error if kind == "schools" else None)
            return None
        quarantine.append(taken.quarantine.assign(source=source.file))
        notes.extend(f"{source.file}: {note}" for note in taken.notes)
        log.append(_entry(kind, source, taken))
        try:
            _refuse_empty(path, taken, fix)
        except SourceError as error:
            log[-1] |= {"status": "set aside", "problem": str(error)}
            refusal = refusal or (error if kind == "schools" else None)
            return None
        return taken.table

    if records.schools is not None:
        schema = schemas.schools(waves)
        roster = take("schools", records.schools, partial(_records, source=records.schools, schema=schema))
        if roster is not None:
            tables["schools"] = roster
            refusal = refusal or _without_one_district(folder / records.schools.file, roster)
    known = set(tables["schools"]["school_id"]) if "schools" in tables else None
    names = _names_of(tables.get("schools"))
    for survey in surveys:
        read = partial(
            _respondents,
            source=survey,
            folder=folder,
            instrument=instruments[survey.instrument],
            known=known,
            names=names,
        )
        name = f"responses/{survey.instrument}"
        table = take(name, survey, read)
        if table is not None:
            table.insert(0, "wave", pd.array([survey.wave] * len(table), dtype="string"))
            tables[name] = pd.concat([tables[name], table], ignore_index=True) if name in tables else table
    answered = any(name.startswith("responses/") for name in tables)
    asked = [e for e in log if str(e["kind"]).startswith("responses/")]
    if asked and not answered:
        refusal = refusal or _nothing_left("no survey", asked, folder)
    elif records.schools is None:
        log.append({"source": "", "kind": "schools", "status": "not provided"})
    if records.schools is None and answered:
        tables["schools"] = _schools_of(
            t[["school_id", "wave"]] for n, t in tables.items() if n.startswith("responses/")
        )
    groups = codes_of_groups(instruments.values())
    for kind, schema_of in RECORDS.items():
        source = getattr(records, kind)
        table = None
        if source is None:
            log.append({"source": "", "kind": kind, "status": "not provided"})
        else:
            schema = schema_of(Known(tables, waves, groups, standards))
            said = titles_of(kind, standards)
            table = take(kind, source, partial(_records, source=source, schema=schema, titles=said))
        if table is not None:
            tables[kind] = table
    if not asked:
        if not set(tables) - {"schools"}:
            refusal = refusal or _nothing_left("no record", log, folder)
        if records.schools is None:
            every = pd.DataFrame({"wave": pd.array(waves, dtype="string")})
            named = [table[["school_id"]].dropna() for table in tables.values() if "school_id" in table]
            none = pd.DataFrame({"school_id": pd.array([], dtype="string")})
            tables["schools"] = _schools_of([pd.concat([none, *named]).drop_duplicates().merge(every, how="cross")])
    found = pd.concat([q for q in quarantine if len(q)] or quarantine, ignore_index=True)
    return Intake(tables, as_log(log), found, tuple(notes), refusal)


def _records(
    path: Path, *, source: Source, schema: pa.DataFrameSchema, titles: Mapping[str, Titles] | None = None
) -> Admission:
    export = read_export(path, source.encoding)
    return admit(export, schema, source=path, rename=source.columns, renamed_at=source.columns_at, titles=titles)


def _respondents(
    path: Path,
    source: SurveySource,
    *,
    folder: Path,
    instrument: Instrument,
    known: set[str] | None,
    names: Mapping[str, str],
) -> Admission:
    survey = read_survey(source, folder=folder, instrument=instrument, schools=names)
    export, notes = survey.export, survey.notes
    timed = schemas.DURATION in source.columns or schemas.DURATION in export.cells.columns.str.lower()
    schema = schemas.responses(instrument.codes, known, timed=timed)
    if not _names_respondents(export, source):
        # Each row gets its number, so that each is one respondent.
        hint = near_name("respondent_id", export.cells.columns)
        notes += (f"no column 'respondent_id': answers that were given twice are not looked for. {hint}".strip(),)
        export = replace(export, cells=export.cells.assign(respondent_id=export.cells.index.astype(str)))
    taken = admit(export, schema, source=path, rename=survey.unfound, renamed_at=source.columns_at)
    return replace(taken, notes=notes + taken.notes)


def _refuse_empty(path: Path, taken: Admission, fix: Callable[[str, str], str]) -> None:
    """Refuse a source all of whose rows were set aside: the file, not its rows, is what has to be mended."""
    if len(taken.table) == 0:
        (column, rule), rows = next(iter(taken.quarantine[["column", "rule"]].value_counts().items()))
        raise SourceError(
            path,
            f"no row keeps the rules ({taken.rows_read} read); most often {column or 'row'}: {rule}",
            fix=fix(column, rule) or "Mend the export.",
            rows=rows,
        )


def _names_respondents(export: Export, source: Source) -> bool:
    return "respondent_id" in source.columns or "respondent_id" in {str(c).lower() for c in export.cells.columns}


def _names_of(schools: pd.DataFrame | None) -> dict[str, str]:
    """Return the id of each school by its id and, where no two have the same, by its name."""
    if schools is None:
        return {}
    pairs = schools[["school_id", "school_name"]].drop_duplicates()
    pairs = pairs.assign(name=pairs["school_name"].map(same_text)).drop_duplicates(["school_id", "name"])
    clear = pairs[~pairs["name"].duplicated(keep=False)]
    return dict(zip(clear["name"], clear["school_id"], strict=True)) | {i: i for i in pairs["school_id"]}


def _without_one_district(path: Path, schools: pd.DataFrame) -> SourceError | None:
    """Return why the list of schools cannot be used: some schools have a district and others none, or one has two."""
    told = schools[["school_id", "district"]].drop_duplicates()
    without, two = told["district"].isna(), told.dropna()["school_id"].duplicated(keep=False)
    if without.all():
        return None
    fix = "Give every school one district in all waves, or leave the column out."
    if without.any():
        names = _listed(told.loc[without, "school_id"])
        return SourceError(path, f"{names}: no district, though other schools have one", fix=fix)
    if two.any():
        return SourceError(path, f"{_listed(told.dropna().loc[two, 'school_id'])}: two districts", fix=fix)
    return None


def _listed(schools: pd.Series) -> str:
    """Return the ids of the first schools."""
    ids = sorted(schools.unique())
    return ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")


def _nothing_left(what: str, log: list[dict[str, object]], folder: Path) -> SourceError:
    """Return why nothing can be said: none of the sources of a kind could be read."""
    first = next((e["problem"] for e in log if "problem" in e), "that the study names none.")
    return SourceError(folder, f"{what} could be read", fix=f"The first problem is {first}")


def _schools_of(pairs: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """List the schools (`school_id`, `wave`) that answers or records name; how many students each has is not known."""
    schools = pd.concat(pairs).drop_duplicates().sort_values(["school_id", "wave"], ignore_index=True)
    return schools.assign(
        school_name=schools["school_id"],
        level=pd.array(["combined"] * len(schools), dtype="string"),
        students=pd.array([pd.NA] * len(schools), dtype="Int64"),
        staff=pd.array([pd.NA] * len(schools), dtype="Int64"),
        district=pd.array([pd.NA] * len(schools), dtype="string"),
    )


def _entry(kind: str, source: Source, taken: Admission) -> dict[str, object]:
    broke = taken.quarantine.loc[~taken.quarantine["rule"].isin(NO_ANSWER), "row"].nunique()
    return {
        "source": source.file,
        "kind": kind,
        "status": "read",
        "rows_read": taken.rows_read,
        "rows_admitted": len(taken.table),
        "rows_set_aside": taken.rows_set_aside,
        "rows_lost": broke - taken.rows_repeated,
        "columns_dropped": taken.columns_dropped,
    }


def rows_by_kind(sources: pd.DataFrame) -> dict[str, int]:
    """Return how many rows of each kind of `Intake.sources` were set aside."""
    return sources.groupby("kind")["rows_set_aside"].sum().astype(int).to_dict()


def as_log(entries: list[dict[str, object]]) -> pd.DataFrame:
    """Return what came of each source as the table `Intake.sources`."""
    columns = [
        "source",
        "kind",
        "status",
        "rows_read",
        "rows_admitted",
        "rows_set_aside",
        "rows_lost",
        "columns_dropped",
        "problem",
    ]
    log = pd.DataFrame(entries, columns=columns)
    counts = [c for c in columns if c.startswith(("rows", "columns"))]
    return log.astype(dict.fromkeys(counts, "Int64")).assign(problem=log["problem"].astype("string").fillna(""))
