"""95 % intervals of school and district means, in a thousand made-up districts of 5, 12 and 50 schools."""

import numpy as np
import pandas as pd
import pytest
from test_district_means import simulated

from sro_research.models.district_means import district_estimates
from sro_research.models.school_means import school_estimates

DISTRICTS = 1000
RESPONSE = 0.6


def held(rows: pd.DataFrame, truth: pd.Series | float) -> float:
    """Return the share of intervals that hold the truth."""
    return float(((rows["conf_low"] <= truth) & (truth <= rows["conf_high"])).mean())


@pytest.mark.parametrize("schools", [5, 12, 50])
def test_intervals_of_means_cover(schools: int) -> None:
    """District means speak of schools like these, school means of the school's own people, 60 % of whom answer.

    Schools differ with an SD of 0.13, people within them with 0.42, and sizes are lognormal with a median of 40.
    """
    rng = np.random.default_rng(schools)
    sizes = np.rint(40 * np.exp(rng.normal(0, 0.5, (DISTRICTS, schools)))).clip(8, 300).astype(int)
    everyone = simulated(rng.normal(0, 0.13, sizes.shape), sizes, rng, wave="1")
    # Every school of every district has a name of its own: a roster knows schools and waves only.
    everyone["school_id"] = everyone["construct"] + "-" + everyone["school_id"]
    keys = [everyone[c] for c in ("construct", "school_id")]
    people = everyone.groupby("school_id").size()
    place = everyone.assign(chance=rng.random(len(everyone))).groupby(keys)["chance"].rank()
    sample = everyone[place <= np.ceil(RESPONSE * everyone["school_id"].map(people))]

    district = district_estimates(sample).query("measure == 'mean_score'")
    assert len(district) == DISTRICTS
    assert 0.93 <= held(district, 2.5) <= 0.97

    roster = (
        people.rename_axis("school_id").to_frame("people").assign(wave="1").set_index("wave", append=True)["people"]
    )
    of_schools = school_estimates(sample, roster).query("measure == 'mean_score'")
    truth = of_schools["school_id"].map(everyone.groupby("school_id")["score"].mean())
    assert len(of_schools) == DISTRICTS * schools
    assert 0.93 <= held(of_schools, truth) <= 0.97
