"""At which k a base's pass@k equals a tuned model's, and where the two curves cross.

Both intervals are tests turned round: of all k of the base, those stay at which the paired difference of the two mean
pass@k may be 0 by its own interval (``difference_interval``). So they cover as often as that interval does, whatever
the curves' shapes, and say by themselves where the attempts do not reach: an end below 1 or beyond n.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics.adaptive import estimates_by_problem
from mathb_kit.statistics.arms import fresh_arms, pooled
from mathb_kit.statistics.caution import caution_of
from mathb_kit.statistics.intervals import difference_interval

BELOW, BEYOND = 0.0, float("inf")
"""Ends, and points, below k = 1 and beyond the attempts made."""
EQUAL_WHERE = "k at which the paired difference may be 0 (t or gains and losses apart)"
_GRID, _FINE = 65, 4001


def base_equivalent_k(
    base: pd.DataFrame | Sequence[pd.DataFrame], tuned: pd.DataFrame, ks: Sequence[int], *, level: float = 0.95
) -> pd.DataFrame:
    """How many attempts of the base solve as much as k attempts of the tuned model do, by attempts and by tokens.

    Between neighbouring k of a grid pass@k is taken as linear in log k.

    Args:
        base, tuned: outcomes of one draw each, on the same problems, which neither selected. Of the base several draws
            may stand together: at fixed n their attempts are put together (``pooled``) and reach so much further, else
            each problem has the mean of their estimates.
        ks: attempts of the tuned model, at most its plan's.
        level: nominal coverage.

    Returns:
        One row per k: k, tuned, base (mean pass@k of both; the base's NaN beyond its plan), base_k (where the base's
        is equal) with low and high, n (the base's attempts). base_k and its ends are 0 for "below 1" and infinite for
        "beyond n"; both ends infinite: at every k up to n the base solves less, beyond chance.

        Then what matched tokens say, NaN without a column ``tokens`` or where they lead out of 1 to n: matched_k, the
        base's attempts that take as many tokens as k of the tuned model (by the mean over problems of an attempt's
        mean length); base_at_matched; difference (tuned less that) with difference_low and difference_high. interval
        names the first, with a ``caution`` about the second.

    Raises:
        MathbError: arms that do not fit together, or a k beyond the tuned model's plan.
    """
    arms = [fresh_arms(each, tuned, None, "") for each in pooled([base] if isinstance(base, pd.DataFrame) else base)]
    draws, tuned = [each for each, _ in arms], arms[0][1]
    reached = estimates_by_problem(tuned, ks)
    if np.isnan(reached).any():
        raise MathbError(f"k = {max(ks):,} is beyond the tuned model's {_most(tuned):,} attempts; ask for a smaller k.")
    n = min(map(_most, draws))
    grid = _grid(n)
    curve = np.mean([estimates_by_problem(each, grid.tolist()) for each in draws], axis=0)
    same_k = np.mean([estimates_by_problem(each, ks) for each in draws], axis=0)
    longer = _tokens(tuned) / np.mean([_tokens(each) for each in draws])
    one = np.ones(len(curve))
    rows = []
    for column, k in enumerate(ks):
        value, mean = reached[:, column], curve.mean(axis=0)
        ends = difference_interval(value[:, None] - curve, one, level)
        low, high = _may_be_zero(*ends, grid)
        if np.isnan(low):  # the base solves less, or more, at all of its k
            low = high = BEYOND if ends[0][0] > 0 else BELOW
        row = {"k": k, "tuned": value.mean(), "base": same_k[:, column].mean()}
        row |= {"base_k": _where(mean, value.mean(), grid), "low": low, "high": high, "n": n}
        matched = k * longer
        inside = 1 <= matched <= n
        there = _between(curve, matched, grid) if inside else np.full(len(curve), np.nan)
        ends = difference_interval((value - there)[:, None], one, level)
        row |= {"matched_k": matched, "base_at_matched": there.mean(), "difference": (value - there).mean()}
        row |= {"difference_low": ends[0][0], "difference_high": ends[1][0]}
        rows.append(row | {"interval": EQUAL_WHERE + caution_of("difference", value - there)})
    return pd.DataFrame(rows)


def crossing_point(base: pd.DataFrame, tuned: pd.DataFrame, *, level: float = 0.95) -> dict[str, float]:
    """The k at which the base's mean pass@k overtakes the tuned model's.

    Between neighbouring k of a grid the difference is taken as linear in log k; of several crossings the last counts.

    Returns:
        k, NaN where the curves do not cross from the tuned model above to the base above; low and high, the first and
        the last k at which they may be equal, 0 for "below 1", infinite for "beyond n", NaN where they nowhere may;
        and n, the attempts up to which both were seen.

    Raises:
        MathbError: arms that do not fit together.
    """
    base, tuned = fresh_arms(base, tuned, None, "")
    n = min(_most(base), _most(tuned))
    grid = _grid(n)
    difference = estimates_by_problem(tuned, grid.tolist()) - estimates_by_problem(base, grid.tolist())
    mean = difference.mean(axis=0)
    low, high = _may_be_zero(*difference_interval(difference, np.ones(len(difference)), level), grid)
    down = np.flatnonzero((mean[:-1] > 0) & (mean[1:] <= 0))
    point = np.nan
    if len(down):
        last = down[-1] + np.arange(2)
        point = float(np.exp(np.interp(0, -mean[last], np.log(grid[last]))))
    return {"k": point, "low": low, "high": high, "n": n}


def _most(outcomes: pd.DataFrame) -> int:
    return min(Plan.parse(text).n_max for text in outcomes["plan"].unique())


def _grid(n: int) -> np.ndarray:
    return np.unique(np.round(np.geomspace(1, n, _GRID)).astype(int))


def _tokens(outcomes: pd.DataFrame) -> float:
    """Mean length of an attempt, each problem counting once: hard ones have more attempts under an adaptive plan."""
    return float((outcomes["tokens"] / outcomes["n"]).mean()) if "tokens" in outcomes else float("nan")


def _between(curve: np.ndarray, k: float, grid: np.ndarray) -> np.ndarray:
    """Each row's value at k, linear in log k between the columns."""
    if len(grid) == 1:
        return curve[:, 0]
    at = min(int(np.searchsorted(grid, k, side="right")) - 1, len(grid) - 2)
    part = np.log(k / grid[at]) / np.log(grid[at + 1] / grid[at])
    return (1 - part) * curve[:, at] + part * curve[:, at + 1]


