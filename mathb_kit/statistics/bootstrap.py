"""Intervals by resampling problems, for ratios and for differences over problems and runs, which no formula covers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from mathb_kit.errors import MathbError
from mathb_kit.statistics.intervals import dissenter_ends

BOOTSTRAP = "problems as a sample, BCa bootstrap"


@dataclass(frozen=True)
class Bootstrap:
    """How an interval is bootstrapped over problems.

    Attributes:
        replicates: resamples.
        level: nominal coverage.
        seed: of the resamples.
        method: "bca", bias-corrected and accelerated (Efron 1987), or "percentile" (Efron 1979) for comparison.
    """

    replicates: int = 2000
    level: float = 0.95
    seed: int = 0
    method: Literal["bca", "percentile"] = "bca"

    def __post_init__(self) -> None:
        if self.replicates < 1 or not 0 < self.level < 1:
            raise MathbError(
                f"A bootstrap needs replicates >= 1 and 0 < level < 1, not {self.replicates} and {self.level}."
            )
        if self.method not in ("bca", "percentile"):
            raise MathbError(f"Unknown bootstrap {self.method!r}; choose 'bca' or 'percentile'.")

    @property
    def tails(self) -> np.ndarray:
        """The two nominal quantiles."""
        return np.array([(1 - self.level) / 2, (1 + self.level) / 2])


def bootstrap_mean_interval(
    values: np.ndarray,
    counts: np.ndarray,
    bootstrap: Bootstrap = Bootstrap(),
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap over problems for the mean of each column: bias-corrected and accelerated (Efron 1987), or percentile.

    Problems with equal values are interchangeable, so a resample is a multinomial draw over the distinct rows, and the
    jackknife leaves out one problem of each distinct row in turn.

    Where all problems agree (say, none solved) there is nothing to resample: ``dissenter_ends``. Where problems differ,
    but less than a single rare one would, the bootstrap is too narrow (``bench/coverage.py``, pass@16 in the saturated
    world).

    Args:
        values: distinct rows x columns.
        counts: problems per distinct row.
        bootstrap: resamples, level, seed and method.
        bounds: what a problem's value can be.

    Returns:
        (low, high), one value per column; widened where needed to contain the mean; NaN for fewer than two problems.
    """
    problems = int(counts.sum())
    if problems < 2:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    rng = np.random.default_rng(bootstrap.seed)
    share = counts / problems
    block = max(1, 2_000_000 // len(counts))  # bounds the weights matrix to 16 MB
    sizes = [min(block, bootstrap.replicates - done) for done in range(0, bootstrap.replicates, block)]
    means = np.concatenate([rng.multinomial(problems, share, size) @ values / problems for size in sizes])
    mean = counts @ values / problems  # not share @ values, which can leave the bounds by a rounding
    if bootstrap.method == "bca":
        low, high = bca_ends(means, mean, acceleration(values, counts), bootstrap.tails)
    else:
        low, high = np.quantile(means, bootstrap.tails, axis=0)
    alike = np.ptp(values, axis=0) <= 1e-12  # 1 - 1e-14 and 1 agree
    unseen = dissenter_ends(mean, problems, bootstrap.level, bounds)
    low, high = np.where(alike, unseen[0], low), np.where(alike, unseen[1], high)
    return np.minimum(low, mean), np.maximum(high, mean)


def ratio_interval(
    top: np.ndarray, bottom: np.ndarray, bootstrap: Bootstrap, lowest: float = 0.0
) -> tuple[float, float]:
    """BCa bootstrap over problems of sum(top) / sum(bottom), widened to contain it; NaN if undefined.

    The acceleration is that of the ratio's linear part, top - ratio * bottom. Where every resample has one ratio,
    ``dissenter_ends`` of the problems that count, which could take any value from ``lowest`` to 1.
    """
    if len(top) < 2 or bottom.sum() < 1:  # a ratio of accidents: in simulation no interval covers it
        return float("nan"), float("nan")
    rate = float(top.sum() / bottom.sum())
    points, counts = np.unique(np.column_stack([top, bottom]), axis=0, return_counts=True)
    sums = np.random.default_rng(bootstrap.seed).multinomial(len(top), counts / len(top), bootstrap.replicates)
    sums = sums @ points
    ratios = sums[sums[:, 1] > 0, 0] / sums[sums[:, 1] > 0, 1]
    if np.ptp(ratios) < 1e-12:
        return dissenter_ends(rate, int((bottom > 0).sum()), bootstrap.level, (lowest, 1.0))
    linear = points[:, :1] - rate * points[:, 1:]
    low, high = bca_ends(ratios[:, None], np.array([rate]), acceleration(linear, counts), bootstrap.tails)[:, 0]
    return min(float(low), rate), max(float(high), rate)


def difference_over_runs(ours: np.ndarray, theirs: np.ndarray, resamples: int = 4000) -> tuple[float, float, float]:
    """Difference of two means over the same problems, with a 95 % interval.

    Problems are resampled for both at once, the runs of each side apart (percentiles). Where all problems show the same
    difference there is nothing to resample: ``dissenter_ends``.

    Args:
        ours, theirs: shape (runs, problems).
        resamples: of the bootstrap.

    Returns:
        difference, low, high; the interval is widened where needed to hold the difference.
    """
    rng = np.random.default_rng(0)
    problems = ours.shape[1]
    weights = rng.multinomial(problems, np.full(problems, 1 / problems), resamples) / problems
    means = []
    for values in (ours, theirs):
        runs = len(values)
        picked = rng.multinomial(runs, np.full(runs, 1 / runs), resamples) / runs
        means.append(((picked @ values) * weights).sum(1))
    value = float(ours.mean() - theirs.mean())
    low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
    if np.ptp(ours.mean(0) - theirs.mean(0)) < 1e-12:
        low, high = dissenter_ends(value, problems, bounds=(-1.0, 1.0))
    return value, min(float(low), value), max(float(high), value)


def bca_ends(means: np.ndarray, mean: np.ndarray, acceleration: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """Quantiles of the resampled means (replicates x columns) at levels corrected for bias and skewness: (2, columns).

    Efron (1987), "Better bootstrap confidence intervals". NaN where all resampled means are equal.
    """
    from scipy.special import ndtr, ndtri

    # The bias correction is the normal quantile of the share of resamples below the estimate. Yes-no columns have many
    # ties with it; half of them count as below, else a symmetric column would look biased.
    rounding = 1e-12 * np.abs(means).max(axis=0)
    below, tied = means < mean - rounding, np.abs(means - mean) <= rounding
    with np.errstate(invalid="ignore"):
        bias = ndtri(below.mean(axis=0) + tied.mean(axis=0) / 2)
        normal = np.array([[NormalDist().inv_cdf(tail)] for tail in tails]) + bias
        corrected = ndtr(bias + normal / (1 - acceleration * normal))  # Efron's alpha_1 and alpha_2
    ordered = np.sort(means, axis=0)
    position = corrected * (len(ordered) - 1)
    at = np.nan_to_num(np.floor(position)).astype(int)
    lower = np.take_along_axis(ordered, at, axis=0)
    upper = np.take_along_axis(ordered, np.minimum(at + 1, len(ordered) - 1), axis=0)
    return lower + (position - at) * (upper - lower)


def acceleration(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Acceleration of the mean by the jackknife over problems, one value per column; NaN where all agree.

    Leaving a problem out moves the mean by its distance to it over (problems - 1), so the jackknife needs no loop.
    """
    distance = values - counts / counts.sum() @ values
    with np.errstate(invalid="ignore", divide="ignore"):
        return counts @ distance**3 / (6 * (counts @ distance**2) ** 1.5)
