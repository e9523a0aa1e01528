"""A district whose truth is known: made-up schools, people, answers and records."""

from sro_research.synthetic.district import District, make_district
from sro_research.synthetic.exports import write_exports
from sro_research.synthetic.truth import Truth

__all__ = ["District", "Truth", "make_district", "write_exports"]
