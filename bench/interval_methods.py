"""Intervals that stand beside the package's own in `coverage.py`: BCa, t, Wilson, and a hierarchical Bayes.

All take the runs of a cell at once. Values come as (runs, problems, ks) and ends go back as two (runs, ks).
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from scipy.stats import t

from mathb_kit.statistics import Bootstrap, bootstrap_mean_interval
from mathb_kit.statistics.beta_grid import BetaGrid, Z, log_marginals

Ends = tuple[np.ndarray, np.ndarray]
Interval = Callable[[np.ndarray, np.ndarray], Ends]  # as ``mean_interval``: problems x columns, and their counts
_BLOCK = 25  # runs whose grids are in memory at once


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


def hierarchical(n: np.ndarray, c: np.ndarray, ks: list[int]) -> Ends:
    """Credible interval under a zero-inflated Beta, flat over the grid of `BetaGrid`; n and c are (runs, problems)."""
    pairs, which = np.unique(np.stack([n.ravel(), c.ravel()]), axis=1, return_inverse=True)
    which = which.reshape(n.shape)
    rows = log_marginals(*pairs)  # (pairs, shapes)
    solved = pairs[1] > 0
    with np.errstate(divide="ignore"):
        never, some = np.log(Z)[:, None], np.log1p(-Z)[:, None]
    # With plans of one n_max an outcome without a success is always the same one.
    silent = np.logaddexp(never, some + rows[~solved][0]) if (~solved).any() else 0.0
    means = [BetaGrid(np.zeros((len(Z), rows.shape[1]))).pass_at_k(k).ravel() for k in ks]
    orders = [np.argsort(mean) for mean in means]
    low, high = np.empty((len(n), len(ks))), np.empty((len(n), len(ks)))
    for begin in range(0, len(n), _BLOCK):
        block = which[begin : begin + _BLOCK]
        counts = np.stack([np.bincount(run, minlength=len(solved)) for run in block])
        hits = counts[:, solved] @ rows[solved]
        many = counts[:, solved].sum(axis=1)[:, None, None]
        total = hits[:, None, :] + many * some + counts[:, ~solved].sum(axis=1)[:, None, None] * silent
        weights = np.exp(total - total.max(axis=(1, 2), keepdims=True)).reshape(len(block), -1)
        weights /= weights.sum(axis=1, keepdims=True)
        for column, (mean, order) in enumerate(zip(means, orders)):
            share = np.cumsum(weights[:, order], axis=1)
            for tail, ends in ((0.025, low), (0.975, high)):
                at = np.minimum((share < tail).sum(axis=1), mean.size - 1)
                ends[begin : begin + len(block), column] = mean[order][at]
    return low, high
