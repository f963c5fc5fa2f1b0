"""A zero-inflated Beta of success rates by its whole likelihood: what the outcomes leave open, not one best fit.

A share z of the problems is never solved, the rest have success rates from a Beta(a, b). The likelihood of the outcomes
is laid out over a grid of (z, a, b); the stopping rule cancels out of it, so plans of every kind serve. One best fit
hides that many of these explain the outcomes alike: what lies far below one success in n attempts is hardly seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from mathb_kit.statistics.success_rates import distinct_counts

A = np.geomspace(0.02, 20, 40)
B = np.geomspace(0.05, 5000, 44)
_BLOCK = 25  # sets whose grids are in memory at once
Z = np.concatenate([[0.0], np.linspace(0.02, 0.98, 25), [0.995]])


@lru_cache(maxsize=1)
def shapes() -> tuple[np.ndarray, np.ndarray]:
    """a and b of every Beta on the grid: two (shapes,)."""
    a, b = np.meshgrid(A, B, indexing="ij")
    return a.ravel(), b.ravel()


def log_marginals(n: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Log chance of one sequence with c correct in n under every Beta: (len(n), shapes)."""
    from scipy.special import betaln

    a, b = shapes()
    n, c = np.asarray(n)[:, None], np.asarray(c)[:, None]
    return betaln(a + c, b + n - c) - betaln(a, b)


def never_in(k: float) -> np.ndarray:
    """Mean chance of no success in k attempts under every Beta: (shapes,)."""
    from scipy.special import betaln

    a, b = shapes()
    return np.exp(betaln(a, b + k) - betaln(a, b))


@lru_cache(maxsize=1)
def densities() -> tuple[np.ndarray, np.ndarray]:
    """Success rates (nodes,), and the weight of each under every Beta, summing to 1: (shapes, nodes).

    A trapezoid sum over asinh of the log odds, as in ``beta_success_rates``.
    """
    x = np.arange(-np.arcsinh(300), np.arcsinh(40), 0.05)
    log_odds = np.sinh(x)
    log_rate, log_fail = -np.logaddexp(0, -log_odds), -np.logaddexp(0, log_odds)
    a, b = shapes()
    log_weights = a[:, None] * log_rate + b[:, None] * log_fail + np.log(np.cosh(x))
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return np.exp(log_rate), weights / weights.sum(axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class BetaGrid:
    """Log likelihood of some outcomes, up to a constant: (len(Z), shapes)."""

    log_likelihood: np.ndarray

    @classmethod
    def of(cls, outcomes: pd.DataFrame) -> BetaGrid:
        """From outcomes with n and c, one row per problem."""
        n, c, counts = distinct_counts(outcomes).to_numpy().T
        with np.errstate(divide="ignore"):
            solved, never = np.log1p(-Z)[:, None], np.log(Z)[:, None]
        rows = log_marginals(n, c)
        total = np.zeros((len(Z), rows.shape[1]))
        for one, hits, problems in zip(rows, c, counts):
            mixed = solved + one
            total += problems * (mixed if hits else np.logaddexp(never, mixed))
        return cls(total)

    @property
    def weights(self) -> np.ndarray:
        """The likelihood as a distribution over the grid (flat in z, log a and log b), summing to 1."""
        weights = np.exp(self.log_likelihood - self.log_likelihood.max())
        return weights / weights.sum()

    def pass_at_k(self, k: int) -> np.ndarray:
        """Mean pass@k of problems of this kind, at every point of the grid."""
        return (1 - Z)[:, None] * (1 - never_in(k))

    def drawn(self, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Distributions drawn by their likelihood: rates (nodes + 1,), 0 first, and weights (size, nodes + 1)."""
        rates, by_shape = densities()
        picked = np.random.default_rng(seed).choice(self.log_likelihood.size, size, p=self.weights.ravel())
        z, shape = np.divmod(picked, self.log_likelihood.shape[1])
        weights = np.column_stack([Z[z], (1 - Z[z])[:, None] * by_shape[shape]])
        return np.concatenate([[0.0], rates]), weights

    def newly_solved(self, n: int, k: int) -> np.ndarray:
        """Chance that a problem without a success in n attempts has one by the k-th, at every point of the grid."""
        still, unsolved = (Z[:, None] + (1 - Z)[:, None] * never_in(many) for many in (k, n))
        return np.clip(1 - still / unsolved, 0.0, 1.0)


@lru_cache(maxsize=64)
def _sorted_means(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean pass@k at all points of the grid in rising order, and that order."""
    means = BetaGrid(np.zeros((len(Z), len(A) * len(B)))).pass_at_k(k).ravel()
    order = np.argsort(means)
    return means[order], order


def credible_means(n: np.ndarray, c: np.ndarray, ks: Sequence[int], level: float) -> tuple[np.ndarray, np.ndarray]:
    """Credible interval of mean pass@k under a zero-inflated Beta, flat over the grid: (sets, ks) each.

    Args:
        n, c: attempts and correct ones, (sets, problems): several sets of outcomes at once.
        ks: attempts allowed.
        level: nominal coverage.
    """
    pairs, which = np.unique(np.stack([n.ravel(), c.ravel()]), axis=1, return_inverse=True)
    which, rows = which.reshape(n.shape), log_marginals(*pairs)
    solved = pairs[1] > 0
    with np.errstate(divide="ignore"):
        never, some = np.log(Z)[:, None], np.log1p(-Z)[:, None]
    silent = [np.logaddexp(never, some + row) for row in rows[~solved]]
    low, high = np.empty((2, len(n), len(ks)))
    for begin in range(0, len(n), _BLOCK):
        counts = np.stack([np.bincount(each, minlength=len(solved)) for each in which[begin : begin + _BLOCK]])
        total = (counts[:, solved] @ rows[solved])[:, None, :] + counts[:, solved].sum(axis=1)[:, None, None] * some
        for each, problems in zip(silent, counts[:, ~solved].T):
            total += problems[:, None, None] * each
        weights = np.exp(total - total.max(axis=(1, 2), keepdims=True)).reshape(len(counts), -1)
        weights /= weights.sum(axis=1, keepdims=True)
        for column, k in enumerate(ks):
            means, order = _sorted_means(int(k))
            share = np.cumsum(weights[:, order], axis=1)
            for ends, tail in ((low, (1 - level) / 2), (high, (1 + level) / 2)):
                at = np.minimum((share < tail).sum(axis=1), means.size - 1)
                ends[begin : begin + len(counts), column] = means[at]
    return low, high
