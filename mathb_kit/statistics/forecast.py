"""What a plan will cost and how wide its intervals will be, before anything is sampled.

Given how success rates are spread over the problems (a prior, or a fit to a pilot), attempts and widths follow exactly:
the chance of an end point (n, c) is that of c correct in n, mixed over the rates, times the share of its sequences that
the plan lets through. Nothing is simulated. Shares are sums of hypergeometric chances, none of them negative, so that
floating point serves at any n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import NormalDist
from typing import Literal

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics.intervals import check_level
from mathb_kit.statistics.success_rates import SuccessRates, chances_within

Question = Literal["attempts", "problems"]
QUESTIONS: dict[Question, str] = {
    "attempts": "fresh attempts on these problems",
    "problems": "problems as a sample",
}


def plan_cost(
    rates: SuccessRates,
    plan: Plan,
    ks: Sequence[int],
    *,
    problems: int,
    tokens_per_attempt: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Expected attempts of a plan, and the expected width of its interval for the set's mean pass@k.

    Widths are those of normal intervals, 2 z sqrt(variance / problems). With problems as a sample, the variance is that
    of a problem's unbiased estimate: noise of its attempts and spread between problems together. For fresh attempts on
    these problems it is the noise of its attempts alone. Forecasts take ``rates`` as known.

    Args:
        rates: success rates of the problems.
        plan: rounds and stop count.
        ks: numbers of attempts allowed, 1 to plan.n_max.
        problems: size of the set.
        tokens_per_attempt: mean length of an attempt.
        level: nominal coverage.

    Returns:
        One row per k and question: plan, k, question, pass_at_k, attempts (all problems), tokens (NaN if no length is
        given), width, fixed_n, fixed_width, ratio. ``fixed_n`` is the fixed number of attempts per problem whose
        interval is as wide, interpolated; where even fixed k is narrower, k, the fewest that can speak about pass@k.
        ``fixed_width`` is its width, ratio what it takes over what the plan takes.

    Raises:
        MathbError: a k that the plan cannot speak about, no problems, or a level outside 0 to 1.
    """
    check_request(plan.n_max, ks, problems, tokens_per_attempt, level)
    mixture = Mixture(rates, ks)
    forecast = mixture.forecast(plan)
    fixed = cache(lambda n: mixture.forecast(Plan.fixed(n)))
    rows = []
    for column, (k, pass_at_k) in enumerate(zip(ks, chances_within(rates.rates, ks) @ rates.weights)):
        for question, named in QUESTIONS.items():
            variance = forecast.variance[question][column]
            n = _falls_to(variance, lambda n: fixed(n).variance[question][column], k, plan.n_max)
            same = min(variance, fixed(k).variance[question][column])
            widths = [interval_width(each, problems, level) for each in (variance, same)]
            rows.append((k, named, pass_at_k, widths[0], n, widths[1], n / forecast.attempts))
    frame = pd.DataFrame(rows, columns=["k", "question", "pass_at_k", "width", "fixed_n", "fixed_width", "ratio"])
    frame.insert(0, "plan", str(plan))
    frame.insert(4, "attempts", problems * forecast.attempts)
    frame.insert(5, "tokens", frame["attempts"] * (tokens_per_attempt or np.nan))
    return frame


def most_savings(rates: SuccessRates, n_max: int) -> float:
    """How many times fewer attempts than fixed n_max any plan can take for pass@n_max, on the same problems.

    An unbiased estimate of (1 - p)^n that stays within [0, 1] goes on until the first success or the n-th attempt. For
    if it stopped after m < n failures with value f, then p towards 0 gives f = 1, and its mean would be at least
    (1 - p)^m > (1 - p)^n. So a problem takes at least E min(T, n) = (1 - (1 - p)^n) / p attempts (n at p = 0); rounds
    of single attempts with stop 1 take just that.
    """
    check_request(n_max, [n_max])
    solvable = rates.rates > 0
    p = np.where(solvable, rates.rates, 1)
    with np.errstate(divide="ignore"):
        attempts = np.where(solvable, -np.expm1(n_max * np.log1p(-p)) / p, n_max)
    return n_max / float(attempts @ rates.weights)


def check_request(
    n_max: int, ks: Sequence[int], problems: int = 1, tokens_per_attempt: float | None = None, level: float = 0.95
) -> None:
    if n_max < 1 or not ks or min(ks) < 1 or max(ks) > n_max:
        asked = ", ".join(map(str, ks)) or "none"
        raise MathbError(f"Up to {n_max:,} attempts speak about k = 1 to {n_max:,}, not {asked}; change k or n_max.")
    if problems < 1:
        raise MathbError(f"A plan needs at least 1 problem, not {problems}.")
    if tokens_per_attempt is not None and not tokens_per_attempt > 0:
        raise MathbError(f"An attempt takes more than 0 tokens, not {tokens_per_attempt}.")
    check_level(level)


