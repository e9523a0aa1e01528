"""LimeSurvey (Export results, CSV): headings are codes, texts, or both (`Q1. Text`); a sub-question is in brackets."""

from __future__ import annotations

import pandas as pd

from sro_research.intake.durations import whole_seconds
from sro_research.intake.programs.program import Columns, Program


def _either(code: str, text: str) -> tuple[str, str, str]:
    return code, text, f"{code}. {text}"


RESPONDENT = _either("id", "Response ID")
START, END = _either("startdate", "Date started"), _either("submitdate", "Date submitted")
TOTAL = _either("interviewtime", "Total time")


def _seconds(columns: Columns) -> pd.Series | None:
    total = columns.find(*TOTAL)
    return columns.seconds(START, END) if total is None else whole_seconds(total)


def _looks(names: list[str]) -> bool:
    codes = {name.partition(". ")[0] for name in names}
    return {"submitdate", "startlanguage"} <= codes or {"date submitted", "start language"} <= set(names)


def _names(heading: tuple[str, ...]) -> tuple[str, ...]:
    # How long a question took stands beside it, under a heading that ends with the question's own code.
    return tuple(name for name in heading if "question time:" not in name.lower() and "group time:" not in name.lower())


LIMESURVEY = Program(title="LimeSurvey", looks=_looks, names=_names, respondent=RESPONDENT, seconds=_seconds)
