"""Write expected.json: the intervals that tau-ARGUS's own audit finds for the hidden cells of fixtures.json.

Needs nothing but `pytauargus` (0.6.0), and none of the project: cells and equations are made here once more.

    python3 -m venv /tmp/tau && /tmp/tau/bin/pip install pytauargus==0.6.0
    /tmp/tau/bin/python tests/reference/disclosure/tau_argus.py [OUTPUT]
"""

import itertools
import json
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from pytauargus._tauargus import audit_jj, engine_meta

HERE = Path(__file__).parent
TOTAL = None


def cells_and_equations(fixture):
    """Return {cell: count} with all totals, and (total, parts) for every sum over one dimension."""
    counts, equations = {}, []
    for dimensions in fixture["tables"]:
        inner = {}
        for name, count in fixture["counts"].items():
            levels = dict(part.split("=") for part in name.split(","))
            if set(levels) == set(dimensions):
                inner[tuple(levels[d] for d in dimensions)] = count
        levels = [sorted({place[a] for place in inner}) for a in range(len(dimensions))]

        def named(place, dimensions=dimensions):
            parts = sorted((d, level) for d, level in zip(dimensions, place, strict=True) if level is not TOTAL)
            return ",".join(f"{d}={level}" for d, level in parts)

        for place in itertools.product(*([*of, TOTAL] for of in levels)):
            total = sum(
                count for at, count in inner.items() if all(b in (a, TOTAL) for a, b in zip(at, place, strict=True))
            )
            assert counts.setdefault(named(place), total) == total
            for axis, level in enumerate(place):
                if level is TOTAL:
                    parts = [named((*place[:axis], one, *place[axis + 1 :])) for one in levels[axis]]
                    equations.append((named(place), parts))
    return counts, equations


def write_jj(path, counts, equations, hidden):
    """Write a problem in tau-ARGUS's JJ format: cells (number, count, cost, status, bounds, protection), equations."""
    number = {name: i for i, name in enumerate(counts)}
    highest = counts[""]
    lines = ["0", str(len(counts))]
    for name, count in counts.items():
        status = "s" if name not in hidden else "u" if 0 < count < 10 else "m"
        lines.append(f"{number[name]} {count} 1 {status} 0 {highest} 0 0 0")
    lines.append(str(len(equations)))
    for total, parts in equations:
        terms = " ".join(f"{number[part]} (1)" for part in parts)
        lines.append(f"0 {len(parts) + 1} : {number[total]} (-1) {terms}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return list(counts)


def main(output):
    """Audit every pattern of every fixture."""
    found = {"pytauargus": version("pytauargus"), "engine": engine_meta(), "intervals": {}}
    for name, fixture in json.loads((HERE / "fixtures.json").read_text()).items():
        counts, equations = cells_and_equations(fixture)
        found["intervals"][name] = {}
        for pattern, hidden in fixture["hidden"].items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "table.jj"
                names = write_jj(path, counts, equations, set(hidden))
                rows = audit_jj(str(path))
            intervals = {names[row["cell"]]: [row["min"] + 0.0, row["max"] + 0.0] for row in rows}
            assert sorted(intervals) == sorted(hidden), "tau-ARGUS audited other cells than are hidden"
            found["intervals"][name][pattern] = intervals
    text = json.dumps(found, indent=1)
    # One interval per line.
    text = re.sub(r"\[\s+([-\d.e+]+),\s+([-\d.e+]+)\s+\]", r"[\1, \2]", text)
    output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "expected.json")
