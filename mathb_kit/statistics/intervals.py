"""Intervals by formula: for a proportion of problems, a mean over problems, and a paired difference."""

from __future__ import annotations

from statistics import NormalDist
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mathb_kit.errors import MathbError

MEAN = "problems as a sample, Clopper-Pearson at equal variance"
DIFFERENCE = "problems as a sample, t or gains and losses apart, paired"
SKEWED = 1.0  # skewness of differences from which on gains and losses are looked at apart
DISSENTERS = 0.1  # problems added at the two extremes of a difference, and as many at none
ProportionMethod = Literal["clopper-pearson", "wilson"]
_Value = TypeVar("_Value", float, np.ndarray)


def proportion_interval(
    successes: int, trials: int, level: float = 0.95, method: ProportionMethod = "clopper-pearson"
) -> tuple[float, float]:
    """Two-sided interval for a binomial proportion; always contains ``successes / trials``.

    Clopper and Pearson (1934) covers at least ``level`` whatever the proportion; Wilson (1927) is narrower and
    covers ``level`` on average.

    Returns:
        (low, high), both NaN where ``trials`` is 0.

    Raises:
        MathbError: counts that are no counts, a level outside 0 to 1, or an unknown method.
    """
    if not 0 <= successes <= trials:
        raise MathbError(f"A proportion needs 0 <= successes <= trials, not {successes} of {trials}.")
    if method not in ("clopper-pearson", "wilson"):
        raise MathbError(f"Unknown interval method {method!r}; choose 'clopper-pearson' or 'wilson'.")
    check_level(level)
    if trials == 0:
        return float("nan"), float("nan")
    if method == "clopper-pearson":
        low, high = clopper_pearson(successes, trials, level)
    else:
        from scipy.stats import binomtest

        low, high = binomtest(successes, trials).proportion_ci(level, method="wilson")
    share = successes / trials  # rounding can leave 0 of n or n of n just outside
    return min(float(low), share), max(float(high), share)


def clopper_pearson(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Clopper and Pearson's interval for arrays, where neither number need be whole. NaN stays NaN."""
    from scipy.special import betaincinv

    successes, trials = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(trials, dtype=float))
    tail = (1 - level) / 2
    failures = np.maximum(trials - successes, 0)
    low = np.where(successes > 0, betaincinv(np.where(successes > 0, successes, 1), failures + 1, tail), 0.0)
    high = np.where(failures > 0, betaincinv(successes + 1, np.where(failures > 0, failures, 1), 1 - tail), 1.0)
    undefined = np.isnan(successes)
    share = successes / trials
    return np.where(undefined, np.nan, np.minimum(low, share)), np.where(undefined, np.nan, np.maximum(high, share))


def dissenter_ends(
    value: _Value, problems: int, level: float = 0.95, bounds: tuple[float, float] = (0.0, 1.0)
) -> tuple[_Value, _Value]:
    """Ends of an interval for a value that all problems share, where nothing is known of the spread.

    Seeing no dissenter among N, Clopper and Pearson allow a share h of them, which could take any value within the
    bounds: v - h (v - lower bound) to v + h (upper bound - v). For none or all solved that is their own interval.
    """
    share = proportion_interval(0, problems, level)[1]
    return value - share * (value - bounds[0]), value + share * (bounds[1] - value)


def check_level(level: float) -> None:
    """MathbError unless the nominal coverage lies between 0 and 1."""
    if not 0 < level < 1:
        raise MathbError(f"An interval needs a level between 0 and 1, not {level}.")


