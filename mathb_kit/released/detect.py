"""Which kind of number the pass@k columns hold, and what can be recovered from them.

The card does not say whether pass@k for k < 1,024 is the paper's indicator (is one of the first k attempts correct?) or
the unbiased estimate from all 1,024 attempts. The values tell: an indicator that turns from 0 to 1 cannot be an
estimate, because an estimate is above 0 at every k once there is one success; and an estimate strictly between 0 and 1
cannot be an indicator.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.released.table import ATTEMPTS, ReleasedTable
from mathb_kit.statistics import pass_at_k

KindName = Literal["indicators", "estimates", "undecided"]


@dataclass(frozen=True, eq=False)
class Kind:
    """What the pass@k columns are.

    Attributes:
        name: ``indicators`` of the first k attempts, unbiased ``estimates`` from all 1,024, or ``undecided`` where
            every value could be either (only 0 and 1, the same at every k).
        sentence: which, and how many (problem, model) pairs say so.
        c_low, c_high: (problems, models) smallest and largest number of successes that an estimate allows; -1 where
            none does.
    """

    name: KindName
    sentence: str
    c_low: np.ndarray
    c_high: np.ndarray


def detect_kind(table: ReleasedTable) -> Kind:
    """Tell from the values which kind the pass@k columns are.

    Raises:
        MathbError: a pair that is neither kind, or pairs of both kinds; it names columns and rows.
    """
    values = np.stack([table.values[model][list(table.ks)].to_numpy() for model in table.models], axis=1)
    tolerance = _rounding(values)
    indicator = np.isin(values, (0.0, 1.0)).all(axis=2) & (np.diff(values, axis=2) >= 0).all(axis=2)
    c_low, c_high = _successes(values, table.ks, tolerance)
    estimate = c_low <= c_high
    c_low, c_high = np.where(estimate, c_low, -1), np.where(estimate, c_high, -1)
    if (neither := ~indicator & ~estimate).any():
        raise MathbError(
            f"{table.source}, {_place(table, neither)}: the values {_run_of(table, values, neither)} are neither "
            f"indicators of the first k attempts nor unbiased estimates from {ATTEMPTS:,} ({neither.sum():,} of "
            f"{neither.size:,} pairs); fetch the released table again."
        )
    only_indicator, only_estimate = indicator & ~estimate, estimate & ~indicator
    if only_indicator.any() and only_estimate.any():
        raise MathbError(
            f"{table.source} mixes two kinds of pass@k: {_place(table, only_indicator)} holds indicators of the first "
            f"k attempts ({_run_of(table, values, only_indicator)}), {_place(table, only_estimate)} unbiased estimates "
            f"({_run_of(table, values, only_estimate)}); fetch the released table again."
        )
    of = f"of {indicator.size:,} (problem, model) pairs; the others fit both"
    if only_indicator.any():
        sentence = (
            f"pass@k is the indicator of the first k attempts: it turns from 0 to 1 in {only_indicator.sum():,} {of}"
        )
        return Kind("indicators", sentence, c_low, c_high)
    if only_estimate.any():
        sentence = (
            f"pass@k is the unbiased estimate from {ATTEMPTS:,} attempts: it lies strictly between 0 and 1, where some "
            f"whole number of successes puts it, in {only_estimate.sum():,} {of}"
        )
        return Kind("estimates", sentence, c_low, c_high)
    return Kind("undecided", "pass@k may be either kind: no value changes with k", c_low, c_high)


def recovered_counts(table: ReleasedTable, kind: Kind) -> pd.DataFrame:
    """How many of 1,024 attempts were correct, where the columns are estimates.

    The smallest k tells most: pass@64 grows by 1/16 with the first success and by less with every further one, until
    rounding swallows the difference.

    Returns:
        One row per (model, problem): model, problem, c_low, c_high (equal where the number is certain).

    Raises:
        MathbError: the columns are no estimates.
    """
    if kind.name != "estimates":
        raise MathbError("Counts follow from unbiased estimates only; these columns are not known to be that.")
    keys = pd.MultiIndex.from_product([table.models, table.problems["problem"]], names=["model", "problem"])
    return pd.DataFrame({"c_low": kind.c_low.T.ravel(), "c_high": kind.c_high.T.ravel()}, index=keys).reset_index()


def first_success(table: ReleasedTable, kind: Kind) -> pd.DataFrame:
    """Between which attempts the first success came, where the columns are indicators.

    Returns:
        One row per (model, problem): model, problem, after, by: the first ``after`` attempts were all wrong, the first
        ``by`` were not (NA: never solved).

    Raises:
        MathbError: the columns are no indicators.
    """
    if kind.name != "indicators":
        raise MathbError("The first success follows from indicators only; these columns are not known to be that.")
    ks = np.array([0, *table.ks])
    frames = []
    for model in table.models:
        failed = (table.values[model][list(table.ks)].to_numpy() == 0).sum(axis=1)  # grid points without a success
        never = failed == len(table.ks)
        by = pd.Series(ks[np.minimum(failed + 1, len(table.ks))], dtype="Int64").mask(never)
        frames.append(
            pd.DataFrame({"model": model, "problem": table.problems["problem"], "after": ks[failed], "by": by})
        )
    return pd.concat(frames, ignore_index=True)


@cache
def _exact(k: int) -> np.ndarray:
    """Unbiased pass@k for c = 0 to 1,024 of 1,024: not decreasing."""
    return np.maximum.accumulate(pass_at_k(ATTEMPTS, np.arange(ATTEMPTS + 1), k))


def _successes(values: np.ndarray, ks: tuple[int, ...], tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest c that explains a pair at every k; smallest above largest where none does."""
    low = np.zeros(values.shape[:2], dtype=int)
    high = np.full(values.shape[:2], ATTEMPTS)
    for column, k in enumerate(ks):
        exact = _exact(k)
        low = np.maximum(low, np.searchsorted(exact, values[..., column] - tolerance, side="left"))
        high = np.minimum(high, np.searchsorted(exact, values[..., column] + tolerance, side="right") - 1)
    return low, high


def _rounding(values: np.ndarray) -> float:
    """Half a unit of the last decimal where all values have two to six decimals, else what floating point leaves."""
    for decimals in range(2, 7):
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=1e-12):
            between = np.any((values > 0) & (values < 1))
            return 0.5001 * 10.0**-decimals if between else 1e-10
    single = np.array_equal(values, values.astype(np.float32).astype(float))
    return 1e-7 if single else 1e-10


def _place(table: ReleasedTable, pairs: np.ndarray) -> str:
    row, model = (int(at[0]) for at in pairs.nonzero())
    return f"row {row + 1}, '{table.models[model]}_pass@k'"


def _run_of(table: ReleasedTable, values: np.ndarray, pairs: np.ndarray) -> str:
    row, model = (int(at[0]) for at in pairs.nonzero())
    run = values[row, model]
    shown = [f"{value:.6g} at k = {k}" for k, value in zip(table.ks, run)]
    changes = sorted({0, *(np.flatnonzero(np.diff(run)) + 1).tolist()[:2]})
    return ", ".join(shown[at] for at in changes)
