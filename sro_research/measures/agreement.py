"""Which clauses of the agreement are kept, as far as reviews have looked.

A clause of the district has one place, a clause of each school has one at every school of the roster. What a place has
on the last day of a wave is the finding of the last review that could assess it, unless that is older than the standard
allows. Everything else is "not assessed", with the reason; it is in no denominator but its own, and never "not met".
"""

from __future__ import annotations

import pandas as pd

from sro_research.measures.cases import findings
from sro_research.measures.outreach import outside_periods
from sro_research.parameters import Wave
from sro_research.standards.agreement import Agreement

MET, PARTLY, NOT_MET, NOT_ASSESSED = "met", "partly", "not_met", "not_assessed"
NEVER, COULD_NOT, TOO_OLD = "never reviewed", "the review could not assess it", "last assessed too long ago"
PLACE = ["clause", "school_id"]
COLUMNS = ["school_id", "wave", "group_by", "group", "measure", "population"]
COLUMNS += ["numerator", "denominator", "value", "unit", "cases"]


def clause_standing(
    reviews: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave], *, agreement: Agreement
) -> pd.DataFrame:
    """Tell what is known of every clause at every place on the last day of each wave.

    Returns `clause`, `school_id` (blank: the district), `wave`, `finding`, `evidence`, `assessed_on` (the last time,
    also where that is too long ago), `age_days` since then, and `reason`, blank where the clause counts as assessed.
    """
    reviews = reviews.assign(school_id=reviews["school_id"].fillna(""))
    return pd.concat([_on_last_day(wave, reviews, schools, agreement) for wave in waves], ignore_index=True)


def _on_last_day(wave: Wave, reviews: pd.DataFrame, schools: pd.DataFrame, agreement: Agreement) -> pd.DataFrame:
    end = pd.Timestamp(wave.end)
    by_then = reviews[reviews["date"] <= end].sort_values("date")
    last = by_then[by_then["finding"] != NOT_ASSESSED].drop_duplicates(PLACE, keep="last")
    last = last.rename(columns={"date": "assessed_on"})
    ids = schools.loc[schools["wave"] == wave.id, "school_id"]
    table = _places(agreement, ids).assign(wave=wave.id).merge(last, on=PLACE, how="left")
    table["age_days"] = (end - table["assessed_on"]).dt.days.astype("Int64")
    seen = pd.MultiIndex.from_frame(table[PLACE]).isin(pd.MultiIndex.from_frame(by_then[PLACE]))
    reason = (
        pd.Series("", index=table.index, dtype="string").mask(table["finding"].isna(), COULD_NOT).mask(~seen, NEVER)
    )
    table["reason"] = reason.mask((table["age_days"] > agreement.valid_days).fillna(False).astype(bool), TOO_OLD)
    assessed = table["reason"] == ""
    table["finding"] = table["finding"].where(assessed, NOT_ASSESSED)
    table["evidence"] = table["evidence"].where(assessed)
    return table[[*PLACE, "wave", "finding", "evidence", "assessed_on", "age_days", "reason"]]


def _places(agreement: Agreement, ids: pd.Series) -> pd.DataFrame:
    rows = [
        (clause, school)
        for clause, scope in agreement.scopes.items()
        for school in ([""] if scope == "district" else sorted(ids.unique()))
    ]
    return pd.DataFrame(rows, columns=PLACE, dtype="string")


def agreement_indicators(standing: pd.DataFrame) -> pd.DataFrame:
    """Return adherence as indicators: of the district, of each school, and of each clause.

    Shares of what was assessed are `agreement_met_share`, `agreement_partly_share`, `agreement_not_met_share` and
    `agreement_evidence_share` (a kind of evidence was named); `agreement_assessed_share` is of all places.
    `agreement_review_age_days` is the median age, over the places that were ever assessed. Rows of a school hold the
    clauses of each school only. `group_by` is "clause" and `group` the clause, or both are blank; `cases` counts the
    places a value rests on.
    """
    of_schools = standing[standing["school_id"] != ""]
    parts = [
        _of(standing, ["wave"]),
        _of(of_schools, ["wave", "school_id"]),
        _of(standing, ["wave", "clause"]).rename(columns={"clause": "group"}).assign(group_by="clause"),
    ]
    blank = {"school_id": "", "group_by": "", "group": ""}
    table = pd.concat([part.assign(**{c: v for c, v in blank.items() if c not in part}) for part in parts])
    return table[COLUMNS].reset_index(drop=True)


