"""Which plan to choose, among those that cost least or are narrowest by their forecasts.

Two facts to know before reading a table:

* At k = n_max the unbiased estimate of pass@k is the indicator "reached", whatever the stop count and the rounds. All
  plans of one n_max are therefore equally wide there, and stopping at the first success in fine rounds is cheapest;
  nothing unbiased within [0, 1] is cheaper (``most_savings``).
* At smaller k a small stop count costs width: pass@1 is then estimated from the few attempts that easy problems get,
  and those at hard problems add little to it. At k = 1 an adaptive plan rarely saves anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics.forecast import (
    QUESTIONS,
    Mixture,
    Question,
    check_request,
    interval_width,
    most_savings,
    plan_cost,
)
from mathb_kit.statistics.success_rates import SuccessRates

FIRST_ROUNDS = (4, 8, 16, 32, 64)
GROWTHS = (2, 4)
STOPS = range(1, 9)
TIE = 1.01  # widths closer than this count as equal


@dataclass(frozen=True)
class PlanChoice:
    """A chosen plan among its rivals.

    Attributes:
        plan: the chosen one.
        table: one row per candidate, the chosen first, the rest by cost and those that do not qualify last: plan,
            attempts (all problems), tokens (if asked for), width@k for each k, enough.
        costs: ``plan_cost`` of the chosen plan.
        sentence: what it costs, what it saves and where it saves nothing.
    """

    plan: Plan
    table: pd.DataFrame
    costs: pd.DataFrame
    sentence: str


def candidate_plans(n_max: int, k: int) -> list[Plan]:
    """The declared family: fixed n from k to n_max, doubling; rounds that grow 2 or 4 times from 4 to 64, stop 1 to 8.

    All adaptive plans end at n_max. Where a first round does not divide it, the largest smaller divisor starts.
    """
    plans = {str(Plan.fixed(n)): None for n in (*_growing(k, 2, n_max), n_max)}
    for first in FIRST_ROUNDS:
        for growth in GROWTHS:
            earlier = _growing(Plan.fixed(n_max, chunk=first).chunk, growth, n_max)
            rounds = "/".join(map(str, (*earlier, n_max)))
            plans |= {f"{rounds} stop {stop}": None for stop in STOPS if earlier}
    return [Plan.parse(text) for text in plans]


def choose_plan(
    rates: SuccessRates,
    *,
    n_max: int,
    problems: int,
    ks: Sequence[int] = (),
    target_width: float | None = None,
    budget: float | None = None,
    question: Question = "attempts",
    tokens_per_attempt: float | None = None,
    level: float = 0.95,
) -> PlanChoice:
    """The cheapest of ``candidate_plans`` that reaches a width, or the narrowest within a budget.

    Args:
        rates: success rates of the problems, from a pilot (``fit_success_rates``) or a prior (``beta_success_rates``).
        n_max: most attempts a problem gets.
        problems: size of the set.
        ks: where the interval must be narrow enough; n_max if empty.
        target_width: full width of the interval for the set's pass@k, for every one of ks. Without it and without a
            budget: the width that fixed n_max has at its widest k, give or take 1 %.
        budget: most attempts expected for all problems; among plans within 1 % of the narrowest, the cheapest wins.
        question: which interval must be narrow (``QUESTIONS``); that over problems is narrowed by problems above all.
        tokens_per_attempt: mean length of an attempt.
        level: nominal coverage.

    Raises:
        MathbError: no candidate reaches the width, or stays within the budget.
    """
    ks = sorted(set(ks) or {n_max})
    check_request(n_max, ks, problems, tokens_per_attempt, level)
    if question not in QUESTIONS:
        raise MathbError(f"Unknown question {question!r}; choose {' or '.join(map(repr, QUESTIONS))}.")
    if target_width is not None and budget is not None:
        raise MathbError("Give a width or a budget, not both: the plan is either the cheapest or the narrowest.")
    plans, mixture = candidate_plans(n_max, max(ks)), Mixture(rates, ks)
    forecasts = [mixture.forecast(plan) for plan in plans]
    attempts = problems * np.array([forecast.attempts for forecast in forecasts])
    widths = np.array([interval_width(forecast.variance[question], problems, level) for forecast in forecasts])
    widest = widths.max(axis=1)
    if budget is not None:
        enough = attempts <= budget
        if not enough.any():
            raise MathbError(
                f"No plan stays within {budget:,.0f} attempts: the cheapest, {plans[attempts.argmin()]}, expects "
                f"{attempts.min():,.0f} at {problems:,} problems; raise the budget, or lower k or n_max."
            )
        enough &= widest <= TIE * widest[enough].min()
    else:
        target = TIE * widest[plans.index(Plan.fixed(n_max))] if target_width is None else target_width
        enough = widest <= target
        if not enough.any():
            needed = f"about {math.ceil(problems * (widest.min() / target) ** 2):,}" if target > 0 else "ever more"
            raise MathbError(
                f"No plan of up to {n_max:,} attempts reaches width {target:g} with {problems:,} problems "
                f"({QUESTIONS[question]}): the narrowest, {plans[widest.argmin()]}, reaches {widest.min():.3g}; ask "
                f"for a wider interval, or take {needed} problems of this kind."
            )
    order = np.lexsort((widest, attempts, ~enough))
    plan = plans[order[0]]
    table = pd.DataFrame({"plan": [str(plan) for plan in plans], "attempts": attempts})
    if tokens_per_attempt:
        table["tokens"] = attempts * tokens_per_attempt
    table[[f"width@{k}" for k in ks]] = widths
    table["enough"] = enough
    costs = plan_cost(
        rates, plan, sorted({1, *ks}), problems=problems, tokens_per_attempt=tokens_per_attempt, level=level
    )
    at_issue = costs[costs["question"] == QUESTIONS[question]]
    sentence = _sentence(plan, at_issue, ks, problems, most_savings(rates, n_max) if n_max in ks else None)
    return PlanChoice(plan, table.iloc[order].reset_index(drop=True), costs, sentence)


def _sentence(plan: Plan, costs: pd.DataFrame, ks: Sequence[int], problems: int, most: float | None) -> str:
    first = costs.iloc[0]
    tokens = "" if np.isnan(first["tokens"]) else f" ({first['tokens'] / 1e6:,.1f} million tokens)"
    widths = ", ".join(f"{row.width:.3g} at k = {row.k}" for row in costs.itertuples() if row.k in ks)
    parts = [
        f"{plan}: {first['attempts']:,.0f} attempts expected at {problems:,} problems{tokens}",
        f"expected interval width {widths} ({first['question']})",
    ]
    if plan.is_fixed:
        parts.append("an adaptive plan saves nothing here")
    else:
        for row in costs.itertuples():
            fixed = f"fixed n = {math.ceil(row.fixed_n)}"
            if row.ratio < 1.05:
                parts.append(f"at k = {row.k} it saves nothing: {fixed} is as narrow")
            elif row.k in ks:
                wider = "equally wide" if row.width <= TIE * row.fixed_width else f"{row.fixed_width:.3g} wide"
                parts.append(f"at k = {row.k} it takes {row.ratio:.1f} times fewer than {fixed} ({wider})")
    if most is not None:
        possible = f"no unbiased plan can save more than {most:.1f} times at k = {plan.n_max}"
        parts.append(possible if most > 1.0001 else "no problem is ever solved, so every attempt is needed")
    return "; ".join(parts) + "."


def _growing(start: int, growth: int, below: int) -> list[int]:
    return [] if start >= below else [start, *_growing(start * growth, growth, below)]
