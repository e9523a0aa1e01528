"""Google Forms (the sheet of answers): the time first, then each question in its words, `Grid [row]` for grids."""

from __future__ import annotations

from sro_research.intake.programs.program import Program

TIMES = {"timestamp", "marca temporal"}

GOOGLE_FORMS = Program(title="Google Forms", looks=lambda names: names[0] in TIMES)
