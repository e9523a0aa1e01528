"""Microsoft Forms (Open in Excel): ID, two times, e-mail and name, then each question in its words."""

from __future__ import annotations

from sro_research.intake.programs.program import Program

START, END = ("Start time", "Hora de inicio"), ("Completion time", "Hora de finalización")

MICROSOFT_FORMS = Program(
    title="Microsoft Forms",
    looks=lambda names: (
        {"id", "start time", "completion time"} <= set(names)
        or {"hora de inicio", "hora de finalización"} <= set(names)
    ),
    respondent=("ID",),
    seconds=lambda columns: columns.seconds(START, END),
)
