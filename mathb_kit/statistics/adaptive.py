"""pass@k, and "at least m correct in k", under a plan that stops asking once a problem is settled; exactly unbiased.

A problem's attempts form a path from (0, 0) to the end point (n, c) where the plan stopped. All paths to one end
point are equally likely given the end point, whatever the success rate p. The share of them that holds at least m
correct among the first k attempts is therefore an unbiased estimate of the chance of that (Girshick, Mosteller &
Savage 1946, "Unbiased estimates for certain binomial sampling problems"), provided that every path can be judged: a
path that stops before k has at least the stop count, so m may not exceed it. Plans stop at the ends of rounds only,
so counting the paths needs one binomial coefficient per round and number of successes below the stop count.

Counts are exact integers and their ratio is rounded once, so that estimates are right to the last digit or two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb, log

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import KEY, require_columns
from mathb_kit.plan import Plan
from mathb_kit.statistics.pass_at_k import pass_at_k

ROW_UP_TO = 8192  # longer rows of binomial coefficients would fill the memory


@lru_cache(maxsize=1 << 7)  # at n = 4,096 a row takes 2 MB
def _binomials(n: int) -> tuple[int, ...]:
    """C(n, 0) to C(n, n), in less time than a few of them one by one."""
    row = [1]
    for j in range(n):
        row.append(row[-1] * (n - j) // (j + 1))
    return tuple(row)


def _choose(n: int, c: int) -> int:
    if not 0 <= c <= n:
        return 0
    return _binomials(n)[c] if n <= ROW_UP_TO else comb(n, c)


@lru_cache(maxsize=1 << 12)
def _going_on(plan: Plan, k: int, below: int) -> dict[int, list[int]]:
    """For each round that ends at n >= k, the sequences that the plan takes beyond it, by number correct.

    Only those with fewer than ``below`` correct among the first k; 0 to stop - 1 correct among the n.
    """
    # Rounds that end before k need no entry: "fewer than ``below``" <= stop correct among the first k means that no
    # path stopped there, so whatever happened up to k is one free choice of positions. From k on, each round lets
    # through only the paths with fewer than ``stop`` correct: the sum over them is the whole dynamic programme, and it
    # is why a plan of 7 rounds needs 7 x stop numbers and not 2^1024 paths.
    table: dict[int, list[int]] = {}
    last = None
    for n in plan.rounds[bisect_left(plan.rounds, k) : -1]:
        table[n] = [_paths(last, table.get(last), n, c, k, below) for c in range(plan.stop)]
        last = n
    return table


def _paths(last: int | None, going_on: Sequence[int] | None, n: int, c: int, k: int, below: int) -> int:
    """Sequences to c correct in n: on from those that went beyond the round at ``last``, or (None) by the first k."""
    # Vandermonde's sum in both cases: paths to where the last condition was, times free choices of positions after it.
    if last is None:  # the first k attempts hold too few to stop anywhere among them
        return sum(_choose(k, hits) * _choose(n - k, c - hits) for hits in range(min(below, k + 1)))
    return sum(sequences * _choose(n - last, c - before) for before, sequences in enumerate(going_on))


def count_paths(plan: Plan, n: int, c: int, k: int = 0, below: int = 1) -> int:
    """Number of attempt sequences that reach c correct in n without stopping before, with a limit on the first k.

    Args:
        plan: says where sequences stop.
        n: end of a round.
        c: correct attempts among the n.
        k: length of the limited beginning; 0 counts all sequences.
        below: the first k attempts hold fewer correct ones than this; at most the plan's stop count.
    """
    if k > n:  # a sequence that stopped before k has its stop count, which is not below ``below``
        return 0
    before = 0 if plan.is_fixed else bisect_left(plan.rounds, n)
    last = plan.rounds[before - 1] if before and plan.rounds[before - 1] >= k else None
    return _paths(last, None if last is None else _going_on(plan, k, below)[last], n, c, k, below)


def end_points(plan: Plan) -> dict[tuple[int, int], int]:
    """Every (n, c) where the plan can stop, with the number of attempt sequences that stop there."""
    rounds = [plan.n_max] if plan.is_fixed else plan.rounds
    points = ((n, c) for n in rounds for c in range(n + 1) if not plan.continues(n, c))
    return {point: paths for point in points if (paths := count_paths(plan, *point))}


@lru_cache(maxsize=64)
def log_end_points(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n, c and the logarithm of the number of sequences, for every end point of the plan: three (ends,)."""
    points = end_points(plan)
    n, c = np.array(list(points)).T
    return n, c, np.array([log(paths) for paths in points.values()])


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
    return exact_at_least(plan, n, c, k, 1)