def interval_width(variance: float | np.ndarray, problems: int, level: float) -> float | np.ndarray:
    return 2 * NormalDist().inv_cdf((1 + level) / 2) * np.sqrt(variance / problems)


@dataclass(frozen=True)
class Forecast:
    """attempts: expected per problem. variance: of one problem's part in the interval, (ks,) for each question."""

    attempts: float
    variance: dict[Question, np.ndarray]


class Mixture:
    """Chances of c correct in n attempts at a problem whose success rate is drawn from ``rates``."""

    def __init__(self, rates: SuccessRates, ks: Sequence[int]) -> None:
        self.ks = tuple(ks)
        with np.errstate(divide="ignore"):  # 1e-300 stands in for 0: to the power 0 it is 1, else it vanishes
            self.log_rate = np.log(np.maximum(rates.rates, 1e-300))
            self.log_fail = np.maximum(np.log1p(-rates.rates), math.log(1e-300))
        failing = np.exp(np.outer(ks, self.log_fail))  # (1 - p)^k: (ks, rates)
        self.mean = failing @ rates.weights
        self.second_moment = failing**2 @ rates.weights
        self.weights = rates.weights
        self.chances = cache(self._chances)

    def _chances(self, n: int) -> np.ndarray:
        """(n + 1,): chance of c correct in n."""
        parts = []
        for c in np.array_split(np.arange(n + 1), n // 20_000 + 1):  # bounds the memory
            chances = np.outer(self.log_rate - self.log_fail, c)
            chances += (n * self.log_fail)[:, None]
            chances += _log_choose(n, c)
            parts.append(self.weights @ np.exp(chances, out=chances))
        return np.concatenate(parts)

    def forecast(self, plan: Plan) -> Forecast:
        n, c, share, failing = _shares(plan, self.ks)
        chance = share * np.concatenate([self.chances(each)[c[n == each]] for each in np.unique(n).tolist()])
        attempts = chance @ n
        variance: dict[Question, np.ndarray] = {
            "attempts": np.maximum(0, failing**2 @ chance - self.second_moment),
            "problems": np.maximum(0, failing**2 @ chance - self.mean**2),
        }
        return Forecast(float(attempts), variance)


@lru_cache(maxsize=1024)
def _shares(plan: Plan, ks: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of the end points (``adaptive.end_points``), in their order, what does not depend on success rates.

    Returns:
        n, c; share (ends,) of the sequences with c correct in n that the plan does not stop earlier; failing
        (ks, ends), the share of those that begin with k failures: the unbiased estimate of (1 - p)^k.
    """
    stop = plan.n_max + 1 if plan.is_fixed else plan.stop
    ends, last = [], None  # last: the round before, and per k (0 for none) the shares that went on beyond it, by c
    for n in (plan.n_max,) if plan.is_fixed else plan.rounds:
        c = np.arange(min(stop, n + 1)) if n < plan.n_max else np.arange(n + 1)
        on = {k: _share_within(n, c, k, last) for k in (0, *ks)}
        if n < plan.n_max:
            over = np.arange(stop, n + 1)
            ends.append((n, over, {k: _share_within(n, over, k, last) for k in on}))
            last = n, on
        else:
            ends.append((n, c, on))
    n, c = np.concatenate([np.full(len(c), n) for n, c, _ in ends]), np.concatenate([c for _, c, _ in ends])
    shares = np.array([np.concatenate([on[k] for _, _, on in ends]) for k in (0, *ks)])
    reached = shares[0] > 0
    return n[reached], c[reached], shares[0, reached], shares[1:, reached] / shares[0, reached]


def _share_within(n: int, c: np.ndarray, k: int, last: tuple[int, dict[int, np.ndarray]] | None) -> np.ndarray:
    """Of all sequences with c correct in n, the share that no round before n stops and that begins with k failures."""
    if last is None or last[0] < k:  # with no success in the first k, no round among them stops anything
        return np.exp(_log_choose(n - k, c) - _log_choose(n, c)) if k <= n else np.zeros(len(c))
    before, on = last
    hits = np.arange(len(on[k]))[:, None]
    placed = _log_choose(before, hits) + _log_choose(n - before, c - hits) - _log_choose(n, c)
    return on[k] @ np.exp(placed)


def _log_choose(n: int, c: np.ndarray) -> np.ndarray:
    """Logarithm of C(n, c), minus infinity where c is below 0 or above n."""
    from scipy.special import gammaln

    inside = (c >= 0) & (c <= n)
    kept = np.where(inside, c, 0)
    return np.where(inside, gammaln(n + 1) - gammaln(kept + 1) - gammaln(n - kept + 1), -np.inf)


def _falls_to(target: float, variance: Callable[[int], float], low: int, high: int) -> float:
    """Where a decreasing variance falls to the target, which it has reached at ``high``."""
    target *= 1 + 1e-9
    if variance(low) <= target:
        return low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if variance(middle) <= target else (middle, high)
    above, below = variance(low), variance(high)
    return high - max(0.0, target - below) / (above - below)
