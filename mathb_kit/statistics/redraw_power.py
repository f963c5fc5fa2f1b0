"""How likely a gain in Expansion is to show beside re-draws of the base, before anything is sampled.

D are problems that the base left unsolved once; its success rates there give each a chance b of being reached by a
fresh draw. Tuning that adds e to the Expansion is taken to make a share g = e / (1 - mean b) of the problems solvable
for certain, the same ones for every seed, and to leave the others alone. With one seed nothing else matters: a draw
reaches a problem or does not, however its chance came about. With several it is the cautious case, since seeds that
gain different problems scatter less in their mean.

The power is that of the exact test (``redraws``), simulated from the joint chances of tuned and base draws per problem.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.statistics.gains import POWER
from mathb_kit.statistics.redraws import ALPHA, tails
from mathb_kit.statistics.success_rates import SuccessRates, chances_within

RUNS = 4000
_MOST_PROBLEMS = 100_000


@dataclass(frozen=True)
class RedrawDesign:
    """What stands beside what.

    Attributes:
        k: attempts of a draw.
        problems: in D.
        redraws: fresh draws of the base.
        seeds: draws of the tuned model, one of each seed.
    """

    k: int
    problems: int
    redraws: int = 1
    seeds: int = 1

    def __post_init__(self) -> None:
        if min(self.k, self.problems, self.redraws, self.seeds) < 1:
            raise MathbError(
                f"A design has at least one attempt, problem, re-draw and seed, not {self.k}, {self.problems}, "
                f"{self.redraws} and {self.seeds}."
            )


def expansion_power(
    rates: SuccessRates, design: RedrawDesign, expansion: float, *, runs: int = RUNS, seed: int = 0
) -> float:
    """Chance that the exact test finds more reached by the tuned model, at 5 % two-sided.

    Args:
        rates: of the base on D: given what selected it, e.g. ``fit_success_rates(candidates).given(1024, 0)``.
        design: sizes.
        expansion: what tuning adds to the share of D that a draw reaches, 0 for a frozen model.
        runs: of the simulation; 4,000 leave a standard error of 0.6 points at 80 %.
        seed: of the simulation.

    Raises:
        MathbError: an Expansion for which D has no room.
    """
    chances = _joint(rates, design, expansion)
    tuned = np.repeat(np.arange(design.seeds + 1), design.redraws + 1)
    total = tuned + np.tile(np.arange(design.redraws + 1), design.seeds + 1)
    counts = np.random.default_rng(seed).multinomial(design.problems, chances.ravel(), runs)
    in_stratum = (total[:, None] == np.arange(design.seeds + design.redraws + 1)).astype(int)
    rows, times = np.unique(np.column_stack([counts @ tuned, counts @ in_stratum]), axis=0, return_counts=True)
    found = 0
    for (reached, *strata), count in zip(rows.tolist(), times):
        lower, upper = tails(reached, tuple(strata), design.seeds)
        found += count * (upper < lower and 2 * upper < ALPHA)
    return found / runs


def problems_needed(rates: SuccessRates, design: RedrawDesign, expansion: float, *, power: float = POWER) -> int:
    """The size of D at which ``expansion_power`` is so large, to about 3 %; the design's own size does not matter.

    Raises:
        MathbError: no gain asked for, or one that so many problems as 100,000 would not show.
    """
    if not expansion > 0:
        raise MathbError(f"Power is about a gain in Expansion above 0, not {expansion}.")
    mean, spread, under_null = _moments(rates, design, expansion)
    z = NormalDist().inv_cdf
    wanted = z(1 - ALPHA / 2) * math.sqrt(under_null) + z(power) * math.sqrt(spread)
    # mean N - wanted sqrt(N) - 1/2 = 0, the half for a test that moves in whole problems; then corrected by simulation.
    size = ((wanted + math.sqrt(wanted**2 + 2 * mean)) / (2 * mean)) ** 2
    for _ in range(4):
        size = max(2.0, size)
        if size > _MOST_PROBLEMS:
            raise MathbError(
                f"A gain of {expansion:g} in Expansion would need more than {_MOST_PROBLEMS:,} problems; ask for a "
                "larger one, or take more re-draws."
            )
        seen = expansion_power(rates, replace(design, problems=round(size)), expansion)
        if abs(seen - power) < 0.01:
            break
        size *= ((z(1 - ALPHA / 2) + z(power)) / (z(1 - ALPHA / 2) + z(min(max(seen, 0.03), 0.995)))) ** 2
    return math.ceil(size)


def detectable_expansion(rates: SuccessRates, design: RedrawDesign, *, power: float = POWER) -> float:
    """The gain in Expansion from which ``expansion_power`` is so large, to half a point; NaN where D has no room."""
    low, high = 0.0, 1 - float(chances_within(rates.rates, [design.k])[0] @ rates.weights)
    if expansion_power(rates, design, high) < power:
        return float("nan")
    while high - low > 0.005:
        middle = (low + high) / 2
        low, high = (low, middle) if expansion_power(rates, design, middle) >= power else (middle, high)
    return high


def power_table(rates: SuccessRates, designs: list[RedrawDesign], expansions: list[float]) -> pd.DataFrame:
    """``expansion_power`` for every design and gain: k, problems, redraws, seeds, expansion, power."""
    rows = []
    room = 1 - float(chances_within(rates.rates, [designs[0].k])[0] @ rates.weights)
    for design in designs:
        for expansion in expansions:
            power = expansion_power(rates, design, expansion) if expansion <= room else float("nan")
            rows.append({**vars(design), "expansion": expansion, "power": power})
    return pd.DataFrame(rows)


def _joint(rates: SuccessRates, design: RedrawDesign, expansion: float) -> np.ndarray:
    """Chance that x tuned draws and y base draws reach a problem: (S + 1, R + 1)."""
    from scipy.stats import binom

    reach = chances_within(rates.rates, [design.k])[0]
    room = 1 - float(reach @ rates.weights)
    if not 0 <= expansion <= room + 1e-12:
        raise MathbError(
            f"A frozen base reaches {1 - room:.3g} of D already, so a gain lies between 0 and {room:.3g}, not "
            f"{expansion:g}."
        )
    gained = expansion / room if expansion else 0.0
    tuned = (1 - gained) * binom.pmf(np.arange(design.seeds + 1), design.seeds, reach[:, None])
    tuned[:, -1] += gained
    base = binom.pmf(np.arange(design.redraws + 1), design.redraws, reach[:, None])
    joint = np.einsum("i,ix,iy->xy", rates.weights, tuned, base)
    return joint / joint.sum()


def _moments(rates: SuccessRates, design: RedrawDesign, expansion: float) -> tuple[float, float, float]:
    """Of a problem's tuned count less its expectation under the null: mean, variance, and variance under the null."""
    joint, draws = _joint(rates, design, expansion), design.seeds + design.redraws
    x, y = np.arange(design.seeds + 1)[:, None], np.arange(design.redraws + 1)
    excess = x - design.seeds * (x + y) / draws
    mean = float((joint * excess).sum())
    null = (x + y) * design.seeds * design.redraws * (draws - x - y) / draws**2 / max(1, draws - 1)
    return mean, float((joint * excess**2).sum()) - mean**2, float((joint * null).sum())
