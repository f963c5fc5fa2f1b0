"""One-sided tests of "this problem's success rate is the same in both arms", exact under fixed and adaptive plans.

Fisher's test, which conditions on the total of successes, is valid at fixed n only, and weak there: 0 of 1,024 beside 5
of 1,024 has p = 0.031, but 0.010 by the test below, at the same level. Under an adaptive plan c of n at the stop is not
binomial with that n, and Fisher's p-value may be too small: a base at fixed 1,024 and a tuned arm under 16/64/256 stop
4, both with rate 0.12, give p <= 0.152 in 18.1 % of runs. Two remedies that come to mind fail as well. To cut both arms
at the shorter n is to choose n by the outcomes. To condition on the sufficient statistic of the common rate, the totals
of attempts and of successes, is valid but blind: 0 of 1,024 beside 2 of 64 has one mirror image with the same totals,
so p is 1/2. Here the plan is taken as it is:

1. The end points of a plan are few, and each has chance K p^c (1 - p)^(n - c), with K the number of attempt sequences
   that stop there (``count_paths``).
2. Pairs of end points are ordered by the signed log-likelihood ratio T of "two rates" against "one rate". The
   likelihood does not depend on the stopping rule, so T needs no plan.
3. The p-value is the largest chance, over every common rate p, of a T at least as large as the observed one. This is
   an unconditional exact test as in Barnard (1945) and Boschloo (1970): under equal rates P(p-value <= a) <= a.

Several draws of one arm by one plan add up (``Repeated``): their totals of attempts and successes have the same form of
chance, with K the number of ways to come to these totals.

The maximum over p is not left to a grid's luck. On each interval of a fine grid every end point's chance is replaced by
its largest value there (at c/n, or the end nearest to it), and so the sum bounds the chance for all p in the interval.
That makes p-values about 3 to 8 % larger than the maximum itself (14 % seen near 1e-8), and keeps them valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.progress import progress
from mathb_kit.statistics.adaptive import log_end_points

LIKELIHOOD_RATIO = "exact likelihood-ratio test under the plans"

_NEGLIGIBLE = 1e-14  # end points that are rarer for every p are left out; their total is added to each p-value
_ROUNDED_UP = 1 + 1e-6  # more than single precision rounds off
_CELLS = 2**28  # of one table at fixed n: a gigabyte
_TOLD = 2**31  # cells to add up, from which on progress is shown
_SPREAD, _BEYOND = 9, 20  # a window of counts: so many standard deviations to either side, and so many counts more
_STEP = 0.05  # grid step over the common rate, in standard deviations of its estimate
_MANY = 400_000  # pairs of end points, above which not all of them are put in order
_SUMMED_UP = 1 + 1e-3  # more than sums of thousands of terms lose in single precision


class Repeated(NamedTuple):
    """Several draws by one adaptive plan; an end point is the sum of theirs."""

    plan: Plan
    draws: int

    @property
    def n_max(self) -> int:
        """Most attempts of all draws together."""
        return self.draws * self.plan.n_max

    @property
    def is_fixed(self) -> bool:
        return False


Design = Plan | Repeated


def repeated(plan: Plan, draws: int) -> Design:
    """So many draws by a plan as one design.

    Raises:
        MathbError: fewer than one draw.
    """
    if draws < 1:
        raise MathbError(f"An arm has at least one draw, not {draws}.")
    if draws == 1:
        return plan
    return Plan.fixed(draws * plan.n_max) if plan.is_fixed else Repeated(plan, draws)


def one_sided_p(
    base_plan: Design,
    base_n: np.ndarray,
    base_c: np.ndarray,
    tuned_plan: Design,
    tuned_n: np.ndarray,
    tuned_c: np.ndarray,
) -> np.ndarray:
    """p-values of "the tuned arm's rate is higher", one per pair of end points (arrays broadcast together)."""
    base_n, base_c, tuned_n, tuned_c = np.broadcast_arrays(base_n, base_c, tuned_n, tuned_c)
    observed = log_likelihood_ratio(base_n, base_c, tuned_n, tuned_c)
    values, inverse = np.unique(np.maximum(observed, 0.0), return_inverse=True)
    if base_plan.is_fixed and tuned_plan.is_fixed:
        p = _tails_at_fixed_n(base_plan, tuned_plan, values)
    elif len(likely_end_points(base_plan)[0]) * len(likely_end_points(tuned_plan)[0]) > _MANY:
        p = np.array([_tail_of_value(base_plan, tuned_plan, value) for value in values.tolist()])
    else:
        ordered, tails = _null_tail(base_plan, tuned_plan)
        last = np.searchsorted(-ordered, -values + 1e-9, side="right") - 1  # ties count as extreme, rounding apart
        p = tails[np.maximum(last, 0)]
    return np.where(observed > 0, p[inverse.reshape(observed.shape)], 1.0)


@lru_cache(maxsize=64)
def likely_end_points(plan: Design) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """n, c and log number of paths of the end points of a plan, and the chance of those left out (at most, any p)."""
    from scipy.special import xlog1py, xlogy

    if isinstance(plan, Repeated):
        n, c, paths, rest = _one_draw_more(repeated(plan.plan, plan.draws - 1), plan.plan)
    else:
        (n, c, paths), rest = log_end_points(plan), 0.0
    highest_chance = np.exp(paths + xlogy(c, c / n) + xlog1py(n - c, -c / n))
    kept = highest_chance > _NEGLIGIBLE
    return n[kept], c[kept], paths[kept], rest + float(highest_chance[~kept].sum())


def _one_draw_more(before: Design, plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Totals of the draws before and of one more: n, c, log number of ways, and the chance of what either left out."""
    first, second = likely_end_points(before), likely_end_points(plan)
    n, c, paths = (np.add.outer(one, other).ravel() for one, other in zip(first[:3], second[:3]))
    code = n * (n.max() + 1) + c
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    ways = np.logaddexp.reduceat(paths[order], starts)
    return n[order][starts], c[order][starts], ways, first[3] + second[3]


