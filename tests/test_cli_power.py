"""`sro-research power`: before data by what is supposed, after a run by the study's own."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from conftest import Run, demo_study

from sro_research.cli import main

SUPPOSED = ("--answers", "60", "--exposure-sd", "6")


def lines(study: Path, *options: str, code: int = 0) -> list[str]:
    made = CliRunner().invoke(main, ["power", str(study), *options])
    assert made.exit_code == code, made.output
    return made.output.splitlines()


def test_before_data_it_says_what_has_to_be_supposed(tmp_path: Path) -> None:
    said = lines(demo_study(tmp_path))
    assert said[-1].endswith("can't tell (the study has no data yet: suppose --schools, --answers, --exposure-sd).")


def test_more_schools_see_what_few_cannot(tmp_path: Path) -> None:
    study = demo_study(tmp_path)
    few, many = (lines(study, "--schools", n, *SUPPOSED) for n in ("10", "600"))
    assert few[-1] == "Smallest effect of interest, 0.05 points per 10: it cannot be seen with this design."
    assert many[-1] == "Smallest effect of interest, 0.05 points per 10: it can be seen."
    # The intraclass correlation is not known, so three are tried; one that is supposed is one.
    assert sum(line.startswith("Design: ") for line in few) == 3
    assert sum(line.startswith("Design: ") for line in lines(study, "--schools", "10", "--icc", "0.05", *SUPPOSED)) == 1


def test_too_few_schools_cannot_tell(tmp_path: Path) -> None:
    assert "can't tell (fewer than 10 schools" in lines(demo_study(tmp_path), "--schools", "4", *SUPPOSED)[-1]


def test_a_study_without_a_model_is_refused(tmp_path: Path) -> None:
    said = lines(demo_study(tmp_path, "model: null\n"), code=2)
    assert said[0].startswith("error: ") and "declares no `model`" in said[0]


def test_after_a_run_the_design_is_the_study_s_own(demo: Run) -> None:
    said = lines(demo.params_file)
    assert said[1].startswith("Design: 12 schools, 3 waves, 36 school-waves, ")
    assert said[1].endswith("as in the study's own data.")
    assert said[-1].startswith("Smallest effect of interest, 0.05 points per 10: ")
    assert "supposed" in lines(demo.params_file, "--schools", "30")[1]
