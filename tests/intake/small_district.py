"""A small district with records of every kind, as its files come in: each row keeps every rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from conftest import PROJECT

from sro_research.instruments import Background, Construct, Instrument, Item
from sro_research.intake import Intake, take_in
from sro_research.intake.records import RECORDS
from sro_research.parameters import Records, Source, SurveySource
from sro_research.standards.together import read_standards

LABELS = {code: {"en": str(code)} for code in (1, 2, 3, 4)}
ITEMS = tuple(Item(f"q{n}", (1, 2, 3, 4), False, {"en": "?"}, LABELS) for n in (1, 2))
TEXT = {"en": "x"}
INSTRUMENT = Instrument(
    id="student",
    version=1,
    population="student",
    respondents=TEXT,
    title=TEXT,
    constructs={"trust": Construct("trust", TEXT, TEXT, TEXT, True, 1, ITEMS)},
    background={"gender": Background("gender", TEXT, {1: TEXT, 2: TEXT})},
    missing_codes={98: "dont_know"},
)
FILES = {
    "schools.csv": "school_id,wave,school_name,level,students,staff\n"
    "0001,24,Alder,middle,100,10\n0001,25,Alder,middle,100,10\n0002,24,Birch,high,200,\n",
    "s24.csv": "respondent_id,school_id,q1,q2,gender,comment\na,0001,1,2,1,hello\nb,0002,3,98,2,\n",
    "s25.csv": "school_id,q1,q2,gender\n0001,4,4,1\n0001,4,4,1\n",
    "enrollment.csv": "school_id,wave,group_by,group,people\n0001,24,gender,1,48\n",
    "officers.csv": "officer_id,start_date,end_date\nO1,2020-01-01,\nO2,2020-01-01,2024-01-01\n",
    "assignments.csv": "officer_id,school_id,from_date,to_date\nO1,0001,2023-08-01,\n",
    "training.csv": "officer_id,course,completed_on,hours\nO1,basic_sro,2023-09-01,40\n",
    "outreach.csv": "school_id,officer_id,date,activity,hours\n0001,O1,2024-01-01,parent_night,2\n",
    "discipline.csv": "school_id,wave,event,students\n0001,24,exclusion,6\n",
    "leaves.csv": "officer_id,from_date,to_date\nO1,2024-02-01,2024-02-09\n",
    "closures.csv": "school_id,from_date,to_date\n,2023-12-20,2024-01-02\n0001,2024-03-01,2024-03-01\n",
    "selection.csv": "officer_id,criterion,rating,rated_on\nO1,patience,3,2019-11-04\nO1,record,,2019-11-04\n",
    "reviews.csv": "officer_id,date,done\nO1,2024-05-01,yes\n",
    "coaching.csv": "officer_id,stage,reason,opened_on\nO1,talk,documentation,2024-02-12\n",
    "contacts.csv": "contact_id,school_id,officer_id,date,kind,reason,gender\n"
    "C1,0001,O1,2024-01-15,interview,safety_or_criminal,1\nC2,0002,,2024-01-16,other,,\n",
    "calls.csv": "call_id,school_id,received_at,dispatched_at,source\n"
    "K1,0001,2024-01-15 10:02,2024-01-15 10:03:30,school\n",
    "drills.csv": "drill_id,school_id,date,kind\nD1,0001,2023-10-02,lockdown\n",
    "tips.csv": "tip_id,school_id,received_on,first_action_on\nT1,0001,2024-01-10,2024-01-11\n",
    "threat_assessments.csv": "assessment_id,school_id,opened_on,met_on,officer_present\n"
    "A1,0001,2024-01-10,2024-01-12,yes\n",
    "restorative.csv": "case_id,school_id,referred_on,held_on,agreement_completed\nR1,0001,2024-01-10,2024-01-17,no\n",
    "log_reviews.csv": "review_id,school_id,kind,due_on,reviewed\nL1,0001,body_camera,2024-01-31,yes\n",
    "complaints.csv": "complaint_id,school_id,channel,received_on\nP1,0001,online,2024-02-01\n",
    "emergencies.csv": "emergency_id,school_id,date,kind\nE1,0001,2024-02-20,medical\n",
    "after_action_items.csv": "item_id,emergency_id,due_on,closed_on\nI1,E1,2024-03-20,\n",
    "lessons.csv": "lesson_id,noted_on,learned_from\nN1,2023-10-03,D1\nN2,2024-02-21,E1\nN3,2024-02-22,\n",
    "information_sharing.csv": "sharing_id,school_id,date,asked_by,kind,legal_basis\n"
    "S1,0001,2024-01-15,officer,video,law_enforcement_unit_record\n",
    "agreement_reviews.csv": "clause,school_id,date,finding,evidence\n"
    "purpose,,2024-03-01,met,document\nauthority,0001,2024-03-01,not_assessed,\n",
    "budget.csv": "fiscal_year,item,amount,paid_by\n2024,salaries,90000,district\n2024,salaries,30000.50,grant:G1\n",
    "grants.csv": "grant_id,end_date,amount\nG1,2026-06-30,60000\n",
}
KINDS = ("schools", *RECORDS)
PROVIDED = Records(**{kind: Source(file=f"{kind}.csv") for kind in KINDS})
STANDARDS_FOLDER = PROJECT / "params" / "standards"
STANDARDS = read_standards(STANDARDS_FOLDER, PROVIDED)


def taken(
    folder: Path,
    changed: Mapping[str, str | None] | None = None,
    *,
    without: tuple[str, ...] = (),
    examine: Callable[..., Intake] = take_in,
) -> Intake:
    """Take in the district, with some of its files replaced (None: not there), or not provided at all."""
    for name, text in (FILES | dict(changed or {})).items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    return examine(
        [SurveySource(instrument="student", wave=wave, file=f"s{wave}.csv") for wave in ("24", "25")],
        PROVIDED.model_copy(update=dict.fromkeys(without)),
        folder=folder,
        instruments={"student": INSTRUMENT},
        waves=["24", "25"],
        standards=STANDARDS,
    )
