"""How well and how fast linked tables are protected: `python tests/benchmarks/disclosure.py --schools 10 100`.

For each size and seed: the cell rule on two linked tables (school x group x answer, school x grade x answer) of survey
answers and of events, and the row rule on a survey. Each pattern is attacked afterwards; the last columns must be 0.
Peers in the same run: primary suppression alone, and hiding the next smallest cell of each line ("singleton").
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "disclosure"))

from districts import district

from sro_research.disclosure.attack import attack
from sro_research.disclosure.complementary import small_sums
from sro_research.disclosure.linked import LinkedTables
from sro_research.disclosure.policy import MINIMUM_GROUP_SIZE, MINIMUM_WIDTH, Policy
from sro_research.disclosure.rows import decide_rows
from surveys import random_counts, survey

POOLED = " pooled"


def narrow(tables: LinkedTables, hidden: np.ndarray, needy: np.ndarray) -> tuple[int, int]:
    """Return how many needy cells are exact, and how many are narrower than the width."""
    found = attack(
        tables.equations,
        tables.counts,
        hidden,
        enough=MINIMUM_WIDTH,
        targets=needy,
    )
    return int((found.width < 1).sum()), int((found.width < MINIMUM_WIDTH).sum())


def singleton(tables: LinkedTables, hidden: np.ndarray) -> np.ndarray:
    """Hide the smallest shown cell of each line with one hidden cell, until there is none: the usual practice."""
    hidden = hidden.copy()
    lines = abs(tables.equations).tocsr()
    while True:
        alone = np.flatnonzero(lines @ hidden.astype(float) == 1)
        before = hidden.sum()
        for line in alone:
            cells = lines.indices[lines.indptr[line] : lines.indptr[line + 1]]
            if hidden[cells].sum() == 1 and len(shown := cells[~hidden[cells] & (tables.counts[cells] > 0)]):
                hidden[shown[np.argmin(tables.counts[shown])]] = True
        if hidden.sum() == before:
            return hidden


def cell_rule(schools: int, seed: int, kind: str) -> dict[str, object]:
    """Protect two linked tables, or one of three waves with the pooled table of all three (`survey pooled`)."""
    made = (
        district(schools, seed=seed, kind=kind.removesuffix(POOLED), waves=3, linked=False)
        if kind.endswith(POOLED)
        else district(schools, seed=seed, kind=kind)
    )
    tables, counts, small = made.tables, made.tables.counts, made.needy
    started = time.perf_counter()
    hidden = made.suppressed()
    seconds = time.perf_counter() - started
    exact, near = narrow(tables, hidden, small)
    plain, single = narrow(tables, small, small), narrow(tables, singleton(tables, small), small)
    some = counts > 0
    return {
        "rule": "cell", "kind": kind, "schools": schools, "seed": seed, "primary": int(small.sum()),
        "complements": int((hidden & ~small).sum()), "lost": round(float((hidden & some).sum() / some.sum()), 3),
        "seconds": round(seconds, 1), "primary alone exact/near": f"{plain[0]}/{plain[1]}",
        "singleton exact/near": f"{single[0]}/{single[1]}", "exact": exact, "near": near,
        "small sums": len(small_sums(tables, hidden, small, MINIMUM_GROUP_SIZE)),
    }  # fmt: skip


def row_rule(schools: int, seed: int) -> dict[str, object]:
    table = survey(random_counts(seed, schools, groups=5, median=380))
    started = time.perf_counter()
    pattern = decide_rows(table, Policy(), construct_of={})
    seconds = time.perf_counter() - started
    rows = pattern.rows.merge(table[["group", "school_id", "n"]], on=["group", "school_id"], how="left")
    small = ~rows["shown"] & (rows["n"].fillna(0) < MINIMUM_GROUP_SIZE)
    return {
        "rule": "row", "kind": "survey", "schools": schools, "seed": seed,
        "primary": int((small & rows["n"].notna()).sum()),
        "complements": int((~rows["shown"] & ~small).sum()), "seconds": round(seconds, 1),
        "lost": round(float((~rows["shown"] & rows["n"].notna()).sum() / rows["n"].notna().sum()), 3),
    }  # fmt: skip


def main() -> None:
    """Print one line for each district."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schools", type=int, nargs="*", default=[10, 100])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rules", nargs="*", default=["row", "survey", "events"], help="also 'survey pooled'")
    chosen = parser.parse_args()
    for schools in chosen.schools:
        for seed in range(chosen.seeds):
            for rule in chosen.rules:
                row = row_rule(schools, seed) if rule == "row" else cell_rule(schools, seed, rule)
                print(pd.Series(row).to_dict(), flush=True)


if __name__ == "__main__":
    main()
