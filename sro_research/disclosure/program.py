"""Figures of what the program does as an organization: the only ones made of records that leave the building.

They are told for the whole district and by wave, never for a school or a group, so that nothing can be subtracted; and
by the rules of `safe`: from ten cases on, of officers from as many as the study protects, and coded where a share
would tell what nearly each officer did. How soon calls were answered is no officer's figure only where there are enough
officers: a hundred calls to the only officer of a district are that officer's record. What is about students,
complainants or single persons is not in this list, whatever a study's definitions say.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sro_research.disclosure.policy import MINIMUM_OFFICERS, OFFICERS
from sro_research.errors import DisclosureError
from sro_research.estimates import KEYS

SHARES = frozenset(
    (
        *("agreement_assessed_share", "agreement_met_share", "agreement_partly_share", "agreement_not_met_share"),
        *("agreement_evidence_share", "cost_share", "ending_grants_share"),
        *(
            "after_action_closed_share",
            "after_action_on_time_share",
            "events_with_lesson_share",
            "lessons_in_use_share",
        ),
        *("response_missing_share", "response_negative_share", "drills_done_share"),
        *("log_reviews_done_share", "log_reviews_on_time_share"),
        *("school_days_covered", "schools_with_secondary_officer", "secondary_officers_trained", "officers_retained"),
        *("selection_documented", "reviews_recorded", "reviews_held"),
        *("training_completion_rate", "training_currency_rate", "school_days_with_trained_officer"),
    )
)
"""Figures that are told as so many of 100, with how many cases or officers they rest on."""
AMOUNTS = frozenset(
    (
        *("agreement_review_age_days", "cost_per_officer", "cost_per_100_students", "after_action_closing_median_days"),
        *("dispatch_minutes_median", "dispatch_minutes_p90", "travel_minutes_median", "travel_minutes_p90"),
        *("response_minutes_median", "response_minutes_p90", "scene_minutes_median", "scene_minutes_p90"),
        *("outreach_hours_per_officer_month", "outreach_quarters_missed"),
        *("school_days_uncovered", "training_overdue", "training_hours_per_officer_month"),
    )
)
"""Figures that are told as a number with its unit."""
OF_EACH_OFFICER = (
    *("secondary_officers_trained", "officers_retained", "selection_documented", "reviews_recorded", "reviews_held"),
)
"""Shares to which each officer is a yes or a no. Of how many officers is not said: of how many a review is known is the
number in the share before it."""
OF_CALLS = ("response_missing_share", "response_negative_share")
"""Shares of calls. Of how many is not said: calls are among the rounded counts (`counts`), and an exact number of them
would pin down their parts."""
NOT_OF_HOW_MANY = OF_EACH_OFFICER + OF_CALLS
WORK_OF_OFFICERS = (
    *("travel_minutes_median", "travel_minutes_p90", "response_minutes_median", "response_minutes_p90"),
    *("scene_minutes_median", "scene_minutes_p90", "outreach_quarters_missed"),
    *OF_CALLS,
)
"""Figures that count cases, each of which is one officer's work."""
PROGRAM_FIGURES = SHARES | AMOUNTS
POPULATIONS = ("", OFFICERS)
"""Whom such a figure may count: cases, or officers."""


def program_rows(
    estimates: pd.DataFrame,
    known: pd.DataFrame,
    *,
    officers: Mapping[str, int] | None = None,
    minimum_officers: int = MINIMUM_OFFICERS,
) -> pd.DataFrame:
    """Return the estimates of the program's figures for the district that `known` does not hold yet.

    `officers` says how many officers served in each wave, where it is known. Where they are fewer than
    `minimum_officers`, what is their work rests on nobody (`n` is zero), so that no rule shows it. Raises
    `DisclosureError` where one counts other people than officers, or `known` has it with another number.
    """
    rows = estimates[of_program(estimates)]
    if people := int((~rows["population"].isin(POPULATIONS)).sum()):
        rule = f"figures of the program count people who are no {OFFICERS}s"
        raise DisclosureError("safe cells", rule, rows=people, fix="Give these measures names of their own.")
    earlier = known[[*KEYS, "n", "estimate"]].merge(rows[[*KEYS, "n", "estimate"]], on=KEYS, suffixes=("", "_now"))
    differs = [earlier[number].fillna(-1) != earlier[f"{number}_now"].fillna(-1) for number in ("n", "estimate")]
    if count := int((differs[0] | differs[1]).sum()):
        rule = "two notebooks keep other numbers for the same figure of the program"
        raise DisclosureError("safe cells", rule, rows=count, fix="Keep it in one of them.")
    told = pd.MultiIndex.from_frame(earlier[KEYS])
    rows = rows[~pd.MultiIndex.from_frame(rows[KEYS]).isin(told)].reset_index(drop=True)
    few = rows["wave"].map(officers or {}).astype("Float64").lt(minimum_officers).fillna(False)
    return rows.assign(n=rows["n"].mask(few & rows["measure"].isin(WORK_OF_OFFICERS), 0))


def of_program(table: pd.DataFrame) -> pd.Series:
    """Tell which rows are figures of the program for the district as a whole."""
    whole = (table[["construct", "group_by", "group", "school_id"]] == "").all(axis=1)
    return table["measure"].isin(list(PROGRAM_FIGURES)) & whole