def end_point_chances(plan: Design, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Largest chance of each end point for rates between ``low`` and ``high``: (intervals, end points)."""
    from scipy.special import xlog1py, xlogy

    n, c, paths, _ = likely_end_points(plan)
    rate = np.clip(c / n, low[:, None], high[:, None])
    return np.exp(paths + xlogy(c, rate) + xlog1py(n - c, -rate))


def rate_grid(attempts: int, step: float = _STEP) -> np.ndarray:
    """Rates from 0 to 1, so many standard deviations of an estimate from so many attempts apart (arcsine scale)."""
    points = int(np.ceil(np.pi * np.sqrt(attempts) / step)) + 1
    return np.sin(np.linspace(0, np.pi / 2, points)) ** 2


@contextmanager
def _told(total: int, cells: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Progress of so many steps over so many cells each, where that takes longer than a few seconds."""
    if total * cells < _TOLD:
        yield lambda steps: None
        return
    with progress(total, "exact tests", unit=unit) as bar:
        yield bar.update


@lru_cache(maxsize=32)
def _null_tail(base_plan: Design, tuned_plan: Design) -> tuple[np.ndarray, np.ndarray]:
    """Positive values of T in falling order, and for each the largest chance, over p, of that value or more."""
    base_n, base_c, _, base_rest = likely_end_points(base_plan)
    tuned_n, tuned_c, _, tuned_rest = likely_end_points(tuned_plan)
    statistic = log_likelihood_ratio(base_n[:, None], base_c[:, None], tuned_n, tuned_c).ravel()
    order = np.argsort(-statistic, kind="stable")[: int((statistic > 0).sum())]
    rows, columns = np.unravel_index(order, (len(base_n), len(tuned_n)))
    # Pairs of end points stand in falling order of T, so one running sum per rate interval gives the chance of "T at
    # least this large" for every pair at once; its largest value over the intervals is the p-value (Barnard 1945).
    grid = rate_grid(base_plan.n_max + tuned_plan.n_max)
    worst = np.zeros(len(order))
    with _told(len(grid) - 1, len(order), "rates") as done:
        for interval in np.array_split(np.column_stack([grid[:-1], grid[1:]]), len(grid) // 64 + 1):  # for the memory
            both = (end_point_chances(plan, *interval.T) for plan in (base_plan, tuned_plan))
            for base, tuned in zip(*both):
                np.maximum(worst, np.cumsum(base[rows] * tuned[columns]), out=worst)
            done(len(interval))
    return statistic[order], np.minimum(worst + base_rest + tuned_rest, 1.0)


@lru_cache(maxsize=4096)
def _tail_of_value(base_plan: Design, tuned_plan: Design, value: float) -> float:
    """The largest chance, over p, of a T of at least this value, for designs with too many pairs to sort.

    The same bound as in ``_null_tail``, on a grid twice as coarse, which makes it 6 to 16 % larger than the maximum.
    """
    statistic, base, tuned, rest = _bounds_of_many(base_plan, tuned_plan)
    extreme = (statistic >= value - 1e-9).astype(np.float32)
    worst = np.einsum("ij,ij->i", base @ extreme, tuned).max()
    return min(1.0, float(worst) * _SUMMED_UP + rest)


@lru_cache(maxsize=2)
def _bounds_of_many(base_plan: Design, tuned_plan: Design) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """T of every pair of end points, and for every interval of the common rate the largest chance of each end point."""
    (base_n, base_c, _, base_rest), (tuned_n, tuned_c, _, tuned_rest) = map(likely_end_points, (base_plan, tuned_plan))
    statistic = log_likelihood_ratio(base_n[:, None], base_c[:, None], tuned_n, tuned_c)
    grid = rate_grid(base_plan.n_max + tuned_plan.n_max, 2 * _STEP)
    arms = []
    for plan in (base_plan, tuned_plan):
        parts = [
            (end_point_chances(plan, grid[rows], grid[rows + 1]) * _ROUNDED_UP).astype(np.float32)
            for rows in np.array_split(np.arange(len(grid) - 1), len(grid) // 64 + 1)  # bounds the memory
        ]
        arms.append(np.concatenate(parts))
    return statistic, *arms, base_rest + tuned_rest


def _tails_at_fixed_n(base_plan: Plan, tuned_plan: Plan, values: np.ndarray) -> np.ndarray:
    """The largest chance, over p, of each value of T or more, for two fixed plans: (len(values),).

    The same bound as in ``_null_tail``. At fixed n there are (n + 1)^2 pairs of end points, too many to sort at n =
    4,096, but T grows with the tuned arm's count: the pairs with T of at least a value are, for each count of the base,
    those from some count of the tuned arm on.
    """
    base, beyond = _bounds_at_fixed_n(base_plan, tuned_plan)  # first: it refuses what the tables cannot hold
    base_n, tuned_n = base_plan.n_max, tuned_plan.n_max
    base_c = np.arange(base_n + 1)  # the end points of a fixed plan, in their order
    counts = base.first[:, None] + np.arange(base.chances.shape[1], dtype=np.int32)
    last, rows = beyond.chances.shape[1] - 1, np.arange(len(counts))[:, None] * beyond.chances.shape[1]
    worst = []
    with _told(len(values), counts.size, "values") as done:
        for value in values:
            least = np.full(base_n + 1, tuned_n + 1)  # bisection; tuned_n + 1: no count is enough
            never = np.full_like(least, -1)
            while (least - never > 1).any():
                middle = (least + never) // 2
                enough = log_likelihood_ratio(base_n, base_c, tuned_n, middle) >= value - 1e-9
                least, never = np.where(enough, middle, least), np.where(enough, never, middle)
            # Counts below a window are reached as good as always, those above it as good as never.
            place = np.clip(least.astype(np.int32)[counts] - beyond.first[:, None], 0, last)
            reached = beyond.chances.ravel()[place + rows]
            worst.append(np.einsum("ij,ij->i", base.chances, reached).max() + base.rest + beyond.rest)
            done(1)
    return np.minimum(worst, 1.0)


class _Window(NamedTuple):
    """For every interval of the common rate, bounds for counts from ``first`` on; ``rest``: of all other counts.

    ``chances`` is (intervals, counts), in single precision and rounded up by more than it loses.
    """

    first: np.ndarray
    chances: np.ndarray
    rest: float


@lru_cache(maxsize=4)
def _bounds_at_fixed_n(base_plan: Plan, tuned_plan: Plan) -> tuple[_Window, _Window]:
    """For every interval of the common rate, the largest chance of each count of the base, and of each or more.

    At n = 1,024 both take 10 MB together, at 10,000 some 70 MB.
    """
    grid = rate_grid(base_plan.n_max + tuned_plan.n_max)
    if (n := max(base_plan.n_max, tuned_plan.n_max)) * len(grid) > _CELLS:
        raise MathbError(
            f"The exact tests of single problems hold up to about 20,000 attempts, not {n:,}; leave attempts out."
        )
    base, tuned = (_largest_chances(plan.n_max, grid[:-1], grid[1:]) for plan in (base_plan, tuned_plan))
    beyond = np.cumsum(tuned.chances[:, ::-1], axis=1, dtype=np.float64)[:, ::-1]
    past_the_end = np.zeros((len(beyond), 1), dtype=np.float32)
    return base, tuned._replace(chances=np.hstack([beyond.astype(np.float32), past_the_end]))


def _largest_chances(n: int, low: np.ndarray, high: np.ndarray) -> _Window:
    """The largest chance of each count of n, for rates from ``low`` to ``high``, where it is not negligible."""
    from scipy.special import xlog1py, xlogy
    from scipy.stats import binom

    spread = [_SPREAD * np.sqrt(n * rate * (1 - rate)) + _BEYOND for rate in (low, high)]
    first = np.clip(np.floor(n * low - spread[0]), 0, n).astype(np.int32)
    last = np.clip(np.ceil(n * high + spread[1]), 0, n).astype(np.int32)
    width = int((last - first).max()) + 1
    first = np.minimum(first, n + 1 - width)
    chances = np.empty((len(first), width), dtype=np.float32)
    _, _, paths, _ = likely_end_points(Plan.fixed(n))
    for rows in np.array_split(np.arange(len(first)), len(first) // 64 + 1):  # bounds the memory
        c = first[rows, None] + np.arange(width)
        rate = np.clip(c / n, low[rows, None], high[rows, None])
        chances[rows] = np.exp(paths[c] + xlogy(c, rate) + xlog1py(n - c, -rate)) * _ROUNDED_UP
    # Outside, chances are largest at the end of the interval that is nearer, and add up to its tail.
    rest = binom.cdf(first - 1, n, low) + binom.sf(first + width - 1, n, high)
    return _Window(first, chances, float(rest.max()))


def log_likelihood_ratio(
    base_n: np.ndarray, base_c: np.ndarray, tuned_n: np.ndarray, tuned_c: np.ndarray
) -> np.ndarray:
    """Log likelihood of two rates less that of one, negative where the tuned arm's rate is the lower one."""
    from scipy.special import xlog1py, xlogy

    def highest(n: np.ndarray, c: np.ndarray) -> np.ndarray:
        return xlogy(c, c / n) + xlog1py(n - c, -c / n)

    two = highest(base_n, base_c) + highest(tuned_n, tuned_c)
    gain = np.maximum(two - highest(base_n + tuned_n, base_c + tuned_c), 0.0)
    return np.sign(tuned_c * base_n - base_c * tuned_n) * gain
