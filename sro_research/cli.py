"""The door: `sro-research`.

What only one command needs and takes long to import is imported there.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from sro_research import __version__
from sro_research.batch.elsewhere import at_hand
from sro_research.batch.manifest import Entry
from sro_research.batch.notebook import STOCK, WARM
from sro_research.batch.page import Limits
from sro_research.batch.plan import page_notebooks, study_jobs
from sro_research.batch.progress import PROGRESS
from sro_research.batch.publish import staged_for
from sro_research.batch.run import How, Summary, merge_study, plan_study, run_study
from sro_research.disclosure.audit import audit
from sro_research.disclosure.national import read_public_table
from sro_research.disclosure.policy import MINIMUM_GROUP_SIZE
from sro_research.disclosure.published import read_public_numbers, read_tokens
from sro_research.errors import (
    EXIT_INCOMPLETE,
    EXIT_INPUT,
    EXIT_LEAK,
    EXIT_STOPPED,
    STOPPED,
    StudyFileError,
    WorkbenchError,
    counted,
)
from sro_research.files import is_file, write_json
from sro_research.forms import FORMS, export
from sro_research.instruments import SOURCE_LANGUAGE, InstrumentFile, TranslationFile, load_instrument
from sro_research.parameters import (
    Language,
    Parameters,
    Strict,
)
from sro_research.report.template import fixed_texts
from sro_research.standards.agreement import Agreement
from sro_research.standards.budget import BudgetStandard
from sro_research.standards.deadlines import Deadlines
from sro_research.standards.drills import DrillStandard
from sro_research.standards.indicators import Indicators
from sro_research.standards.outreach import OutreachStandard
from sro_research.standards.rubric import Rubric
from sro_research.standards.selection import SelectionStandard
from sro_research.standards.ssocs import SsocsLayout, SsocsMeasures
from sro_research.standards.training import TrainingStandard
from sro_research.standards.yardstick import Yardstick
from sro_research.study import Study, open_study

if TYPE_CHECKING:
    from sro_research.intake import Intake

STUDY_FILE = click.argument("params_file", type=click.Path(path_type=Path))
YAML_FILES: tuple[type[Strict], ...] = (
    Agreement,
    BudgetStandard,
    Deadlines,
    DrillStandard,
    Rubric,
    SelectionStandard,
    Indicators,
    InstrumentFile,
    OutreachStandard,
    SsocsLayout,
    SsocsMeasures,
    TrainingStandard,
    TranslationFile,
    Yardstick,
)
"""The kinds of YAML files besides study files."""
CANNOT_RUN = "The study cannot run."
RUN_DIR = click.option("--run-dir", default="", help="Results folder or its URL, instead of <reports>/<study>.")
ONLY = click.option(
    "--only", multiple=True, metavar="SCHOOL", help="Make the page of this school only; may be repeated."
)
LIMIT = click.option(
    "--limit",
    type=click.IntRange(min=0),
    help="Make the pages of the first so many schools; 0 stops at the safe cells.",
)


class Shard(click.ParamType):
    """Which part of how many: 2/8."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return the number and the count."""
        number, _, count = str(value).partition("/")
        if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
            self.fail(f"'{value}' is not a part of a whole, such as 2/8.", param, ctx)
        return int(number), int(count)


