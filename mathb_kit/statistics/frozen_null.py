"""What reach does without any tuning: the split-half null.

A frozen model "expands" over itself whenever problems were chosen because one draw missed them. From one draw on
unselected candidates follows by how much, for k up to half of its attempts. At k = n a fresh draw of the base takes the
place of the tuned model instead (``compare_reach``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.statistics.adaptive import estimates_by_problem
from mathb_kit.statistics.arms import one_model_and_draw, refuse_selecting_draw
from mathb_kit.statistics.bootstrap import Bootstrap, ratio_interval

RATIO_BOOTSTRAP = "problems as a sample, BCa bootstrap of the ratio"


@dataclass(frozen=True)
class FrozenNull:
    """What a model would "expand" to against itself, in expectation over two disjoint blocks of k attempts.

    Attributes:
        k: attempts per block.
        problems: candidates, not selected by these attempts.
        unsolved: expected number of problems that the first block leaves unsolved.
        reached: expected number of those that the second block solves.
        rate: reached / unsolved, NaN where nothing is ever unsolved. Where far less than one problem is left unsolved
            it is a ratio of two accidents.
        low, high: 95 % interval of the rate, NaN for fewer than two problems, or fewer than one expected unsolved.
        interval: its name.
    """

    k: int
    problems: int
    unsolved: float
    reached: float
    rate: float
    low: float
    high: float
    interval: str = RATIO_BOOTSTRAP


def frozen_null(outcomes: pd.DataFrame, k: int, *, bootstrap: Bootstrap = Bootstrap()) -> FrozenNull:
    """Expansion of a base over itself, from one draw on candidates that this draw did not select.

    Out of n attempts, c correct, in random order, the first k hold none with chance A = C(n - k, c) / C(n, c), and
    the first 2k none with chance B = C(n - 2k, c) / C(n, c). The null is the sum of A - B over the sum of A. At
    k = n / 2, B is 1 for c = 0 and else 0, which leaves sum over c > 0 of w_c over sum of w_c with
    w_c = C(n/2, c) / C(n, c). A and B are one minus the unbiased pass@k and pass@2k, so adaptive plans serve as well.
    The interval resamples problems and takes the ratio anew (BCa, Efron 1987).

    Args:
        outcomes: rows of one model and draw, on the candidates before any selection by this draw.
        k: attempts per block, at most half the plan's attempts.
        bootstrap: resamples, level and seed of the interval.

    Raises:
        MathbError: k above half the plan's attempts, or the draw named ``selection``.
    """
    blocks = _first_and_both_fail(outcomes, k)
    unsolved, still_unsolved = blocks.sum(axis=0)
    reached = unsolved - still_unsolved
    rate = reached / unsolved if unsolved > 0 else float("nan")
    low, high = ratio_interval(blocks[:, 0] - blocks[:, 1], blocks[:, 0], bootstrap)
    return FrozenNull(k, len(outcomes), float(unsolved), float(reached), float(rate), low, high)


def frozen_null_runs(outcomes: pd.DataFrame, k: int, *, runs: int = 1000, seed: int = 0) -> pd.DataFrame:
    """What single runs of "select, then try again" report when one draw's attempts are split anew each time.

    Every run orders each problem's attempts at random, selects what the first k leave unsolved, and counts what the
    next k solve.

    This shows what luck in the order does; it is no null distribution to hold an observed Expansion against. Every
    split shares the draw's numbers of successes, an independent frozen run does not: in simulation, fewer than 5 % of
    splits reach as much as such a run does in 12 to 17 % of cases. Test against a fresh draw (``beside_redraws``).

    Args:
        outcomes, k: as for ``frozen_null``.
        runs: number of simulated runs.
        seed: of the simulation.

    Returns:
        run, unsolved, reached, rate (NaN where nothing was left unsolved).
    """
    first_fails, both_fail = _first_and_both_fail(outcomes, k).T
    # A run needs only whether each block of a problem fails, and the two block failures are nested: B <= A. So one
    # uniform number decides: below B both blocks fail, from B to A only the first does, above A the first succeeds.
    luck = np.random.default_rng(seed).random((runs, len(outcomes)))
    unsolved = (luck < first_fails).sum(axis=1)
    reached = unsolved - (luck < both_fail).sum(axis=1)
    rate = np.divide(reached, unsolved, out=np.full(runs, np.nan), where=unsolved > 0)
    return pd.DataFrame({"run": np.arange(runs), "unsolved": unsolved, "reached": reached, "rate": rate})


def _first_and_both_fail(outcomes: pd.DataFrame, k: int) -> np.ndarray:
    """Per problem, the chances that the first k and that the first 2k attempts are all wrong: (problems, 2)."""
    _, draw = one_model_and_draw(outcomes)
    refuse_selecting_draw("the base", draw, None)
    estimates = estimates_by_problem(outcomes, [k, 2 * k])
    if np.isnan(estimates).any():
        raise MathbError(f"The split-half null needs plans of at least 2k = {2 * k:,} attempts; ask for a smaller k.")
    return 1 - estimates
