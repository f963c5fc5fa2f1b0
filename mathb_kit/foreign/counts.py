"""Counts that somebody else made: n attempts, c correct, by problem and model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.foreign.samples import Samples, origin_of
from mathb_kit.foreign.tables import read_counts_table, stem_of
from mathb_kit.plan import Plan
from mathb_kit.settings import did_you_mean, shortened

FIELDS = ("model", "draw", "problem", "n", "c", "unscored", "gold")
"""What a column can mean. ``unscored``: attempts among n without a verdict, not among c."""

_SYNONYMS = {
    "model": ("name", "model_name"),
    "problem": ("problem_id", "unique_id", "id", "index", "problem_idx", "prompt_idx", "qid", "doc_id", "question_id"),
    "n": ("num_samples", "attempts", "num_attempts", "total"),
    "c": ("correct", "num_correct", "n_correct"),
    "unscored": ("grader_failed", "no_verdict"),
    "gold": ("answer", "target"),
}
_MOST = 10**8  # attempts at a problem, beyond all that anybody made
_WIDE = re.compile(r"c_(.+)")


def read_foreign_counts(
    path: Path | str,
    *,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    grader: str = "",
    on: str = "",
    **origin: Any,
) -> Samples:
    """Counts from a file: one row per model and problem, or one per problem with ``c_<model>`` columns.

    Args:
        path: see `read_counts_table`.
        columns: field (one of `FIELDS`) to the name of its column, where that is not the field's own or a usual one.
        where: keep only rows with these values, e.g. ``{"benchmark": "MATH"}``.
        grader: who decided what is correct, in words.
        on: name of the problem set; the file's by default.
        origin: anything known of where it comes from (``source``, ``licence``, sampling settings), kept and shown.

    Raises:
        MathbError: naming file, row or column and the remedy.
    """
    path = Path(path)
    table = read_counts_table(path)
    for column, value in (where or {}).items():
        if column not in table:
            raise MathbError(f"{path} has no column {column!r}{_there(column, table)}.")
        table = table[table[column].astype(str) == value]
        if not len(table):
            raise MathbError(f"{path} has no row with {column} {value!r}; correct what it is chosen by.")
    facts = origin_of(path, "counts", grader=grader or f"as in {path.name}", where=dict(where or {}), **origin)
    return counts_from_frame(table, facts, columns=columns, on=on or stem_of(path), where=str(path))


def counts_from_frame(
    table: pd.DataFrame,
    origin: Mapping[str, Any],
    *,
    columns: Mapping[str, str] | None = None,
    on: str = "the set",
    where: str = "the table",
) -> Samples:
    """`read_foreign_counts` from a table at hand; ``where`` names it in messages, ``origin`` holds ``grader``."""
    named = _fields(table, dict(columns or {}), where)
    plain = pd.DataFrame({field: table[column] for field, column in named.items()})
    plain.insert(0, "row", plain.index + 1)
    if "c" not in plain:
        plain = _from_wide(table, plain, where)
    for field in ("n", "c", *(["unscored"] if "unscored" in plain else [])):
        plain[field] = _whole(plain, field, where)
    plain = plain.assign(unscored=plain.get("unscored", 0), draw=plain.get("draw", "main"))
    plain["model"] = plain["model"].astype(str) if "model" in plain else on
    plain["problem"] = plain["problem"].astype(str)
    _check(plain, where)
    outcomes = pd.DataFrame(
        {
            "name": plain["model"], "set": on, "model": plain["model"],
            "problem": plain["problem"], "draw": plain["draw"].astype(str),
            "n": plain["n"], "c": plain["c"], "grader_failed": plain["unscored"],
            "plan": plain["n"].map({n: str(Plan.fixed(n)) for n in plain["n"].unique()}),
            "grader": origin["grader"], "complete": True,
        }
    )  # fmt: skip
    if "gold" in plain:
        outcomes["gold"] = plain["gold"].astype(str)
    return Samples(on, outcomes.reset_index(drop=True), dict(origin))


def _fields(table: pd.DataFrame, asked: dict[str, str], where: str) -> dict[str, str]:
    """Field to column, for the fields that the table has."""
    if unknown := next((field for field in asked if field not in FIELDS), None):
        guess = did_you_mean(unknown, FIELDS)
        raise MathbError(f"There is no field {unknown!r}{guess}; there are {', '.join(FIELDS)}.")
    for field, column in asked.items():
        if column not in table:
            raise MathbError(f"{where} has no column {column!r} for {field}{_there(column, table)}.")
    found = {
        field: next((name for name in (field, *_SYNONYMS.get(field, ())) if name in table), None)
        for field in FIELDS
        if field not in asked
    }
    named = asked | {field: column for field, column in found.items() if column}
    wide = any(_WIDE.fullmatch(str(column)) for column in table)
    needed = {"problem": "which problem a row is about", "n": "how many attempts it had", "c": "how many were correct"}
    for field, what in needed.items():
        if field not in named and not (field == "c" and wide):
            raise MathbError(
                f"{where} has no column {field!r} ({what}){_there(field, table)}; name it, e.g. --column {field}=NAME."
            )
    return named


def _there(column: str, table: pd.DataFrame) -> str:
    return f"; it has {', '.join(map(str, list(table)[:12]))}{', ...' if table.shape[1] > 12 else ''}"


def _from_wide(table: pd.DataFrame, plain: pd.DataFrame, where: str) -> pd.DataFrame:
    """A row per model from columns ``c_<model>``."""
    if "model" in plain:
        raise MathbError(f"{where} has a column for the model and also columns c_<model>; leave one of them out.")
    models = {str(column): match[1] for column in table if (match := _WIDE.fullmatch(str(column)))}
    parts = [plain.assign(c=table[column], model=model) for column, model in models.items()]
    return pd.concat(parts, ignore_index=True)


def _whole(plain: pd.DataFrame, field: str, where: str) -> pd.Series:
    numbers = pd.to_numeric(plain[field], errors="coerce")
    if (bad := numbers.isna() | (numbers % 1 != 0) | (numbers.abs() > _MOST)).any():
        row = plain[bad].iloc[0]
        raise MathbError(
            f"{where}, row {row['row']}: {field} is {shortened(str(row[field]))}, not a whole number of attempts up to "
            f"{_MOST:,}; mend the row."
        )
    return numbers.astype("int64")


def _check(plain: pd.DataFrame, where: str) -> None:
    faults = {
        "names no problem; fill it in": plain["problem"].str.strip().isin(["", "nan", "None"]),
        "has no attempts; leave the row out": plain["n"] < 1,
        "has a negative count; mend the row": (plain["c"] < 0) | (plain["unscored"] < 0),
        "has more correct attempts than attempts; mend the row": plain["c"] + plain["unscored"] > plain["n"],
        "is there twice for one model and draw; name a column that tells them apart (--column draw=NAME or model=NAME)":
            plain.duplicated(["model", "draw", "problem"]),
    }  # fmt: skip
    if "gold" in plain:
        faults["has an empty gold; fill it in or leave the column out"] = plain["gold"].isna() | (
            plain["gold"].astype(str).str.strip() == ""
        )
    for fault, rows in faults.items():
        if rows.any():
            row = plain[rows].iloc[0]
            said = f"problem {shortened(row['problem'])}, {row['c']} of {row['n']}"
            raise MathbError(f"{where}, row {row['row']} ({said}) {fault}.")
