"""Write fixtures.json: small districts, and which of their cells are hidden, for tau-ARGUS to attack.

.venv/bin/python tests/reference/disclosure/fixtures.py [OUTPUT]
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "disclosure"))

from districts import District, district  # noqa: E402

DISTRICTS = {
    "one table, 3 schools": {"schools": 3, "seed": 4, "groups": 4, "answers": 3, "linked": False},
    "two linked tables, 10 schools": {"schools": 10, "seed": 3},
    "two linked tables of events, 10 schools": {"schools": 10, "seed": 1, "kind": "events"},
    "two linked tables, 2 waves pooled, 3 schools": {
        "schools": 3,
        "seed": 2,
        "groups": 3,
        "answers": 2,
        "grades": 2,
        "waves": 2,
    },
    "two linked tables, zeros hidden, 4 schools": {
        "schools": 4,
        "seed": 5,
        "groups": 4,
        "answers": 4,
        "zeros": "hidden",
    },
}


def named(made: District, cells: np.ndarray) -> list[str]:
    keys = made.tables.keys
    return sorted(",".join(f"{d}={level}" for d, level in keys[cell]) for cell in np.flatnonzero(cells))


def main(output: Path) -> None:
    written = {}
    for name, options in DISTRICTS.items():
        made = district(**options)
        by = [["school", breakdown, "answer"] for breakdown in ("group", "grade")][
            : 2 if options.get("linked", True) else 1
        ]
        tables = [[*dimensions, *["wave"] * ("waves" in options)] for dimensions in by]
        cells = {}
        for key, count in zip(made.tables.keys, made.tables.counts, strict=True):
            if sorted(d for d, _ in key) in map(sorted, tables):
                cells[",".join(f"{d}={level}" for d, level in key)] = int(count)
        patterns = {"small counts only": named(made, made.hidden), "suppressed": named(made, made.suppressed())}
        written[name] = {"options": options, "tables": tables, "counts": cells, "hidden": patterns}
        print(name, len(made.tables.keys), {k: len(v) for k, v in patterns.items()})
    output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "fixtures.json")
