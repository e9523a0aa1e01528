"""The same answers as the export of each survey program, byte for byte as the programs write them."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import openpyxl

from sro_research.instruments import load_instrument

PROJECT = Path(__file__).parents[2]
STUDENT = load_instrument(PROJECT / "surveys", "student_climate", ["en", "es"])
QUESTIONS = list(STUDENT.codes)
LABELS = {item.id: item.labels | STUDENT.missing_labels for item in STUDENT.items} | {
    b.id: b.labels | STUDENT.missing_labels for b in STUDENT.background.values()
}
TEXTS = {item.id: item.text for item in STUDENT.items} | {b.id: b.text for b in STUDENT.background.values()}
START = dt.datetime(2024, 3, 5, 9, 58, 7)
SECRET = "CANARY7f3a"


@dataclass(frozen=True)
class Person:
    """One made-up respondent: `codes` by question, None where left blank."""

    name: str
    school: str
    codes: dict[str, int | None]
    seconds: int = 300
    language: str = "en"


@dataclass(frozen=True)
class Written:
    """An export: its files by name (the first is the data), and what the study file says of it."""

    files: dict[str, bytes]
    source: dict[str, object]
    timed: bool = True
    named: bool = True
    unwanted: int = 0


def same(text: str) -> str:
    return text


def as_csv(rows: Sequence[Sequence[object]], delimiter: str = ",", *, quoting: int = csv.QUOTE_MINIMAL) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, quoting=quoting).writerows(rows)
    return buffer.getvalue()


def as_xlsx(rows: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([None if cell == "" else cell for cell in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def answer(person: Person, question: str, *, words: bool, manner: Callable[[str], str] = same) -> str:
    code = person.codes[question]
    if code is None:
        return ""
    return manner(LABELS[question][code][person.language]) if words else str(code)


def answered(person: Person, *, words: bool, manner: Callable[[str], str] = same) -> list[str]:
    return [answer(person, question, words=words, manner=manner) for question in QUESTIONS]


def times(person: Person, form: str) -> tuple[str, str]:
    return START.strftime(form), (START + dt.timedelta(seconds=person.seconds)).strftime(form)


def qualtrics(people: Sequence[Person], *, words: bool = True, manner: Callable[[str], str] = same) -> Written:
    before = {
        "StartDate": "Start Date", "EndDate": "End Date", "Status": "Response Type", "IPAddress": "IP Address",
        "Progress": "Progress", "Duration (in seconds)": "Duration (in seconds)", "Finished": "Finished",
        "RecordedDate": "Recorded Date", "ResponseId": "Response ID", "RecipientLastName": "Recipient Last Name",
        "RecipientFirstName": "Recipient First Name", "RecipientEmail": "Recipient Email",
        "ExternalReference": "External Data Reference", "LocationLatitude": "Location Latitude",
        "LocationLongitude": "Location Longitude", "DistributionChannel": "Distribution Channel",
        "UserLanguage": "User Language", "Q1": "Which school do you go to?",
    }  # fmt: skip
    ids = [*before, *(f"Q2_{i}" for i in range(1, len(QUESTIONS) + 1)), "Q3", "Q_RecaptchaScore"]
    texts = [
        *before.values(),
        *(manner(f"How much do you agree? - {TEXTS[question]['en']}") for question in QUESTIONS),
        "Is there anything else?",
        "Q_RecaptchaScore",
    ]
    imports = [json.dumps({"ImportId": f"QID{i}"}, separators=(",", ":")) for i in range(len(ids))]
    rows = [
        [
            *times(p, "%Y-%m-%d %H:%M:%S"), "IP Address", f"{SECRET} 10.0.0.1", "100", p.seconds, "True",
            f"{START} {SECRET}", p.name, *[SECRET] * 6, "anonymous", p.language.upper(), p.school,
            *answered(p, words=words, manner=manner), f"{SECRET}, you know\nwho", SECRET,
        ]
        for p in people
    ]  # fmt: skip
    text = as_csv([ids, texts, imports, *rows])
    return Written(
        {"q.csv": text.encode("utf-8-sig")},
        {"program": "qualtrics", "columns": {"school_id": "Q1"}},
        unwanted=len(ids) - len(QUESTIONS) - 2,
    )


def redcap(people: Sequence[Person], *, words: bool = True, manner: Callable[[str], str] = same) -> Written:
    names = ["record_id", "redcap_survey_identifier", "climate_timestamp", "school", *QUESTIONS, "e_mail"]
    head = ["Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label"]
    head += ["Choices, Calculations, OR Slider Labels", "Field Note"]
    choices = {q: " | ".join(f"{code}, {text['en']}" for code, text in LABELS[q].items()) for q in QUESTIONS}
    book = [
        head,
        ["record_id", "climate", "", "text", "Record ID", "", ""],
        ["school", "climate", "", "text", "Which school do you go to?", "", ""],
        *[[q, "climate", "", "radio", manner(TEXTS[q]["en"]), choices[q], ""] for q in QUESTIONS],
        ["e_mail", "climate", "", "text", "E-mail", "", ""],
    ]
    rows = [
        [p.name, SECRET, f"{START} {SECRET}", p.school, *answered(p, words=words, manner=manner), SECRET, "2"]
        for p in people
    ]
    return Written(
        {"r.csv": as_csv([[*names, "climate_complete"], *rows]).encode(), "dictionary.csv": as_csv(book).encode()},
        {"program": "redcap", "dictionary": "dictionary.csv", "columns": {"school_id": "school"}},
        timed=False,
        unwanted=4,
    )


def google_forms(people: Sequence[Person], *, words: bool = True, manner: Callable[[str], str] = same) -> Written:
    head = ["Timestamp", "Email Address", "Which school do you go to?"]
    head += [manner(f"How much do you agree? [{TEXTS[question]['en']}]") for question in QUESTIONS]
    rows = [
        [f"3/5/2024 9:58:07 {SECRET}", SECRET, p.school, *answered(p, words=words, manner=manner), SECRET]
        for p in people
    ]
    return Written(
        {"g.csv": as_csv([[*head, "Your name"], *rows]).encode()},
        {"program": "google_forms", "columns": {"school_id": "Which school do you go to?"}},
        timed=False,
        named=False,
        unwanted=3,
    )


def microsoft_forms(people: Sequence[Person], *, words: bool = True, manner: Callable[[str], str] = same) -> Written:
    head = ["ID", "Start time", "Completion time", "Email", "Name", "Which school do you go to?\n"]
    head += [manner(TEXTS[question]["en"]) for question in QUESTIONS]
    rows = [
        [
            p.name, START, START + dt.timedelta(seconds=p.seconds), SECRET, SECRET, p.school,
            *answered(p, words=words, manner=manner),
        ]
        for p in people
    ]  # fmt: skip
    return Written(
        {"m.xlsx": as_xlsx([head, *rows])},
        {"program": "microsoft_forms", "columns": {"school_id": "Which school do you go to?"}},
        unwanted=4,
    )


def limesurvey(
    people: Sequence[Person],
    *,
    words: bool = True,
    manner: Callable[[str], str] = same,
    headings: str = "codes",
) -> Written:
    before = {
        "id": "Response ID", "submitdate": "Date submitted", "lastpage": "Last page",
        "startlanguage": "Start language", "seed": "Seed", "token": "Access code", "startdate": "Date started",
        "datestamp": "Date last action", "ipaddr": "IP address", "refurl": "Referrer URL", "school": "Which school?",
    }  # fmt: skip
    codes = [*before, *(f"agree[{question.replace('_', '')}]" for question in QUESTIONS), "more"]
    texts = [
        *before.values(),
        *(manner(f"<p>How much do you agree?</p> [{TEXTS[question]['en']}]") for question in QUESTIONS),
        "Is there anything else?",
    ]
    head = {"codes": codes, "texts": texts, "both": [f"{c}. {t}" for c, t in zip(codes, texts, strict=True)]}[headings]
    rows = []
    for p in people:
        first, last = times(p, "%Y-%m-%d %H:%M:%S")
        own = [p.name, last, "4", p.language, SECRET, SECRET, first, f"{last} {SECRET}", SECRET, SECRET, p.school]
        rows.append([*own, *answered(p, words=words, manner=manner), SECRET])
    text = as_csv([head, *rows], ";", quoting=csv.QUOTE_ALL)
    school = "Which school?" if headings == "texts" else "school"
    return Written(
        {"l.csv": text.encode("utf-8-sig")},
        {"program": "limesurvey", "columns": {"school_id": school}},
        unwanted=10,
    )


def kobotoolbox(people: Sequence[Person], *, words: bool = True, manner: Callable[[str], str] = same) -> Written:
    asked = [manner(f"Your views/{TEXTS[question]['en']}") if words else f"views/{question}" for question in QUESTIONS]
    head = ["start", "end", "deviceid", "about/school", *asked, "about/where", "meta/instanceID", "_id", "_uuid"]
    head += ["_submission_time", "_validation_status", "_submitted_by", "__version__", "_tags", "_index"]
    rows = [
        [
            *times(p, "%Y-%m-%dT%H:%M:%S.000-05:00"), SECRET, p.school,
            *answered(p, words=words, manner=manner), SECRET,
            f"uuid:{SECRET}", SECRET, p.name, f"2024-03-05T16:00:00 {SECRET}", *[SECRET] * 4, i,
        ]
        for i, p in enumerate(people, 1)
    ]  # fmt: skip
    return Written(
        {"k.csv": as_csv([head, *rows], ";", quoting=csv.QUOTE_ALL).encode()},
        {"program": "kobotoolbox", "columns": {"school_id": "about/school"}},
        unwanted=12,
    )


def surveymonkey(people: Sequence[Person], *, words: bool = True, manner: Callable[[str], str] = same) -> Written:
    above = ["Respondent ID", "Collector ID", "Start Date", "End Date", "IP Address", "Email Address", "First Name"]
    above += ["Last Name", "Custom Data 1", "Which school do you go to?", "", "How much do you agree?"]
    above += [""] * (len(QUESTIONS) - 1) + ["Is there anything else?"]
    below = [*[""] * 9, "Response", "Other (please specify)"]
    below += [manner(TEXTS[question]["en"]) for question in QUESTIONS] + ["Open-Ended Response"]
    rows = [
        [
            p.name, SECRET, *times(p, "%m/%d/%Y %I:%M:%S %p"), *[SECRET] * 5, p.school, SECRET,
            *answered(p, words=words, manner=manner), SECRET,
        ]
        for p in people
    ]  # fmt: skip
    return Written(
        {"s.csv": as_csv([above, below, *rows]).encode()},
        {"program": "surveymonkey", "columns": {"school_id": "Which school do you go to?"}},
        unwanted=10,
    )


WRITERS = {
    writer.__name__: writer
    for writer in (qualtrics, redcap, google_forms, microsoft_forms, limesurvey, kobotoolbox, surveymonkey)
}
