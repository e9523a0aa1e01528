"""The contact log of a synthetic district, with what is planted in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sro_research.parameters import Wave
from sro_research.schemas.contacts import BASES, CALLED_BY, NOT_CLASSED, ROUTINE, SAFETY

Group = tuple[str, str]
WAVE = ["wave", "start", "end", "step"]
FIRST_OUTSIDE = 10
"""Days before the first wave on which a contact outside every wave was logged."""


@dataclass(frozen=True)
class ContactTruth:
    """What is planted. Ratios are by (question, code), and 1 for groups that are not named."""

    per_100: float = 12.0
    """Contacts per 100 students of a group whose ratios are 1, in a usual school."""
    school_levels: tuple[float, float] = (0.7, 1.3)
    """Range of the schools' levels beside that."""
    ratios: dict[Group, float] = field(default_factory=lambda: {("race_ethnicity", "3"): 1.6, ("gender", "2"): 1.5})
    """Contacts per student, against a group whose ratio is 1."""
    officer_alike: float | None = None
    """Where given, an officer's shares of groups are drawn from a Dirichlet distribution with this sum: the smaller,
    the more officers differ. Their mean is as planted."""
    other_share: float = 0.05
    search_share: float = 0.20
    search_ratios: dict[Group, float] = field(default_factory=lambda: {("race_ethnicity", "3"): 1.5})
    found_share: float = 0.30
    found_ratios: dict[Group, float] = field(default_factory=lambda: {("race_ethnicity", "3"): 0.8})
    referral_share: float = 0.25
    referral_ratios: dict[Group, float] = field(default_factory=lambda: {("race_ethnicity", "3"): 1.2})
    arrest_share: float = 0.20
    arrest_ratios: dict[Group, float] = field(default_factory=dict)
    routine_share: float = 0.30
    creep_per_wave: float = 0.04
    """Added to the share of routine discipline with each wave."""
    officer_initiated: float = 0.35
    double_coded: float = 0.25
    second_differs: float = 0.08
    """Share of cases that the second person classes otherwise."""
    not_classed: float = 0.06
    blank: float = 0.04
    """Share of callers, and of each group, that are blank; also of outcomes of those not referred."""
    open_share: float = 0.05
    """Of those not referred."""
    flaws: dict[str, int] = field(
        default_factory=lambda: {"contact_outside_waves": 3, "outcome_contradicts_kind": 2, "result_without_search": 2}
    )
    """Findings of `measures/contact_findings`, and how many of each were planted."""

    def kappa(self, routine: float) -> float:
        """Return kappa of the two people, where the first classes this share of the cases as routine discipline."""
        second = routine * (1 - self.second_differs) + (1 - routine) * self.second_differs
        chance = routine * second + (1 - routine) * (1 - second)
        return (1 - self.second_differs - chance) / (1 - chance)


@dataclass(frozen=True)
class Contacts:
    """The log as exported (`table`), and contacts expected of each group: `school_id`, `wave`, `group_by`, `group`,
    `people`, `expected`."""

    table: pd.DataFrame
    expected: pd.DataFrame


