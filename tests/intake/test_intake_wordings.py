"""A log is written by people: capitals, spaces and titles are read; where two ids may be meant nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest
from small_district import FILES, STANDARDS, taken

from sro_research import schemas
from sro_research.intake.wordings import as_ids, titles_of
from sro_research.schemas.columns import one_of, text

LISTED = pa.DataFrameSchema({"outcome": text(one_of(("resolved_informally", "open")), nullable=True)})


def read(cell: str, schema: pa.DataFrameSchema = LISTED, **titles: dict[str, tuple[str, ...]]) -> str:
    column = next(iter(schema.columns))
    return as_ids(pd.DataFrame({column: [cell]}), schema, titles)[column].item()


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("resolved_informally", "resolved_informally"),
        ("Resolved informally", "resolved_informally"),
        ("  RESOLVED–Informally. ", "resolved_informally"),
        ("resolved  -  informally", "resolved_informally"),
        ("resolved", "resolved"),
        ("resolvedinformally", "resolvedinformally"),
        ("", ""),
        (" ", " "),
    ],
)
def test_capitals_spaces_and_hyphens_make_no_difference_to_an_id_of_a_list(cell: str, value: str) -> None:
    assert read(cell) == value


FREE = pa.DataFrameSchema({"kind": text()})


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("talk", "talk"),
        ("Talk", "Talk"),  # The id of one, the title of another.
        ("Charla", "Charla"),  # The title of two.
        ("Parent night", "evening"),
        ("Noche de  FAMILIAS:", "evening"),
    ],
)
def test_a_title_is_read_unless_it_may_be_of_two(cell: str, value: str) -> None:
    titles = {
        "talk": ("Speech", "Charla"),
        "class": ("Talk", "Charla"),
        "evening": ("Parent night", "Noche de familias"),
    }
    assert read(cell, FREE, kind=titles) == value


@pytest.mark.parametrize("cell", ["", " ", "-", "*"])
def test_a_blank_is_no_id_although_a_title_is_not_written_yet(cell: str) -> None:
    assert read(cell, FREE, kind={"families": ("Families", "-")}) == cell


def test_two_ids_that_differ_by_a_capital_are_told_apart_by_it_alone() -> None:
    titles = {"Talk": ("One",), "talk": ("Two",)}
    assert [read(cell, FREE, kind=titles) for cell in ("Talk", "talk", "TALK")] == ["Talk", "talk", "TALK"]


def test_ids_of_schools_officers_and_records_stay_exact() -> None:
    schema = schemas.contacts({"a"}, {"O1"}, {"gender": (1, 2)})
    cells = pd.DataFrame(
        [dict.fromkeys(schema.columns, "") | {"school_id": "A", "officer_id": "o1", "contact_id": "C 1"}]
    )
    pd.testing.assert_frame_equal(as_ids(cells, schema, {}), cells)


@pytest.mark.parametrize(
    ("kind", "row", "column", "value"),
    [
        ("outreach", "0001,O1,2024-01-02,Noche de familias,2", "activity", "parent_night"),
        ("outreach", "0001,O1,2024-01-02,Other,2", "activity", "other"),
        ("training", "O1,Trauma-informed practice,2023-09-02,8", "course", "trauma_informed"),
        ("selection", "O1,Communication,3,2019-11-04", "criterion", "communication"),
        ("drills", "D2,0001,2023-11-02,Severe weather", "kind", "severe_weather"),
        ("budget", "2024,Salaries and benefits,1,City", "item", "salaries"),
        ("budget", "2024,Salaries and benefits,1,City", "paid_by", "city"),
        ("reviews", "O1,2024-06-01,Yes", "done", "yes"),
        ("contacts", "C3,0001,O1,2024-01-15,Stop,Safety or criminal,1", "reason", "safety_or_criminal"),
    ],
)
def test_records_are_read_in_the_words_of_people(tmp_path: Path, kind: str, row: str, column: str, value: str) -> None:
    intake = taken(tmp_path, {f"{kind}.csv": f"{FILES[f'{kind}.csv']}{row}\n"})
    assert intake.quarantine.empty
    assert intake.tables[kind][column].iloc[-1] == value


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_two_entries_of_a_column_of_our_standards_have_one_title(language: str) -> None:
    for kind in ("training", "selection", "drills", "outreach", "agreement_reviews", "budget"):
        for column, titles in titles_of(kind, STANDARDS).items():
            schema = pa.DataFrameSchema({column: text()})
            place = ("en", "es").index(language)
            for key, said in titles.items():
                assert read(said[place], schema, **{column: titles}) == key
