"""Every indicator of contacts has a definition in plain words, in each language."""

from __future__ import annotations

import pandas as pd
from conftest import PROJECT

from sro_research.measures.contacts import PER_STUDENTS, RATES, SHARES
from sro_research.models.boundary import TREND
from sro_research.models.disparity import CHAIN, LOCAL, WIDER
from sro_research.models.kappa import AGREEMENT, KAPPA
from sro_research.parameters import read_checked
from sro_research.standards.indicators import Indicators

DEFINED = read_checked(PROJECT / "params" / "standards" / "indicators" / "contacts.yaml", Indicators)[0].indicators
COMPARED = (LOCAL, WIDER, "relative_rate")
"""Measures that are named with the step of the chain after them."""


def test_each_indicator_is_defined_and_nothing_else() -> None:
    rates = {f"{name}_per_{PER_STUDENTS}_students" for name in RATES}
    made = rates | set(SHARES) | {"group_not_recorded_share", TREND, KAPPA, AGREEMENT, *COMPARED}
    assert set(DEFINED) == made
    assert not any(name.removeprefix(f"{kind}_") in CHAIN for name in made for kind in COMPARED)


def test_each_text_stands_in_english_and_spanish() -> None:
    for name, one in DEFINED.items():
        texts = [one.title, one.definition, one.numerator, one.denominator, *([one.caution] if one.caution else [])]
        assert all(set(text) == {"en", "es"} for text in texts), name
        assert all(text["en"] != text["es"] for text in texts), name


def test_units_are_those_of_the_measures() -> None:
    units = pd.Series({name: one.unit for name, one in DEFINED.items()})
    assert set(units[[f"{name}_per_{PER_STUDENTS}_students" for name in RATES]]) == {"contacts per 100 students"}
    assert set(units[list(SHARES)]) == {"share"} and set(units[list(COMPARED)]) == {"ratio"}