class Languages(click.ParamType):
    """Languages with commas between them: en,es."""

    name = "languages"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[Language]:
        """Return them in the order given, each once."""
        codes = list(dict.fromkeys(code.strip() for code in str(value).split(",")))
        if unknown := [code for code in codes if code not in get_args(Language)]:
            self.fail(f"'{unknown[0]}' is not one of {', '.join(get_args(Language))}.", param, ctx)
        return [language for code in codes for language in get_args(Language) if language == code]


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Say a problem in one sentence and end with its exit code, instead of a traceback."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except WorkbenchError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(EXIT_INPUT)
        except KeyboardInterrupt:
            click.echo(STOPPED, err=True)
            sys.exit(EXIT_STOPPED)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Evaluate a school resource officer program: from raw exports to a folder of pages."""
    # Libraries warn developers; an evaluator reads what this program says.
    warnings.simplefilter("ignore")


@main.command()
@STUDY_FILE
@RUN_DIR
@ONLY
@LIMIT
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default=True,
    help="Pages made at a time.",
)
@click.option("--dry-run", is_flag=True, help="Say what would run and why, and run nothing.")
@click.option("--force", is_flag=True, help="Make everything anew, also what is up to date.")
@click.option(
    "--engine",
    type=click.Choice([WARM, STOCK]),
    default=How.engine,
    show_default=True,
    help="Fork a kernel for each notebook, or start one as papermill does.",
)
@click.option(
    "--verify", type=click.IntRange(min=0), default=0, metavar="K", help="Compare so many pages with stock ones."
)
@click.option("--scheduler", default="", metavar="ADDRESS", help="Make pages on the Dask cluster at tcp://….")
@click.option("--shard", type=Shard(), metavar="I/N", help="Make the I-th of N parts of the pages; `merge` publishes.")
@click.option(
    "--cell-timeout",
    type=click.IntRange(min=1),
    default=Limits.seconds,
    show_default=True,
    metavar="SECONDS",
    help="Time for each cell of a page.",
)
@click.option("--memory", type=click.IntRange(min=200), metavar="MB", help="Memory for each page.")
@click.option("--progress", type=click.Choice(["auto", "json"]), default="auto", help="How progress is told.")
@plainly
def run(
    params_file: Path,
    run_dir: str,
    only: tuple[str, ...],
    limit: int | None,
    dry_run: bool,
    force: bool,
    shard: tuple[int, int] | None,
    progress: str,
    verify: int,
    memory: int | None,
    **how: Any,
) -> None:
    """Run a study: its notebooks, one page for each school, and the board's page."""
    if dry_run:
        for name, reason in plan_study(params_file, run_dir=run_dir, only=list(only), limit=limit, force=force):
            click.echo(f"{'run' if reason else 'up to date':<11} {name:<32} {reason}".rstrip())
        return
    limits = Limits(how.pop("cell_timeout"), memory and memory * 2**20)
    with PROGRESS[progress]() as told:
        summary = run_study(
            params_file,
            run_dir=run_dir,
            only=list(only),
            limit=limit,
            how=How(limits=limits, force=force, shard=shard, verify=verify, progress=told, **how),
        )
    _say(summary)


@main.command()
@STUDY_FILE
@RUN_DIR
@ONLY
@LIMIT
@plainly
def merge(params_file: Path, run_dir: str, only: tuple[str, ...], limit: int | None) -> None:
    """Publish the pages that the shards of a run have made."""
    _say(merge_study(params_file, run_dir=run_dir, only=list(only), limit=limit))


def _say(summary: Summary) -> None:
    if summary.refusal:
        click.echo(f"error: {summary.refusal}", err=True)
        click.echo(CANNOT_RUN)
        sys.exit(EXIT_INPUT)
    click.echo(f"{summary.made} made, {summary.kept} up to date, {len(summary.failed)} failed")
    for entry in summary.failed:
        click.echo(f"failed: {_failure(entry)}", err=True)
    for problem in summary.problems:
        click.echo(f"set aside: {problem}", err=True)
    if summary.rows_set_aside:
        click.echo(f"{counted(summary.rows_set_aside, 'row')} set aside, see {summary.quarantine}", err=True)
    for note in summary.notes:
        click.echo(f"note: {note}", err=True)
    if summary.index is not None:
        click.echo(f"index: {summary.index}")
        if summary.losses:
            click.echo(f"The study ran, but {summary.losses}")
    if not summary.complete:
        sys.exit(EXIT_INCOMPLETE)


@main.command()
@STUDY_FILE
@plainly
def check(params_file: Path) -> None:
    """Check a study file, its instruments, notebooks and source files; write nothing."""
    study = _read_only(params_file)
    from sro_research.batch.check import notes, refusals_of, rows_set_aside, schools_found
    from sro_research.measures.quality import losses_in_words

    intake = _look_through(study)
    for row in intake.sources.itertuples():
        counts = f"{row.rows_read} rows, {row.rows_set_aside} set aside" if row.status == "read" else row.status
        click.echo(f"{row.kind:<28} {row.source:<28} {counts}")
    for line in schools_found(study, intake):
        click.echo(line)
    for line in rows_set_aside(study, intake):
        click.echo(line, err=True)
    for note in notes(study, intake):
        click.echo(f"note: {note}", err=True)
    refusals = refusals_of(study, intake)
    for problem in [*intake.problems, *(r for r in refusals if r not in intake.problems)]:
        click.echo(f"error: {problem}", err=True)
    rows, files = int(intake.sources["rows_set_aside"].fillna(0).sum()), len(intake.problems)
    click.echo(f"{counted(rows, 'row')} and {counted(files, 'source file')} set aside.")
    if refusals:
        click.echo(CANNOT_RUN)
        sys.exit(EXIT_INPUT)
    without = f", without {counted(files, 'source file')}" if files else ""
    lost = losses_in_words(intake.sources)
    click.echo(f"The study can run{without}{f', but {lost}' if lost else '.'}")
    if files:
        sys.exit(EXIT_INCOMPLETE)


