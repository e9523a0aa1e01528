"""Validated tables to protected tables: nothing that leads back to a person or an account.

The tables stay restricted after this: answers of a few people can still be recognised by their combination. What is
removed here is what no analysis needs: identifiers of respondents and the order in which they answered.
"""

from __future__ import annotations

import secrets

import pandas as pd

KEY_BYTES = 16


def deidentify_responses(responses: pd.DataFrame) -> pd.DataFrame:
    """Replace `respondent_id` by a random `respondent_key`, new in every wave and every run.

    Rows are sorted by their answers, so that neither the export's order nor the key carries information and the
    same export always gives the same order of answers.
    """
    answers = [c for c in responses.columns if c not in ("respondent_id", "wave", "school_id")]
    table = responses.drop(columns="respondent_id").sort_values(["wave", "school_id", *answers], ignore_index=True)
    keys = [secrets.token_hex(KEY_BYTES) for _ in range(len(table))]
    table.insert(0, "respondent_key", pd.array(keys, dtype="string"))
    return table


def pseudonymize_officers(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Replace `officer_id` in all tables by `officer_key`, the same in each of them and new in every run.

    A token that outlived a release would let two releases be joined on an officer.
    """
    seen = sorted({o for t in tables.values() if "officer_id" in t for o in t["officer_id"].dropna()})
    order = list(seen)
    secrets.SystemRandom().shuffle(order)
    key = {officer: f"officer_{number:04d}" for number, officer in enumerate(order, 1)}
    return {
        name: table.assign(officer_id=table["officer_id"].map(key).astype("string")).rename(
            columns={"officer_id": "officer_key"}
        )
        if "officer_id" in table
        else table
        for name, table in tables.items()
    }
