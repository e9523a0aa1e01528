"""Answers to a survey."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandera.pandas as pa

from sro_research.schemas.columns import IDENTIFIER, of_study, text

NOT_A_CODE = "not a code of this question"
NOT_A_LABEL = "neither a code nor a label of this question"
TWO_ANSWERS = "answered differently in two languages"
PREVIEW = "a preview, not an answer"
NO_CONSENT = "did not consent"
SCREENED_OUT = "screened out"
DURATION = "duration_seconds"


def responses(
    codes: Mapping[str, tuple[int, ...]], schools: Iterable[str] | None, *, timed: bool = False
) -> pa.DataFrameSchema:
    """One row is a respondent: `respondent_id`, `school_id`, and one integer code per question.

    `codes` are the allowed codes by column; a question left blank is missing. `schools` are the known schools;
    None accepts any. `timed` adds `duration_seconds`, how long the respondent took: an export tells it or does not.
    """

    def answer(allowed: tuple[int, ...]) -> pa.Column:
        return pa.Column("Int16", pa.Check.isin(allowed, error=NOT_A_CODE), nullable=True)

    return pa.DataFrameSchema(
        {
            "respondent_id": text(unique=True),
            "school_id": text(IDENTIFIER, *of_study(schools, "a school")),
            **{column: answer(allowed) for column, allowed in codes.items()},
            **(
                {DURATION: pa.Column("Int64", pa.Check.ge(0, error="must not be negative"), nullable=True)}
                if timed
                else {}
            ),
        },
        strict=True,
    )
