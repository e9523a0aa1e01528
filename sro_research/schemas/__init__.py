"""The tables of the house: what one row is, which columns it has, and the rules a row must keep.

Each rule carries the words a person reads when it is broken; a rule never quotes the value that broke it.
"""

from sro_research.schemas.agreement import (
    agreement_reviews,
)
from sro_research.schemas.budget import (
    budget,
    grants,
)
from sro_research.schemas.columns import (
    FOR_ALL_SCHOOLS,
    IDENTIFIER,
    NO,
    REPEATED,
    TWICE,
    YES,
)
from sro_research.schemas.complaints import (
    COMPLAINT_CHANNELS,
    COMPLAINT_FINDINGS,
    complaints,
)
from sro_research.schemas.contacts import (
    NOT_ANSWERED,
    contacts,
)
from sro_research.schemas.emergencies import (
    EMERGENCIES,
    after_action_items,
    emergencies,
    lessons,
)
from sro_research.schemas.information_sharing import (
    ASKED_BY,
    LEGAL_BASES,
    SHARED_KINDS,
    information_sharing,
)
from sro_research.schemas.national import (
    national_schools,
)
from sro_research.schemas.operations import (
    CALL_SOURCES,
    DISPOSITIONS,
    REVIEWED_LOGS,
    calls,
    drills,
    log_reviews,
    restorative,
    threat_assessments,
    tips,
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
    NOT_A_NUMBER,
    NOT_A_TIME,
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
    "ASKED_BY",
    "CALL_SOURCES",
    "COMPLAINT_CHANNELS",
    "COMPLAINT_FINDINGS",
    "DISPOSITIONS",
    "DURATION",
    "EMERGENCIES",
    "FOR_ALL_SCHOOLS",
    "HOURS_IN_A_DAY",
    "IDENTIFIER",
    "LEGAL_BASES",
    "LEVELS",
    "NO",
    "NOT_ANSWERED",
    "NOT_A_CODE",
    "NOT_A_DAY",
    "NOT_A_GROUP",
    "NOT_A_LABEL",
    "NOT_A_NUMBER",
    "NOT_A_TIME",
    "NOT_WHOLE",
    "NO_CONSENT",
    "PREVIEW",
    "REASONS",
    "REPEATED",
    "REVIEWED_LOGS",
    "ROLES",
    "SCREENED_OUT",
    "SHARED_KINDS",
    "SPREADSHEET_ERRORS",
    "STAGES",
    "TWICE",
    "TWO_ANSWERS",
    "YES",
    "after_action_items",
    "agreement_reviews",
    "assignments",
    "broken_rules",
    "budget",
    "calls",
    "closures",
    "coaching",
    "complaints",
    "contacts",
    "convert",
    "discipline",
    "drills",
    "emergencies",
    "enrollment",
    "grants",
    "information_sharing",
    "leaves",
    "lessons",
    "log_reviews",
    "national_schools",
    "officers",
    "outreach",
    "responses",
    "restorative",
    "reviews",
    "schools",
    "selection",
    "threat_assessments",
    "tips",
    "training",
]
