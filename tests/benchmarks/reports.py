"""What `batch.py` makes again and again: a plain report notebook, and the answers of made-up schools."""

from __future__ import annotations

import functools
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "batch" / "conformance"))

from notebooks import cells, notebook

RESPONDENTS, ITEMS = 1000, 40
REPORT = r"""
# %% title markdown
# What students say, school by school
# %% parameters parameters
school_id = ""
data_folder = ""
# %% imports
import altair as alt
import numpy as np
import pandas as pd
import pingouin as pg
import statsmodels.formula.api as smf
from IPython.display import Markdown
# %% reading
answers = pd.read_parquet(f"{data_folder}/{school_id}.parquet")
items = [name for name in answers if name.startswith("item")]
print(f"{school_id}: {len(answers)} respondents, {len(items)} items")
answers[["grade", "group"]].value_counts().unstack()
# %% reliability-title markdown
## Reliability
# %% reliability
scales = {name: items[10 * at : 10 * at + 10] for at, name in enumerate(["trust", "safety", "fairness", "voice"])}
rows = []
for name, of in scales.items():
    alpha, (low, high) = pg.cronbach_alpha(answers[of])
    rows.append({"scale": name, "alpha": alpha, "low": low, "high": high})
    answers[name] = answers[of].mean(axis=1)
pd.DataFrame(rows).round(3)
# %% items-title markdown
## Items
# %% items
means = answers[items].agg(["mean", "std", "count"]).T.reset_index(names="item")
display(means.round(2))
alt.Chart(means).mark_bar().encode(x="mean:Q", y=alt.Y("item:N").sort("-x"), tooltip=["item", "mean", "std"])
# %% answers
long = answers[items].melt(var_name="item", value_name="answer").value_counts().rename("n").reset_index()
alt.Chart(long).mark_bar().encode(x=alt.X("n:Q").stack("normalize"), y="item:N", color="answer:O", tooltip=["n"])
# %% distribution
alt.Chart(answers[["trust"]].round(3)).mark_bar().encode(x=alt.X("trust:Q").bin(maxbins=30), y="count()")
# %% groups-title markdown
## Groups
# %% group-means
groups = answers.groupby(["grade", "group"])["trust"].agg(["mean", "sem", "count"]).reset_index()
groups["low"], groups["high"] = groups["mean"] - 1.96 * groups["sem"], groups["mean"] + 1.96 * groups["sem"]
display(groups.round(3))
base = alt.Chart(groups).encode(x="grade:O", color="group:N")
bars = base.mark_errorbar().encode(y="low:Q", y2="high:Q")
base.mark_line(point=True).encode(y=alt.Y("mean:Q").scale(zero=False)) + bars
# %% spread
alt.Chart(answers[["grade", "trust"]].round(3)).mark_boxplot().encode(x="grade:O", y="trust:Q")
# %% model-title markdown
## Model
# %% model
fit = smf.ols("trust ~ contact + before + C(grade) + C(group)", data=answers).fit(cov_type="HC1")
limits = fit.conf_int().set_axis(["low", "high"], axis=1)
terms = pd.DataFrame({"b": fit.params, "se": fit.bse, "p": fit.pvalues}).join(limits).round(4).reset_index(names="term")
display(terms)
alt.Chart(terms[1:]).mark_errorbar().encode(x="low:Q", x2="high:Q", y="term:N", tooltip=["term", "b", "se", "p"])
# %% scatter
points = alt.Chart(answers[["before", "trust", "contact", "group"]].round(3)).mark_circle().encode(
    x="before:Q", y="trust:Q", color="contact:N", tooltip=["before", "trust", "group"])
points + points.transform_regression("before", "trust", groupby=["contact"]).mark_line()
# %% correlations
pairs = answers[items].corr().round(3).rename_axis("one").reset_index().melt("one", var_name="other", value_name="r")
alt.Chart(pairs).mark_rect().encode(x="one:N", y="other:N", color="r:Q", tooltip=["one", "other", "r"])
# %% end-title markdown
## In short
# %% end
display(Markdown(f"**{school_id}**: mean trust {answers['trust'].mean():.2f}, contact {fit.params['contact']:+.3f}"))
answers.groupby("contact")[list(scales)].mean().round(3)
"""
"""13 cells of code and 6 of text; 8 charts and 6 tables."""


@dataclass(frozen=True)
class Task:
    """One report: what is read, and the executed notebook and the page that are to be written."""

    folder: Path
    school: str

    @property
    def source(self) -> Path:
        return self.folder / "report.ipynb"

    @property
    def executed(self) -> Path:
        return self.folder / "out" / f"{self.school}.ipynb"

    @property
    def page(self) -> Path:
        return self.folder / "out" / f"{self.school}.html"

    @property
    def parameters(self) -> dict[str, str]:
        return {"school_id": self.school, "data_folder": str(self.folder)}


def prepare(folder: Path, schools: int) -> list[Task]:
    """Write the notebook and the answers of each school."""
    nbformat.write(notebook(cells(REPORT)), folder / "report.ipynb")
    (folder / "out").mkdir()
    tasks = [Task(folder, f"{number:04d}") for number in range(1, schools + 1)]
    for seed, task in enumerate(tasks):
        answers(seed).to_parquet(folder / f"{task.school}.parquet")
    return tasks


def answers(seed: int) -> pd.DataFrame:
    """Draw respondents who lean on all items as they did before, and a little as they have met an officer."""
    random, n = np.random.default_rng(seed), RESPONDENTS
    before, contact = random.normal(size=n), random.integers(0, 2, n)
    leaning = (0.4 * before + 0.2 * contact)[:, None] + random.normal(size=(n, ITEMS))
    made = pd.DataFrame(np.clip(np.round(3 + leaning), 1, 5), columns=[f"item{i:02d}" for i in range(ITEMS)])
    made = made.assign(before=before, contact=contact, grade=random.integers(9, 13, n))
    return made.assign(group=random.choice(["A", "B", "C"], n))


def export(task: Task) -> None:
    """Make the HTML page of an executed notebook by nbconvert's own template."""
    task.page.write_text(exporter().from_filename(str(task.executed))[0], encoding="utf-8")


@functools.cache
def exporter() -> Any:
    """Return an exporter that stays warm."""
    from nbconvert import HTMLExporter

    return HTMLExporter()


STUDY = Path(__file__).parents[2] / "params" / "demo.yaml"
LANGUAGES = ("en", "es")


@dataclass(frozen=True)
class SchoolPage(Task):
    """One school of a made-up district: the report notebook of this project, and its page in two languages."""

    @property
    def source(self) -> Path:
        return STUDY.parents[1] / "notebooks" / "school" / "school_report.ipynb"

    @property
    def parameters(self) -> dict[str, str]:
        return {"params_file": str(STUDY), "run_dir": str(self.folder / "study"), "school_id": self.school}

    @property
    def pages(self) -> dict[str, Path]:
        return {language: self.page.with_suffix(f".{language}.html") for language in LANGUAGES[1:]} | {"en": self.page}


def prepare_pages(folder: Path, schools: int) -> list[Task]:
    """Make up a district and run the study notebooks, which decide what a page may show; return the first schools."""
    from sro_research.batch.run import How, run_study
    from sro_research.cli import main
    from sro_research.study import open_study

    with suppress(SystemExit):
        main(["synthesize", str(STUDY)])
    (folder / "out").mkdir()
    run_study(STUDY, run_dir=str(folder / "study"), limit=0, how=How())
    reported = open_study(str(STUDY), run_dir=str(folder / "study")).reported_schools()
    return [SchoolPage(folder, school) for school in list(reported)[:schools]]
