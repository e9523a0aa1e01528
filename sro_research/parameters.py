"""What a study is: the strict model of a study file, and the reader that resolves `extends`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from sro_research.errors import StudyFileError, WorkbenchError, nearest
from sro_research.files import Document, fingerprint, is_file, is_url, read_yaml

TO_EXTEND = ("defaults.yaml", "records.yaml", "ssocs.yaml")
"""Files of params/ that studies extend; a study may lie anywhere, beside its data for instance."""
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
Words = Annotated[str, Field(pattern=r"\S")]
"""Text that is not blank."""
Language = Literal["en", "es"]
Text = dict[Language, Words]
AnswerCode = Annotated[int, Field(ge=-32768, le=32767)]
SurveyProgram = Literal[
    "plain",
    "qualtrics",
    "redcap",
    "google_forms",
    "microsoft_forms",
    "limesurvey",
    "kobotoolbox",
    "surveymonkey",
]
Harm = Literal["exclusion", "referral", "arrest"]
"""What a program may do to students: kept out of class or school, referred to law enforcement, arrested."""
HARMS: tuple[Harm, ...] = get_args(Harm)
M = TypeVar("M", bound="Strict")
_PERCENT = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]{1,9})?)\s*%\s*")

IN_WORDS = {
    "bool_type": ("must be true or false", "Write one of these two, without quotes."),
    "date_type": ("must be a day", "Write it as 2026-06-30, without quotes."),
    "dict_type": ("must hold `key: value` lines", "Write them indented below it."),
    "float_type": ("must be a number", "Write it without quotes."),
    "int_type": ("must be a whole number", "Write it without quotes or a point."),
    "list_type": ("must be a list", "Write [one, two], or each on a line of its own after `- `."),
    "model_type": ("must hold `key: value` lines", "Write them indented below it, or as {key: value}."),
    "string_type": ("must be text", "Put it in quotes."),
    "too_short": ("needs {min_length} or more entries", "Add them."),
}
"""What a person reads for the findings that pydantic words for developers: the rule and the fix."""


class Strict(BaseModel):
    """A part of a study file: no unknown keys, no silent conversion, no change after reading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    schema_file: ClassVar[str] = "its JSON schema"
    """Where each key of the file is described."""


def contradiction(at: tuple[str | int, ...], rule: str, fix: str) -> PydanticCustomError:
    """Return what a validator raises for values that are each allowed but not together; `at` is the place."""
    return PydanticCustomError("contradiction", "{rule}", {"at": at, "rule": rule, "fix": fix})


class Folders(Strict):
    """Where things lie; relative paths start at the study file that states them."""

    data: str = Field(description="Raw exports. Real data must lie outside the repository.")
    surveys: str = Field(description="Instruments: <instrument>.<language>.yaml.")
    notebooks: str = Field(description="The notebooks to run.")
    standards: str = Field(description="Standards: training.yaml, …")
    reports: str = Field(description="Results go to <reports>/<study>; a folder, or a URL such as s3://bucket/folder.")

    @model_validator(mode="after")
    def _on_this_machine(self) -> Folders:
        for name, value in self:
            if name != "reports" and is_url(value):
                raise contradiction(
                    (name,), f"'folders.{name}' must lie on this machine", "Copy it here; only `reports` may be a URL."
                )
        return self


class Wave(Strict):
    """One round of the survey and the period whose records belong to it."""

    id: Identifier
    label: Text
    start: dt.date = Field(description="First day of the period of records.")
    end: dt.date = Field(description="Last day of the period of records.")

    @model_validator(mode="after")
    def _in_order(self) -> Wave:
        if self.end < self.start:
            raise contradiction(("end",), f"wave '{self.id}' ends before it starts", "Mend one of the two days.")
        return self


class Source(Strict):
    """One raw export: a CSV, XLSX or SPSS file below `folders.data`."""

    file: Words
    encoding: str = Field("utf-8", description="For CSV; exports from older Windows programs are cp1252.")
    columns: dict[str, str] = Field({}, description="Our column name: the name in the export, where they differ.")
    _columns_at: str = PrivateAttr("")

    @property
    def columns_at(self) -> str:
        """Where the study file maps columns, as `file:line`; blank if no file was read."""
        return self._columns_at


