"""What leads back to a person is gone after de-identification; what analysis needs is still there."""

from __future__ import annotations

import pandas as pd

from sro_research.deidentify import deidentify_responses, pseudonymize_officers


def answers() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "wave": ["2025", "2024", "2024", "2024"],
            "respondent_id": ["R1", "R2", "R3", "R4"],
            "school_id": ["0002", "0001", "0001", "0001"],
            "q1": [1, 4, None, 2],
        }
    )
    return table.astype({"wave": "string", "respondent_id": "string", "school_id": "string", "q1": "Int16"})


def test_respondents_lose_their_id_and_keep_their_answers() -> None:
    table = deidentify_responses(answers())
    assert list(table.columns) == ["respondent_key", "wave", "school_id", "q1"]
    assert not table.isin(["R1", "R2", "R3", "R4"]).any(axis=None)
    assert table["q1"].tolist() == [2, 4, pd.NA, 1]
    assert table["respondent_key"].is_unique


def test_the_order_of_the_export_leaves_no_trace() -> None:
    # The same people in another order and with other ids give the same table, but for the keys.
    original = answers()
    shuffled = original.iloc[[2, 0, 3, 1]].assign(respondent_id=["A", "B", "C", "D"])
    first, second = deidentify_responses(original), deidentify_responses(shuffled)
    pd.testing.assert_frame_equal(first.drop(columns="respondent_key"), second.drop(columns="respondent_key"))


def test_keys_are_new_in_every_run() -> None:
    first, second = deidentify_responses(answers()), deidentify_responses(answers())
    assert not set(first["respondent_key"]) & set(second["respondent_key"])


def records(officers: int = 12) -> dict[str, pd.DataFrame]:
    ids = [f"SRO-{i}" for i in range(officers)]
    return {
        "officers": pd.DataFrame({"officer_id": pd.array(ids, dtype="string")}),
        "training": pd.DataFrame({"officer_id": pd.array([*ids, ids[0], None], dtype="string")}),
        "schools": pd.DataFrame({"school_id": ["0001"]}),
    }


def test_an_officer_has_one_pseudonym_in_all_tables() -> None:
    before, after = records(), pseudonymize_officers(records())
    keys = dict(zip(before["officers"]["officer_id"], after["officers"]["officer_key"], strict=True))
    assert len(set(keys.values())) == len(keys) == 12
    assert "officer_id" not in after["training"]
    assert after["training"]["officer_key"].tolist() == [
        *(keys[o] for o in before["training"]["officer_id"].dropna()),
        pd.NA,
    ]
    pd.testing.assert_frame_equal(after["schools"], before["schools"])


def test_pseudonyms_do_not_outlive_a_run() -> None:
    # Twelve officers are shuffled alike twice in a row once in 479 million runs.
    first, second = (pseudonymize_officers(records())["officers"]["officer_key"].tolist() for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second)
