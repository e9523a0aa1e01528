"""Whether groups may be compared: planted differences of the questions themselves are found, others are not."""

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT

from sro_research.instruments import load_instrument
from sro_research.models.comparability import common_items, comparability


def answers(n: int, *, harder: float = 0.0, above: float = 0.0, seed: int = 1) -> tuple[dict, pd.Series]:
    """Return answers of two equal groups; for the second the third item is `harder`, and all are `above` the first."""
    rng = np.random.default_rng(seed)
    second = np.arange(2 * n) >= n
    view = rng.normal(0, 1, 2 * n) + above * second
    latent = 0.8 * view[:, None] + 0.6 * rng.normal(size=(2 * n, 5))
    latent[:, 2] -= harder * second
    table = pd.DataFrame(1.0 + (latent[:, :, None] > [-1, 0, 1]).sum(axis=2), columns=list("abcde"))
    return {"trust": table}, pd.Series(np.where(second, "2", "1"))


@pytest.mark.parametrize(
    ("planted", "verdict"),
    [({}, "comparable"), ({"above": 0.5}, "comparable"), ({"harder": 0.9}, "not comparable")],
)
def test_a_question_that_is_harder_for_a_group_is_found_and_a_group_that_agrees_more_is_not(planted, verdict):
    found = comparability(*answers(1500, **planted)).iloc[0]
    assert (found["verdict"], found["groups"], found["n"], found["note"]) == (verdict, 2, 3000, "")


def test_small_groups_are_left_out_and_one_group_cannot_be_compared():
    tables, groups = answers(300)
    groups.iloc[:20] = "3"
    found = comparability(tables, groups).iloc[0]
    assert (found["groups"], found["n"]) == (2, 580)
    assert found["note"] == "groups of fewer than 100 complete answers are left out"
    alone = comparability(tables, groups.where(groups != "2")).iloc[0]
    assert (alone["verdict"], alone["reason"]) == ("can't tell", "there is only one group")


def test_students_and_staff_share_the_questions_that_have_the_same_words():
    student, staff = (load_instrument(PROJECT / "surveys", f"{p}_climate", ["en", "es"]) for p in ("student", "staff"))
    shared = common_items(student, staff)
    assert shared
    texts = {item.id: item.text for item in staff.items}
    for construct, items in shared.items():
        assert len(items) >= 3
        assert all(texts[i.id] == i.text for i in student.constructs[construct].items if i.id in items)
    assert not {"safe_1", "trust_3", "trust_4", "approach_2"} & {i for items in shared.values() for i in items}
