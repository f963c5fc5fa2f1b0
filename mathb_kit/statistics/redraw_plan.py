"""A whole comparison beside re-draws, sized and priced before anything is sampled.

From success rates of the candidates follows what a selection by n attempts leaves (D and the base's chances on it), and
from those how many problems a gain in Expansion needs, how many candidates these take, and what all of it costs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics.forecast import Mixture
from mathb_kit.statistics.gains import detectable_gain
from mathb_kit.statistics.redraw_power import RedrawDesign, detectable_expansion, expansion_power, problems_needed
from mathb_kit.statistics.success_rates import SuccessRates, chances_within

REDRAWS, SEEDS, STOPS = (1, 2, 4, 9), (1, 3), (1, 2, 4, 8)


@dataclass(frozen=True)
class RedrawRequest:
    """What a comparison beside re-draws is wanted for.

    Attributes:
        expansion: the gain that it is to show: tuned minus re-drawn share of D.
        n_max, stop: attempts and stop count of every draw; rounds grow fourfold. The selection has as many attempts.
        redraws, seeds: how many; ``REDRAWS`` and ``SEEDS`` are compared where it is not said.
        problems: size of D, where it is given; what it can see is then told as well.
        tokens_per_attempt: mean length of an attempt.
    """

    expansion: float
    n_max: int = 1024
    stop: int | None = 4
    redraws: int | None = None
    seeds: int | None = None
    problems: int | None = None
    tokens_per_attempt: float | None = None

    @property
    def plan(self) -> Plan:
        """Of every draw."""
        return Plan(Plan.up_to(self.n_max).rounds[::-1][::2][::-1], self.stop, chunk=Plan.up_to(self.n_max).chunk)

    def design(self) -> RedrawDesign:
        """The sizes given, one re-draw and one seed where nothing is said."""
        return RedrawDesign(self.n_max, self.problems or 1, self.redraws or 1, self.seeds or 1)


@dataclass(frozen=True)
class RedrawPlan:
    """Designs that show a gain in Expansion with 80 % power, and what each costs.

    Attributes:
        expansion: the gain asked for.
        plan: rounds and stop count of the draws that are compared.
        left: share of candidates that the selection leaves unsolved.
        frozen: share of D that one fresh draw of the base reaches: Expansion without any tuning.
        per_set: one row per number of re-draws and seeds, the cheapest first: redraws, seeds, problems (in D), k,
            power (that this many have), candidates, sieve, redrawn, tuned (attempts of each part, the tuned model's at
            most), attempts, tokens (NaN if no length is given).
        per_problem: one row per stop count and number of re-draws: stop, redraws, rate (success rate from which the one
            gain among the problems shows), attempts (of one problem that the base hardly solves, all its re-draws).
    """

    expansion: float
    plan: Plan
    left: float
    frozen: float
    per_set: pd.DataFrame
    per_problem: pd.DataFrame


def plan_redraws(rates: SuccessRates, request: RedrawRequest) -> RedrawPlan:
    """How many problems, re-draws and seeds show a gain in Expansion with 80 % power.

    Args:
        rates: of the base on the candidates, before any selection.
        request: the gain, and what is settled already.

    Raises:
        MathbError: the base solves every candidate, or a gain that D has no room for.
    """
    plan, expansion = request.plan, request.expansion
    redraws = [request.redraws] if request.redraws else REDRAWS
    seeds = [request.seeds] if request.seeds else SEEDS
    k = plan.n_max
    left = 1 - float(chances_within(rates.rates, [k])[0] @ rates.weights)
    if left < 1e-9:
        raise MathbError(f"The base solves every candidate in {k:,} attempts, so no D is left; take harder candidates.")
    on_d = rates.given(k, 0)
    frozen = float(chances_within(on_d.rates, [k])[0] @ on_d.weights)
    per_candidate = Mixture(rates, [k]).forecast(Plan.up_to(k, stop=1)).attempts
    per_redraw = Mixture(on_d, [k]).forecast(plan).attempts
    rows = []
    for count in redraws:
        for number in seeds:
            design = RedrawDesign(k, 1, count, number)
            size = problems_needed(on_d, design, expansion)
            candidates = math.ceil(size / left)
            parts = [candidates * per_candidate, size * count * per_redraw, float(size * number * k)]
            power = expansion_power(on_d, replace(design, problems=size), expansion, seed=1)
            rows.append((count, number, size, k, power, candidates, *parts, sum(parts)))
    names = ["redraws", "seeds", "problems", "k", "power", "candidates", "sieve", "redrawn", "tuned", "attempts"]
    table = pd.DataFrame(rows, columns=names)
    table["tokens"] = table["attempts"] * (request.tokens_per_attempt or np.nan)
    table = table.sort_values("attempts", kind="stable", ignore_index=True)
    return RedrawPlan(expansion, plan, left, frozen, table, _per_problem(plan, int(table["problems"].iloc[0]), redraws))


def visible(rates: SuccessRates, design: RedrawDesign) -> tuple[float, float]:
    """Of D as large as it is: the share that a frozen draw reaches, and the gain that shows with 80 % power.

    Args:
        rates: of the base on the candidates, before selection by ``design.k`` attempts.
        design: sizes.
    """
    on_d = rates.given(design.k, 0)
    return float(chances_within(on_d.rates, [design.k])[0] @ on_d.weights), detectable_expansion(on_d, design)


def _per_problem(plan: Plan, problems: int, redraws: Sequence[int]) -> pd.DataFrame:
    """By the exact test of single problems; one draw of the base, and the most that are asked about up to four."""
    counts = sorted({1, max((count for count in redraws if count <= 4), default=1)})
    stops = [plan.stop] if plan.is_fixed else sorted({*STOPS, plan.stop})
    rows = [
        (stop, count, detectable_gain(replace(plan, stop=stop), problems, redraws=count), (count + 1) * plan.n_max)
        for stop in stops
        for count in counts
    ]
    return pd.DataFrame(rows, columns=["stop", "redraws", "rate", "attempts"])