def make_contacts(
    enrollment: pd.DataFrame,
    assignments: pd.DataFrame,
    waves: Sequence[Wave],
    rng: np.random.Generator,
    *,
    questions: Sequence[str],
    truth: ContactTruth,
) -> Contacts:
    """Make the log of a district from enrolled groups and officers' assignments, as raw tables.

    A school's contacts are Poisson with the mean that the ratios of the first question give; groups of other questions
    are drawn independently of it. So each group's contacts are Poisson, as `expected`.
    """
    known = enrollment[enrollment["group_by"].isin(list(questions))]
    known = known.assign(weight=_ratio(truth.ratios, known["group_by"], known["group"]) * known["people"])
    cells = known[known["group_by"] == questions[0]].groupby(["school_id", "wave"])["weight"].sum().reset_index()
    ids = list(cells["school_id"].unique())
    level = dict(zip(ids, rng.uniform(*truth.school_levels, len(ids)), strict=True))
    cells["mean"] = truth.per_100 / 100 * cells["school_id"].map(level) * cells.pop("weight")
    cells = cells.merge(pd.DataFrame([(w.id, w.start, w.end, i) for i, w in enumerate(waves)], columns=WAVE), on="wave")
    log = cells.loc[cells.index.repeat(rng.poisson(cells["mean"]))].rename_axis("cell").reset_index()
    log = _with_groups(_when_and_who(log, assignments, rng), known, cells, questions, truth, rng)
    log = _with_flaws(_with_records(log, questions, truth, rng), waves, truth)
    expected = known.merge(cells[["school_id", "wave", "mean"]], on=["school_id", "wave"])
    part = expected["weight"] / expected.groupby(["school_id", "wave", "group_by"])["weight"].transform("sum")
    expected = expected.assign(expected=expected["mean"] * part).drop(columns=["weight", "mean"])
    return Contacts(_exported(log, questions), expected)


def _ratio(ratios: dict[Group, float], question: pd.Series, group: pd.Series) -> np.ndarray:
    pairs = zip(question, group, strict=True)
    return np.array([ratios.get(pair, 1.0) for pair in pairs], dtype=float)


