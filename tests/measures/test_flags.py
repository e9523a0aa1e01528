"""Careless answers: a few people in, flags out; and what results would be without them."""

import pandas as pd
import pytest

from sro_research.instruments import Construct, Instrument, Item
from sro_research.measures.flags import ANY, flag_answers, with_and_without
from sro_research.measures.scales import score
from sro_research.parameters import Quality

CODES = (1, 2, 3, 4)
RULES = Quality()


def construct(name: str, items: int, reverse: int) -> Construct:
    questions = [
        Item(f"{name}{i}", CODES, i < reverse, {"en": ""}, {code: {"en": str(code)} for code in CODES})
        for i in range(items)
    ]
    return Construct(name, {}, {}, {}, True, 2, tuple(questions))


LONG = Instrument("long", 1, "student", {}, {}, {"q": construct("q", 12, 1)}, {}, {98: "dont_know"})
PAIRS = Instrument(
    "pairs", 1, "student", {}, {}, {name: construct(name, 4, 1) for name in "abc"}, {}, {98: "dont_know"}
)  # fmt: skip


def table(instrument: Instrument, *answers: list[int | None], **more: object) -> pd.DataFrame:
    responses = pd.DataFrame(answers, columns=[item.id for item in instrument.items]).astype("Int16")
    keys = [f"r{i}" for i in range(len(responses))]
    return responses.assign(**{"school_id": "s", "wave": "1", "respondent_key": keys, **more})


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([3] * 12, True),
        ([3] * 11 + [2], False),
        ([98] + [3] * 11, False),  # the reverse-keyed question was not answered: agreeing with all may be meant
        ([3] * 9 + [None] * 3, False),  # too few answers to say
        ([3] * 10 + [98, 98], True),
    ],
)
def test_straight_lining(answers, found):
    assert flag_answers(table(LONG, answers), LONG, rules=RULES)["straight_lining"].tolist() == [found]


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        # Each construct: the reverse-keyed question first, then three plain ones.
        ([4, 4, 4, 4, 1, 1, 1, 2, 2, 3, 3, 3], True),  # fully agrees with opposites, fully disagrees with opposites
        ([4, 4, 4, 4, 1, 4, 4, 4, 2, 3, 3, 3], False),  # one pair only
        ([3, 3, 3, 3, 2, 2, 2, 2, 3, 3, 3, 3], False),  # the middle of the scale contradicts nothing
        ([4, 4, 4, 1, 4, 4, 1, 1, 1, 1, 1, 1], True),  # most of the plain questions; one may be an exception
        ([4, None, 98, None, 1, 1, 1, 1, 1, 1, 1, 1], True),
        ([4, None, 98, None, 4, None, None, 98, 1, 1, 1, 1], False),
    ],
)
def test_questions_and_their_opposites(answers, found):
    assert flag_answers(table(PAIRS, answers), PAIRS, rules=RULES)["inconsistent"].tolist() == [found]


def test_the_same_answers_twice_in_a_school():
    varied = [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]
    found = flag_answers(
        table(LONG, varied, varied, varied, [3] * 12, [3] * 12, [1, 2] + [None] * 10, [1, 2] + [None] * 10).assign(
            school_id=["s", "s", "other", "s", "s", "s", "s"]
        ),
        LONG,
        rules=Quality(equal_answers=12),
    )
    assert found["same_answers"].tolist() == [False, True, False, False, False, False, False]


def test_speeding_where_the_export_tells_how_long_people_took():
    took = pd.array([23, 24, None, 3], dtype="Int64")
    answers = table(LONG, [1, 2] * 6, [1, 2] * 6, [1, 2] * 6, [1] + [None] * 11, duration_seconds=took)
    assert flag_answers(answers, LONG, rules=RULES)["speeding"].tolist() == [True, False, False, False]
    assert "speeding" not in flag_answers(table(LONG, [1, 2] * 6), LONG, rules=RULES)


def test_results_with_and_without_those_who_are_flagged():
    responses = table(LONG, [2] * 12, [1] + [4] * 11, [4] + [1] * 11, [1] + [3] * 11)
    flags = flag_answers(responses, LONG, rules=RULES).set_axis(responses["respondent_key"])
    scores = score(responses, LONG)
    rows = with_and_without(scores, flags).set_index("rule")
    straight, every = rows.loc["straight_lining"], rows.loc[ANY]
    assert (straight["n"], straight["flagged"]) == (4, 1)
    assert straight["mean_with"] == pytest.approx(scores["score"].mean())
    assert straight["mean_without"] == pytest.approx(scores["score"].iloc[1:].mean())
    assert (straight["share_with"], straight["share_without"]) == (0.5, pytest.approx(2 / 3))
    assert every["mean_without"] == straight["mean_without"] and rows.loc["inconsistent", "flagged"] == 0
    everyone = with_and_without(scores, flags.assign(straight_lining=True)).set_index("rule").loc["straight_lining"]
    assert everyone["flagged"] == 4 and pd.isna(everyone["mean_without"])
