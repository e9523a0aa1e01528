"""What reviews found of the clauses of the agreement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandera.pandas as pa

from sro_research.schemas.columns import date, of_study, text

FINDINGS = ("met", "partly", "not_met", "not_assessed")
EVIDENCE = ("document", "records", "interview", "observation")
OF_THE_DISTRICT = "a clause of the whole district, reviewed at a school"
OF_A_SCHOOL = "a clause of each school, reviewed without naming one"


def agreement_reviews(schools: Iterable[str] | None, clauses: Mapping[str, str]) -> pa.DataFrameSchema:
    """One row is what a review found of a clause on a day; `school_id` is blank for a clause of the whole district.

    `clauses` says `district` or `school` for each clause. `evidence` is the kind of evidence, never its content; blank
    where nothing was looked at.
    """

    def placed(wrong: str, blank: bool) -> pa.Check:
        rule = OF_THE_DISTRICT if wrong == "district" else OF_A_SCHOOL
        return pa.Check(lambda t: (t["clause"].map(clauses) != wrong) | (t["school_id"].isna() == blank), error=rule)

    return pa.DataFrameSchema(
        {
            "clause": text(*of_study(clauses, "a clause")),
            "school_id": text(*of_study(schools, "a school"), nullable=True),
            "date": date(),
            "finding": text(pa.Check.isin(FINDINGS, error=f"not one of {', '.join(FINDINGS)}")),
            "evidence": text(pa.Check.isin(EVIDENCE, error=f"not one of {', '.join(EVIDENCE)}"), nullable=True),
        },
        checks=[placed("district", blank=True), placed("school", blank=False)],
        unique=["clause", "school_id", "date"],
        report_duplicates="exclude_first",
        strict=True,
    )
