"""Do several samplers of one model agree? One test over all problems, and what it could have seen.

Before attempts of two engines are counted together, their draws of the same problems are compared. Under the null every
problem has one success rate, the same for all; rates of different problems may differ in any way. Given a problem's
total of successes, how they fall to the samplers is then a matter of dealing out attempts (multivariate
hypergeometric), so the p-value is exact whatever the rates are, up to the number of random deals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mathb_kit.errors import MathbError


@dataclass(frozen=True)
class Homogeneity:
    """The answer.

    Attributes:
        p: of "every problem has one success rate in all samplers".
        rates: mean success rate of each sampler over the problems.
        detectable: the difference of the mean rates of two samplers, alike in all problems, that this many attempts
            would show at 5 % with a chance of 80 % (by the normal approximation).
    """

    p: float
    rates: tuple[float, ...]
    detectable: float


def homogeneity(successes: np.ndarray, n: int, deals: int = 20_000) -> Homogeneity:
    """Compare samplers by their successes in ``n`` attempts at each problem.

    Two statistics look for two kinds of difference: the sum over problems of the chi-squared statistic (any
    difference), and that of the totals (one sampler better everywhere). Each is compared with random deals, and the
    smaller p-value is doubled (Bonferroni).

    Args:
        successes: counts, (samplers, problems).
        n: attempts of each sampler at each problem.
        deals: random ones.

    Raises:
        MathbError: fewer than two samplers, no problems, or counts beyond 0 to n.
    """
    counts = np.asarray(successes)
    if counts.ndim != 2 or len(counts) < 2 or not counts.shape[1]:
        raise MathbError("Samplers are compared by a table of successes: two rows or more, a column per problem.")
    if (counts < 0).any() or (counts > n).any():
        raise MathbError(f"Successes must lie between 0 and the {n} attempts; correct the counts or n.")
    samplers, totals = len(counts), counts.sum(axis=0)
    dealt = np.empty((deals + 1, *counts.shape))
    dealt[0] = counts
    random = np.random.default_rng(1)
    for problem, total in enumerate(totals):
        dealt[1:, :, problem] = random.multivariate_hypergeometric([n] * samplers, total, size=deals)
    share = totals / (samplers * n)
    spread = np.maximum(n * share * (1 - share), 1e-12)  # of a problem that all or none solve, nothing differs
    apart = dealt - n * share
    any_kind = (apart**2 / spread).sum(axis=(1, 2))
    everywhere = (apart.sum(axis=2) ** 2).sum(axis=1)
    # The observed table is one of the deals: so p is valid for any number of them (Phipson & Smyth 2010).
    each = [np.mean(statistic >= statistic[0] * (1 - 1e-12) - 1e-9) for statistic in (any_kind, everywhere)]
    rates = counts.mean(axis=1) / n
    deviation = np.sqrt(2 * (share * (1 - share)).sum() / n) / counts.shape[1]
    return Homogeneity(float(min(1.0, 2 * min(each))), tuple(map(float, rates)), float(2.8 * deviation))