class Consent(Strict):
    """The question by which people agreed to take part; who did not is set aside."""

    column: Words = Field(description="Its column in the export.")
    agreed: list[Words | int] = Field(min_length=1, description="The answers, as labels or codes, that mean yes.")


class ScreenOut(Strict):
    """A question that tells who was not meant to be asked; they are set aside."""

    column: Words = Field(description="Its column in the export.")
    answers: list[Words | int] = Field(min_length=1, description="The answers, as labels or codes, of those people.")


class SurveySource(Source):
    """The answers to one instrument in one wave."""

    instrument: Identifier
    wave: Identifier
    version: int | None = Field(
        None, ge=1, description="The version of the instrument that was asked; the present one where blank."
    )
    program: SurveyProgram = Field(
        "plain", description="The program that wrote the export; plain: our names of columns, and codes."
    )
    dictionary: Words | None = Field(None, description="REDCap's data dictionary, a CSV file below `folders.data`.")
    consent: Consent | None = None
    screen_out: ScreenOut | None = None
    answers: dict[Words, AnswerCode] = Field(
        {}, description="What the export writes for a code where it is neither the code nor its label, {A1: 1}."
    )

    @model_validator(mode="after")
    def _fits_the_program(self) -> SurveySource:
        if self.dictionary is not None and self.program != "redcap":
            raise contradiction(
                ("dictionary",), "only REDCap has a data dictionary", "Write `program: redcap`, or leave it out."
            )
        if self.answers and self.program == "plain":
            raise contradiction(
                ("answers",), "a plain table holds codes, not answers in words", "Write `program: …`, or leave it out."
            )
        return self


class Records(Strict):
    """Program records. What is not provided is said so in the reports; it never counts as zero."""

    schools: Source | None = None
    enrollment: Source | None = Field(None, description="Students of each school by the groups that surveys ask for.")
    officers: Source | None = None
    assignments: Source | None = None
    training: Source | None = None
    outreach: Source | None = None
    discipline: Source | None = Field(None, description="Students excluded, referred and arrested, by school and wave.")
    leaves: Source | None = Field(None, description="Officers' leaves, from day to day.")
    closures: Source | None = Field(None, description="Days on which schools were closed.")
    selection: Source | None = Field(None, description="Officers' ratings on the declared criteria of selection.")
    reviews: Source | None = Field(None, description="Annual reviews of officers: whether, not what.")
    coaching: Source | None = None
    contacts: Source | None = Field(None, description="Stops, searches, interviews, referrals, arrests and others.")
    calls: Source | None = Field(None, description="Calls for an officer, with times.")
    drills: Source | None = None
    tips: Source | None = None
    threat_assessments: Source | None = None
    restorative: Source | None = Field(None, description="Restorative sessions.")
    log_reviews: Source | None = Field(None, description="Reviews of body-camera recordings and logs.")
    complaints: Source | None = None
    emergencies: Source | None = None
    after_action_items: Source | None = Field(None, description="What was to be done after emergencies.")
    lessons: Source | None = Field(None, description="Lessons from drills and emergencies.")
    information_sharing: Source | None = Field(None, description="Who was given what kind of information, and why.")
    agreement_reviews: Source | None = Field(None, description="Findings on the clauses of the agreement.")
    budget: Source | None = None
    grants: Source | None = None


class Disclosure(Strict):
    """Thresholds of the disclosure policy; see sro_research/disclosure/policy.py for their sources."""

    minimum_group_size: int = Field(10, ge=5, le=30, description="Groups with fewer people are hidden.")
    minimum_officers: int = Field(10, ge=5, le=50, description="Officer figures need at least this many officers.")


class Quality(Strict):
    """When answers look careless; see sro_research/measures/flags.py for the rules and their sources."""

    straight_line_answers: int = Field(10, ge=3, description="Equal codes on so many items, a reverse-keyed one too.")
    opposite_pairs: int = Field(2, ge=1, description="So many reverse-keyed questions answered like their opposites.")
    equal_answers: int = Field(15, ge=5, description="So many answers, all equal to those of another respondent.")
    seconds_per_item: float = Field(2.0, gt=0, description="Less time than this for each item.")


