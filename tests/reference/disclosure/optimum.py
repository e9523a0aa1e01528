"""Write optimum.json: the least that has to be hidden in small districts, found without the project's method.

    .venv/bin/python tests/reference/disclosure/optimum.py [OUTPUT]      # minutes

`extensive` is the whole problem as one mixed integer program, without cuts or blocks: binary x_i, whether candidate i
is hidden, and for every needy cell k two moves y of all cells (one up, one down) that keep all equations,
-count_i x_i <= y_i <= REACH x_i, and move k by 5 together. `by_cuts` is for 10 schools, where that is too large: a
lower bound from Fischetti & Salazar's cuts on the whole district, solved to a gap of zero, so that it is the optimum
where its last choice passes. Both demand 10 people in hidden sums whose total is shown.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, milp

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "disclosure"))

from districts import DEMAND, District, district  # noqa: E402

from sro_research.disclosure.complementary import default_costs  # noqa: E402
from sro_research.disclosure.solver import LinearProgram  # noqa: E402

REACH = 40.0
"""Eight times the width; the small districts had the same least cost at 20 and at 200."""

SMALL = [
    {"schools": schools, "seed": seed, "kind": kind, "linked": linked, "groups": 4, "answers": 3, "grades": 2}
    for schools, linked in ((4, False), (3, True))
    for kind in ("survey", "events")
    for seed in range(3)
]
LARGE = [
    {"schools": 10, "seed": seed, "kind": kind, "linked": linked}
    for linked in (False, True)
    for kind in ("survey", "events")
    for seed in range(5)
]


def sum_rows(made: District, choice: np.ndarray) -> sp.csr_matrix:
    """Return one row over the candidates for each small hidden sum: one part more, or its total, has to be hidden."""
    place = np.full(len(made.hidden), -1)
    place[choice] = np.arange(len(choice))
    rows = []
    for equation in made.tables.equations:
        total, parts = equation.indices[equation.data < 0][0], equation.indices[equation.data > 0]
        hidden = made.tables.counts[parts][made.hidden[parts]].sum()
        if made.hidden[total] or not 0 < hidden < DEMAND.smallest_sum:
            continue
        row = np.zeros(len(choice))
        helpers = place[np.r_[parts, total]]
        row[helpers[helpers >= 0]] = 1.0  # A candidate counts ten or more, so that any one is enough.
        rows.append(row)
    return sp.csr_matrix(np.array(rows).reshape(-1, len(choice)))


def extensive(made: District, cost: np.ndarray, seconds: float) -> dict[str, float | bool]:
    """Return the least cost and whether it is proven."""
    fixed, choice = np.flatnonzero(made.hidden), np.flatnonzero(made.candidate)
    columns, needy = np.r_[fixed, choice], np.flatnonzero(made.needy)
    system = made.tables.equations[:, columns]
    system = system[np.diff(system.indptr) > 0]
    count, moves = len(columns), 2 * len(needy)
    least = made.tables.counts[columns] - made.low
    pick = sp.hstack([sp.csr_matrix((count - len(choice), len(choice))).T, sp.identity(len(choice))]).T.tocsr()
    keep = sp.hstack([sp.csr_matrix((moves * system.shape[0], len(choice))), sp.kron(sp.identity(moves), system)])
    every = sp.kron(np.ones((moves, 1)), pick)
    is_fixed = np.tile(np.arange(count) < len(fixed), moves)
    up = sp.hstack([-REACH * every, sp.identity(moves * count)])
    down = sp.hstack([sp.diags_array(np.tile(least, moves)) @ every, sp.identity(moves * count)])
    wide = sp.lil_matrix((len(needy), len(choice) + moves * count))
    for i, cell in enumerate(needy):
        at = int(np.flatnonzero(columns == cell)[0])
        wide[i, len(choice) + 2 * i * count + at] = 1.0
        wide[i, len(choice) + (2 * i + 1) * count + at] = -1.0
    sums = sum_rows(made, choice)
    constraints = [
        LinearConstraint(keep.tocsr(), 0, 0),
        LinearConstraint(up.tocsr(), -np.inf, np.where(is_fixed, REACH, 0.0)),
        LinearConstraint(down.tocsr(), np.where(is_fixed, -np.tile(least, moves), 0.0), np.inf),
        LinearConstraint(wide.tocsr(), DEMAND.width, np.inf),
    ]
    if sums.shape[0]:
        constraints.append(
            LinearConstraint(sp.hstack([sums, sp.csr_matrix((sums.shape[0], moves * count))]), 1, np.inf)
        )
    low, high = (
        np.r_[np.zeros(len(choice)), np.tile(-least, moves)],
        np.r_[np.ones(len(choice)), np.full(moves * count, REACH)],
    )
    found = milp(
        np.r_[cost[choice], np.zeros(moves * count)],
        integrality=np.r_[np.ones(len(choice)), np.zeros(moves * count)],
        bounds=Bounds(low, high), constraints=constraints, options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )  # fmt: skip
    bound = found.mip_dual_bound if found.mip_dual_bound is not None else 0.0
    return {"least": round(float(bound), 6), "proven": found.status == 0}


def by_cuts(made: District, cost: np.ndarray, seconds: float) -> dict[str, float | bool]:
    """Return a lower bound of the least cost, and whether it is reached."""
    fixed, choice = np.flatnonzero(made.hidden), np.flatnonzero(made.candidate)
    columns, needy = np.r_[fixed, choice], np.flatnonzero(made.needy)
    system = made.tables.equations[:, columns]
    program = LinearProgram(system[np.diff(system.indptr) > 0], np.zeros(len(columns)), np.zeros(len(columns)))
    least, most = made.tables.counts[columns] - made.low, np.full(len(columns), REACH)
    cuts = [*sum_rows(made, choice).toarray()]
    best, end, whole = 0.0, time.process_time() + seconds, False
    x = np.zeros(len(choice))
    while time.process_time() < end:
        share = np.r_[np.ones(len(fixed)), x]
        program.bound(-least * share, most * share)
        added = []
        for cell in needy:
            at = int(np.flatnonzero(columns == cell)[0])
            moved, gain = 0.0, np.zeros(len(columns))
            for sign in (1.0, -1.0):
                objective = np.zeros(len(columns))
                objective[at] = sign
                moved += sign * program.maximize(objective)[at]
                dual = program.reduced_costs()
                gain += np.maximum(dual, 0) * most + np.maximum(-dual, 0) * least
            missing = DEMAND.width - gain[: len(fixed)].sum()
            if moved < DEMAND.width - 1e-4 and missing > 1e-6:
                added.append(np.minimum(gain[len(fixed) :] / missing, 1.0))
        if not added and whole:
            return {"least": round(best, 6), "proven": True}
        whole = whole or not added
        cuts += added
        found = milp(
            cost[choice], integrality=np.full(len(choice), float(whole)), bounds=Bounds(0, 1),
            constraints=LinearConstraint(sp.csr_matrix(np.array(cuts)), 1, np.inf),
            options={"mip_rel_gap": 0.0, "time_limit": max(1.0, end - time.process_time())},
        )  # fmt: skip
        bound = found.mip_dual_bound if whole else found.fun
        best = max(best, float(bound or 0.0))
        if found.x is None:
            break
        x = np.round(found.x) if whole else np.clip(found.x, 0, 1)
    return {"least": round(best, 6), "proven": False}


def main(output: Path) -> None:
    rows = json.loads(output.read_text())["districts"] if output.exists() else []
    known = {json.dumps([row["method"], row["options"]]) for row in rows}
    plan = [("extensive", o) for o in SMALL] + [("by_cuts", o) for o in SMALL + LARGE]
    for method, options in plan:
        if json.dumps([method, options]) in known:
            continue
        made, started = district(**options), time.process_time()
        solve, seconds = (extensive, 120.0) if method == "extensive" else (by_cuts, 60.0)
        row = {
            "method": method,
            "options": options,
            "small": int(made.hidden.sum()),
            "cost": solve(made, default_costs(made.tables), seconds),
            "complements": solve(made, np.ones(len(made.hidden)), seconds),
        }
        rows.append(row)
        print(row, round(time.process_time() - started, 1), "s", flush=True)
        lines = ",\n".join(json.dumps(row) for row in rows)
        output.write_text(f'{{"districts": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "optimum.json")
