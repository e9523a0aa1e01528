"""The tables of the house: what one row is, which columns it has, and the rules a row must keep.

Each rule carries the words a person reads when it is broken; a rule never quotes the value that broke it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import pandera.pandas as pa

IDENTIFIER = pa.Check.str_matches(
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", error="not an identifier of up to 64 letters, digits, - _ ."
)
"""Identifiers of schools become file names."""
SPREADSHEET_ERRORS = (
    "#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!"
)  # fmt: skip
"""What a spreadsheet writes where a formula failed; it is no text that anybody meant."""
TWICE = "stands twice; the first one is kept"
REPEATED = "the same record twice; the first one is kept"
NOT_A_CODE = "not a code of this question"
NOT_A_GROUP = "not a code of a background question of the student survey"
NOT_WHOLE = "not a whole number"
NOT_A_DAY = "not a day as YYYY-MM-DD"
NOT_A_LABEL = "neither a code nor a label of this question"
TWO_ANSWERS = "answered differently in two languages"
PREVIEW = "a preview, not an answer"
NO_CONSENT = "did not consent"
SCREENED_OUT = "screened out"
DURATION = "duration_seconds"
LEVELS = ("elementary", "middle", "high", "combined")
HOURS_IN_A_DAY = 24
_NUMBER = r"[-+]?([0-9]{1,15}(\.[0-9]{0,20})?|\.[0-9]{1,20})"


def _text(*rules: pa.Check, nullable: bool = False, unique: bool = False) -> pa.Column:
    return pa.Column("string", list(rules), nullable=nullable, unique=unique, report_duplicates="exclude_first")


def _date(*, nullable: bool = False) -> pa.Column:
    return pa.Column("datetime64[ns]", nullable=nullable)


def _known(values: Iterable[str] | None, what: str) -> list[pa.Check]:
    """Check that identifiers are known; where the list of them was not provided, there is nothing to check."""
    if values is None:
        return []
    allowed = set(values)
    bare = {value.lstrip("0") for value in allowed if value.startswith("0")}

    def lost_zeros(column: pd.Series) -> pd.Series:
        # What a spreadsheet makes of 0012.
        return ~column.isin(allowed) & column.isin(bare)

    return [
        pa.Check(lambda column: column.isin(allowed) | lost_zeros(column), error=f"not {what} of this study"),
        pa.Check(lambda column: ~lost_zeros(column), error=f"lost the leading zeros of {what} of this study"),
    ]


def _in_order(first: str, last: str) -> pa.Check:
    return pa.Check(lambda table: table[last].isna() | (table[first] <= table[last]), error=f"{last} is before {first}")


def responses(
    codes: Mapping[str, tuple[int, ...]], schools: Iterable[str] | None, *, timed: bool = False
) -> pa.DataFrameSchema:
    """One row is a respondent: `respondent_id`, `school_id`, and one integer code per question.

    `codes` are the allowed codes by column; a question left blank is missing. `schools` are the known schools;
    None accepts any. `timed` adds `duration_seconds`, how long the respondent took: an export tells it or does not.
    """

    def answer(allowed: tuple[int, ...]) -> pa.Column:
        return pa.Column("Int16", pa.Check.isin(allowed, error=NOT_A_CODE), nullable=True)

    return pa.DataFrameSchema(
        {
            "respondent_id": _text(unique=True),
            "school_id": _text(IDENTIFIER, *_known(schools, "a school")),
            **{column: answer(allowed) for column, allowed in codes.items()},
            **(
                {DURATION: pa.Column("Int64", pa.Check.ge(0, error="must not be negative"), nullable=True)}
                if timed
                else {}
            ),
        },
        strict=True,
    )


def schools(waves: Iterable[str]) -> pa.DataFrameSchema:
    """One row is a school in a wave: its name, level, students enrolled and staff employed."""
    positive = pa.Check.gt(0, error="must be above zero")
    return pa.DataFrameSchema(
        {
            "school_id": _text(IDENTIFIER),
            "wave": _text(*_known(waves, "a wave")),
            "school_name": _text(),
            "level": _text(pa.Check.isin(LEVELS, error=f"not one of {', '.join(LEVELS)}")),
            "students": pa.Column("Int64", positive),
            "staff": pa.Column("Int64", positive, nullable=True),
        },
        unique=["school_id", "wave"],
        report_duplicates="exclude_first",
        strict=True,
    )


def enrollment(
    schools: Iterable[str] | None, waves: Iterable[str], groups: Mapping[str, Iterable[int]]
) -> pa.DataFrameSchema:
    """One row is a group of a school's students in a wave, and how many they are.

    `group_by` is a background question of the student survey, `group` one of its codes; `groups` has these.
    """
    known = {(question, str(code)) for question, codes in groups.items() for code in codes}

    def is_group(table: pd.DataFrame) -> pd.Series:
        pairs = zip(table["group_by"], table["group"], strict=True)
        return pd.Series([pair in known for pair in pairs], index=table.index)

    return pa.DataFrameSchema(
        {
            "school_id": _text(*_known(schools, "a school")),
            "wave": _text(*_known(waves, "a wave")),
            "group_by": _text(),
            "group": _text(),
            "people": pa.Column("Int64", pa.Check.ge(0, error="must not be negative")),
        },
        checks=pa.Check(is_group, error=NOT_A_GROUP),
        unique=["school_id", "wave", "group_by", "group"],
        report_duplicates="exclude_first",
        strict=True,
    )


def officers() -> pa.DataFrameSchema:
    """One row is an officer, from the first to the last day in the program."""
    return pa.DataFrameSchema(
        {"officer_id": _text(unique=True), "start_date": _date(), "end_date": _date(nullable=True)},
        checks=_in_order("start_date", "end_date"),
        strict=True,
    )


def assignments(schools: Iterable[str] | None, officers: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is an officer's assignment to a school, from and to a day; still going on where `to_date` is blank."""
    return pa.DataFrameSchema(
        {
            "officer_id": _text(*_known(officers, "an officer")),
            "school_id": _text(*_known(schools, "a school")),
            "from_date": _date(),
            "to_date": _date(nullable=True),
        },
        checks=_in_order("from_date", "to_date"),
        strict=True,
    )


