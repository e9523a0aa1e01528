"""Schools of a national sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandera.pandas as pa

from sro_research.schemas.columns import IDENTIFIER, text


def national_schools(
    groupings: Mapping[str, Iterable[str]], shares: Mapping[str, str | None], counts: Iterable[str], replicates: int
) -> pa.DataFrameSchema:
    """One row is a school of a national sample in a wave: groups, measures, and weights.

    `groupings` has the groups by column. `shares` are yes or no, and name the share whose schools alone were asked;
    blank where a school was not asked. `weight` stands for the full sample, `replicate_1` and so on leave out a part.
    """
    not_negative = pa.Check.ge(0, error="must not be negative")

    def asked(name: str, among: str) -> pa.Check:
        return pa.Check(
            lambda table: table[name].isna() | table[among].fillna(False).astype(bool),
            error=f"{name} is answered where {among} is not",
        )

    return pa.DataFrameSchema(
        {
            "school_id": text(IDENTIFIER, unique=True),
            "wave": text(),
            **{
                name: text(pa.Check.isin(list(groups), error=f"not a group of {name}"), nullable=True)
                for name, groups in groupings.items()
            },
            **{name: pa.Column("boolean", nullable=True) for name in shares},
            **{name: pa.Column("Float64", not_negative, nullable=True) for name in counts},
            "weight": pa.Column("Float64", pa.Check.gt(0, error="must be above zero")),
            **{f"replicate_{i}": pa.Column("Float64", not_negative) for i in range(1, replicates + 1)},
        },
        checks=[asked(name, among) for name, among in shares.items() if among is not None],
        strict=True,
        ordered=True,
    )
