"""Raw exports to validated tables.

What breaks a rule is set aside with its row number and the rule, and counted; it is never mended, guessed or quoted.
"""

from sro_research.intake.admission import Admission, admit
from sro_research.intake.district import Intake, look_through, rows_by_kind, take_in
from sro_research.intake.exports import Export, read_export
from sro_research.intake.fixes import fix_of
from sro_research.intake.national import find_national, take_in_national

__all__ = [
    "Admission",
    "Export",
    "Intake",
    "admit",
    "find_national",
    "fix_of",
    "look_through",
    "read_export",
    "rows_by_kind",
    "take_in",
    "take_in_national",
]
