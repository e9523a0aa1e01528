"""The program in numbers, on the board's page: what records say of what it does, for the whole district."""

from __future__ import annotations

from itertools import groupby

from sro_research.parameters import Wave
from sro_research.report import wording
from sro_research.report.page import NO_CELL, Cell, Page, ProgramFigure
from sro_research.report.parts import Bullets, Glossary, Heading, Paragraph, Part, Table
from sro_research.report.words import Words

OFFICERS = "officer"
WITHOUT_DECIMALS = 100
"""Amounts from here on are told in whole numbers."""


def numbers(page: Page, w: Words) -> list[Part]:
    """Show a table for each subject of which the study has figures; say of which records were not provided.

    Nothing where the study neither counts anything nor lacks records.
    """
    told: list[Part] = []
    for subject, figures in groupby(page.program, key=lambda figure: figure.subject[w.language]):
        told += _subject(subject, list(figures), page, w)
    if not told:
        return []
    inside = w("numbers_inside", minimum=page.disclosure.minimum_group_size)
    return [Heading(w("numbers_heading")), Paragraph(w("numbers_intro")), Paragraph(inside), *told]


def _subject(subject: str, figures: list[ProgramFigure], page: Page, w: Words) -> list[Part]:
    """Tell one subject; a figure that is not there although its records are is none of this study."""
    known = {key.partition("|")[0] for key in page.facts.figures}
    there = [figure for figure in figures if figure.measure in known]
    lacking = [f for f in figures if f not in there and not set(f.records) <= set(page.facts.provided)]
    parts: list[Part] = []
    if there:
        columns = [w("numbers_figure"), *(wave.label[w.language] for wave in page.waves)]
        body = [_row(figure, page, w) for figure in there]
        terms = [(figure.title[w.language], figure.meaning(w.language)) for figure in there]
        parts += [Table(subject, columns, body, [False, *(True for _ in page.waves)]), Glossary(subject, terms)]
    # A figure's own records come first in its definition; the others are lists that it needs beside them.
    begun = [figure for figure in lacking if figure.records[0] in page.facts.provided]
    if lacking and not there and not begun:
        return [Paragraph(w("numbers_none", subject=subject))]
    without = [figure for figure in lacking if figure not in begun]
    for sentence, of in (("numbers_missing", without), ("numbers_incomplete", begun)):
        if of:
            parts += [Paragraph(w(sentence, subject=subject)), Bullets([figure.title[w.language] for figure in of])]
    return parts


def _row(figure: ProgramFigure, page: Page, w: Words) -> list[str]:
    cells = [_cell(figure.measure, wave, page) for wave in page.waves]
    title = figure.title[w.language]
    if figure.unit is None:
        return [w("numbers_row", title=title, unit=w("numbers_share")), *(_share(figure, cell, w) for cell in cells)]
    decimals = max(_decimals(cell) for cell in cells)
    amounts = [wording.amount(cell.estimate, cell, w, part="estimate", decimals=decimals) for cell in cells]
    return [w("numbers_row", title=title, unit=figure.unit[w.language]), *amounts]


def _cell(measure: str, wave: Wave, page: Page) -> Cell:
    """Look up a figure of the district; one that the study does not have of a wave is not available, not hidden."""
    known = [p for p in ("", OFFICERS) if f"{measure}|{p}|{wave.id}" in page.facts.figures]
    return page.cell(measure, population=known[0], wave=wave.id) if known else NO_CELL


def _share(figure: ProgramFigure, cell: Cell, w: Words) -> str:
    """Write a share with how many cases, or officers, it rests on, where that is said."""
    if not cell.shown or not figure.says_of_how_many:
        return wording.share(cell, w)
    rests_on = "numbers_of_officers" if cell.name.split("|")[1] == OFFICERS else "numbers_of_cases"
    return w(rests_on, people=wording.share(cell, w), count=wording.count(cell, w))


def _decimals(cell: Cell) -> int:
    amount = cell.estimate or 0.0
    return 0 if amount >= WITHOUT_DECIMALS or amount == round(amount) else 1
