"""The sections of the pages: a page and a language in, parts out."""

from sro_research.report.sections.answers import changes, groups, roles, topics
from sro_research.report.sections.board import schools
from sro_research.report.sections.counts import counts
from sro_research.report.sections.engagement import engagement
from sro_research.report.sections.frame import ask, head, how, limits
from sro_research.report.sections.national_frame import national_how, national_limits
from sro_research.report.sections.national_groups import (
    national_anew,
    national_groups,
    national_numbers,
    national_units,
)
from sro_research.report.sections.national_short import national_short, national_who
from sro_research.report.sections.national_topics import national_topics
from sro_research.report.sections.numbers import numbers
from sro_research.report.sections.program import program
from sro_research.report.sections.summary import in_short, who_answered
from sro_research.report.sections.yardstick import yardstick

__all__ = [
    "ask",
    "changes",
    "counts",
    "engagement",
    "groups",
    "head",
    "how",
    "in_short",
    "limits",
    "national_anew",
    "national_groups",
    "national_how",
    "national_limits",
    "national_numbers",
    "national_short",
    "national_topics",
    "national_units",
    "national_who",
    "numbers",
    "program",
    "roles",
    "schools",
    "topics",
    "who_answered",
    "yardstick",
]