def _of(standing: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    found = standing.assign(
        places=1,
        assessed=standing["finding"] != NOT_ASSESSED,
        evidence=standing["evidence"].notna(),
        **{name: standing["finding"] == name for name in (MET, PARTLY, NOT_MET)},
    )
    columns = ["places", "assessed", "evidence", MET, PARTLY, NOT_MET]
    counts = found.groupby(keys)[columns].sum().astype("Float64")
    tables = [_share(counts, "assessed", of="places")]
    tables += [_share(counts, name, of="assessed") for name in (MET, PARTLY, NOT_MET, "evidence")]
    age = standing.groupby(keys)["age_days"].agg(value="median", denominator="count").astype("Float64")
    tables.append(age.assign(measure="agreement_review_age_days", numerator=pd.NA, unit="days"))
    table = pd.concat(tables).reset_index()
    return table.assign(population="", cases=table["denominator"].astype("Int64"))


def _share(counts: pd.DataFrame, name: str, *, of: str) -> pd.DataFrame:
    total = counts[of]
    table = pd.DataFrame(
        {"numerator": counts[name], "denominator": total, "value": counts[name] / total.mask(total == 0)}
    )
    return table.assign(measure=f"agreement_{name}_share", unit="share")


def breach_indicators(breaches: pd.DataFrame, agreement: Agreement) -> pd.DataFrame:
    """Return breaches that the contact log holds, by clause and wave, as indicators of the district.

    `breaches` has `clause`, `wave` and `rows`. A zero has a row; a clause without one was not looked for, and gets none
    here. `value` counts contacts, and there is no denominator: other records tell how many contacts there were.
    """
    known = breaches[breaches["clause"].isin(list(agreement.clauses))]
    counts = known.groupby(["wave", "clause"], as_index=False)["rows"].sum().rename(columns={"clause": "group"})
    value = counts.pop("rows").astype("Float64")
    return counts.assign(
        school_id="",
        group_by="clause",
        measure="agreement_breaches",
        population="",
        numerator=value,
        denominator=pd.Series(pd.NA, index=value.index, dtype="Float64"),
        value=value,
        unit="contacts",
        cases=value.astype("Int64"),
    )


def agreement_findings(
    reviews: pd.DataFrame, standing: pd.DataFrame, breaches: pd.DataFrame | None, waves: list[Wave]
) -> pd.DataFrame:
    """Return what does not fit, counted: `finding`, `rows` and `explanation`; a zero says that it was looked for."""
    assessed = reviews[reviews["finding"] != NOT_ASSESSED]
    last = max(waves, key=lambda wave: wave.end)
    late = reviews[reviews["date"] > pd.Timestamp(last.end)]
    between = outside_periods(reviews.drop(late.index)["date"], waves)
    now = standing[standing["wave"] == last.id]
    found = {
        "reviews_after_last_wave": (len(late), "Reviews dated after the last wave ends, which count in no wave"),
        "reviews_between_waves": (between, "Reviews dated in no wave's period, which count in the waves after them"),
        "assessed_without_evidence": (
            int(assessed["evidence"].isna().sum()),
            "Reviews that state a finding and no kind of evidence, which count and lower the share with evidence",
        ),
        "never_reviewed": (
            _because(now, NEVER),
            "Clauses without any review by the end of the last wave, each place counted",
        ),
        "could_not_be_assessed": (_because(now, COULD_NOT), "Clauses that no review could assess, each place counted"),
        "assessed_too_long_ago": (
            _because(now, TOO_OLD),
            "Clauses whose last finding is older than the standard allows, each place counted",
        ),
    }
    if breaches is not None:
        found["met_but_breached"] = (
            _contradicted(standing, breaches),
            "Clauses found met wherever assessed although the contact log holds breaches, each wave counted",
        )
        found["breaches_outside_waves"] = (
            int((~breaches["wave"].isin([wave.id for wave in waves])).sum()),
            "Counts of breaches that name no wave of this study",
        )
    return findings({name: (count, f"{words}: {count}.") for name, (count, words) in found.items()})


def _because(standing: pd.DataFrame, reason: str) -> int:
    return int((standing["reason"] == reason).sum())


def _contradicted(standing: pd.DataFrame, breaches: pd.DataFrame) -> int:
    """Count clauses that were found met at all assessed places of a wave in which contacts breached them."""
    known = standing[standing["finding"] != NOT_ASSESSED]
    met = known.assign(met=known["finding"] == MET).groupby(["clause", "wave"])["met"].all()
    breached = breaches[breaches["rows"] > 0].groupby(["clause", "wave"]).size().index
    return int(met.reindex(breached).fillna(False).astype(bool).sum())
