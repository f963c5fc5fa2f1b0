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
_MOST = 10**6  # attempts at a problem, beyond which end points are too many to walk through
TIE = 1.01  # widths closer than this count as equal


@dataclass(frozen=True)
class PlanRequest:
    """What a plan is wanted for.

    Attributes:
        n_max: most attempts a problem gets.
        problems: size of the set.
        ks: where the interval must be narrow enough; n_max if empty.
        question: which interval must be narrow (``QUESTIONS``); that over problems is narrowed by problems above all.
        tokens_per_attempt: mean length of an attempt.
        level: nominal coverage.
    """

    n_max: int
    problems: int
    ks: Sequence[int] = ()
    question: Question = "attempts"
    tokens_per_attempt: float | None = None
    level: float = 0.95

    def __post_init__(self) -> None:
        object.__setattr__(self, "ks", sorted(set(self.ks) or {self.n_max}))
        check_request(self.n_max, self.ks, self.problems, self.tokens_per_attempt, self.level)
        if self.question not in QUESTIONS:
            raise MathbError(f"Unknown question {self.question!r}; choose {' or '.join(map(repr, QUESTIONS))}.")


@dataclass(frozen=True)
class PlanChoice:
    """A chosen plan among its rivals.

    Attributes:
        plan: the chosen one.
        table: one row per candidate, the chosen first, the rest by cost and those that do not qualify last: plan,
            attempts (all problems), tokens (if asked for), width@k for each k, enough.
        costs: ``plan_cost`` of the chosen plan.
        request: what was asked for.
        most: ``most_savings`` where n_max is among the ks asked for, else None.
        pilot: attempts a problem that the success rates were learnt from, None where they are assumed.
    """

    plan: Plan
    table: pd.DataFrame
    costs: pd.DataFrame
    request: PlanRequest
    most: float | None
    pilot: int | None = None


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
    rates: SuccessRates, request: PlanRequest, *, target_width: float | None = None, budget: float | None = None
) -> PlanChoice:
    """The cheapest of ``candidate_plans`` that reaches a width, or the narrowest within a budget.

    Args:
        rates: success rates of the problems, from a pilot (``fit_success_rates``) or a prior (``beta_success_rates``).
        request: size of the set, attempts at most, and which interval must be narrow where.
        target_width: full width of the interval for the set's pass@k, for every one of the ks. Without it and without a
            budget: the width that fixed n_max has at its widest k, give or take 1 %.
        budget: most attempts expected for all problems; among plans within 1 % of the narrowest, the cheapest wins.

    Raises:
        MathbError: no candidate reaches the width, or stays within the budget.
    """
    if target_width is not None and budget is not None:
        raise MathbError("Give a width or a budget, not both: the plan is either the cheapest or the narrowest.")
    n_max, problems, ks, question = request.n_max, request.problems, request.ks, request.question
    if n_max > _MOST:
        raise MathbError(f"Plans of up to {_MOST:,} attempts can be compared, not of {n_max:,}; ask for fewer.")
    plans, mixture = candidate_plans(n_max, max(ks)), Mixture(rates, ks)
    forecasts = [mixture.forecast(plan) for plan in plans]
    attempts = problems * np.array([forecast.attempts for forecast in forecasts])
    widths = np.array([interval_width(forecast.variance[question], problems, request.level) for forecast in forecasts])
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
    if request.tokens_per_attempt:
        table["tokens"] = attempts * request.tokens_per_attempt
    table[[f"width@{k}" for k in ks]] = widths
    table["enough"] = enough
    costs = plan_cost(
        rates,
        plan,
        sorted({1, *ks}),
        problems=problems,
        tokens_per_attempt=request.tokens_per_attempt,
        level=request.level,
    )
    most = most_savings(rates, n_max) if n_max in ks else None
    return PlanChoice(plan, table.iloc[order].reset_index(drop=True), costs, request, most, rates.n_max)


def _growing(start: int, growth: int, below: int) -> list[int]:
    return [] if start >= below else [start, *_growing(start * growth, growth, below)]