def _when_and_who(log: pd.DataFrame, assignments: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw days, and one of the officers assigned to the school on each; blank where there is none."""
    first, last = pd.to_datetime(log["start"]), pd.to_datetime(log["end"])
    day = np.floor(rng.random(len(log)) * ((last - first).dt.days + 1))
    log = log.assign(date=first + pd.to_timedelta(day, unit="D"), row=range(len(log)))
    posts = log[["row", "school_id", "date"]].merge(assignments, on="school_id")
    there = posts[(posts["from_date"] <= posts["date"]) & ~(posts["to_date"] < posts["date"])]
    chosen = there.iloc[rng.permutation(len(there))].drop_duplicates("row").set_index("row")["officer_id"]
    return log.assign(officer_id=log["row"].map(chosen)).drop(columns="row")


def _with_groups(
    log: pd.DataFrame,
    known: pd.DataFrame,
    cells: pd.DataFrame,
    questions: Sequence[str],
    truth: ContactTruth,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw each contact's group of each question, by how many students it has and its ratio."""
    by_officer = log.groupby(["cell", "officer_id"], dropna=False).ngroup().to_numpy()
    cell_of_officer = pd.Series(log["cell"].to_numpy()).groupby(by_officer).first().to_numpy()
    for question in questions:
        wide = known[known["group_by"] == question].pivot_table("weight", ["school_id", "wave"], "group", "sum")
        shares = wide.reindex(pd.MultiIndex.from_frame(cells[["school_id", "wave"]])).fillna(0).to_numpy(dtype=float)
        shares = (shares / shares.sum(axis=1, keepdims=True))[cell_of_officer]
        if truth.officer_alike is not None:
            # Gamma variables over their sum are a draw from Dirichlet's distribution.
            drawn = rng.standard_gamma(truth.officer_alike * shares)
            shares = drawn / drawn.sum(axis=1, keepdims=True)
        past = rng.random((len(log), 1)) > shares.cumsum(axis=1)[by_officer]
        code = wide.columns.to_numpy(dtype=object)[past.sum(axis=1).clip(max=wide.shape[1] - 1)]
        log = log.assign(**{question: code})
    return log


def _with_records(
    table: pd.DataFrame, questions: Sequence[str], truth: ContactTruth, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw what the chain came to, why, and who called; then blank what was not recorded."""

    def happens(share: float | np.ndarray) -> np.ndarray:
        return np.asarray(rng.random(len(table)) < share)

    def share_of(base: float, ratios: dict[Group, float]) -> np.ndarray:
        of = [_ratio(ratios, pd.Series(q, index=table.index), table[q]) for q in questions]
        return np.clip(base * np.prod(of, axis=0), 0, 1)

    other = happens(truth.other_share)
    searched = happens(share_of(truth.search_share, truth.search_ratios)) & ~other
    referred = happens(share_of(truth.referral_share, truth.referral_ratios)) & ~other
    arrested = happens(share_of(truth.arrest_share, truth.arrest_ratios)) & referred
    kind = np.where(other, "other", np.where(searched, "search", rng.choice(["stop", "interview"], len(table))))
    kind = np.where(arrested & happens(0.5), "arrest", kind)
    found = np.where(happens(share_of(truth.found_share, truth.found_ratios)), "yes", "no")
    mild = np.where(happens(truth.open_share), "open", rng.choice(["returned_to_school", "warned"], len(table)))
    handed_on = np.where(arrested, "arrested", rng.choice(["referred", "diverted", "cited"], len(table)))
    outcome = _only(referred | ~happens(truth.blank), np.where(referred, handed_on, mild))
    routine = happens(truth.routine_share + truth.creep_per_wave * table["step"].to_numpy(dtype=float))
    second = routine ^ happens(truth.second_differs)
    classed, twice = ~happens(truth.not_classed), happens(truth.double_coded)
    callers = [c for c in CALLED_BY if c != "officer_initiated"]
    called = np.where(happens(truth.officer_initiated), "officer_initiated", rng.choice(callers, len(table)))
    return table.assign(
        kind=kind,
        reason=np.where(classed, np.where(routine, ROUTINE, SAFETY), NOT_CLASSED),
        second_reason=_only(twice & classed, np.where(second, ROUTINE, SAFETY)),
        called_by=_only(~happens(truth.blank), called),
        basis=_only(searched, rng.choice(BASES, len(table))),
        found=_only(searched, found),
        outcome=outcome,
        **{question: table[question].where(~happens(truth.blank)) for question in questions},
    )


def _only(where: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values where they were recorded, blank elsewhere."""
    made = np.full(len(values), None, dtype=object)
    made[where] = values[where]
    return made


def _with_flaws(table: pd.DataFrame, waves: Sequence[Wave], truth: ContactTruth) -> pd.DataFrame:
    """Plant what the findings are to find, in rows of their own kind."""
    table = table.copy()
    mild = table.index[(table["kind"] == "stop") & (table["outcome"] == "warned")]
    days = truth.flaws.get("contact_outside_waves", 0)
    against = mild[: truth.flaws.get("outcome_contradicts_kind", 0)]
    without = mild[len(against) :][: truth.flaws.get("result_without_search", 0)]
    table.loc[against, "kind"] = "arrest"
    table.loc[without, "found"] = "no"
    outside = table.loc[mild[-days:] if days else []]
    return pd.concat([table, outside.assign(date=pd.Timestamp(waves[0].start) - pd.Timedelta(days=FIRST_OUTSIDE))])


def _exported(table: pd.DataFrame, questions: Sequence[str]) -> pd.DataFrame:
    ordered = table.sort_values(["date", "school_id"], kind="stable").reset_index(drop=True)
    ordered.insert(0, "contact_id", [f"C-{number:06d}" for number in range(1, len(ordered) + 1)])
    records = ["kind", "reason", "second_reason", "called_by", "basis", "found", "outcome"]
    texts = ["contact_id", "school_id", "officer_id", *records, "call_id"]
    ordered = ordered[["contact_id", "school_id", "officer_id", "date", *records, *questions]]
    # Which call a contact arose from, `call_outcomes` makes up.
    ordered.insert(ordered.columns.get_loc("outcome") + 1, "call_id", pd.NA)
    codes = {question: pd.to_numeric(ordered[question]).astype("Int64") for question in questions}
    return ordered.astype(dict.fromkeys(texts, "string") | {"date": "datetime64[ns]"}).assign(**codes)
