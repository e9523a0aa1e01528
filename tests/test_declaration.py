"""What was declared before results were seen stays declared; what came later is exploratory."""

from pathlib import Path

import pandas as pd
import pytest

from sro_research.declaration import EXPLORATORY, declare, held_against_first
from sro_research.estimates import as_estimates
from sro_research.parameters import Model

FIRST = Model(
    population="student", outcome="officer_trust", exposure="outreach_hours_per_100_students", per=10,
    smallest_effect=0.05, subgroups=["language"], harms=["arrest"],
)  # fmt: skip
ROWS = as_estimates(
    pd.DataFrame(
        [
            ("effect_within_schools", "officer_trust", "", "", ""),
            ("effect_within_schools", "officer_trust", "language", "1", "few schools"),
            ("effect_within_schools", "officer_trust", "gender", "1", ""),
            ("harm_within_schools", "arrest", "", "", ""),
            ("harm_within_schools", "referral", "", "", ""),
        ],
        columns=["measure", "construct", "group_by", "group", "note"],
    ).assign(estimate=1.0)
)


def notes(path: Path, **changed: object) -> list[str]:
    declare(FIRST, path, today="2026-01-31")
    return list(declare(FIRST.model_copy(update=changed), path, today="2026-02-01").marked(ROWS)["note"])


def test_the_first_declaration_is_kept_with_its_day(tmp_path: Path) -> None:
    path = tmp_path / "ledger" / "declaration.json"
    assert declare(FIRST, path, today="2026-01-31").on == "2026-01-31"
    again = declare(FIRST, path, today="2026-02-01")
    assert (again.on, again.exploratory) == ("2026-01-31", ())
    assert path.parent.stat().st_mode & 0o077 == 0


def test_what_is_declared_is_not_marked(tmp_path: Path) -> None:
    assert notes(tmp_path / "d.json") == ["", "few schools", "", "", ""]


def test_an_added_group_or_harm_is_marked_and_nothing_else(tmp_path: Path) -> None:
    found = notes(tmp_path / "d.json", subgroups=["language", "gender"], harms=["arrest", "referral"])
    assert found == ["", "few schools", EXPLORATORY, "", EXPLORATORY]


@pytest.mark.parametrize(
    "changed",
    [{"outcome": "safety"}, {"smallest_effect": 0.01}, {"lag": 1}, {"adjust": ["gender"]}, {"per": 5.0}],
    ids=str,
)
def test_another_question_is_marked_everywhere(tmp_path: Path, changed: dict[str, object]) -> None:
    found = notes(tmp_path / "d.json", **changed)
    assert found == [EXPLORATORY, f"{EXPLORATORY}; few schools", EXPLORATORY, EXPLORATORY, EXPLORATORY]


def test_what_is_left_out_later_does_not_change_the_question(tmp_path: Path) -> None:
    assert notes(tmp_path / "d.json", subgroups=[], harms=[]) == ["", "few schools", "", "", ""]


@pytest.mark.parametrize(
    "changed",
    [{"adjust": ["language", "gender"]}, {"perceived": "approachability"}, {"per": 1.0, "smallest_effect": 0.005}],
    ids=str,
)
def test_order_units_and_a_look_at_one_source_do_not_change_the_question(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    path = tmp_path / "d.json"
    first = FIRST.model_copy(update={"adjust": ["gender", "language"]})
    declare(first, path, today="2026-01-31")
    assert declare(first.model_copy(update=changed), path, today="2026-02-01").exploratory == ()


def test_a_key_that_the_first_declaration_does_not_know_is_at_its_default(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(
        '{"population": "student", "outcome": "officer_trust", "exposure": "outreach_hours_per_100_students",'
        ' "per": 10.0, "smallest_effect": 0.05, "subgroups": ["language"], "harms": ["arrest"], "on": "2025-01-01"}'
    )
    assert declare(FIRST, path, today="2026-02-01").exploratory == ()


def test_to_look_is_not_to_declare(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    assert held_against_first(FIRST, path).exploratory == ()
    assert not path.exists()


def test_what_is_left_out_is_kept_and_both_declarations_stand_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    declare(FIRST, path, today="2026-01-31")
    later = declare(FIRST.model_copy(update={"subgroups": [], "smallest_effect": 0.02}), path, today="2026-02-01")
    assert later.left_out == ("subgroups:language",)
    assert later.table().loc["smallest_effect"].to_dict() == {"declared on 2026-01-31": 0.05, "now": 0.02}
