"""The tables of the house: what one row is, which columns it has, and the rules a row must keep.

Each rule carries the words a person reads when it is broken; a rule never quotes the value that broke it.
"""

from sro_research.schemas.agreement import agreement_reviews
from sro_research.schemas.budget import budget, grants
from sro_research.schemas.columns import (
    IDENTIFIER,
    REPEATED,
    TWICE,
)
from sro_research.schemas.national import (
    national_schools,
)
from sro_research.schemas.program import (
    HOURS_IN_A_DAY,
    LEVELS,
    NOT_A_GROUP,
    assignments,
    discipline,
    enrollment,
    officers,
    outreach,
    schools,
    training,
)
from sro_research.schemas.reading import (
    NOT_A_DAY,
    NOT_WHOLE,
    SPREADSHEET_ERRORS,
    broken_rules,
    convert,
)
from sro_research.schemas.surveys import (
    DURATION,
    NO_CONSENT,
    NOT_A_CODE,
    NOT_A_LABEL,
    PREVIEW,
    SCREENED_OUT,
    TWO_ANSWERS,
    responses,
)

__all__ = [
    "DURATION",
    "HOURS_IN_A_DAY",
    "IDENTIFIER",
    "LEVELS",
    "NOT_A_CODE",
    "NOT_A_DAY",
    "NOT_A_GROUP",
    "NOT_A_LABEL",
    "NOT_WHOLE",
    "NO_CONSENT",
    "PREVIEW",
    "REPEATED",
    "SCREENED_OUT",
    "SPREADSHEET_ERRORS",
    "TWICE",
    "TWO_ANSWERS",
    "agreement_reviews",
    "assignments",
    "broken_rules",
    "budget",
    "convert",
    "discipline",
    "enrollment",
    "grants",
    "national_schools",
    "officers",
    "outreach",
    "responses",
    "schools",
    "training",
]
