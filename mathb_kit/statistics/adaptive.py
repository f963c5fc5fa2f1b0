"""pass@k under a plan that stops asking once a problem is settled, exactly unbiased.

A problem's attempts form a path from (0, 0) to the end point (n, c) where the plan stopped. All paths to one end
point are equally likely given the end point, whatever the success rate p. The share of them that begins with k
failures is therefore an unbiased estimate of (1 - p)^k (Girshick, Mosteller & Savage 1946, "Unbiased estimates for
certain binomial sampling problems"). Plans stop at the ends of rounds only, so counting the paths needs one
binomial coefficient per round and number of successes below the stop count.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import KEY, require_columns
from mathb_kit.plan import Plan
from mathb_kit.statistics.intervals import BOOTSTRAP, bootstrap_mean_interval
from mathb_kit.statistics.pass_at_k import pass_at_k

_comb = lru_cache(maxsize=1 << 16)(comb)


@lru_cache(maxsize=1 << 16)
def count_paths(plan: Plan, n: int, c: int, failures: int = 0) -> int:
    """Number of attempt sequences that begin with ``failures`` failures and reach c correct in n without stopping.

    ``n`` is the end of a round, ``c`` at least 0. The sequences pass through points where the plan goes on only.
    """
    if failures > n:
        return 0
    earlier = [end for end in plan.rounds if end < n]
    if plan.is_fixed or not earlier or failures >= earlier[-1]:
        return _comb(n - failures, c)
    start = earlier[-1]
    return sum(
        count_paths(plan, start, before, failures) * _comb(n - start, c - before)
        for before in range(min(plan.stop, c + 1))
    )


def is_end_point(plan: Plan, n: int, c: int) -> bool:
    """Whether the plan can stop with c correct in n attempts."""
    if plan.is_fixed:
        return n == plan.n_max and 0 <= c <= n
    return c >= 0 and n in plan.rounds and not plan.continues(n, c) and count_paths(plan, n, c) > 0


def exact_pass_at_k(plan: Plan, n: int, c: int, k: int) -> Fraction:
    """Unbiased estimate of pass@k from the end point (n, c), 1 <= k <= plan.n_max, as an exact fraction.

    For a fixed plan this is ``1 - C(n - c, k) / C(n, k)``.

    Raises:
        MathbError: the plan cannot stop there, or cannot speak about this k.
    """
    if not is_end_point(plan, n, c):
        raise MathbError(f"The plan '{plan}' cannot stop at {c} correct of {n} attempts.")
    if not 1 <= k <= plan.n_max:
        raise MathbError(f"The plan '{plan}' gives pass@k for k = 1 to {plan.n_max}, not {k}.")
    return 1 - Fraction(count_paths(plan, n, c, k), count_paths(plan, n, c))


def estimate_pass_at_k(outcomes: pd.DataFrame, ks: Sequence[int], plan: Plan | None = None) -> pd.DataFrame:
    """Unbiased pass@k of every problem under the plan it was sampled by.

    Args:
        outcomes: model, problem, draw, n, c and plan (see ``outcomes_from_verdicts``).
        ks: numbers of attempts allowed, each at least 1.
        plan: used instead of the plan column.

    Returns:
        model, problem, draw, k, estimate: one row per outcome and k, in the order of the outcomes. NaN for k beyond
        the plan's last round.

    Raises:
        MathbError: an outcome at which its plan could not have stopped, or goes on.
    """
    codes, values = _estimates_by_end_point(outcomes, ks, plan)
    frame = outcomes[KEY].iloc[np.repeat(np.arange(len(outcomes)), len(ks))].reset_index(drop=True)
    return frame.assign(k=np.tile(ks, len(outcomes)), estimate=values[codes].ravel())


def pass_at_k_curve(
    outcomes: pd.DataFrame,
    ks: Sequence[int],
    *,
    by: Sequence[str] = ("model", "draw"),
    replicates: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean pass@k over problems, per model and draw (or other columns), with a percentile bootstrap over problems.

    The interval answers "what if the problems had been others of their kind?". The noise of the attempts is in it
    too, since each problem's estimate carries its own.

    Args:
        outcomes: as for ``estimate_pass_at_k``.
        ks: numbers of attempts allowed.
        by: columns whose values tell the curves apart.
        replicates: bootstrap resamples.
        level: nominal coverage.
        seed: of the bootstrap.

    Returns:
        the ``by`` columns, k, estimate, low, high, problems, interval. low and high are NaN for a single problem; all
        three are NaN where one of the problems has a smaller plan than k.
    """
    codes, values = _estimates_by_end_point(outcomes, ks, None)
    curves = []
    for names, rows in outcomes.groupby(list(by), sort=False).indices.items():
        present, counts = np.unique(codes[rows], return_counts=True)
        points = values[present]
        low, high = bootstrap_mean_interval(points, counts, replicates=replicates, level=level, seed=seed)
        curves.append(
            pd.DataFrame(
                {
                    **dict(zip(by, names if len(by) > 1 else [names])),
                    "k": list(ks),
                    "estimate": counts / len(rows) @ points,
                    "low": low,
                    "high": high,
                    "problems": len(rows),
                    "interval": BOOTSTRAP,
                }
            )
        )
    if not curves:
        raise MathbError("There are no outcomes to draw a pass@k curve from; sample and grade some problems first.")
    return pd.concat(curves, ignore_index=True)


