"""What several tests share: the project's folders, and one small run of the demo study."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """A study that was run in a folder of its own."""

    params_file: Path
    data: Path
    root: Path
    output: str

    @property
    def internal(self) -> Path:
        return self.root / "internal"

    @property
    def release(self) -> Path:
        return self.root / "release"


def sro_research(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    command = [sys.executable, "-m", "sro_research", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def demo_study(folder: Path, more: str = "") -> Path:
    """Write a study file like the demo's, whose data and results lie in `folder`."""
    path = folder / "demo.yaml"
    path.write_text(
        f"extends: {PROJECT}/params/demo.yaml\nfolders:\n  data: {folder}/data\n  reports: {folder}/reports\n{more}",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo study with the pages of two schools and the board, made once for all tests."""
    folder = tmp_path_factory.mktemp("demo")
    params_file = demo_study(folder)
    made = sro_research("synthesize", params_file)
    assert made.returncode == 0, made.stderr
    run = sro_research("run", params_file, "--limit", 2, "--jobs", 2)
    assert run.returncode == 0, run.stderr
    return Run(params_file, folder / "data", folder / "reports" / "demo", run.stdout)
