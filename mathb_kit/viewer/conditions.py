"""Conditions that a reader writes, such as ``rate < 10%, tokens > 500``, as SQL with its values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mathb_kit.errors import MathbError

OF_PROBLEMS = {
    "rate": "c / n", "correct": "c", "wrong": "wrong", "attempts": "n", "truncated": "truncated",
    "no_answer": "no_answer", "tokens": "tokens / n",
}  # fmt: skip
"""What a problem may be chosen by, and the column: counts of attempts, ``rate`` from 0 to 1, ``tokens`` each."""

OF_ATTEMPTS = {"tokens": "tokens", "attempt": '"index" + 1'}
"""Likewise an attempt."""

_SIGNS = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "=": "=", "==": "=", "!=": "<>", "≤": "<=", "≥": ">=", "≠": "<>"}
_ONE = re.compile(r"(\w+)\s*(<=|>=|==|!=|[<>=≤≥≠])\s*(\d+\.?\d*|\.\d+)\s*(%?)", re.ASCII)


def as_sql(text: str, columns: Mapping[str, str]) -> tuple[str, list[float]]:
    """A condition for ``WHERE``, and the values of its question marks.

    Args:
        text: comparisons of a name with a number, all of which are to hold, with commas or ``and`` between them; empty
            lets everything through.
        columns: what may be compared, by name.

    Raises:
        MathbError: anything else; the sentence says what may be written.
    """
    where, values = ["true"], []
    for part in filter(None, map(str.strip, re.split(r",|;|&&?|\band\b", text))):
        match = _ONE.fullmatch(part)
        if match is None or match[1] not in columns:
            raise MathbError(
                f"{part[:60]!r} is no condition; write e.g. {_example(columns)} with {', '.join(columns)} and one of "
                "< <= > >= = !=, and commas between several."
            )
        where.append(f"({columns[match[1]]}) {_SIGNS[match[2]]} ?")
        values.append(float(match[3]) / (100 if match[4] else 1))
    return " AND ".join(where), values


def fault(text: str, columns: Mapping[str, str]) -> str:
    """The sentence about what is no condition, for who shows the rest all the same; empty where there is no fault."""
    try:
        as_sql(text, columns)
    except MathbError as error:
        return str(error)
    return ""


def _example(columns: Mapping[str, str]) -> str:
    return "rate < 10%, tokens > 500" if "rate" in columns else "tokens > 500"