def attempts_saved(outcomes: pd.DataFrame, *, by: Sequence[str] = ("model", "draw")) -> pd.DataFrame:
    """Attempts an adaptive plan used beside those of fixed n for the same k, per model and draw (or other columns).

    Returns:
        the ``by`` columns, problems, attempts, fixed_attempts, ratio (fixed_attempts / attempts).
    """
    require_columns(outcomes, [*KEY, "n", "plan"], "outcomes")
    n_max = {text: Plan.parse(text).n_max for text in outcomes["plan"].unique()}
    used = outcomes.assign(fixed=outcomes["plan"].map(n_max)).groupby(list(by), sort=False)
    table = used.agg(problems=("problem", "size"), attempts=("n", "sum"), fixed_attempts=("fixed", "sum"))
    return table.assign(ratio=table["fixed_attempts"] / table["attempts"]).reset_index()


def _estimates_by_end_point(
    outcomes: pd.DataFrame, ks: Sequence[int], plan: Plan | None
) -> tuple[np.ndarray, np.ndarray]:
    """Each outcome's end point as a number, and the estimates (end points x ks): few end points, many problems."""
    require_columns(outcomes, [*KEY, "n", "c"] + ([] if plan else ["plan"]), "outcomes")
    if any(k < 1 for k in ks):
        raise MathbError(f"pass@k needs k of at least 1, not {min(ks)}.")
    keyed = outcomes.assign(plan=str(plan)) if plan else outcomes
    codes = keyed.groupby(["plan", "n", "c"], sort=True).ngroup().to_numpy()
    _, first = np.unique(codes, return_index=True)
    end_points = keyed.iloc[first]
    plans = {text: Plan.parse(text) for text in end_points["plan"].unique()}
    values = np.full((len(end_points), len(ks)), np.nan)
    for row, outcome in enumerate(end_points[["plan", "n", "c", *KEY]].itertuples(index=False)):
        its_plan, n, c = plans[outcome.plan], int(outcome.n), int(outcome.c)
        _check_end_point(its_plan, n, c, f"Problem {outcome.problem} of model {outcome.model}, draw {outcome.draw},")
        if its_plan.is_fixed:  # the same number from a product of floats, at any n
            values[row] = pass_at_k(n, c, np.asarray(ks))
        else:
            values[row] = [float(exact_pass_at_k(its_plan, n, c, k)) if k <= its_plan.n_max else np.nan for k in ks]
    return codes, values


def _check_end_point(plan: Plan, n: int, c: int, who: str) -> None:
    if 0 <= c <= n and plan.continues(n, c):
        raise MathbError(
            f"{who} has {c} correct of {n}, where the plan '{plan}' goes on; sample the attempts it lacks."
        )
    if not is_end_point(plan, n, c):
        raise MathbError(
            f"{who} has {c} correct of {n}, where the plan '{plan}' cannot stop; build the outcomes with "
            "outcomes_from_verdicts under the plan that was run."
        )