def exact_at_least(plan: Plan, n: int, c: int, k: int, m: int) -> Fraction:
    """Unbiased estimate of the chance of at least m correct in k attempts, from the end point (n, c).

    For a fixed plan this is the upper tail of the hypergeometric distribution, known as G-Pass@k (Liu et al. 2024,
    "Are Your LLMs Capable of Stable Reasoning?").

    Args:
        plan: the plan that stopped there.
        n, c: attempts and correct ones.
        k: attempts allowed, 1 to plan.n_max.
        m: at least 1, and at most the stop count of a plan that stops early.

    Raises:
        MathbError: the plan cannot stop there, or cannot speak about this k or m.
    """
    if not is_end_point(plan, n, c):
        raise MathbError(f"The plan '{plan}' cannot stop at {c} correct of {n} attempts.")
    if not 1 <= k <= plan.n_max:
        raise MathbError(f"The plan '{plan}' gives pass@k for k = 1 to {plan.n_max}, not {k}.")
    _check_at_least(plan, m)
    return 1 - Fraction(count_paths(plan, n, c, k, m), count_paths(plan, n, c))


def estimate_pass_at_k(
    outcomes: pd.DataFrame, ks: Sequence[int], plan: Plan | None = None, at_least: int = 1
) -> pd.DataFrame:
    """Unbiased pass@k of every problem under the plan it was sampled by.

    Args:
        outcomes: model, problem, draw, n, c and plan (see ``outcomes_from_verdicts``).
        ks: numbers of attempts allowed, each at least 1.
        plan: used instead of the plan column.
        at_least: estimate the chance of this many correct among k attempts; at most the stop count of a plan that
            stops early.

    Returns:
        model, problem, draw, k, estimate: one row per outcome and k, in the order of the outcomes. NaN for k beyond
        the plan's last round.

    Raises:
        MathbError: an outcome at which its plan could not have stopped, or goes on; ``at_least`` above its stop count.
    """
    values = estimates_by_problem(outcomes, ks, plan, at_least)
    frame = outcomes[KEY].iloc[np.repeat(np.arange(len(outcomes)), len(ks))].reset_index(drop=True)
    return frame.assign(k=np.tile(ks, len(outcomes)), estimate=values.ravel())


def estimates_by_problem(
    outcomes: pd.DataFrame, ks: Sequence[int], plan: Plan | None = None, at_least: int = 1
) -> np.ndarray:
    """``estimate_pass_at_k`` as an array: (outcomes, ks)."""
    codes, values = estimates_by_end_point(outcomes, ks, plan, at_least)
    return values[codes]


def estimates_by_end_point(
    outcomes: pd.DataFrame, ks: Sequence[int], plan: Plan | None = None, at_least: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Each outcome's end point as a number, and the estimates (end points x ks): few end points, many problems."""
    require_columns(outcomes, [*KEY, "n", "c"] + ([] if plan else ["plan"]), "outcomes")
    if any(k < 1 for k in ks):
        raise MathbError(f"pass@k needs k of at least 1, not {min(ks)}.")
    keyed = outcomes.assign(plan=str(plan)) if plan else outcomes
    codes = keyed.groupby(["plan", "n", "c"], sort=True).ngroup().to_numpy()
    _, first = np.unique(codes, return_index=True)
    points = keyed.iloc[first]
    plans = {text: Plan.parse(text) for text in points["plan"].unique()}
    for each in plans.values():
        _check_at_least(each, at_least)
    values = np.full((len(points), len(ks)), np.nan)
    for row, outcome in enumerate(points[["plan", "n", "c", *KEY]].itertuples(index=False)):
        its_plan, n, c = plans[outcome.plan], int(outcome.n), int(outcome.c)
        _check_end_point(its_plan, n, c, f"Problem {outcome.problem} of model {outcome.model}, draw {outcome.draw},")
        if its_plan.is_fixed and at_least == 1:
            continue
        # Given the end point every path to it has the same chance p^c (1 - p)^(n - c) / same: the share of paths with a
        # success among the first k is E[that | end point], whatever p (Rao-Blackwell), and so unbiased.
        every = count_paths(its_plan, n, c)
        for column, k in enumerate(ks):
            if k <= its_plan.n_max:  # Python divides integers of any size with one rounding
                values[row, column] = (every - count_paths(its_plan, n, c, int(k), at_least)) / every
    if at_least == 1:  # the same numbers from a product of floats, at any n
        fixed = points["plan"].map({text: each.is_fixed for text, each in plans.items()}).to_numpy(dtype=bool)
        n, c = (points[name].to_numpy()[fixed, None] for name in ("n", "c"))
        values[fixed] = pass_at_k(n, c, np.asarray(ks))
    return codes, values


def _check_at_least(plan: Plan, m: int) -> None:
    if m < 1 or (not plan.is_fixed and m > plan.stop):
        highest = "" if plan.is_fixed else f" and at most {plan.stop}, where the plan '{plan}' stops"
        raise MathbError(f"\"At least m correct\" needs m of at least 1{highest}; {m} is not.")


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
