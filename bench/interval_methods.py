"""Intervals that stand beside the package's own in `coverage.py`: BCa, t and Wilson.

All take the runs of a cell at once. Values come as (runs, problems, ks) and ends go back as two (runs, ks).
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from scipy.stats import t

from mathb_kit.statistics import Bootstrap, bootstrap_mean_interval

Ends = tuple[np.ndarray, np.ndarray]
Interval = Callable[[np.ndarray, np.ndarray], Ends]  # as ``mean_interval``: problems x columns, and their counts


def in_columns(values: np.ndarray, interval: Interval) -> Ends:
    """An interval of the package for every run and k: its columns do not know of each other."""
    runs, problems, ks = values.shape
    columns = values.transpose(1, 0, 2).reshape(problems, runs * ks)
    low, high = interval(columns, np.ones(problems))
    return low.reshape(runs, ks), high.reshape(runs, ks)


def student(values: np.ndarray) -> Ends:
    problems = values.shape[1]
    half = t.isf(0.025, problems - 1) * values.std(axis=1, ddof=1) / np.sqrt(problems)
    return values.mean(axis=1) - half, values.mean(axis=1) + half


def bca(values: np.ndarray, bounds: tuple[float, float]) -> Ends:
    return in_columns(values, lambda v, w: bootstrap_mean_interval(v, w.astype(int), Bootstrap(500), bounds=bounds))


def wilson(values: np.ndarray) -> Ends:
    """Wilson (1927) as if every problem were a yes or no."""
    problems, mean, z = values.shape[1], values.mean(axis=1), NormalDist().inv_cdf(0.975)
    centre = (mean + z**2 / (2 * problems)) / (1 + z**2 / problems)
    half = z / (1 + z**2 / problems) * np.sqrt(mean * (1 - mean) / problems + z**2 / (4 * problems**2))
    return centre - half, centre + half