@main.command()
@STUDY_FILE
@RUN_DIR
@click.option("--yes", is_flag=True, help="Do not ask.")
@plainly
def clean(params_file: Path, run_dir: str, yes: bool) -> None:
    """Delete the results of a study: protected tables, notebooks and pages."""
    folders = open_study(str(params_file), run_dir=run_dir).folders
    internal, release = folders.shown(folders.internal), folders.shown(folders.release)
    with at_hand(folders):
        if not any(folders.internal.glob("manifest*.jsonl")):
            click.echo(f"{internal} holds no results of a run; nothing is deleted.")
            return
        if not yes and not _confirmed(f"Delete {internal} and {release}?"):
            click.echo("nothing is deleted")
            return
        # The last two are there where a run was killed.
        waiting = staged_for(folders.release)
        for folder in (folders.internal, folders.release, waiting, folders.release.with_name("release.old")):
            shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"deleted: {internal}, {release}")


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question)
    except click.Abort:  # Ctrl-C, or nobody there to ask
        click.echo()
        return False


@main.command()
@STUDY_FILE
@click.option("--schools", type=click.IntRange(min=2), default=12, show_default=True, help="Schools to make up.")
@click.option("--seed", type=int, default=20261, show_default=True, help="The same seed makes the same district.")
@plainly
def synthesize(params_file: Path, schools: int, seed: int) -> None:
    """Write the raw files of a made-up district for a study that says `synthetic: true`."""
    study = open_study(str(params_file))
    p = study.parameters
    if not p.synthetic:
        raise StudyFileError(
            f"{params_file}: synthetic", "this study is about real people", fix="Use params/demo.yaml."
        )
    instruments = list(study.instruments.values())
    from sro_research.synthetic import make_district, write_exports

    district = make_district(instruments, p.waves, study.standards, schools=schools, seed=seed)
    surveys = {(s.instrument, s.wave): s.file for s in p.surveys}
    records = {kind: source.file for kind, source in vars(p.records).items() if source is not None}
    write_exports(district, Path(p.folders.data), surveys, records)
    # The made-up people of an earlier district, and pages about them, bind nobody.
    with at_hand(study.folders):
        for folder in (study.folders.release, study.folders.ledger.parent):
            shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"made-up raw files: {p.folders.data}")


@main.command()
@STUDY_FILE
@RUN_DIR
@click.option("--schools", type=click.IntRange(min=2), help="Suppose so many schools.")
@click.option("--answers", type=click.IntRange(min=2), help="Suppose so many answers of each school in each wave.")
@click.option("--icc", type=click.FloatRange(0, 1, max_open=True), help="Suppose this intraclass correlation.")
@click.option(
    "--exposure-sd",
    type=click.FloatRange(0, min_open=True),
    help="Suppose this standard deviation of the exposure within schools.",
)
@plainly
def power(params_file: Path, run_dir: str, **supposed: Any) -> None:
    """Say how small an effect the declared model can see, by the study's own data or by what is supposed."""
    study = open_study(str(params_file), run_dir=run_dir)
    model = study.parameters.model
    if model is None:
        raise StudyFileError(params_file, "it declares no `model`", fix="Declare one, as params/demo.yaml does.")
    instrument = next(i for i in study.instruments.values() if i.population == model.population)
    outcome = instrument.constructs[model.outcome]
    from sro_research.models.power import Supposed, report

    seen = None
    if study.has(f"responses/{instrument.id}") and study.has("outreach") and study.has("schools"):
        from sro_research.measures.outreach import outreach_hours
        from sro_research.measures.scales import score
        from sro_research.models.declared import ask

        hours = outreach_hours(study.protected("outreach"), study.protected("schools"), study.parameters.waves)
        scores = score(study.protected(f"responses/{instrument.id}"), instrument)
        asked = ask(model, scores, hours, study.protected("schools"), waves=study.waves)
        seen = asked.scores, asked.exposure
    click.echo(f"Model: {model.outcome} of {model.population}, {model.exposure}, within schools over time.")
    for line in report(
        seen,
        supposed=Supposed(**supposed),
        waves=len(study.waves) - model.lag,
        score_range=outcome.high - outcome.low,
        effect=model.smallest_effect,
        per=model.per,
    ):
        click.echo(line)


