"""Scoring, alpha and school means of a whole state: `python tests/benchmarks/surveys.py --people 1000000`.

One survey of 40 questions on eight topics, a hundred people in each school, 2 % "don't know". Ours is scores by the
codebook, alpha with its interval, and means and shares of every school with their intervals. The peer does the same by
hand: pandas for scores and school means with Student's t, pingouin for alpha, scipy for Wilson's interval. Both run
in the same process, one after the other, and are held against each other before their times are printed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pingouin
from scipy import stats

from sro_research.instruments import Construct, Instrument, Item
from sro_research.measures.scales import keyed_answers, score
from sro_research.models.reliability import alpha
from sro_research.models.school_means import school_estimates

CODES, DONT_KNOW, PER_SCHOOL, ROSTER = (1, 2, 3, 4), 98, 100, 120


def instrument() -> Instrument:
    """Eight constructs of five items, the last of them reverse-keyed."""

    def items(construct: str) -> tuple[Item, ...]:
        labels = {code: {"en": str(code)} for code in CODES}
        return tuple(Item(f"{construct}{i}", CODES, i == 4, {"en": ""}, labels) for i in range(5))

    constructs = {name: Construct(name, {}, {}, {}, True, 3, items(name)) for name in "abcdefgh"}
    return Instrument("state", 1, "student", {}, {}, constructs, {}, {DONT_KNOW: "dont_know"})


def answers(people: int, survey: Instrument) -> pd.DataFrame:
    """Make the answers of so many people in schools of a hundred."""
    rng = np.random.default_rng(0)
    school = np.arange(people) // PER_SCHOOL
    view = rng.normal(0, 0.3, school[-1] + 1)[school] + rng.normal(0, 0.7, people)
    columns: dict[str, object] = {
        "respondent_key": pd.array(np.arange(people).astype(str), dtype="string"),
        "school_id": pd.array(np.char.zfill(school.astype(str), 5), dtype="string"),
        "wave": pd.array(["2026"] * people, dtype="string"),
    }
    for item in survey.items:
        answer = np.rint(2.5 + view + rng.normal(0, 0.8, people)).clip(1, 4)
        answer = np.where(rng.random(people) < 0.02, DONT_KNOW, 5 - answer if item.reverse else answer)
        columns[item.id] = pd.array(answer.astype("int16"), dtype="Int16")
    return pd.DataFrame(columns)


def ours(table: pd.DataFrame, survey: Instrument) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return (estimates, alphas) by this package."""
    schools = sorted(table["school_id"].unique())
    at = pd.MultiIndex.from_product([schools, ["2026"]], names=["school_id", "wave"])
    estimates = school_estimates(score(table, survey), pd.Series(ROSTER, index=at, dtype="Float64"))
    return estimates, {c.id: alpha(keyed_answers(table, c)).estimate for c in survey.constructs.values()}


def by_hand(table: pd.DataFrame, survey: Instrument) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return (school means, alphas) as an analyst would write them."""
    means, alphas = [], {}
    for construct in survey.constructs.values():
        items = table[[item.id for item in construct.items]].replace(DONT_KNOW, pd.NA).astype("Float64")
        for item in construct.items:
            if item.reverse:
                items[item.id] = 5 - items[item.id]
        score_ = items.mean(axis=1).where(items.notna().sum(axis=1) >= construct.minimum_items)
        of = pd.DataFrame({"school_id": table["school_id"], "score": score_, "agrees": score_ > construct.midpoint})
        by = of.dropna().groupby("school_id").agg(n=("score", "size"), mean=("score", "mean"), sd=("score", "std"),
                                                  agree=("agrees", "mean"))  # fmt: skip
        reach = stats.t.ppf(0.975, by["n"] - 1) * by["sd"] * np.sqrt((1 - by["n"] / ROSTER) / by["n"])
        by["low"], by["high"] = by["mean"] - reach, by["mean"] + reach
        size = (by["n"] - 1) / (1 - by["n"] / ROSTER)
        centre, shrink = by["agree"], stats.norm.ppf(0.975) ** 2 / size
        half = np.sqrt(shrink * centre * (1 - centre) + shrink**2 / 4) / (1 + shrink)
        by["share_low"] = (centre + shrink / 2) / (1 + shrink) - half
        by["share_high"] = (centre + shrink / 2) / (1 + shrink) + half
        means.append(by.assign(construct=construct.id).reset_index())
        alphas[construct.id] = pingouin.cronbach_alpha(items.dropna().astype(float))[0]
    return pd.concat(means, ignore_index=True), alphas


def require_equal(one: tuple[pd.DataFrame, dict[str, float]], other: tuple[pd.DataFrame, dict[str, float]]) -> None:
    """Stop where the two ways give different numbers."""
    estimates, means = one[0], other[0].set_index(["construct", "school_id"])
    for measure, names in {
        "mean_score": ("mean", "low", "high"),
        "share_agree": ("agree", "share_low", "share_high"),
    }.items():
        found = estimates[estimates["measure"] == measure].set_index(["construct", "school_id"])
        for name, column in zip(names, ("estimate", "conf_low", "conf_high"), strict=True):
            np.testing.assert_allclose(
                found[column].reindex(means.index).astype(float), means[name].astype(float), atol=1e-9
            )
    assert one[1].keys() == other[1].keys()
    np.testing.assert_allclose(list(one[1].values()), list(other[1].values()), rtol=1e-9)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Return seconds and what came of it."""
    started = time.perf_counter()
    made = work()
    return time.perf_counter() - started, made


def main() -> None:
    """Print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    survey = instrument()
    table = answers(chosen.people, survey)
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds: dict[str, list[float]] = {"ours": [], "by hand": []}
    for _ in range(chosen.rounds):
        first, mine = timed(lambda: ours(table, survey))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        second, theirs = timed(lambda: by_hand(table, survey))
        require_equal(mine, theirs)
        seconds["ours"].append(first)
        seconds["by hand"].append(second)
        print(f"ours {first:.1f} s, by hand {second:.1f} s", flush=True)
    middle = {way: statistics.median(of) for way, of in seconds.items()}
    ratio = middle["by hand"] / middle["ours"]
    print(
        f"{chosen.people:,} people, {chosen.people // PER_SCHOOL:,} schools: ours {middle['ours']:.1f} s,"
        f" by hand {middle['by hand']:.1f} s, {ratio:.1f} times as long;"
        f" memory {start:.0f} MB before, {peak:.0f} MB at most"
    )


if __name__ == "__main__":
    main()
