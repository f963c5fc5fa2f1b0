"""Which problems a tuned model truly gained or lost, and how large a gain would have had to be to show.

Each problem is tested by itself, and the share of false discoveries among those named is held by Benjamini and Hochberg
(1995), for gains and for losses apart. "Phantom Gains" (Xu et al. 2026) proposes this in the place of counting newly
reached problems, of which a frozen model has many.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics.adaptive import estimates_by_end_point
from mathb_kit.statistics.arms import fresh_arms
from mathb_kit.statistics.two_sample import (
    LIKELIHOOD_RATIO,
    Design,
    Repeated,
    end_point_chances,
    likely_end_points,
    log_likelihood_ratio,
    one_sided_p,
    rate_grid,
    repeated,
)

POWER = 0.8
"""Of the test, where ``detectable_rate`` speaks of a gain that shows."""


def gains_by_problem(
    base: pd.DataFrame | Sequence[pd.DataFrame],
    tuned: pd.DataFrame,
    *,
    fdr: float = 0.05,
    problems: Collection[str] | None = None,
    selected_by: str | None = None,
) -> pd.DataFrame:
    """One-sided tests of base against tuned on every problem, adjusted over the problems.

    Each test is the exact likelihood-ratio test of ``two_sample``, whatever the plans. The base's draw must not be the
    one that selected the problems: its zeros are partly luck, and a test against them finds gains that are none (the
    winner's curse).

    Args:
        base, tuned: outcomes of one model and draw each (problem, model, draw, n, c, plan). Of the base several draws
            by one plan may stand together; their attempts and successes are added up.
        fdr: expected share of false discoveries among the gained problems, and among the lost ones.
        problems: those to test; the base's problems if absent.
        selected_by: as for ``mcnemar``.

    Returns:
        One row per problem: problem, base_n, base_c (of all draws together), tuned_n, tuned_c, gain_p, gain_adjusted,
        gained, loss_p, loss_adjusted, lost, detectable_c, detectable_n, detectable_rate, test. Against the base's
        outcome on that problem, detectable_c of detectable_n is the lowest observed rate that would be named a gain
        beside those already named, and detectable_rate the success rate at which this happens with 80 % power (NA and
        NaN where none would).

    Raises:
        MathbError: a problem missing in one arm, an impossible outcome, or a base draw that selected the problems.
    """
    if not 0 < fdr < 1:
        raise MathbError(f"The false discovery rate must lie between 0 and 1, not {fdr}.")
    draws = [base] if isinstance(base, pd.DataFrame) else list(base)
    arms = [fresh_arms(each, tuned, problems, selected_by) for each in draws]
    for rows in (*(each for each, _ in arms), arms[0][1]):
        estimates_by_end_point(rows, [1])  # refuses outcomes that their plan cannot have
    first, ours = arms[0]
    if any((each["plan"] != first["plan"]).any() for each, _ in arms):
        raise MathbError("Draws of the base that are added up must have one plan; sample them by the same.")
    both = pd.DataFrame({"problem": first["problem"]})
    for column in ("n", "c"):
        both[f"base_{column}"] = sum(each[column] for each, _ in arms)
    both["base_plan"] = first["plan"]
    for column in ("n", "c", "plan"):
        both[f"tuned_{column}"] = ours[column]
    counts = {"base": len(draws), "tuned": 1}
    table = both.drop(columns=["base_plan", "tuned_plan"])
    for direction, pair, named in (("gain", ("base", "tuned"), "gained"), ("loss", ("tuned", "base"), "lost")):
        table[f"{direction}_p"] = _p_values(both, *pair, counts)
        table[f"{direction}_adjusted"] = _adjusted(table[f"{direction}_p"].to_numpy())
        table[named] = table[f"{direction}_adjusted"] <= fdr
    threshold = fdr * min(int(table["gained"].sum()) + 1, len(table)) / len(table)
    return table.join(_detectable(both, threshold, len(draws)))


def gain_power(plan: Plan, rate: float, problems: int, *, fdr: float = 0.05, redraws: int = 1) -> float:
    """Chance that a problem which its base never solves is named a gain at this success rate, the only one of a set.

    Args:
        plan: of both arms.
        rate: success rate of the tuned model on it.
        problems: size of the set over which p-values are adjusted.
        fdr: as for ``gains_by_problem``.
        redraws: draws of the base, added up.
    """
    n, c, named = _named_ends(plan, problems, fdr, redraws)
    return float(end_point_chances(plan, np.array([rate]), np.array([rate]))[0] @ named)


def detectable_gain(plan: Plan, problems: int, *, fdr: float = 0.05, redraws: int = 1) -> float:
    """The success rate from which ``gain_power`` is 80 %; NaN where no rate has it."""
    from scipy.optimize import brentq

    rates = np.geomspace(1e-6, 1, 400)
    _, _, named = _named_ends(plan, problems, fdr, redraws)
    power = end_point_chances(plan, rates, rates) @ named
    weak = np.flatnonzero(power < POWER)
    if not len(weak):
        return float(rates[0])
    if weak[-1] + 1 == len(rates):
        return float("nan")
    asked = {"fdr": fdr, "redraws": redraws}
    return float(brentq(lambda rate: gain_power(plan, rate, problems, **asked) - POWER, *rates[weak[-1] :][:2]))


@lru_cache(maxsize=32)
def _named_ends(plan: Plan, problems: int, fdr: float, redraws: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n and c of a plan's end points, and whether each would be the one gain beside a base that solved nothing."""
    if problems < 1 or not 0 < fdr < 1:
        raise MathbError(f"Power needs at least one problem and 0 < fdr < 1, not {problems} and {fdr}.")
    n, c, _, _ = likely_end_points(plan)
    base = repeated(plan, redraws)
    if plan.is_fixed:  # by bisection, because each p takes time there
        least, _, rate = _detectable_at_fixed_n(base, np.array([base.n_max]), np.array([0]), plan, fdr / problems)
        return n, c, (c >= least) & ~np.isnan(rate)
    return n, c, _named(base, base.n_max, 0, plan, fdr / problems)


def _named(base_plan: Design, base_n: int, base_c: int, tuned_plan: Plan, threshold: float) -> np.ndarray:
    """Whether each end point of the tuned plan has a p of at most the threshold beside this one of the base."""
    n, c, _, _ = likely_end_points(tuned_plan)
    if not isinstance(base_plan, Repeated):
        return one_sided_p(base_plan, base_n, base_c, tuned_plan, n, c) <= threshold
    # p falls with the likelihood ratio that it is a tail of, and each takes time: by bisection over its values.
    ratio = log_likelihood_ratio(np.int64(base_n), np.int64(base_c), n, c)
    order = np.argsort(ratio, kind="stable")
    never, enough = -1, len(order)
    while enough - never > 1:
        middle = (never + enough) // 2
        at = order[middle]
        p = float(one_sided_p(base_plan, base_n, base_c, tuned_plan, n[at], c[at]))
        never, enough = (never, middle) if p <= threshold else (middle, enough)
    named = np.zeros(len(n), dtype=bool)
    named[order[enough:]] = True
    return named


def _p_values(both: pd.DataFrame, lower: str, upper: str, draws: Mapping[str, int]) -> np.ndarray:
    """p of "``upper`` has the higher rate" per problem; each distinct pair of end points is computed once."""
    values = np.empty(len(both))
    for (lower_plan, upper_plan), rows in both.groupby([f"{lower}_plan", f"{upper}_plan"]).indices.items():
        counts = both.iloc[rows][[f"{arm}_{column}" for arm in (lower, upper) for column in ("n", "c")]].to_numpy()
        distinct, inverse = np.unique(counts.astype(np.int64), axis=0, return_inverse=True)
        lower_n, lower_c, upper_n, upper_c = distinct.T
        low, high = (repeated(Plan.parse(text), draws[arm]) for arm, text in ((lower, lower_plan), (upper, upper_plan)))
        p = one_sided_p(low, lower_n, lower_c, high, upper_n, upper_c)
        values[rows] = p[inverse.ravel()]
    return values


def _adjusted(p: np.ndarray) -> np.ndarray:
    from scipy.stats import false_discovery_control

    return false_discovery_control(np.clip(p, 0.0, 1.0), method="bh")


def _detectable(both: pd.DataFrame, threshold: float, draws: int) -> pd.DataFrame:
    """detectable_c, detectable_n, detectable_rate and test per problem."""
    table = pd.DataFrame({"detectable_c": pd.NA, "detectable_n": pd.NA}, index=both.index, dtype="Int64")
    table["detectable_rate"], table["test"] = np.nan, ""
    for (base_text, tuned_text), rows in both.groupby(["base_plan", "tuned_plan"]).indices.items():
        base_plan, tuned_plan = repeated(Plan.parse(base_text), draws), Plan.parse(tuned_text)
        counts = both.iloc[rows][["base_n", "base_c"]].to_numpy().astype(np.int64)
        distinct, inverse = np.unique(counts, axis=0, return_inverse=True)
        fixed = base_plan.is_fixed and tuned_plan.is_fixed
        search = _detectable_at_fixed_n if fixed else _detectable_under_plans
        c, n, rate = search(base_plan, distinct[:, 0], distinct[:, 1], tuned_plan, threshold)
        missing = np.isnan(rate)
        columns = {"detectable_c": c, "detectable_n": n}
        for name, values in columns.items():
            array = pd.array(values[inverse.ravel()], dtype="Int64")
            array[missing[inverse.ravel()]] = pd.NA
            table.iloc[rows, table.columns.get_loc(name)] = array
        table.iloc[rows, table.columns.get_loc("detectable_rate")] = rate[inverse.ravel()]
        table.iloc[rows, table.columns.get_loc("test")] = LIKELIHOOD_RATIO
    return table


def _detectable_at_fixed_n(
    base_plan: Design, base_n: np.ndarray, base_c: np.ndarray, tuned_plan: Plan, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The least tuned counts at which p is at most the threshold; their power is a Beta quantile.

    p falls with the likelihood ratio alone, whatever the counts that give it, and each p takes time. So the ratio from
    which on p is small enough is enclosed by trying few pairs of counts: of all those left in doubt, the middle one.
    """
    from scipy.stats import beta

    n = np.full(len(base_n), tuned_plan.n_max)
    low, high = np.zeros_like(n), n + 1  # never enough, always enough (n + 1: impossible)
    never, always = 0.0, np.inf  # the same of the ratio
    while (open_ := np.flatnonzero(high - low > 1)).size:
        middle = (low[open_] + high[open_]) // 2
        ratio = log_likelihood_ratio(base_n[open_], base_c[open_], n[open_], middle)
        doubt = (ratio > never) & (ratio < always)
        if doubt.any():
            at = np.flatnonzero(doubt)[np.argsort(ratio[doubt])[doubt.sum() // 2]]
            i = open_[at]
            if one_sided_p(base_plan, base_n[i], base_c[i], tuned_plan, n[i], middle[at]) <= threshold:
                always = ratio[at]
            else:
                never = ratio[at]
        high[open_] = np.where(ratio >= always, middle, high[open_])
        low[open_] = np.where(ratio <= never, middle, low[open_])
    possible = high <= n
    rate = np.where(possible, beta.ppf(POWER, np.minimum(high, n), n - np.minimum(high, n) + 1), np.nan)
    return np.minimum(high, n), n, rate


@lru_cache(maxsize=8)
def _chances_by_rate(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    grid = rate_grid(plan.n_max)
    return grid, end_point_chances(plan, grid, grid)


def _detectable_under_plans(
    base_plan: Design, base_n: np.ndarray, base_c: np.ndarray, tuned_plan: Plan, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All end points of the tuned plan are tried; power is the chance of those that would be named."""
    n, c, _, _ = likely_end_points(tuned_plan)
    grid, chances = _chances_by_rate(tuned_plan)
    lowest = np.full((3, len(base_n)), np.nan)
    for i, end_point in enumerate(zip(base_n, base_c)):
        named = _named(base_plan, *end_point, tuned_plan, threshold)
        weak = np.flatnonzero(chances @ named < POWER)
        first = weak[-1] + 1 if len(weak) else 0  # enough power here and at every higher rate
        if named.any() and first < len(grid):
            at = np.flatnonzero(named)[np.argmin((c / n)[named])]
            lowest[:, i] = c[at], n[at], grid[first]
    missing = np.isnan(lowest[2])
    counts = np.where(missing, 0, lowest[:2]).astype(np.int64)
    return counts[0], counts[1], lowest[2]
