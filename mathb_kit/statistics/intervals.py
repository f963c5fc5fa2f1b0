"""Intervals for a proportion of problems and for a mean over problems."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mathb_kit.errors import MathbError

BOOTSTRAP = "problems as a sample, percentile bootstrap"
ProportionMethod = Literal["clopper-pearson", "wilson"]


def proportion_interval(
    successes: int, trials: int, level: float = 0.95, method: ProportionMethod = "clopper-pearson"
) -> tuple[float, float]:
    """Two-sided interval for a binomial proportion; always contains ``successes / trials``.

    Clopper and Pearson (1934) covers at least ``level`` whatever the proportion; Wilson (1927) is narrower and
    covers ``level`` on average.

    Returns:
        (low, high), both NaN where ``trials`` is 0.

    Raises:
        MathbError: counts that are no counts, or an unknown method.
    """
    if not 0 <= successes <= trials:
        raise MathbError(f"A proportion needs 0 <= successes <= trials, not {successes} of {trials}.")
    if method not in ("clopper-pearson", "wilson"):
        raise MathbError(f"Unknown interval method {method!r}; choose 'clopper-pearson' or 'wilson'.")
    if trials == 0:
        return float("nan"), float("nan")
    from scipy.stats import binomtest

    scipy_name = {"clopper-pearson": "exact", "wilson": "wilson"}[method]
    low, high = binomtest(successes, trials).proportion_ci(level, method=scipy_name)
    share = successes / trials  # rounding can leave 0 of n or n of n just outside
    return min(float(low), share), max(float(high), share)


def bootstrap_mean_interval(
    values: np.ndarray, counts: np.ndarray, *, replicates: int = 2000, level: float = 0.95, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap over problems (Efron 1979) for the mean of each column.

    Problems with equal values are interchangeable, so a resample is a multinomial draw over the distinct rows.
    A set on which all problems agree (say, none solved) gets an interval of width zero: the bootstrap cannot see
    beyond the sample.

    Args:
        values: distinct rows x columns.
        counts: problems per distinct row.

    Returns:
        (low, high), one value per column; widened where needed to contain the mean; NaN for fewer than two problems.
    """
    if replicates < 1 or not 0 < level < 1:
        raise MathbError(f"A bootstrap needs replicates >= 1 and 0 < level < 1, not {replicates} and {level}.")
    problems = int(counts.sum())
    if problems < 2:
        undefined = np.full(values.shape[1], np.nan)
        return undefined, undefined.copy()
    rng = np.random.default_rng(seed)
    share = counts / problems
    block = max(1, 2_000_000 // len(counts))  # bounds the weights matrix to 16 MB
    sizes = [min(block, replicates - done) for done in range(0, replicates, block)]
    means = np.concatenate([rng.multinomial(problems, share, size) @ values / problems for size in sizes])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    mean = share @ values
    return np.minimum(low, mean), np.maximum(high, mean)
