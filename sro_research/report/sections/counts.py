"""Cases that are about people, on the board's page: counts for the whole district, rounded so that they add up."""

from __future__ import annotations

from sro_research.instruments import Background
from sro_research.parameters import Wave
from sro_research.report import wording
from sro_research.report.page import Cell, Page
from sro_research.report.parts import Bullets, Heading, Paragraph, Part, Table
from sro_research.report.words import Words

RECORDS = {
    "calls": ("calls_counted",),
    "contacts": ("contacts_counted", "searches_counted"),
    "discipline": ("students_excluded_counted", "students_referred_counted", "students_arrested_counted"),
    "complaints": ("complaints_counted",),
    "tips": ("tips_counted",),
    "threat_assessments": ("threat_assessments_counted",),
    "restorative": ("restorative_counted",),
    "information_sharing": ("information_sharing_counted",),
}
"""What is counted of each kind of record, in the order of the page."""
CONTACTS, STUDENTS, RATE = "contacts_counted", "students_counted", "contacts_counted_per_100_students"
OTHER = "other"


def counts(page: Page, w: Words) -> list[Part]:
    """Show a table for each breakdown of the cases that were provided, contacts also by group of students."""
    if not page.counted:
        return []
    known = set(page.cells["measure"])  # Calls may be on record, and what became of them not.
    provided = [kind for kind in RECORDS if kind in page.facts.provided and RECORDS[kind][0] in known]
    lacking = [_subject(kind, w) for kind in RECORDS if kind not in provided]
    missing: list[Part] = [Paragraph(w("counts_missing")), Bullets(lacking)] if lacking else []
    parts: list[Part] = [Heading(w("counts_heading"))]
    if not provided:
        return [*parts, *missing]
    if all(page.cell(RECORDS[kind][0], wave=wave.id).status == "hidden" for kind in provided for wave in page.waves):
        why = "counts_small" if "schools" in page.facts.provided else "counts_unknown"
        return [*parts, Paragraph(w(why)), *missing]
    parts += [Paragraph(w("counts_intro")), Paragraph(w("counts_more"))]
    for kind in provided:
        measures = RECORDS[kind]
        if kind == "discipline":
            body = [[w(f"count_{measure}"), *_waves(page, w, measure)] for measure in measures]
            parts += [_table(_subject(kind, w), body, page, w), Paragraph(w("counts_two_records"))]
        else:
            parts += [_broken_down(measure, by, page, w) for measure in measures for by in page.counted[measure]]
        if kind == "contacts":
            parts += _by_group(page, w)
    return parts + missing


def _subject(kind: str, w: Words) -> str:
    return w("counts_disciplined") if kind == "discipline" else w(f"count_{RECORDS[kind][0]}")


def _broken_down(measure: str, by: str, page: Page, w: Words) -> Table:
    body = [[w(f"count_{by}_{part}"), *_waves(page, w, measure, by, part)] for part in page.counted[measure][by]]
    body.append([w("counts_all"), *_waves(page, w, measure)])
    return _table(w("counts_caption", subject=w(f"count_{measure}"), by=w(f"count_by_{by}")), body, page, w)


def _table(caption: str, body: list[list[str]], page: Page, w: Words) -> Table:
    columns = [w("counts_part"), *(wave.label[w.language] for wave in page.waves)]
    return Table(caption, columns, body, [False, *(True for _ in page.waves)])


def _waves(page: Page, w: Words, measure: str, by: str = "", part: str = "") -> list[str]:
    cells = [page.cell(measure, group_by=by, group=part, wave=wave.id) for wave in page.waves]
    return [wording.rounded(cell, w) for cell in cells]


def _by_group(page: Page, w: Words) -> list[Part]:
    """Show contacts beside the students of each group, in the last wave of which they are known."""
    asked = page.instruments["student"].background if "student" in page.instruments else {}
    tables = []
    for question in [asked[name] for name in page.groups if name in asked]:
        known = [wave for wave in page.waves if _of_group(page, CONTACTS, question, OTHER, wave).shown]
        if known:
            tables.append(_groups_of(page, question, known[-1], w))
    return [Paragraph(w("counts_groups_intro")), *tables] if tables else []


def _groups_of(page: Page, question: Background, wave: Wave, w: Words) -> Table:
    columns = [w("counts_group"), w("counts_students"), w("counts_contacts"), w("counts_rate")]
    body = []
    for code, label in question.labels.items():
        contacts, students, rate = (
            _of_group(page, measure, question, str(code), wave) for measure in (CONTACTS, STUDENTS, RATE)
        )
        if contacts.shown:
            per_100 = wording.amount(rate.estimate, rate, w, part="rate", decimals=0)
            body.append([label[w.language], wording.rounded(students, w), wording.rounded(contacts, w), per_100])
    rest = _of_group(page, CONTACTS, question, OTHER, wave)
    body.append([w("counts_other"), "", wording.rounded(rest, w), ""])
    body.append([w("counts_all"), "", wording.rounded(page.cell(CONTACTS, wave=wave.id), w), ""])
    caption = w("counts_groups_caption", question=question.title[w.language], wave=wave.label[w.language])
    return Table(caption, columns, body, [False, True, True, True])


def _of_group(page: Page, measure: str, question: Background, group: str, wave: Wave) -> Cell:
    return page.cell(measure, group_by=question.id, group=group, wave=wave.id)
