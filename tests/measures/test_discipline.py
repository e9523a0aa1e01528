import pandas as pd

from sro_research.measures.discipline import discipline_rates

SCHOOLS = pd.DataFrame(
    {"school_id": ["1", "1", "2"], "wave": ["24", "25", "24"], "students": pd.array([200, 50, None], dtype="Int64")}
)
COUNTS = pd.DataFrame(
    [("1", "24", "exclusion", 6), ("1", "25", "exclusion", 0), ("2", "24", "exclusion", 3)],
    columns=["school_id", "wave", "event", "students"],
)


def test_rates_are_per_hundred_students_and_what_is_not_known_is_no_zero() -> None:
    rates = discipline_rates(COUNTS, SCHOOLS).set_index(["school_id", "wave", "event"])["value"]
    assert rates["1", "24", "exclusion"] == 3
    assert rates["1", "25", "exclusion"] == 0
    assert pd.isna(rates["2", "24", "exclusion"])  # how many students there are is not known
    assert rates.xs("arrest", level="event").isna().all()  # nobody counted
    assert len(rates) == 9


def test_the_measure_names_its_unit() -> None:
    assert set(discipline_rates(COUNTS, SCHOOLS)["measure"]) == {
        "exclusions_per_100_students",
        "referrals_per_100_students",
        "arrests_per_100_students",
    }