@main.command("audit")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--ledger", type=click.Path(path_type=Path), help="The ledger of earlier releases (ledger/rows.parquet).")
@click.option(
    "--aux", type=click.Path(path_type=Path), help="CSV of what else is public: school_id,wave,students,staff."
)
@click.option(
    "--canaries", type=click.Path(path_type=Path), help="Text file: tokens that may stand nowhere, one a line."
)
@click.option(
    "--public", type=click.Path(path_type=Path), help="CSV of national estimates that pages may tell (yardstick.csv)."
)
@click.option(
    "--minimum", type=click.IntRange(min=1), default=MINIMUM_GROUP_SIZE, show_default=True, help="Group size."
)
@plainly
def audit_folder(
    folder: Path, ledger: Path | None, aux: Path | None, canaries: Path | None, public: Path | None, minimum: int
) -> None:
    """Attack published pages: can anyone work out what they hide? Ends with 1 if so."""
    result = audit(
        folder,
        words=fixed_texts(),
        ledger=ledger,
        aux=None if aux is None else read_public_numbers(aux),
        public=None if public is None else read_public_table(public),
        canaries=[] if canaries is None else read_tokens(canaries),
        minimum=minimum,
    )
    for line in [*result.lines(), *result.to_read()]:
        click.echo(line)
    if not result.clean:
        sys.exit(EXIT_LEAK)


@main.group()
def instrument() -> None:
    """Take a questionnaire to the programs in which it is asked."""


@instrument.command("export")
@click.argument("name")
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True, help="The folder to write to.")
@click.option(
    "--languages",
    type=Languages(),
    metavar="en,es",
    help="Languages of the forms, the first being the one they open in; all the instrument has unless said.",
)
@click.option("--form", "forms", type=click.Choice(list(FORMS)), multiple=True, help="This form; may be repeated.")
@click.option(
    "--surveys",
    type=click.Path(path_type=Path),
    default=Path("surveys"),
    show_default=True,
    help="Where codebooks lie.",
)
@plainly
def export_instrument(
    name: str, folder: Path, languages: list[Language] | None, forms: tuple[str, ...], surveys: Path
) -> None:
    """Write an instrument as forms for survey programs and for paper, and its codebook as a page."""
    languages = languages or _languages_of(surveys, name)
    loaded = load_instrument(surveys, name, languages)
    for path in export(loaded, folder, languages=languages, forms=dict.fromkeys(forms or FORMS)):
        click.echo(str(path))


def _languages_of(surveys: Path, name: str) -> list[Language]:
    found = [language for language in get_args(Language) if is_file(surveys / f"{name}.{language}.yaml")]
    return found or [SOURCE_LANGUAGE]


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path(), help="The project's folder.")
def schema(folder: Path) -> None:
    """Write the JSON schemas by which editors check and complete study files, instruments and standards."""
    for name, value in schemas().items():
        write_json(folder / name, value)
        click.echo(str(folder / name))


def schemas() -> dict[str, Any]:
    """Return the JSON schema of each kind of YAML file, by its path in the project."""
    study = Parameters.model_json_schema()
    study["properties"]["extends"] = {
        "type": "string",
        "description": "A study file whose keys hold where this one is silent.",
    }
    study["required"] = []  # What one file lacks, the one it extends may have.
    for part in study.get("$defs", {}).values():
        part.get("required", []).clear() if part.get("title") in (
            "Folders",
            "Disclosure",
            "Quality",
            "Margins",
            "Notebooks",
            "Pages",
        ) else None
    return {
        "params/study.schema.json": study,
        **{model.schema_file: model.model_json_schema() for model in YAML_FILES},
    }


def _read_only(params_file: Path) -> Study:
    """Open a study and check its notebooks, without leaving a folder behind."""
    with tempfile.TemporaryDirectory() as scratch:
        study = open_study(str(params_file), run_dir=scratch)
    study_jobs(study, params_file, "")
    page_notebooks(study)
    return study


def _look_through(study: Study) -> Intake:
    p = study.parameters
    from sro_research.intake import look_through, take_in_national

    if study.national is not None:
        return take_in_national(Path(p.folders.data), study.national.layouts, study.national.asked)
    return look_through(
        p.surveys,
        p.records,
        folder=Path(p.folders.data),
        instruments=study.instruments,
        waves=study.waves,
        standards=study.standards,
    )


def _failure(entry: Entry) -> str:
    cell = "" if entry.cell is None else f", cell {entry.cell}"
    return f"{entry.name}{cell}: {entry.error}"
