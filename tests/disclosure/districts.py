"""Made-up districts whose tables share cells: counts of answers by group and by grade in every school.

Sizes and segregation are like those of a district: lognormal schools, a Dirichlet mix of groups. `survey` counts
answers of most students; `events` counts rare things, such as referrals, so that most cells are small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from sro_research.disclosure.complementary import Demand, default_costs, suppress
from sro_research.disclosure.linked import LinkedTables, link

THRESHOLD = 10
DEMAND = Demand(width=5, smallest_sum=10)
SHARES = np.array([0.42, 0.27, 0.14, 0.06, 0.06, 0.03, 0.02])

Kind = Literal["survey", "events"]
Zeros = Literal["candid", "hidden", "shown"]
"""What becomes of zeros. `candid`: shown, and readers draw nothing from it; `hidden`: with 1-9; `shown`: always, so
that readers know that what is hidden is at least one."""


@dataclass(frozen=True)
class District:
    """Tables, which of their cells are too small to show, which may be hidden for them, and what readers know."""

    tables: LinkedTables
    hidden: np.ndarray
    needy: np.ndarray
    candidate: np.ndarray
    low: float

    def suppressed(self, demand: Demand = DEMAND, **options: Any) -> np.ndarray:
        return suppress(
            self.tables, needy=self.needy, hidden=self.hidden, candidate=self.candidate,
            cost=default_costs(self.tables), demand=demand, low=self.low, **options,
        )  # fmt: skip


def ruled(tables: LinkedTables, *, zeros: Zeros = "candid", firm: bool = False) -> District:
    """Apply the rule of ten: totals of schools, of the district and of one of its dimensions stay.

    Where such a total is small itself, those beside it may be hidden, since nothing else protects it; `firm` keeps
    them. Waves do not count as a dimension: what stays in the pooled tables stays in each wave.
    """
    counts = tables.counts
    needy = (counts > 0) & (counts < THRESHOLD)
    hidden = counts < THRESHOLD if zeros == "hidden" else needy
    kinds = [tuple(dimension for dimension, _ in key if dimension != "wave") for key in tables.keys]
    gives = set() if firm else {kind for kind, small in zip(kinds, needy, strict=True) if small and kind}
    stays = np.array([len(kind) <= 1 and kind not in gives for kind in kinds])
    return District(tables, hidden, needy, ~hidden & ~stays & (counts > 0), low=1.0 if zeros == "shown" else 0.0)


def district(
    schools: int, *, seed: int, kind: Kind = "survey", linked: bool = True, waves: int = 0, zeros: Zeros = "candid",
    firm: bool = False, groups: int = 7, answers: int = 5, grades: int = 3,
) -> District:  # fmt: skip
    """Return a district's table school x group x answer and, `linked`, school x grade x answer of the same people.

    With `waves` there is one of each per wave; their total over waves is the pooled table, which is published too.
    """
    random = np.random.default_rng(seed)
    size = np.clip(random.lognormal(np.log(380), 0.6, schools), 15, 2200)
    mix = random.dirichlet(SHARES[:groups] / SHARES[:groups].sum() * 6, schools)
    by_group, by_grade = [], []
    for _ in range(max(1, waves)):
        if kind == "survey":
            people = random.poisson((size * random.beta(12, 5, schools))[:, None] * mix)
            chance = random.dirichlet(np.array([1, 2, 3, 5, 4])[:answers] * 4, (schools, groups))
        else:
            rate = random.gamma(2, 0.03, (schools, 1)) * np.linspace(0.7, 1.8, groups)
            people = random.poisson(size[:, None] * mix * rate)
            chance = random.dirichlet(np.array([8, 4, 2, 1, 1])[:answers] * 2, (schools, groups))
        counts = random.multinomial(people, chance)
        split = random.dirichlet(np.full(grades, 6.0), schools)
        by_group.append(counts)
        by_grade.append(np.moveaxis(random.multinomial(counts.sum(axis=1), split[:, None, :]), 2, 1))
    tables = [_frame(by_group, "group", waves)]
    if linked:
        tables.append(_frame(by_grade, "grade", waves))
    return ruled(link(tables), zeros=zeros, firm=firm)


def _frame(counts: list[np.ndarray], breakdown: str, waves: int) -> tuple[pd.DataFrame, list[str]]:
    dimensions = ["school", breakdown, "answer", "wave"]
    places = np.indices(np.shape(counts)).reshape(4, -1)[[1, 2, 3, 0]]
    letters = {"school": "s", breakdown: breakdown[0] + breakdown[1], "answer": "a", "wave": "w"}
    rows = {d: [f"{letters[d]}{i:02d}" for i in of] for d, of in zip(dimensions, places, strict=True)}
    table = pd.DataFrame(rows).assign(count=np.ravel(counts))
    dimensions = dimensions if waves else dimensions[:3]
    return table[[*dimensions, "count"]], dimensions
