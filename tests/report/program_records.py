"""What the records of a study say of its program, as estimates: of what the program does, and of people."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from sro_research.estimates import from_indicators, stack
from sro_research.measures.agreement import agreement_indicators, clause_standing
from sro_research.measures.budget import budget_indicators
from sro_research.measures.coverage import coverage_calendar, coverage_indicators, school_days
from sro_research.measures.drills import drill_counts, drill_indicators
from sro_research.measures.log_reviews import log_review_indicators
from sro_research.measures.people import coaching_indicators, retention, review_indicators
from sro_research.measures.response_times import response_indicators, response_intervals
from sro_research.measures.tips import tip_indicators
from sro_research.study import Study


def program_delivery(study: Study) -> pd.DataFrame:
    """Estimates of the agreement, the budget, and who was there."""
    of, s, waves = study.protected, study.standards, study.parameters.waves
    assert s.agreement is not None and s.budget is not None
    standing = clause_standing(of("agreement_reviews"), of("schools"), waves, agreement=s.agreement)
    costs = budget_indicators(
        of("budget"), waves, standard=s.budget, schools=of("schools"), officers=of("officers"), grants=of("grants")
    )
    days = school_days(of("schools"), of("closures"), waves)
    calendar = coverage_calendar(days, of("assignments"), of("officers"), of("leaves"), None)
    people = [
        coverage_indicators(calendar, of("assignments")),
        retention(of("officers"), waves),
        review_indicators(of("reviews"), of("officers"), of("leaves"), waves),
        coaching_indicators(of("coaching"), of("officers"), waves),
    ]
    cases = [from_indicators(rows, people="cases", method="x") for rows in (agreement_indicators(standing), costs)]
    return stack([*cases, *(from_indicators(rows, people="people", method="x") for rows in people)])


def operations(study: Study) -> pd.DataFrame:
    """Estimates of calls, drills, reviews of recordings, and tips, which are about people."""
    of, s, waves = study.protected, study.standards, study.parameters.waves
    assert s.drills is not None and s.deadlines is not None
    schools, as_of = of("schools"), dt.date(2026, 6, 30)
    drills = drill_counts(of("drills"), schools, waves, required=s.drills.required, as_of=as_of)
    tables = [
        response_indicators(response_intervals(of("calls"), waves), schools),
        drill_indicators(drills, schools),
        log_review_indicators(of("log_reviews"), schools, waves, as_of=as_of),
        tip_indicators(of("tips"), schools, waves, days=s.deadlines.tip_first_action_days, as_of=as_of),
    ]
    return stack(from_indicators(rows, people="cases", method="x") for rows in tables)
