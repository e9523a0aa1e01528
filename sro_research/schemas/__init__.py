"""The tables of the house: what one row is, which columns it has, and the rules a row must keep.

Each rule carries the words a person reads when it is broken; a rule never quotes the value that broke it.
"""

from sro_research.schemas.columns import (
    IDENTIFIER,
    REPEATED,
    TWICE,
)
from sro_research.schemas.contacts import (
    contacts,
)
from sro_research.schemas.national import (
    national_schools,
)
from sro_research.schemas.people import (
    REASONS,
    STAGES,
    closures,
    coaching,
    leaves,
    reviews,
    selection,
)
from sro_research.schemas.program import (
    HOURS_IN_A_DAY,
    LEVELS,
    NOT_A_GROUP,
    ROLES,
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
    "REASONS",
    "REPEATED",
    "ROLES",
    "SCREENED_OUT",
    "SPREADSHEET_ERRORS",
    "STAGES",
    "TWICE",
    "TWO_ANSWERS",
    "assignments",
    "broken_rules",
    "closures",
    "coaching",
    "contacts",
    "convert",
    "discipline",
    "enrollment",
    "leaves",
    "national_schools",
    "officers",
    "outreach",
    "responses",
    "reviews",
    "schools",
    "selection",
    "training",
]
