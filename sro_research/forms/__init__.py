"""A questionnaire as forms in which it can be asked, and as the codebook of their answers; one file per form."""

from sro_research.forms.export import FORMS, export

__all__ = ["FORMS", "export"]
