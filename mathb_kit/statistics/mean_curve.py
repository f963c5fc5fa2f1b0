"""The interval of a set's mean pass@k from its outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mathb_kit.statistics.beta_grid import credible_means
from mathb_kit.statistics.caution import caution
from mathb_kit.statistics.intervals import MEAN, mean_interval, rising_band
from mathb_kit.statistics.success_rates import distinct_counts

WIDENED_UP_TO = 600  # problems; of more, the sample shows its own long tail


def curve_interval(
    values: np.ndarray, counts: np.ndarray, outcomes: pd.DataFrame, ks: Sequence[int], level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interval for mean pass@k of problems that are a sample, at every k.

    ``mean_interval`` knows the values alone. Where a set is all-hard (or saturated) the mean hangs on rare problems of
    which few or none were drawn; the end on that side moves out to that of the credible interval under a zero-inflated
    Beta, which knows from the counts how far the tail may reach (``widened``). Neither end falls with k.

    Args:
        values: distinct estimates (rows x ks), and
        counts: the problems with each.
        outcomes: n and c behind them.
        ks: attempts allowed, rising.
        level: nominal coverage.

    Returns:
        low, high and name (ks,), the name with a ``caution`` where the interval holds too seldom. Ends are NaN for
        fewer than two problems.
    """
    low, high = mean_interval(values, counts, level)
    problems = int(counts.sum())
    known = ~np.isnan(values).any(axis=0)
    if 2 <= problems <= WIDENED_UP_TO and known.any():
        table = distinct_counts(outcomes)
        n, c = (np.repeat(table[name], table["problems"]).to_numpy()[None] for name in ("n", "c"))
        others = credible_means(n, c, np.asarray(ks)[known].tolist(), level)
        spread = np.repeat(values[:, known], counts.astype(int), axis=0)[None]
        plain = low[None, known], high[None, known]
        low[known], high[known] = (end[0] for end in widened(spread, plain, others))
    low, high = rising_band(low, high)
    return low, high, np.char.add(MEAN, np.where(np.isnan(low), "", caution("mean", values, counts)))


def widened(
    values: np.ndarray, ends: tuple[np.ndarray, np.ndarray], others: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """``ends`` moved out to ``others`` on the side to which the values are skewed.

    Values are (sets, problems, ks), ends (sets, ks). Yes-no columns keep theirs, which are exact.
    """
    centred = values - values.mean(axis=1, keepdims=True)
    skew = np.where(_yes_no(values), 0.0, (centred**3).mean(axis=1))
    low = np.where(skew < 0, np.minimum(ends[0], others[0]), ends[0])
    return low, np.where(skew > 0, np.maximum(ends[1], others[1]), ends[1])


def _yes_no(values: np.ndarray) -> np.ndarray:
    return (np.minimum(np.abs(values), np.abs(1 - values)) <= 1e-12).all(axis=-2)