def training(officers: Iterable[str] | None, courses: Iterable[str]) -> pa.DataFrameSchema:
    """One row is a course an officer completed, with its hours."""
    return pa.DataFrameSchema(
        {
            "officer_id": _text(*_known(officers, "an officer")),
            "course": _text(*_known(courses, "a course")),
            "completed_on": _date(),
            "hours": pa.Column("Float64", pa.Check.gt(0, error="must be above zero")),
        },
        unique=["officer_id", "course", "completed_on"],
        report_duplicates="exclude_first",
        strict=True,
    )


def outreach(schools: Iterable[str] | None, officers: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is an outreach activity at a school: day, kind, officer hours and, if counted, people reached."""
    return pa.DataFrameSchema(
        {
            "school_id": _text(*_known(schools, "a school")),
            "officer_id": _text(*_known(officers, "an officer")),
            "date": _date(),
            "activity": _text(),
            "hours": pa.Column(
                "Float64",
                pa.Check.in_range(0, HOURS_IN_A_DAY, include_min=False, error="not between 0 and 24 hours"),
            ),
            "attendance": pa.Column("Int64", pa.Check.ge(0, error="must not be negative"), nullable=True),
        },
        # A list without numbers of its own cannot tell two equal activities from one that was entered twice.
        checks=pa.Check(lambda table: ~table.duplicated(), error=REPEATED),
        strict=True,
    )


def national_schools(
    groupings: Mapping[str, Iterable[str]], shares: Mapping[str, str | None], counts: Iterable[str], replicates: int
) -> pa.DataFrameSchema:
    """One row is a school of a national sample in a wave: groups, measures, and weights.

    `groupings` has the groups by column. `shares` are yes or no, and name the share whose schools alone were asked;
    blank where a school was not asked. `weight` stands for the full sample, `replicate_1` and so on leave out a part.
    """
    not_negative = pa.Check.ge(0, error="must not be negative")

    def asked(name: str, among: str) -> pa.Check:
        return pa.Check(
            lambda table: table[name].isna() | table[among].fillna(False).astype(bool),
            error=f"{name} is answered where {among} is not",
        )

    return pa.DataFrameSchema(
        {
            "school_id": _text(IDENTIFIER, unique=True),
            "wave": _text(),
            **{
                name: _text(pa.Check.isin(list(groups), error=f"not a group of {name}"), nullable=True)
                for name, groups in groupings.items()
            },
            **{name: pa.Column("boolean", nullable=True) for name in shares},
            **{name: pa.Column("Float64", not_negative, nullable=True) for name in counts},
            "weight": pa.Column("Float64", pa.Check.gt(0, error="must be above zero")),
            **{f"replicate_{i}": pa.Column("Float64", not_negative) for i in range(1, replicates + 1)},
        },
        checks=[asked(name, among) for name, among in shares.items() if among is not None],
        strict=True,
        ordered=True,
    )


def convert(text: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give text columns the types of a schema.

    Returns the typed table, in which what cannot be read is missing, and one row (`index`, `column`, `rule`) for
    each cell that could not be read.
    """
    typed, unread = {}, []
    for name, column in schema.columns.items():
        raw = text[name].str.strip()
        filled = raw.notna() & (raw != "")
        dtype = str(column.dtype)
        if dtype.startswith("string"):
            value, rule = raw.where(filled & ~raw.isin(SPREADSHEET_ERRORS)), "an error of the spreadsheet"
        elif dtype.startswith("datetime"):
            value, rule = _days(raw.where(filled)), NOT_A_DAY
        else:
            # Python and pandas also read `1_0`, `True` and `inf` as numbers; nobody writes an answer so.
            plain = raw.str.fullmatch(_NUMBER)
            number = pd.to_numeric(raw.where(filled & plain), errors="coerce").astype("Float64")
            if dtype.startswith("Int"):
                limit = 2 ** (int(dtype.removeprefix("Int")) - 1)
                whole = number.where((number % 1 == 0) & (number.abs() < limit))
                value, rule = whole.astype(dtype), NOT_WHOLE
            else:
                value, rule = number.where(number.abs() < float("inf")), "not a number"
        bad = text.index[filled & value.isna()]
        unread.append(pd.DataFrame({"index": bad, "column": name, "rule": rule}))
        typed[name] = value
    return pd.DataFrame(typed, index=text.index), pd.concat(unread, ignore_index=True)


def _days(text: pd.Series) -> pd.Series:
    """Read days; one that no timestamp can hold, such as 9999-12-31, is missing."""
    days = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    return days.where(days.between(pd.Timestamp.min, pd.Timestamp.max)).astype("datetime64[ns]")


def broken_rules(table: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return one row (`index`, `column`, `rule`) for each rule a row breaks; no values."""
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        rule = cases["check"].astype(str).map(_in_words)
        column = cases["column"].where(cases["schema_context"] == "Column", "")
        found = pd.DataFrame({"index": cases["index"], "column": column.fillna("").astype(str), "rule": rule})
        return found.drop_duplicates(ignore_index=True)
    return pd.DataFrame({"index": [], "column": [], "rule": []})


def _in_words(check: str) -> str:
    if check == "not_nullable":
        return "must not be blank"
    if check == "field_uniqueness" or check.startswith("multiple_fields_uniqueness"):
        return TWICE
    return check
