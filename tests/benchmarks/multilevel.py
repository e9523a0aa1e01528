"""What a mixed model of a whole state costs: `python tests/benchmarks/multilevel.py --rows 1000000 --schools 10000`.

The same random-intercept model (four covariates, REML) of the same made-up answers is fitted end to end by this
project, from a table in memory and from Parquet on the disk, and by the others that are there: statsmodels, mixedlm,
lme-python and mixedlm-rs of a Python that `--peers` names (`pip install` them into one of their own), and lme4 where
Rscript is. All take turns, each in a process of its own that has loaded the table before the clock starts (ours from
Parquet: after), with one thread for BLAS; medians of the rounds. "times ours" is over ours from memory. "differs" is
the largest relative difference from lme4 (from ours where R is absent) of coefficients, standard errors and variances.
Then, on statistics that are kept: one more specification, with intercepts of schools and of schools and school-waves,
and a multiverse; in the time of the clock and of the processor, which tells more on a machine that is shared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

COVARIATES = ["x1", "x2", "x3", "x4"]
FIXED = f"y ~ {' + '.join(COVARIATES)}"
OURS, DISK, LME4 = "ours, memory", "ours, Parquet", "R lme4"
Found = tuple[list[float], list[float], list[float]]
"""Coefficients, standard errors, and the variances between schools and within."""


def answers(rows: int, schools: int) -> pd.DataFrame:
    """Draw a scale score and covariates of each respondent, in three waves, sorted by school."""
    random = np.random.default_rng(1)
    school = np.sort(random.integers(0, schools, rows))
    table = pd.DataFrame({f"x{i}": random.normal(size=rows) for i in (1, 2, 3)})
    table["x4"] = random.normal(size=schools)[school]
    wave = random.integers(0, 3, rows)
    noise = random.normal(0, 0.3, schools)[school] + random.normal(0, 0.1, 3 * schools)[3 * school + wave]
    table["y"] = 2.5 + 0.1 * table["x1"] - 0.05 * table["x4"] + noise + random.normal(0, 0.6, rows)
    table["school_id"] = pd.array(np.array([f"{i:05d}" for i in range(schools)])[school], dtype="string")
    table["wave"] = pd.array(np.array(["2023", "2024", "2025"])[wave], dtype="string")
    return table


def ours(source: pd.DataFrame | Path) -> Found:
    """Fit with this project, from a table or from the disk."""
    from sro_research.models.profile_reml import RESIDUAL, fit_reml
    from sro_research.models.random_effects import intercepts
    from sro_research.models.sufficient import cells_of, scan_cells

    make = scan_cells if isinstance(source, Path) else cells_of
    cells = make(source, keys=["school_id"], columns=["y", *COVARIATES])
    fit = fit_reml(intercepts(cells, levels=["school_id"]), outcome="y", covariates=COVARIATES)
    return list(fit.coefficients), list(fit.std_errors), [fit.variances["school_id"], fit.variances[RESIDUAL]]


def by_statsmodels(table: pd.DataFrame) -> Found:
    """Fit with statsmodels; its standard errors are of another kind (notes: up to 4 % away)."""
    from statsmodels.formula.api import mixedlm

    fit = mixedlm(FIXED, table, groups="school_id").fit()
    return list(fit.fe_params), list(fit.bse_fe), [float(fit.cov_re.iloc[0, 0]), float(fit.scale)]


def by_mixedlm(table: pd.DataFrame) -> Found:
    """Fit with mixedlm."""
    from mixedlm import lmer

    fit = lmer(f"{FIXED} + (1 | school_id)", table)
    rows = fit.tidy()
    rows = rows[rows["effect"] == "fixed"]
    spread = fit.VarCorr().groups["school_id"].stddev["(Intercept)"]
    return list(rows["estimate"]), list(rows["std.error"]), [float(spread) ** 2, float(fit.sigma) ** 2]


def by_lme_python(table: pd.DataFrame) -> Found:
    """Fit with lme-python."""
    import lme_python

    fit = lme_python.lmer(f"{FIXED} + (1 | school_id)", data=table, reml=True)
    return list(fit.coefficients), list(fit.std_errors), [fit.theta[0] ** 2 * fit.sigma2, fit.sigma2]


def by_mixedlm_rs(table: pd.DataFrame) -> Found:
    """Fit with mixedlm-rs."""
    import mixedlm_rs

    fit = mixedlm_rs.mixedlm(FIXED, table, groups="school_id").fit()
    return list(fit.fe_params), list(fit.bse_fe), [float(np.asarray(fit.cov_re)[0, 0]), float(fit.scale)]


FITS: dict[str, tuple[str, Callable[[pd.DataFrame], Found]]] = {
    "lme-python": ("lme_python", by_lme_python),
    "mixedlm-rs": ("mixedlm_rs", by_mixedlm_rs),
    "mixedlm": ("mixedlm", by_mixedlm),
    "statsmodels": ("statsmodels", by_statsmodels),
}
"""Peers, with the name under which each is imported."""

IN_R = f"""
suppressPackageStartupMessages(library(lme4))
folder <- commandArgs(trailingOnly = TRUE)[1]
column <- function(name) {{
  path <- file.path(folder, paste0(name, ".bin"))
  readBin(path, "double", file.size(path) / 8)
}}
table <- as.data.frame(sapply(c("y", {", ".join(f'"{x}"' for x in COVARIATES)}, "school"), column, simplify = FALSE))
table$school <- factor(table$school)
began <- proc.time()[["elapsed"]]
fit <- lmer({FIXED} + (1 | school), table, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9)))
seconds <- proc.time()[["elapsed"]] - began
digits <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ","), "]")
spread <- c(as.numeric(VarCorr(fit)$school), sigma(fit)^2)
errors <- sqrt(diag(as.matrix(vcov(fit))))
cat(sprintf("[%.17g,[%s,%s,%s]]", seconds, digits(fixef(fit)), digits(errors), digits(spread)))
"""


def write_for_r(folder: Path, table: pd.DataFrame) -> None:
    """Write columns as R reads them fastest."""
    for name in ["y", *COVARIATES]:
        table[name].to_numpy(dtype=float).tofile(folder / f"{name}.bin")
    table["school_id"].astype(int).to_numpy(dtype=float).tofile(folder / "school.bin")


def inside(name: str, folder: Path) -> None:
    """Fit once in this process; print the seconds and what was found."""
    source: pd.DataFrame | Path = folder / "a.parquet"
    if name != DISK:
        source = pd.read_parquet(source)
        if name not in (OURS, "mixedlm"):
            source["school_id"] = source["school_id"].astype("object")  # What older engines of formulas know.
    work = ours if name in (OURS, DISK) else FITS[name][1]
    if name in (OURS, DISK):
        import duckdb  # noqa: F401  imports do not count, for peers neither

        import sro_research.models.profile_reml  # noqa: F401
    else:
        __import__(FITS[name][0])
    started = time.perf_counter()
    found = work(source)
    print(json.dumps([time.perf_counter() - started, found]))


def once(name: str, folder: Path, peers: str) -> tuple[float, Found] | None:
    """Fit by one of them in a process of its own; nothing where it is not there, or has no answer."""
    python = sys.executable if name in (OURS, DISK) else peers
    command = [python, __file__, "--inside", name, str(folder)]
    if name == LME4:
        command = ["Rscript", "-e", IN_R, str(folder)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode:
        print(f"{name}: {run.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    seconds, found = json.loads(run.stdout.strip().splitlines()[-1])
    return seconds, found


def there(name: str, peers: str) -> bool:
    """Tell whether a peer is installed."""
    if name == LME4:
        return shutil.which("Rscript") is not None
    return subprocess.run([peers, "-c", f"import {FITS[name][0]}"], capture_output=True, check=False).returncode == 0


def differs(found: Found, wanted: Found) -> list[float]:
    """Return the largest relative difference of coefficients, standard errors and variances."""
    return [float(np.max(np.abs(np.divide(a, b) - 1))) for a, b in zip(found, wanted, strict=True)]


def compared(folder: Path, rounds: int, peers: str, only: list[str]) -> pd.DataFrame:
    """Return one row per program: seconds, times ours, and differences."""
    names = [OURS, DISK, *(name for name in only if there(name, peers))]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    answers_of: dict[str, Found] = {}
    for turn in range(rounds):
        for name in names:
            result = once(name, folder, peers)
            if result:
                seconds[name].append(result[0])
                answers_of[name] = result[1]
                print(turn + 1, name, round(result[0], 3), file=sys.stderr)
    wanted = answers_of.get(LME4, answers_of[OURS])
    rows = {name: [float(np.median(seconds[name])), *differs(found, wanted)] for name, found in answers_of.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["s", "b differs", "se differs", "variance differs"])
    table.insert(1, "times ours", table["s"] / table.loc[OURS, "s"])
    return table


def timed(work: Callable[[], object], times: int) -> str:
    """Return the medians of the milliseconds that work took, by the clock and by the processor."""
    taken = []
    for _ in range(times):
        started = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    clock, processor = 1000 * np.median(taken, axis=0)
    return f"{clock:.1f} ms (processor {processor:.1f})"


def kept(table: pd.DataFrame, rounds: int) -> None:
    """Print what further specifications cost once statistics are kept."""
    from sro_research.models.choices import Choices, Exposure
    from sro_research.models.multiverse import multiverse
    from sro_research.models.profile_reml import fit_reml
    from sro_research.models.random_effects import intercepts
    from sro_research.models.sufficient import cells_of

    cells = cells_of(table, keys=["school_id", "wave"], columns=["y", *COVARIATES])
    for levels in (["school_id"], ["school_id", "wave"]):
        effects = intercepts(cells, levels=levels)
        near = fit_reml(effects, outcome="y", covariates=COVARIATES).theta
        for name, start in (("from nothing", None), ("from a near one", near)):
            more = partial(fit_reml, effects, outcome="y", covariates=["x1", "x3"], start=start)
            print(f"one more specification, {' and '.join(levels)}, {name}: {timed(more, 5 * rounds)}")
    random = np.random.default_rng(2)
    records = cells.keys.drop_duplicates().set_index(["school_id", "wave"])
    records = records.assign(**{f"e{i}": random.normal(size=len(records)) for i in range(4)})
    some = [(), ("x1",), ("x2",), ("x3",), ("x1", "x2"), ("x1", "x3"), ("x2", "x3"), ("x1", "x2", "x3")]
    choices = Choices(
        exposure={f"e{i}, {lag} before": Exposure(f"e{i}", lag) for i in range(4) for lag in (0, 1)},
        adjustment={" ".join(columns) or "none": columns for columns in some},
        fewest_answers=(1, 5, 10, 15),
    )
    started = time.perf_counter(), time.process_time()
    curve = multiverse(cells, records, choices, outcome="y")
    clock, processor = time.perf_counter() - started[0], time.process_time() - started[1]
    done = int(curve["estimate"].notna().sum())
    print(f"multiverse: {done} of {len(curve)} specifications in {clock:.1f} s (processor {processor:.1f}), each "
          f"{1000 * clock / len(curve):.1f} ms (processor {1000 * processor / len(curve):.1f})")  # fmt: skip


def main() -> None:
    """Print one line for each program, and what further specifications cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--schools", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=sys.executable, help="a Python in which the peers are installed")
    parser.add_argument("--only", nargs="*", default=[*FITS, LME4], choices=[*FITS, LME4], metavar="PEER")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        inside(chosen.inside[0], Path(chosen.inside[1]))
        return
    from sro_research.tables import write_table

    table = answers(chosen.rows, chosen.schools)
    with tempfile.TemporaryDirectory(prefix="multilevel-") as place:
        write_table(Path(place) / "a.parquet", table)
        write_for_r(Path(place), table)
        result = compared(Path(place), chosen.rounds, chosen.peers, chosen.only)
    print(f"{chosen.rows} respondents, {chosen.schools} schools, medians of {chosen.rounds} rounds")
    print(result.to_string(float_format="{:.3g}".format))
    kept(table, chosen.rounds)


if __name__ == "__main__":
    main()
