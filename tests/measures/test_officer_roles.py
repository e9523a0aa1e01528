"""Groups of schools by what their officers do, in rows that can be checked by eye."""

import pandas as pd

from sro_research.measures.officer_roles import with_officer_roles

ROWS = [
    # officer, mentoring, teaching, discipline, agreement; officer_role, officer_discipline, officer_agreement
    (False, None, None, None, None, "no_officer", "no_officer", "no_officer"),
    (True, False, False, True, True, "does_neither", "in_discipline", "has_agreement"),
    (True, True, False, False, False, "mentors_or_teaches", "not_in_discipline", "no_agreement"),
    (True, False, True, False, None, "mentors_or_teaches", "not_in_discipline", None),
    (True, False, None, None, True, None, None, "has_agreement"),
    (None, None, None, None, None, None, None, None),
]
ASKED = ["officer_present", "duty_mentoring", "duty_teaching", "duty_discipline", "agreement"]
ROLES = ["officer_role", "officer_discipline", "officer_agreement"]


def test_no_officer_is_a_group_of_its_own_and_missing_stays_missing() -> None:
    table = pd.DataFrame(ROWS, columns=[*ASKED, *ROLES])
    found = with_officer_roles(table[ASKED].astype("boolean"))
    expected = table[ROLES].astype("string")
    pd.testing.assert_frame_equal(found[ROLES], expected)
