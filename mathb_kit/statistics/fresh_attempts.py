"""Intervals for the question "what if exactly these problems were attempted afresh?" (empirical Bayes).

Were a problem's success rate known, so would be the variance of its unbiased pass@k. The distribution of success rates
over the set, learnt from the set itself, says what each problem's may be, given its outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics.adaptive import estimates_by_end_point, estimates_by_problem, log_end_points
from mathb_kit.statistics.arms import SELECTION
from mathb_kit.statistics.intervals import check_level, clopper_pearson, rising_band
from mathb_kit.statistics.success_rates import (
    SuccessRates,
    bayes,
    chances_within,
    distinct_counts,
    fit_success_rates,
    log_likelihood,
)

FRESH_ATTEMPTS = "fresh attempts on these problems, empirical Bayes"
REDRAW = "a fresh draw of k attempts on these problems, empirical Bayes"
DRAWS = 4000  # simulated fresh draws
_CERTAIN = 1e12  # tosses that leave no doubt


def fresh_attempts_interval(
    outcomes: pd.DataFrame, ks: Sequence[int], rates: SuccessRates | None = None, *, level: float = 0.95
) -> pd.DataFrame:
    """Interval for the mean true pass@k of exactly these problems.

    The variance that attempts give to the mean is its posterior expectation under ``rates``. The interval is that of
    Clopper and Pearson for a proportion with this variance (Korn & Graubard 1998, "Confidence intervals for
    proportions with small expected number of positive counts estimated from survey data"). Its upper end, moreover,
    lets the variance grow with the mean, because problems without a success are silent about their own: by a quarter
    of the most that a problem can add, a share chosen by simulation.

    Its coverage is near the nominal level at every k (``bench/coverage.py``). The plain credible interval, which
    shrinks each problem towards the others, covers far less wherever the fitted distribution is somewhat off.

    Args:
        outcomes: model, problem, draw, n, c and plan; one row per problem.
        ks: numbers of attempts allowed.
        rates: success rates of the candidates, fitted before selection; where a draw selected these problems, ``given``
            what it found, e.g. ``rates.given(1024, 0)``. None fits them to ``outcomes``, which is right only for
            problems that were not selected by what this model made of them.
        level: nominal coverage.

    Returns:
        k, estimate (unbiased), low, high, interval. NaN for k beyond a problem's plan. Neither end falls with k.

    Raises:
        MathbError: several outcomes of one problem, or the draw that selected the problems.
    """
    check_level(level)
    codes, values = estimates_by_end_point(outcomes, ks)
    rates = _fitted(outcomes, refits=0) if rates is None else rates
    problems = len(outcomes)
    if "problem" in outcomes and outcomes["problem"].duplicated().any():
        raise MathbError(
            "An interval for fresh attempts takes one outcome of each problem, and here a problem has several; hand in "
            "one draw."
        )
    estimate = np.bincount(codes) @ values / problems
    failing, variance, steepest = 0.0, 0.0, 0.0
    chance = chances_within(rates.rates, ks)
    with np.errstate(divide="ignore"):  # not 1 - chance, which is 0 or below from (1 - p)^k = 1e-17 on
        missed = np.exp(np.outer(np.asarray(ks, dtype=float), np.log1p(-rates.rates)))
    for text, part in outcomes.groupby("plan", sort=False):
        table = distinct_counts(part)
        n, c, counts = table.to_numpy().T
        spread = counts @ rates.posterior(n, c)  # expected number of problems at each rate
        noise = attempt_variance(Plan.parse(text), ks, rates.rates)
        failing = failing + missed @ spread
        variance = variance + noise @ spread
        slope = np.divide(noise, chance, out=np.zeros_like(noise), where=chance > 0)
        steepest = np.maximum(steepest, slope.max(axis=1))
    failing, variance = failing / problems, variance / problems**2
    # A mean of N proportions with variance V is as uncertain as one proportion of m(1 - m)/V tosses: Clopper and
    # Pearson of that many (Korn & Graubard 1998). At least N: a problem tells no less than one toss would.
    # No variance at all is certainty where all is solved (it comes from rounding), and silence where nothing is.
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = (1 - failing) * failing / variance
    effective = np.where(variance > 0, effective, np.where(failing < 0.5, _CERTAIN, problems))
    effective = np.clip(effective, problems, _CERTAIN)
    low, high = clopper_pearson(estimate * effective, effective, level)
    # Problems without a success seem to have no noise, but were the true mean a little higher, it would come with some:
    # up to s = ``steepest`` of a problem's variance per unit of its mean, of which a quarter is allowed. The end h
    # solves (h - m)^2 = z^2 (V + s (h - m) / (4 N)), a quadratic.
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    bend = z2 * steepest / (8 * problems)
    high = np.maximum(high, np.minimum(1, estimate + bend + np.sqrt(z2 * variance + bend**2)))
    # These very problems are solved no less often in more attempts, so what fewer attempts show from below holds on. At
    # k = n the estimate is a mere yes or no a problem, and by itself would forget it.
    rising = np.argsort(ks, kind="stable")
    _, high[rising] = rising_band(low[rising], high[rising])
    low[rising] = np.where(np.isnan(low[rising]), np.nan, np.fmax.accumulate(low[rising]))
    frame = pd.DataFrame({"k": list(ks), "estimate": estimate, "low": low, "high": high})
    return frame.assign(interval=FRESH_ATTEMPTS)


def redraw_interval(
    outcomes: pd.DataFrame,
    ks: Sequence[int],
    rates: SuccessRates | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """How many of these problems a fresh draw of k attempts would reach: a posterior predictive interval.

    For a base's unsolved set: ``outcomes`` are the base's own (0 of n each) and ``rates`` were fitted to all
    candidates, so "a re-drawn base would reach ... of 115 (low to high)" follows without a re-draw. What selected the
    problems is part of the posterior and does no harm. Simulated; each simulated draw uses another refit of ``rates``.

    Args:
        outcomes: n and c, one row per problem.
        ks: numbers of attempts allowed, at most those that ``rates`` were learnt from.
        rates: as for ``fresh_attempts_interval``, but not ``given`` anything that ``outcomes`` holds as well.
        level: nominal coverage.
        seed: of the simulation.

    Returns:
        k, estimate (expected number), low, high (whole numbers), of, interval.

    Raises:
        MathbError: no problems, or a k beyond the data: in simulation an interval for it covers 23 to 83 %.
    """
    check_level(level)
    if not len(outcomes):
        raise MathbError("There are no problems to draw again; every candidate was reached, or none was handed in.")
    rates = _fitted(outcomes) if rates is None else rates
    rates.check_reach_of_data(ks)
    n, c, counts = distinct_counts(outcomes).to_numpy().T
    chance = chances_within(rates.rates, ks).T
    expected = counts @ rates.posterior(n, c) @ chance
    likelihood = log_likelihood(rates.rates, n, c)
    refits = rates.weights[None] if rates.refits is None else rates.refits
    reached = np.stack([bayes(likelihood, weights) @ chance for weights in refits]).clip(0, 1)  # (refits, rows, ks)
    rng = np.random.default_rng(seed)
    each = -(-DRAWS // len(refits))
    numbers = np.concatenate([rng.binomial(counts[:, None], part, (each, *part.shape)).sum(axis=1) for part in reached])
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(numbers, tails, axis=0, method="inverted_cdf")
    frame = pd.DataFrame({"k": list(ks), "estimate": expected})
    frame["low"] = np.minimum(low, np.floor(expected)).astype(int)
    frame["high"] = np.maximum(high, np.ceil(expected)).astype(int)
    return frame.assign(of=len(outcomes), interval=REDRAW)


def _fitted(outcomes: pd.DataFrame, **options: int) -> SuccessRates:
    if "draw" in outcomes and (outcomes["draw"] == SELECTION).any():
        raise MathbError(
            f"The draw {SELECTION!r} chose these problems, so it cannot say how often they are solved; hand in the "
            "success rates of all candidates (fit_success_rates on them)."
        )
    return fit_success_rates(outcomes, **options)


def attempt_variance(plan: Plan, ks: Sequence[int], rates: np.ndarray) -> np.ndarray:
    """Variance of a problem's unbiased pass@k over repetitions of the plan, at each success rate: (ks, rates).

    A sum over the plan's end points; NaN for k beyond it.
    """
    n, c, log_paths = log_end_points(plan)
    chance = np.exp(log_paths[:, None] + log_likelihood(rates, n, c))  # (ends, rates)
    truth = chances_within(rates, ks)
    return np.stack(
        [np.einsum("er,er->r", chance, (_estimates(plan, int(k))[:, None] - truth[i]) ** 2) for i, k in enumerate(ks)]
    )


@lru_cache(maxsize=256)
def _estimates(plan: Plan, k: int) -> np.ndarray:
    """Unbiased pass@k at every end point of the plan."""
    n, c, _ = log_end_points(plan)
    table = pd.DataFrame({"model": "", "problem": "", "draw": "", "n": n, "c": c})
    return estimates_by_problem(table, [k], plan)[:, 0]