def _where(mean: np.ndarray, value: float, grid: np.ndarray) -> float:
    """Where a curve that never falls first has a value."""
    edge = 1e-12
    if value > mean[-1] + edge:
        return BEYOND
    if value < mean[0] - edge:
        return BELOW
    at = int(np.argmax(mean >= value - edge))
    if at == 0 or mean[at] <= value:
        return float(grid[at])
    return float(np.exp(np.interp(value, mean[at - 1 : at + 1], np.log(grid[at - 1 : at + 1]))))


def _may_be_zero(low: np.ndarray, high: np.ndarray, grid: np.ndarray) -> tuple[float, float]:
    """First and last k at which the interval from low to high holds 0, with ends outside of the grid by name."""
    fine = np.geomspace(grid[0], grid[-1], _FINE) if len(grid) > 1 else grid.astype(float)
    low, high = (np.interp(np.log(fine), np.log(grid), end) for end in (low, high))
    holds = (low <= 0) & (high >= 0)
    crossed = (low[:-1] > 0) & (high[1:] < 0) | (high[:-1] < 0) & (low[1:] > 0)  # within one fine step
    holds[:-1] |= crossed
    if not holds.any():
        return float("nan"), float("nan")
    at = np.flatnonzero(holds)
    first, last = float(fine[at[0]]), float(fine[at[-1]])
    return (BELOW if at[0] == 0 else first), (BEYOND if at[-1] == len(fine) - 1 else last)
