"""KoboToolbox (`group/question`, names or labels) and ODK Central (`group-question`), as CSV or XLSX."""

from __future__ import annotations

from sro_research.intake.programs.program import Program

KOBOTOOLBOX = Program(
    title="KoboToolbox",
    looks=lambda names: {"_uuid", "_submission_time"} <= set(names) or {"submissiondate", "key"} <= set(names),
    respondent=("_uuid", "meta/instanceID", "KEY", "meta-instanceID", "_id"),
    seconds=lambda columns: columns.seconds(["start"], ["end"]),
)
