"""CSV files that no spreadsheet runs: texts of other people that look like formulas are written as texts.

A cell that begins with ``=``, ``+``, ``-`` or ``@`` (or a tab or carriage return) is a formula to a spreadsheet. Such a
text gets an apostrophe in front, the spreadsheets' own mark of a text, and one that begins with apostrophes before such
a sign one more, so that `as_written` gives back exactly what was there. Numbers stay as they are, also as texts.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_MARKED = re.compile(r"'+[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?( ?%)?|[+-]?(inf|nan)", re.I)


def write_csv(table: pd.DataFrame, path: Path | str, *, index: bool = False, float_format: str | None = None) -> None:
    """Write a table; an identical one gives identical bytes on every system.

    Args:
        table: numbers and texts.
        path: of the file.
        index: the index, too.
        float_format: e.g. ``%.6g``; all digits by default.
    """
    safe = table.copy()
    for place, kind in enumerate(table.dtypes):
        if kind.kind not in "biufcmM":  # texts, and what may hold some
            safe.isetitem(place, safe.iloc[:, place].map(_as_text))
    if index:
        safe.index = safe.index.map(_as_text)
    safe.columns = [_as_text(name) for name in safe.columns]
    safe.to_csv(path, index=index, lineterminator="\n", float_format=float_format)


def as_written(table: pd.DataFrame) -> pd.DataFrame:
    """A table that was read from a CSV file, as it was before `write_csv`."""
    from pandas.api.types import is_string_dtype

    plain = table.rename(columns=_unmarked)
    for place in range(table.shape[1]):
        column = table.iloc[:, place]
        if is_string_dtype(column) and column.str.startswith("'").any():
            plain.isetitem(place, column.map(_unmarked))
    return plain


def _unmarked(value: Any) -> Any:
    return value[1:] if isinstance(value, str) and _MARKED.match(value) else value


def _as_text(value: Any) -> Any:
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
