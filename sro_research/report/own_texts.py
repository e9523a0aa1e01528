"""What a page says that is the study's own and no finding: names, labels, and numbers about the study."""

from __future__ import annotations

from sro_research.estimates import FEWEST_CASES
from sro_research.parameters import Language
from sro_research.report.page import National, Page, ProgramFigure
from sro_research.report.words import Words
from sro_research.standards.yardstick import Yardstick


def own_texts(page: Page, w: Words) -> dict[str, list[str]]:
    """Return the texts that are the study's own, by the place of the catalogue that they fill; `text` stands alone.

    They hold numbers that are no findings: an audit takes every other number outside a safe cell for one. A release is
    held against this list, made anew.
    """
    language = w.language
    waves = [wave.label[language] for wave in page.waves]
    constructs = [construct for instrument in page.instruments.values() for construct in instrument.constructs.values()]
    items = [item for construct in constructs for item in construct.items]
    answers = [label[language] for item in items for label in item.labels.values()]
    asked = [question for instrument in page.instruments.values() for question in instrument.background.values()]
    groups = [label[language] for question in asked for label in question.labels.values()]
    topics = [construct.title[language] for construct in constructs]
    texts = {
        "title": [page.title[language]],
        "organization": [page.organization],
        "contact": [page.contact[language]],
        "school": _school_names(page, language),
        "who": [page.organization, *_school_names(page, language)],
        "wave": waves,
        "first": [*waves, *answers],
        "last": [*waves, *answers],
        "topic": topics,
        "label": topics,
        "respondents": [instrument.respondents[language] for instrument in page.instruments.values()],
        "phrase": [construct.agree_phrase[language] for construct in constructs],
        "question": [question.title[language] for question in asked],
        **_own_numbers(page, w),
    }
    more = [_of_a_national_survey(page.national, language)] if page.national is not None else []
    more += [_of_the_yardstick(page.yardstick, language)] if page.yardstick is not None else []
    more += [_of_the_program(page.program, w)]
    for place, said in (item for of in more for item in of.items()):
        texts[place] = [*texts.get(place, []), *said]
    notice = [page.notice[language]] if page.notice else []
    known = [*texts["school"], *answers, *groups, *notice, *(item.text[language] for item in items)]
    texts["text"] = [*known, *texts.get("text", [])]
    return {place: list(dict.fromkeys(said)) for place, said in texts.items()}


def _school_names(page: Page, language: Language) -> list[str]:
    return [page.school_name(language)] if page.school_id else [name[language] for name in page.facts.schools.values()]


def _of_the_yardstick(yardstick: Yardstick, language: Language) -> dict[str, list[str]]:
    titles = [figure.title[language] for figure in yardstick.figures]
    return {
        "title": titles,
        "wave": [yardstick.label[language]],
        "source": [yardstick.source[language]],
        "reason": [figure.reason[language] for figure in yardstick.figures if figure.reason is not None],
        "text": titles,
    }


def _of_the_program(figures: tuple[ProgramFigure, ...], w: Words) -> dict[str, list[str]]:
    """Return what the definitions of the program's figures say: titles such as "Cost per 100 students"."""
    language = w.language
    subjects = [figure.subject[language] for figure in figures]
    titles = [figure.title[language] for figure in figures]
    units = [w("numbers_share"), *(figure.unit[language] for figure in figures if figure.unit is not None)]
    meanings = [figure.meaning(language) for figure in figures]
    return {"subject": subjects, "title": titles, "unit": units, "text": [*subjects, *titles, *units, *meanings]}


def _of_a_national_survey(national: National, language: Language) -> dict[str, list[str]]:
    """Return what a national survey calls its answers, groups and years."""
    asked = national.asked
    titles = [measure.title[language] for measure in asked.measures.values()]
    groups = [name[language] for grouping in asked.groupings.values() for name in grouping.values.values()]
    topics = [topic.title[language] for topic in asked.topics]
    last, among = national.last, {measure.among for measure in asked.measures.values() if measure.among is not None}
    changed = [codes.changed for codes in last.groupings.values()]
    changed += [column.changed for column in last.measures.values()]
    reasons = [reason[language] for reason in (*changed, *last.absent.values()) if reason is not None]
    cautions = [layout.caution[language] for layout in national.layouts.values() if layout.caution is not None]
    return {
        "measure": [*titles, *groups],
        "among": [asked.measures[name].title[language] for name in among],
        "topic": [*topics, *(asked.measures[name].title[language] for name in asked.headlines)],
        "reason": reasons,
        "publisher": [national.publisher],
        "fewest": [str(FEWEST_CASES)],
        "replicates": [str(last.replicates.number)],
        "text": cautions,
    }


def _own_numbers(page: Page, w: Words) -> dict[str, list[str]]:
    """Return what fills the places of numbers that are about the study, and not about people."""
    facts, model = page.facts, page.model
    constructs = [c for instrument in page.instruments.values() for c in instrument.constructs.values()]
    numbers = {
        "study": [page.study],
        "version": [page.version],
        "fingerprint": [page.fingerprint],
        "date": [facts.audited],
        "files": [str(facts.sources_set_aside)],
        "read": [str(facts.sources_read)],
        "rows": [w.number(facts.rows_set_aside)],
        "hidden": [w.number(facts.rows_hidden)],
        "total": [w.number(facts.rows_hidden + facts.rows_shown)],
        "minimum": [str(page.disclosure.minimum_group_size)],
        "margin": [w.of_hundred(page.margins.share)],
    }
    if model is not None:
        numbers |= {
            "declared_on": [facts.declared.get("on", "")],
            "first_smallest": [facts.declared.get("smallest", "")],
        }
        numbers |= {"smallest": [w.number(model.smallest_effect, 2)], "per": [w.number(model.per)]}
        scales = [c for c in constructs if c.id == model.outcome]
        numbers |= {"lowest": [str(c.low) for c in scales], "highest": [str(c.high) for c in scales]}
    return numbers
