"""Qualtrics (Data & Analysis, Export Data, CSV or TSV): ids, texts and `{"ImportId":"QID1"}` above the answers."""

from __future__ import annotations

import pandas as pd

from sro_research.intake.durations import whole_seconds
from sro_research.intake.programs.program import Columns, Program

IMPORT_ID = '{"ImportId"'
PREVIEWS = frozenset(
    # In words, and in the codes of Qualtrics.
    {"survey preview", "survey test", "survey preview spam", "offline survey preview", "synthetic"}
    | {"1", "2", "9", "17", "256"}
)
"""What the column Status says of answers that no respondent gave."""


def _seconds(columns: Columns) -> pd.Series | None:
    text = columns.find("Duration (in seconds)", "duration")
    return None if text is None else whole_seconds(text)


def _previews(columns: Columns) -> pd.Series | None:
    status, channel = columns.find("Status", "Response Type"), columns.find("DistributionChannel")
    found = [] if status is None else [status.str.strip().str.lower().isin(PREVIEWS)]
    found += [] if channel is None else [channel.str.strip().str.lower() == "preview"]
    return None if not found else pd.concat(found, axis=1).any(axis=1)


def _screened_out(columns: Columns) -> pd.Series | None:
    flag = columns.find("Q_TerminateFlag")
    return None if flag is None else flag.str.strip() == "Screened"


QUALTRICS = Program(
    title="Qualtrics",
    looks=lambda names: {"responseid", "recordeddate", "distributionchannel"} <= set(names),
    respondent=("ResponseId",),
    header_rows=3,
    names=lambda heading: heading[:2],
    seconds=_seconds,
    previews=_previews,
    screened_out=_screened_out,
)
