"""Counts (n, c) from a file, for people who sampled and graded elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.problems.files import read_rows
from mathb_kit.settings import parse_json_of_others
from mathb_kit.statistics.mean_curve import curve_interval
from mathb_kit.statistics.pass_at_k import pass_at_k


def read_counts(path: str | Path) -> pd.DataFrame:
    """The rows of a file with one (n, c) a row, as whole numbers.

    Args:
        path: CSV with a header, or JSON lines or Parquet; columns ``n`` and ``c``, others are left alone.

    Raises:
        MathbError: an unreadable file, a missing column, or a count that is not a whole number.
    """
    path = Path(path)
    if not path.is_file():
        raise MathbError(f"There is no file {path}; correct the path.")
    try:
        rows = pd.read_csv(path) if path.suffix == ".csv" else pd.DataFrame(_plain(path))
    except ValueError as error:  # pandas' parser errors, broken UTF-8
        raise MathbError(f"{path} is not a CSV file with a header ({error}).") from error
    if not isinstance(rows.index, pd.RangeIndex):  # pandas takes what the header does not name for an index
        raise MathbError(f"{path} has rows with more cells than its header has columns; save it anew.")
    for column in ("n", "c"):
        if column not in rows:
            raise MathbError(f"{path} has no column {column!r}; each row needs n (attempts) and c (correct ones).")
        numbers = pd.to_numeric(rows[column], errors="coerce")
        if (bad := numbers.isna() | (numbers % 1 != 0)).any():
            at = int(np.flatnonzero(bad)[0])
            raise MathbError(f"{path}, row {at + 1}: {column!r} is {rows[column].iloc[at]}, not a whole number.")
        rows[column] = numbers.astype("int64")
    return rows


def counts_as_outcomes(path: str | Path) -> pd.DataFrame:
    """The rows of such a file as outcomes of fixed plans: model, problem (the row's number), draw, n, c, plan."""
    rows = read_counts(path)[["n", "c"]]
    if (bad := rows[(rows["c"] < 0) | (rows["c"] > rows["n"]) | (rows["n"] < 1)]).size:
        n, c = bad.iloc[0]
        raise MathbError(f"{path}, row {bad.index[0] + 1}: {c} correct of {n} is no count; correct the file.")
    plans = [f"fixed {n}" for n in rows["n"]]
    return rows.assign(model="counts", problem=[f"row {row + 1}" for row in range(len(rows))], draw="main", plan=plans)


def _plain(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_rows(path, parse_json_of_others)]


def mean_pass_at_k(path: str | Path, ks: Sequence[int]) -> pd.DataFrame:
    """Mean pass@k over the problems of a file with one (n, c) a row, each at a fixed n.

    Args:
        path: as for ``read_counts``.
        ks: attempts allowed.

    Returns:
        One row per k: k, problems, pass_at_k, low, high, interval (95 %). pass_at_k, low and high are NaN where a
        problem has fewer than k attempts.
    """
    rows, asked = read_counts(path), list(ks)
    ks = sorted(set(asked))
    counts = rows.groupby(["n", "c"]).size()
    n, c = (counts.index.get_level_values(name).to_numpy()[:, None] for name in ("n", "c"))
    values = np.asarray(pass_at_k(n, c, np.asarray(ks)))
    problems = counts.to_numpy()
    low, high, name = curve_interval(values, problems, rows[["n", "c"]], ks)
    table = pd.DataFrame(
        {"k": ks, "problems": problems.sum(), "pass_at_k": problems / problems.sum() @ values, "low": low, "high": high,
         "interval": name}
    ).set_index("k")  # fmt: skip
    return table.loc[asked].reset_index()
