"""The sections of the pages: a page and a language in, parts out."""

from sro_research.report.sections.answers import changes, groups, roles, topics
from sro_research.report.sections.board import schools
from sro_research.report.sections.engagement import engagement
from sro_research.report.sections.frame import ask, head, how, limits
from sro_research.report.sections.program import program
from sro_research.report.sections.summary import in_short, who_answered

__all__ = [
    "ask",
    "changes",
    "engagement",
    "groups",
    "head",
    "how",
    "in_short",
    "limits",
    "program",
    "roles",
    "schools",
    "topics",
    "who_answered",
]
