"""Why a wave of a national survey is not compared with the one before, with a made-up third year."""

from __future__ import annotations

import pytest
from conftest import PROJECT

from sro_research.parameters import Text
from sro_research.report.page import National
from sro_research.standards.ssocs import SsocsLayout, read_ssocs

ASKED, TWO = read_ssocs(PROJECT / "params" / "standards" / "ssocs")
LATER: Text = {"en": "Other words in 2021–22.", "es": "Otras palabras en 2021–22."}
GONE: Text = {"en": "not asked any more", "es": "ya no se preguntó"}


def third() -> SsocsLayout:
    """A file of 2021–22 like that of 2019–20: `agreement` and `agreement_restraint` are reworded, one is not asked."""
    last = TWO["2020"]
    columns = {name: column.model_copy(update={"changed": None}) for name, column in last.measures.items()}
    for name in ("agreement", "agreement_restraint"):
        columns[name] = columns[name].model_copy(update={"changed": LATER})
    del columns["peer_mediation"]
    groups = {name: codes.model_copy(update={"changed": None}) for name, codes in last.groupings.items()}
    absent = last.absent | {"peer_mediation": GONE}
    return last.model_copy(update={"wave": "2022", "measures": columns, "groupings": groups, "absent": absent})


KNOWN = TWO | {"2022": third()}


def survey(*waves: str) -> National:
    return National("NCES", ASKED, {wave: KNOWN[wave] for wave in waves}, KNOWN)


FIRST, SECOND, OVER = ("2018", "2020"), ("2020", "2022"), ("2018", "2022")


@pytest.mark.parametrize(
    ("measure", "broken"),
    [
        ("officer_present", set()),
        ("restorative", {FIRST, OVER}),  # Once reworded: no trend over that, and one afterwards.
        ("agreement", {SECOND, OVER}),
        ("agreement_restraint", {FIRST, SECOND, OVER}),
        ("peer_mediation", {SECOND, OVER}),  # Not there in the later wave.
    ],
)
def test_reasons_are_those_between_the_two_waves(measure: str, broken: set[tuple[str, str]]) -> None:
    three, left_out = survey("2018", "2020", "2022").broken, survey("2018", "2022").broken
    assert three.keys() == {FIRST, SECOND} and left_out.keys() == {OVER}
    assert {pair for pair, reasons in (three | left_out).items() if measure in reasons} == broken


def test_a_wave_left_out_leaves_its_reasons() -> None:
    before = TWO["2020"].measures["agreement_restraint"].changed
    assert before is not None
    told = survey("2018", "2022").changed("agreement_restraint", OVER)
    assert told == {of: f"{before[of]} {LATER[of]}" for of in ("en", "es")}
    groups = TWO["2020"].groupings["level"].changed
    assert survey("2018", "2022").changed_groups("level", OVER) == groups
    assert [set(reasons) for reasons in survey("2018", "2020", "2022").broken_groups.values()] == [{"level"}, set()]
