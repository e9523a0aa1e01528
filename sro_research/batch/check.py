"""What a person should know about a study's sources before it runs."""

from __future__ import annotations

from collections.abc import Iterator

from sro_research.consistency import names_of, reported_schools
from sro_research.errors import StudyFileError, counted
from sro_research.intake import Intake, fix_of, rows_by_kind
from sro_research.measures.outreach import outside_periods
from sro_research.measures.quality import SMALLEST_COUNT, answers_per_school, more_answers_than_people
from sro_research.study import Study

ROWS_SHOWN = 5


def rows_set_aside(study: Study, intake: Intake) -> Iterator[str]:
    """Yield a line for each rule that rows of a source broke, with their numbers and the fix."""
    p = study.parameters
    kinds = dict(zip(intake.sources["source"], intake.sources["kind"], strict=True))
    for (source, column, rule), rows in intake.quarantine.groupby(["source", "column", "rule"])["row"]:
        shown = ", ".join(map(str, rows.head(ROWS_SHOWN))) + (", …" if len(rows) > ROWS_SHOWN else "")
        fix = fix_of(
            column,
            rule,
            kind=kinds[source],
            instruments=study.instruments,
            records=p.records,
            standards=study.standards,
            set_aside=rows_by_kind(intake.sources),
        )
        yield f"set aside: {source}: {column or 'row'}: {rule} ({counted(len(rows), 'row')}: {shown}). {fix}".rstrip()


def schools_found(study: Study, intake: Intake) -> Iterator[str]:
    """Yield a line for each survey with the schools its answers name, where no roster says which there are."""
    if study.parameters.records.schools is not None:
        return
    for name in study.instruments:
        answers = intake.tables.get(f"responses/{name}")
        if answers is None:
            continue
        for wave, counts in answers_per_school(answers).groupby("wave"):
            schools = ", ".join(
                f"{school} ({n if n >= SMALLEST_COUNT else f'fewer than {SMALLEST_COUNT}'})"
                for (school, _), n in counts.items()
            )
            yield f"schools in {name}, wave {wave}: {schools}"


def notes(study: Study, intake: Intake) -> Iterator[str]:
    """Yield what is not against the rules and may still be a mistake."""
    yield from intake.notes
    for name, instrument in study.instruments.items():
        answers, schools = intake.tables.get(f"responses/{name}"), intake.tables.get("schools")
        if answers is not None and schools is not None:
            yield from more_answers_than_people(answers, schools, instrument.population)
    if (outreach := intake.tables.get("outreach")) is not None:
        outside = outside_periods(outreach["date"], study.parameters.waves)
        if outside:
            file = study.parameters.records.outreach
            yield (
                f"{file.file if file else 'outreach'}: {counted(outside, 'row')} dated outside every wave belong to no "
                "wave and are not counted. Check the dates, or `start` and `end` of the waves."
            )


def refusals_of(study: Study, intake: Intake) -> list[str]:
    """Return why the study cannot be run, as errors; nothing if it can."""
    found = []
    if (refusal := intake.refusal) is not None:
        several = str(refusal) not in intake.problems
        found.append(f"{refusal.where}: {refusal.rule}." if several else str(refusal))
    if "schools" in intake.tables:
        try:
            reported_schools(study.parameters, names_of(intake.tables["schools"], study.parameters))
        except StudyFileError as error:
            found.append(str(error))
    return found