def mean_interval(values: np.ndarray, counts: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Interval for the mean of each column over problems that are a sample, of values between 0 and 1.

    A mean m with variance V is as uncertain as a proportion of m (1 - m) / V tosses: the interval is that of Clopper
    and Pearson for so many, fewer by the ratio of normal to t quantile squared (Korn & Graubard 1998, "Confidence
    intervals for proportions with small expected number of positive counts estimated from survey data"). Where a column
    is skewed, as pass@1 of a hard set is, an end moves out to that of Hall's skewness-corrected t (1992, "On the
    removal of skewness by transformation"). Yes-no columns get Clopper and Pearson's own interval.

    Where all problems agree nothing is known of the spread: ``dissenter_ends``.

    Chosen by coverage in ``bench/coverage.py``: at 15 and 26 problems BCa bootstrap intervals of pass@1 cover 86 to
    88 % on average over ten worlds, these 95 %. In all-hard sets of so few problems, whose mean hangs on the one
    problem that was not drawn, they still cover 85 to 92 % only.

    Args:
        values: distinct rows x columns, 0 to 1; other values whose mean lies there serve as well.
        counts: problems per distinct row.
        level: nominal coverage.

    Returns:
        (low, high), one value per column, with the mean between them; NaN for fewer than two problems.
    """
    from scipy.stats import t

    check_level(level)
    problems = int(counts.sum())
    if problems < 2:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    mean, deviation, skew = moments(values, counts)
    mean, low, high, yes_no = _as_tosses(values, counts, level)
    student = t.isf((1 - level) / 2, problems - 1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # Hall's transformation of T is g(T) = T + a T^2 + a^2 T^3 / 3 + a / 2 with a = skew / (3 sqrt(N)). It is a cube
        # and so inverted: g(T) = w at T = (cbrt(1 + 3 a (w - a / 2)) - 1) / a.
        a = skew / (3 * np.sqrt(problems))
        error = deviation / np.sqrt(problems)
        skewed = [
            mean - error * np.where(np.abs(skew) < 1e-6, w, (np.cbrt(1 + 3 * a * (w - a / 2)) - 1) / a)
            for w in (student, -student)
        ]
    alike = np.ptp(values, axis=0) <= 1e-12  # 1 - 1e-14 and 1 agree
    plain = yes_no | alike | ~np.isfinite(skewed).all(axis=0)
    low = np.where(plain, low, np.minimum(low, np.clip(skewed[0], 0, 1)))
    high = np.where(plain, high, np.maximum(high, np.clip(skewed[1], 0, 1)))
    unseen = dissenter_ends(mean, problems, level)
    low = np.where(alike & ~yes_no, unseen[0], low)
    high = np.where(alike & ~yes_no, unseen[1], high)
    return np.minimum(low, mean), np.maximum(high, mean)


def difference_interval(values: np.ndarray, counts: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Interval for the mean of each column over problems that are a sample, of differences between -1 and 1.

    Student's t, with a tenth of a problem added that differs by as much as one can
    (half of it up, half down), and a tenth that does not differ: what Agresti & Min (2005, "Simple improved confidence
    intervals for comparing matched proportions") do with whole problems for yes-no data. Without it the interval is too
    narrow where nearly all problems agree, because the rare one that would not was not drawn. Where all do agree, as in
    ``mean_interval``.

    Where few problems differ, most of them the same way, t is too short on that side. So where differences are skewed
    (by more than 1), the end there moves out to that of gains and losses apart: mean gain and mean loss each get the
    interval of Clopper and Pearson at equal variance, and the distances of its ends from the two means are squared and
    added (Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions based on paired
    data"; Zou & Donner 2008, MOVER).

    Both were chosen by coverage in ``bench/coverage.py``. Of dissenters, more cover more than the nominal level where
    differences are small, fewer cover down to 24 % where one problem in twenty differs. With t alone coverage falls to
    82 % (181 problems of which 5 % gain, k = 1,024), with the second at every end intervals of pairs without any skew
    are a tenth wider for nothing.

    Args, returns: as for ``mean_interval``.
    """
    from scipy.stats import t

    check_level(level)
    problems = int(counts.sum())
    if problems < 2:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    observed = counts @ values / problems
    extremes = np.vstack([values, *(np.full(values.shape[1], end) for end in (1.0, -1.0, 0.0))])
    weights = np.concatenate([counts, [DISSENTERS / 2, DISSENTERS / 2, DISSENTERS]])
    mean, deviation, _ = moments(extremes, weights)
    margin = t.isf((1 - level) / 2, problems - 1) * deviation / np.sqrt(weights.sum())
    alike = np.ptp(values, axis=0) <= 1e-12
    unseen = dissenter_ends(observed, problems, level, (-1.0, 1.0))
    low, high = mean - margin, mean + margin
    apart, skew = _gains_and_losses(values, counts, level), np.nan_to_num(moments(values, counts)[2])
    low = np.where(skew < -SKEWED, np.minimum(low, apart[0]), low)
    high = np.where(skew > SKEWED, np.maximum(high, apart[1]), high)
    low = np.where(alike, unseen[0], np.maximum(low, -1))
    high = np.where(alike, unseen[1], np.minimum(high, 1))
    return np.minimum(low, observed), np.maximum(high, observed)


def _gains_and_losses(values: np.ndarray, counts: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a mean difference from those of mean gain and mean loss; a side that nothing shows adds nothing."""
    gain, loss = (_as_tosses(np.maximum(side, 0.0), counts, level)[:3] for side in (values, -values))
    below, above = (
        np.sqrt(np.where(up[0] > 0, up[0] - up[1], 0.0) ** 2 + np.where(down[0] > 0, down[2] - down[0], 0.0) ** 2)
        for up, down in ((gain, loss), (loss, gain))
    )
    return gain[0] - loss[0] - below, gain[0] - loss[0] + above


def _as_tosses(
    values: np.ndarray, counts: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean of each column, Clopper and Pearson's ends for so many tosses as are as uncertain, and who is yes-no."""
    from scipy.stats import t

    problems = int(counts.sum())
    mean, deviation, _ = moments(values, counts)
    mean = np.clip(mean, 0.0, 1.0)
    student, normal = t.isf((1 - level) / 2, problems - 1), NormalDist().inv_cdf((1 + level) / 2)
    yes_no = (np.minimum(np.abs(values), np.abs(1 - values)) <= 1e-12).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        tosses = mean * (1 - mean) * problems / deviation**2 * (normal / student) ** 2
    tosses = np.where(yes_no, problems, np.clip(tosses, 1, 1e9))
    return mean, *clopper_pearson(mean * tosses, tosses, level), yes_no


def mean_interval_of(values: np.ndarray) -> tuple[float, float]:
    """``mean_interval`` for one value per problem."""
    points, counts = np.unique(values, return_counts=True)
    low, high = mean_interval(points[:, None], counts)
    return float(low[0]), float(high[0])


def moments(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation (over N - 1) and skewness of each column; the skewness is NaN without a spread."""
    problems = counts.sum()
    mean = counts @ values / problems
    centred = values - mean
    deviation = np.sqrt(counts @ centred**2 / (problems - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return mean, deviation, counts @ centred**3 / problems / deviation**3


def rising_band(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of intervals for a curve that cannot fall from one value to the next (pass@k with k), made to rise like it.

    What bounds a later value from below bounds the earlier ones no tighter, so a lower end is at most the lower ends
    after it, and an upper end at least the upper ends before it. Intervals only get wider and cover no less. NaN stays.
    """
    lowest = np.fmin.accumulate(low[::-1])[::-1]
    highest = np.fmax.accumulate(high)
    return np.where(np.isnan(low), np.nan, lowest), np.where(np.isnan(high), np.nan, highest)


def raise_ends(curve: pd.DataFrame) -> pd.DataFrame:
    """A curve (k, low, high, ...) with the ends of its intervals as ``rising_band`` leaves them, in its own order."""
    order = np.argsort(curve["k"].to_numpy(), kind="stable")
    ends = np.empty((2, len(curve)))
    ends[:, order] = rising_band(curve["low"].to_numpy()[order], curve["high"].to_numpy()[order])
    return curve.assign(low=ends[0], high=ends[1])
