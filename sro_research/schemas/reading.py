"""Text to the types of a schema, and the rules that rows break, in words."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from sro_research.schemas.columns import TWICE, WITH_TIME

SPREADSHEET_ERRORS = (
    "#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!"
)  # fmt: skip
"""What a spreadsheet writes where a formula failed; it is no text that anybody meant."""
NOT_WHOLE = "not a whole number"
NOT_A_NUMBER = "not a number"
NOT_A_DAY = "not a day as YYYY-MM-DD"
NOT_A_TIME = "not a day and time as YYYY-MM-DD HH:MM"
_TIME_FORMATS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
_NUMBER = r"[-+]?([0-9]{1,15}(\.[0-9]{0,20})?|\.[0-9]{1,20})"


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
        elif column.metadata == WITH_TIME:
            value, rule = _times(raw.where(filled)), NOT_A_TIME
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
                value, rule = number.where(number.abs() < float("inf")), NOT_A_NUMBER
        bad = text.index[filled & value.isna()]
        unread.append(pd.DataFrame({"index": bad, "column": name, "rule": rule}))
        typed[name] = value
    return pd.DataFrame(typed, index=text.index), pd.concat(unread, ignore_index=True)


def _days(text: pd.Series) -> pd.Series:
    """Read days; one that no timestamp can hold, such as 9999-12-31, is missing."""
    days = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    return days.where(days.between(pd.Timestamp.min, pd.Timestamp.max)).astype("datetime64[ns]")


def _times(text: pd.Series) -> pd.Series:
    """Read days with a time of day; a day alone has none, and midnight would be a guess."""
    plain = text.str.replace("T", " ", regex=False)
    read = [pd.to_datetime(plain, format=way, errors="coerce") for way in _TIME_FORMATS]
    times = read[0].fillna(read[1])
    return times.where(times.between(pd.Timestamp.min, pd.Timestamp.max)).astype("datetime64[ns]")


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
