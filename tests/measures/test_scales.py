"""Scoring by the codebook: five people in, their scores out."""

import pandas as pd
import pytest

from sro_research.instruments import Background, Construct, Instrument, Item
from sro_research.measures.quality import answer_quality
from sro_research.measures.scales import answer_counts, asking_only, keyed_answers, score
from sro_research.models.district_means import district_estimates

CODES = (1, 2, 3, 4)


def item(name: str, reverse: bool = False) -> Item:
    return Item(name, CODES, reverse, {"en": name}, {code: {"en": str(code)} for code in CODES})


TRUST = Construct("trust", {}, {}, {}, True, 2, (item("t1"), item("t2"), item("t3", reverse=True)))
INSTRUMENT = Instrument(
    "demo", 1, "student", {}, {}, {"trust": TRUST}, {"grade": Background("grade", {}, {1: {}, 2: {}})},
    {98: "dont_know", 99: "prefer_not"},
)  # fmt: skip


def people(*answers: tuple[int | None, int | None, int | None]) -> pd.DataFrame:
    table = pd.DataFrame(answers, columns=["t1", "t2", "t3"]).astype("Int16")
    return table.assign(
        respondent_key=[f"r{i}" for i in range(len(table))], school_id="a", wave="1", grade=pd.array([1] * len(table))
    )


@pytest.mark.parametrize(
    ("answers", "expected", "agrees"),
    [
        ((4, 4, 1), 4.0, 1.0),  # the reverse-keyed 1 counts as 4
        ((1, 1, 4), 1.0, 0.0),
        ((2, 3, 2), (2 + 3 + 3) / 3, 1.0),
        ((98, 3, 2), 3.0, 1.0),  # "don't know" is no position on the scale
        ((2, 3, 99), 2.5, 0.0),  # the midpoint itself does not lean towards agreeing
        ((None, 98, 2), None, None),  # one valid answer, two needed
    ],
)
def test_score(answers, expected, agrees):
    row = score(people(answers), INSTRUMENT).iloc[0]
    if expected is None:
        assert pd.isna(row["score"]) and pd.isna(row["agrees"])
    else:
        assert (row["score"], row["agrees"]) == (pytest.approx(expected), agrees)


def test_who_prefers_not_to_answer_about_oneself_is_no_group():
    table = people(*[(4, 4, 1)] * 5).assign(grade=pd.array([1, 2, 98, 99, None], dtype="Int16"))
    scores = score(table, INSTRUMENT)
    assert scores["grade"].fillna(-1).tolist() == [1, 2, -1, -1, -1] and scores["score"].notna().all()
    rows = district_estimates(scores, groups=["grade"])
    assert set(rows.loc[rows["group_by"] == "grade", "group"]) == {"1", "2"}
    assert set(rows.loc[rows["group_by"] == "", "n"]) == {5}


def test_keyed_answers_point_one_way():
    keyed = keyed_answers(people((4, 98, 1)), TRUST)
    assert keyed["t1"][0] == 4 and pd.isna(keyed["t2"][0]) and keyed["t3"][0] == 4


def test_answers_are_counted_as_they_were_given():
    counts = answer_counts(people((1, 98, 1), (1, 2, 4), (4, None, 4)), INSTRUMENT)
    t1 = counts[counts["item"] == "t1"].set_index("code")
    assert t1["count"].to_dict() == {1: 2, 2: 0, 3: 0, 4: 1} and set(t1["valid"]) == {3}
    assert set(counts.loc[counts["item"] == "t2", "valid"]) == {1}
    # Not turned round: the chart shows what people ticked.
    assert counts[counts["item"] == "t3"].set_index("code")["count"].to_dict() == {1: 1, 2: 0, 3: 0, 4: 2}


def test_an_instrument_that_asked_less():
    less = asking_only(INSTRUMENT, {"trust": ["t3"]})
    found = score(people((4, 4, 1), (1, 1, None)), less)
    assert found["score"].tolist()[0] == 4.0 and pd.isna(found["score"][1])
    assert list(less.constructs) == ["trust"] and less.constructs["trust"].minimum_items == 1
    assert INSTRUMENT.constructs["trust"].minimum_items == 2


LONG = Construct("long", {}, {}, {}, True, 2, tuple(item(f"q{i}", reverse=i == 0) for i in range(12)))
SURVEY = Instrument("long", 1, "student", {}, {}, {"long": LONG}, {}, {98: "dont_know"})


def test_quality_counts_blanks_and_missing_codes():
    table = pd.DataFrame([[98] * 6 + [None] * 6, [3] * 12], columns=[i.id for i in LONG.items]).astype("Int16")
    row = answer_quality(table.assign(wave="1"), SURVEY).iloc[0]
    assert row["respondents"] == 2
    assert (row["blank"], row["dont_know"]) == (0.25, 0.25)
