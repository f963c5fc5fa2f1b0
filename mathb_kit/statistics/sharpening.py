"""What a model reaches that only rescales its base's success rates: the null of sharpening.

Fresh attempts of the frozen base are one null of Expansion, and a weak one: a model whose every success rate is the
base's to the power g < 1 (all problems easier, none newly possible) is told apart from them at one k in most runs. So
the tuned model is also held against such a rescaled base, with g chosen so that its pass@1 is the tuned model's.

That all problems are rescaled by one power is an assumption; so is that success rates follow a zero-inflated Beta, by
which those of unsolved problems are judged (`BetaGrid`: all that explain the outcomes, not one of them).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mathb_kit.plan import Plan
from mathb_kit.statistics.adaptive import estimates_by_problem
from mathb_kit.statistics.beta_grid import BetaGrid
from mathb_kit.statistics.beyond import MISSED, back_test
from mathb_kit.statistics.mcnemar import sign_test
from mathb_kit.statistics.success_rates import bayes, chances_within, distinct_counts, fit_success_rates, log_likelihood

ALPHA, RUNS = 0.05, 2000


@dataclass(frozen=True)
class SharpeningNull:
    """A rescaled base (every success rate p of the base becomes p^power) on problems that the base missed.

    Attributes:
        power: below 1 where the tuned model is sharper at one attempt than its base.
        pass_1_base, pass_1_tuned: what it was chosen by.
        k: attempts allowed.
        missed: problems that the base missed.
        reached: of these, reached by the tuned model.
        foreseen: of these, expected to be reached by the rescaled base; low and high hold 95 % of single runs.
        frozen: of these, expected to be reached by the base itself.
        told_apart: share of runs in which the rescaled base reaches more than a re-drawn base by McNemar's test.
        flag: empty, or why not to rely on ``foreseen`` (``back_test`` over a factor of 10): the unsolved may lie closer
            below one success in n than a zero-inflated Beta has them, and then a rescaled base reaches more.
    """

    power: float
    pass_1_base: float
    pass_1_tuned: float
    k: int
    missed: int
    reached: int
    foreseen: float
    low: int
    high: int
    frozen: float
    told_apart: float
    flag: str = ""

    @property
    def explains(self) -> bool:
        """Whether rescaling alone explains what the tuned model reaches, or more than that."""
        return self.reached <= self.high

    @property
    def fails(self) -> bool:
        """Whether the shape of success rates that it rests on failed where it could be checked."""
        return self.flag.startswith(MISSED)


def rescaling_power(base: pd.DataFrame, tuned: pd.DataFrame) -> float:
    """The power g at which a base with success rates p^g would have the tuned model's pass@1.

    The base's rates are known from its outcomes, those of all problems of the set together (``fit_success_rates``).

    Args:
        base, tuned: outcomes on the same problems, which neither selected.

    Returns:
        g between 0.02 and 50, NaN where the base never solves anything or the tuned model's pass@1 is 0 or 1.
    """
    from scipy.optimize import brentq

    rates = fit_success_rates(base, refits=0)
    n, c, counts = distinct_counts(base).to_numpy().T
    spread = counts @ rates.posterior(n, c) / counts.sum()
    target = float(estimates_by_problem(tuned, [1]).mean())
    possible = rates.rates > 0

    def excess(log_power: float) -> float:
        return float(spread[possible] @ rates.rates[possible] ** np.exp(log_power)) - target

    ends = np.log([0.02, 50])
    if not 0 < target < 1 or excess(ends[0]) <= 0 or excess(ends[1]) >= 0:
        return float("nan")
    return float(np.exp(brentq(excess, *ends)))


def sharpening_null(
    missed: pd.DataFrame, everything: pd.DataFrame, reached: int, ends: tuple[float, float, float], k: int
) -> SharpeningNull:
    """Hold what a tuned model reaches of what its base missed against a rescaled base.

    Args:
        missed: outcomes of the base on these problems, by which their success rates are judged.
        everything: outcomes of the base on the problems that these come from, not selected by those attempts.
        reached: problems among the missed that the tuned model reaches in k attempts.
        ends: power, and pass@1 of base and tuned model (``rescaling_power``).
        k: attempts allowed.
    """
    power = ends[0]
    rates, weights = BetaGrid.of(everything).drawn(RUNS)
    once, sharper = (chances_within(each, [k])[0] for each in (rates, rates**power))
    n, c, counts = distinct_counts(missed).to_numpy().T
    rng, only_sharper, only_base, both = np.random.default_rng(0), *np.zeros((3, RUNS), dtype=int)
    foreseen = frozen = 0.0
    for likelihood, problems in zip(log_likelihood(rates, n, c), counts):
        posterior = bayes(np.broadcast_to(likelihood, weights.shape), weights)  # in each run its own distribution
        chances = posterior @ np.stack([sharper * (1 - once), once * (1 - sharper), once * sharper], axis=1)
        foreseen += problems * float((chances[:, 0] + chances[:, 2]).mean())
        frozen += problems * float((chances[:, 1] + chances[:, 2]).mean())
        rest = np.clip(1 - chances.sum(axis=1, keepdims=True), 0, 1)
        drawn = rng.multinomial(problems, np.column_stack([np.clip(chances, 0, 1), rest]))
        only_sharper, only_base, both = only_sharper + drawn[:, 0], only_base + drawn[:, 1], both + drawn[:, 2]
    low, high = np.quantile(only_sharper + both, [0.025, 0.975], method="inverted_cdf")
    return SharpeningNull(
        *ends, k, len(missed), reached, foreseen, int(min(low, foreseen)), int(max(high, np.ceil(foreseen))), frozen,
        _told_apart(only_sharper, only_base), back_test(everything, 10),
    )  # fmt: skip


def _told_apart(only_sharper: np.ndarray, only_base: np.ndarray) -> float:
    """Share of runs in which McNemar's test finds more reached by the rescaled base than by the base."""
    pairs, times = np.unique(np.stack([only_sharper, only_base]), axis=1, return_counts=True)
    told = [more > less and sign_test(int(more), int(less)) < ALPHA for more, less in pairs.T]
    return float(times @ np.array(told, dtype=float) / times.sum())


def sharpening_of_pair(base: pd.DataFrame, tuned: pd.DataFrame) -> SharpeningNull | None:
    """`sharpening_null` on the problems of a set that the base never solved; None where that says nothing.

    Args:
        base, tuned: outcomes of one draw each on the same problems, which neither selected.
    """
    missed = base[base["c"] == 0]
    power = rescaling_power(base, tuned)
    if missed.empty or np.isnan(power):
        return None
    k = min(Plan.parse(text).n_max for text in {*base["plan"], *tuned["plan"]})
    firsts = [float(estimates_by_problem(each, [1]).mean()) for each in (base, tuned)]
    reached = int(estimates_by_problem(tuned[tuned["problem"].isin(missed["problem"])], [k]).round().sum())
    return sharpening_null(missed, base, reached, (power, *firsts), k)
