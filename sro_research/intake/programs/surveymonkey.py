"""SurveyMonkey (all responses, CSV or XLSX): a question above, and below it `Response` or the rows of its grid."""

from __future__ import annotations

from sro_research.intake.programs.program import Program
from sro_research.intake.texts import same_text

OF_THE_QUESTION = {"", "response", "open-ended response"}


def _names(heading: tuple[str, ...]) -> tuple[str, ...]:
    """Return the question, or the row of its grid; a field beside a question ("Other …") is not the question."""
    question, below = heading
    return (question,) if same_text(below) in OF_THE_QUESTION else (below,)


SURVEYMONKEY = Program(
    title="SurveyMonkey",
    looks=lambda names: {"respondent id", "collector id"} <= set(names),
    respondent=("Respondent ID",),
    header_rows=2,
    names=_names,
    seconds=lambda columns: columns.seconds(["Start Date"], ["End Date"]),
)