class Margins(Strict):
    """The smallest differences that matter, declared before looking at results."""

    share: float = Field(gt=0, lt=1, description="Difference of two shares, 0.05 = 5 percentage points.")
    score: float = Field(gt=0, description="Difference of two mean scores, in scale points.")


class Model(Strict):
    """The declared engagement and climate model."""

    population: Identifier
    outcome: Identifier = Field(description="A construct of that population's instrument.")
    exposure: Literal["outreach_hours_per_100_students"]
    per: float = Field(gt=0, description="Effects are given per this many units of the exposure.")
    smallest_effect: float = Field(gt=0, description="Smallest effect of interest, in scale points, for `per` units.")
    lag: int = Field(0, ge=0, description="Waves from the exposure to the answers; 0: records of the wave itself.")
    adjust: list[Identifier] = Field([], description="Background questions that the model adjusts for.")
    subgroups: list[Identifier] = Field([], description="Background questions; the effect is shown in each group.")
    harms: list[Harm] = Field([], description="Harms that are shown beside the outcome; they need `discipline`.")
    perceived: Identifier | None = Field(
        None, description="A construct in which the same people tell of engagement, to show what one source does."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Model:
        for key in ("adjust", "subgroups", "harms"):
            names = getattr(self, key)
            for i, name in enumerate(names):
                if name in names[:i]:
                    raise contradiction((key, i), f"'{name}' stands twice", "Keep one of the two.")
        if self.perceived == self.outcome:
            raise contradiction(("perceived",), "it is the outcome itself", "Name another construct, or leave it out.")
        return self


class Notebooks(Strict):
    """Notebooks in the order in which they run."""

    study: list[str]
    school: str
    board: str


class Pages(Strict):
    """What the published pages show."""

    languages: list[Language] = Field(min_length=1)
    groups: list[Identifier] = Field(description="Background questions by which results are shown.")


class Parameters(Strict):
    """A whole study file after `extends` is resolved."""

    schema_file = "params/study.schema.json"

    study: Identifier
    title: Text
    organization: str
    contact: Text = Field(description="Whom a reader may ask, and how.")
    notice: Text | None = Field(None, description="A sentence shown at the top of every page.")
    synthetic: bool = Field(False, description="The data are made up; every page says so.")
    public_use_source: str | None = Field(None, description="Publisher of public-use data, if that is what this is.")
    folders: Folders
    waves: list[Wave] = Field(min_length=1, description="In the order of time.")
    surveys: list[SurveySource] = Field(
        [], description="Answers of people; none in a study of records alone, or of `national`."
    )
    national: Literal["ssocs"] | None = Field(
        None, description="The national survey of schools whose public-use files, one for each wave, lie in `data`."
    )
    records: Records = Records()
    exported_on: dt.date | None = Field(
        None, description="Day on which the records were exported; if not given, the last day of the last wave."
    )
    yardstick: Words | None = Field(
        None, description="Which figures have a national counterpart, and which not: a file in `standards`."
    )
    reported_schools: list[str] | None = Field(None, description="Schools that get a page; all, if not given.")
    disclosure: Disclosure
    quality: Quality
    margins: Margins
    model: Model | None = None
    notebooks: Notebooks
    pages: Pages
    _lines: dict[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Parameters:
        waves = [w.id for w in self.waves]
        for i, wave in enumerate(self.waves):
            if wave.id in waves[:i]:
                raise contradiction(("waves", i, "id"), f"two waves have the id '{wave.id}'", "Rename one of them.")
            if i and wave.start < self.waves[i - 1].start:
                raise contradiction(("waves", i), "the waves are not in the order of time", "List the earliest first.")
        if self.exported_on is not None and self.exported_on < self.waves[-1].start:
            rule = "the records were exported before the last wave began"
            raise contradiction(("exported_on",), rule, "Mend the day, or leave that wave out.")
        for i, source in enumerate(self.surveys):
            at = ("surveys", i)
            if source.wave not in waves:
                raise contradiction(
                    (*at, "wave"), f"there is no wave '{source.wave}' in this study", nearest(source.wave, waves)
                )
            if any((source.file, source.columns) == (other.file, other.columns) for other in self.surveys[:i]):
                raise contradiction(
                    (*at, "file"), f"the file '{source.file}' stands twice", "Its answers would count twice; keep one."
                )
        self._of_people_or_of_schools()
        if self.model is not None and self.model.harms and self.records.discipline is None:
            raise contradiction(
                ("model", "harms"),
                "harms are declared, but `records` has no `discipline`",
                "Name its file, or leave harms out.",
            )
        if self.model is not None and self.model.lag >= len(waves):
            raise contradiction(
                ("model", "lag"), "there are not so many waves before the last one", "Give a smaller lag."
            )
        self._complete_in_every_language()
        return self

    @property
    def as_of(self) -> dt.date:
        """The day of export: what has not happened by then is open, not failed."""
        return self.exported_on or self.waves[-1].end

    def _of_people_or_of_schools(self) -> None:
        """Refuse a study that is both: what may be shown of people and of schools of the nation has different rules."""
        if self.national is None:
            if not self.surveys:
                self._of_records_alone()
            return
        of_people = {"surveys": self.surveys, "model": self.model, "yardstick": self.yardstick, **dict(self.records)}
        for key, value in of_people.items():
            if value:
                at = ("records", key) if key in type(self.records).model_fields else (key,)
                rule = f"a national survey of schools has no '{_dotted(at)}'"
                raise contradiction(at, rule, "Make a study of its own of it.")
        if self.public_use_source is None:
            rule = "a national survey of schools names no 'public_use_source'"
            raise contradiction(("national",), rule, "Say who publishes its files.")

    def _of_records_alone(self) -> None:
        """Refuse a study that asks nobody where it has nothing else, or is about what people answered."""
        if not any(source for _, source in self.records):
            raise contradiction(("surveys",), "the key 'surveys' is missing", "Add it, or `records`, or `national`.")
        for key, value in {("pages", "groups"): self.pages.groups, ("model",): self.model}.items():
            if value:
                rule = f"there are no 'surveys', so nobody's answers are there for '{_dotted(key)}'"
                raise contradiction(
                    key, rule, "Add surveys, or let the study file of records alone extend `records.yaml`."
                )

    def _complete_in_every_language(self) -> None:
        languages = self.pages.languages
        for i, language in enumerate(languages):
            if language in languages[:i]:
                raise contradiction(
                    ("pages", "languages", i), f"the language '{language}' stands twice", "Keep one of the two."
                )
        texts: dict[tuple[str | int, ...], Text | None] = {
            **{(name,): getattr(self, name) for name in ("title", "contact", "notice")},
            **{("waves", i, "label"): wave.label for i, wave in enumerate(self.waves)},
        }
        for at, text in texts.items():
            for language in languages:
                if text is not None and language not in text:
                    raise contradiction(
                        at, f"'{_dotted(at)}' has no text in '{language}'", "Add it: pages are made in this language."
                    )

    def where(self, *keys: str | int) -> str:
        """Return `file:line` of the nearest part of a key path that a study file states."""
        while keys and keys not in self._lines:
            keys = keys[:-1]
        return self._lines.get(keys, "the study file")

    @property
    def fingerprint(self) -> str:
        """A hash of everything that was asked for, except where the folders lie on this machine."""
        return fingerprint(self.model_dump(mode="json", exclude={"folders"}))


def read_parameters(path: Path) -> Parameters:
    """Read a study file and the files it extends.

    Raises `StudyFileError` naming file, line and fix for the first thing that is wrong.
    """
    data, where = _resolved(path.resolve(), ())
    try:
        parameters = Parameters.model_validate(data)
    except ValidationError as error:
        raise _explain(error, Parameters, where, path) from None
    parameters._lines = where
    for i, survey in enumerate(parameters.surveys):
        survey._columns_at = parameters.where("surveys", i, "columns")
    for kind, record in parameters.records:
        if record is not None:
            record._columns_at = parameters.where("records", kind, "columns")
    return parameters


def read_checked(path: Path, model: type[M]) -> tuple[M, Document]:
    """Read one strict YAML file (an instrument, a standard) into its model."""
    document = read_yaml(path)
    where = {keys: f"{path}:{line}" for keys, line in document.lines.items()}
    try:
        return model.model_validate(document.data), document
    except ValidationError as error:
        raise _explain(error, model, where, path) from None


def _resolved(path: Path, above: tuple[Path, ...]) -> tuple[dict[str, Any], dict[tuple[str | int, ...], str]]:
    if path in above:
        raise StudyFileError(path, "the study extends itself", fix="Break the circle of `extends`.")
    document = read_yaml(path)
    data = dict(document.data)
    base: dict[str, Any] = {}
    where: dict[tuple[str | int, ...], str] = {}
    if (parent := data.pop("extends", None)) is not None:
        if not isinstance(parent, str):
            raise StudyFileError(document.where(["extends"]), "`extends` names one file", fix="Write its path.")
        if not is_file(path.parent / parent):
            ours = Path(parent).name in TO_EXTEND
            fix = f"Write the path of the repository's params/{Path(parent).name}." if ours else "Check the path."
            raise StudyFileError(document.where(["extends"]), f"there is no file '{parent}' to extend", fix=fix)
        base, where = _resolved((path.parent / parent).resolve(), (*above, path))
    if isinstance(folders := data.get("folders"), dict):
        data["folders"] = {
            k: str((path.parent / v).resolve()) if isinstance(v, str) and not is_url(v) else v
            for k, v in folders.items()
        }
    where |= {keys: f"{path}:{line}" for keys, line in document.lines.items()}
    return _merged(base, data), where


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        k: _merged(base[k], over[k])
        for k in base.keys() & over.keys()
        if isinstance(base[k], Mapping) and isinstance(over[k], Mapping)
    }
    return {**base, **over, **both}


def _explain(
    error: ValidationError,
    model: type[BaseModel],
    where: Mapping[tuple[str | int, ...], str],
    path: Path,
) -> WorkbenchError:
    """Turn pydantic's first finding into one sentence with file, line and fix."""
    findings = error.errors(include_url=False)
    first = next((f for f in findings if f["type"] == "extra_forbidden"), findings[0])
    context, kind = first.get("ctx", {}), first["type"]
    keys = tuple(k for k in (*first["loc"], *context.get("at", ())) if k != "[key]")
    at = keys
    while at and at not in where:
        at = at[:-1]
    place = where.get(at, str(path))
    name = _dotted(keys)
    more = f" ({len(findings) - 1} more after this one.)" if len(findings) > 1 else ""
    schema = f"{getattr(model, 'schema_file', 'its JSON schema')} describes each key."
    if kind == "extra_forbidden":
        rule, fix = f"unknown key '{name}'", nearest(str(keys[-1]), _fields(model, keys[:-1]))
    elif kind == "missing":
        rule, fix = f"the key '{name}' is missing", f"Add it; {schema}"
    elif kind == "contradiction":
        rule, fix = context["rule"], context["fix"]
    elif first["input"] is None or (kind == "string_pattern_mismatch" and not str(first["input"]).strip()):
        rule, fix = f"'{name}' is blank", f"Write its value; {schema}"
    elif kind == "string_type" and type(first["input"]) in (int, dt.date):
        rule, fix = f"'{name}' must be text", f'Write it in quotes: "{first["input"]}".'
    elif kind == "string_pattern_mismatch":
        rule, fix = f"'{name}' must be a name of letters, digits, '-', '_' and '.'", "Leave out spaces and other signs."
    elif kind == "float_type" and (percent := _PERCENT.fullmatch(str(first["input"]))):
        rule, fix = f"'{name}' must be a number", f"Write it as {float(percent[1]) / 100:g}, without a percent sign."
    elif kind in IN_WORDS:
        rule, fix = f"'{name}' {IN_WORDS[kind][0].format(**context)}", IN_WORDS[kind][1]
    else:
        rule, fix = f"'{name}' is not allowed here: {_lower(first['msg'])}", f"Mend it; {schema}"
    return StudyFileError(place, rule, fix=fix + more)


def _dotted(keys: tuple[str | int, ...]) -> str:
    return ".".join(str(k) for k in keys)


def _fields(model: type[BaseModel], keys: tuple[str | int, ...]) -> list[str]:
    for key in keys:
        field = next((f for name, f in model.model_fields.items() if key in (name, f.alias)), None)
        if field is not None:
            inner = _models(field.annotation)
            if not inner:
                return []
            model = inner[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in get_args(annotation) for m in _models(part)]


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
