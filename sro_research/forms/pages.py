"""Two forms that are pages: the codebook, and the questionnaire on paper. Each is one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from sro_research.forms import limesurvey, xlsform
from sro_research.forms.questions import SCHOOL, questions
from sro_research.forms.words import LANGUAGE_NAMES, load_words
from sro_research.instruments import Instrument
from sro_research.parameters import Language, SurveyProgram


@dataclass(frozen=True)
class Program:
    """A survey program: its name, what a study file calls it, and its name of each column of ours."""

    title: str
    key: SurveyProgram
    names: dict[str, str]

    @property
    def renamed(self) -> dict[str, str]:
        """Its names that differ from ours, by ours."""
        return {column: name for column, name in self.names.items() if name != column}


def programs(instrument: Instrument) -> list[Program]:
    """Return the programs that forms are made for."""
    unchanged = {column: column for column in (SCHOOL, *(question.id for question in questions(instrument)))}
    return [
        Program("KoboToolbox, ODK", "kobotoolbox", xlsform.names(instrument)),
        Program("LimeSurvey", "limesurvey", limesurvey.names(instrument)),
        Program("Qualtrics", "qualtrics", unchanged),
    ]


def codebook(instrument: Instrument, language: Language, others: Mapping[Language, str]) -> str:
    """Return the codebook as HTML: every column with its question, codes and labels, and how scores come of them.

    `others` says where the page lies in other languages.
    """
    return _render(
        "codebook.html.j2",
        instrument,
        language,
        others=others,
        items={item.id: (construct, item) for construct in instrument.constructs.values() for item in construct.items},
        programs=programs(instrument),
    )


def paper(instrument: Instrument, language: Language) -> str:
    """Return the questionnaire as HTML to print on A4 or Letter: boxes to tick, no question cut by the end of a page.

    Each question has its number and each box its code, by which answers are typed in; the codebook has the numbers too.
    """
    return _render("paper.html.j2", instrument, language)


def _render(template: str, instrument: Instrument, language: Language, **more: object) -> str:
    return (
        _templates()
        .get_template(template)
        .render(
            instrument=instrument,
            language=language,
            language_names=LANGUAGE_NAMES,
            w=load_words(language),
            questions=questions(instrument),
            school=SCHOOL,
            **more,
        )
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("sro_research.forms", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
