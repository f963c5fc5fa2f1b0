"""A tuned model's reach beside fresh draws of its frozen base: an exact test of both, and their difference.

Each draw reaches a problem or does not. If tuning changed nothing, tuned draws and base draws of a problem are
exchangeable: given that t of all S + R draws reach it, the number of tuned ones among these t is hypergeometric,
whatever the success rate. Problems are independent, so given all their t the tuned total is a sum of independent
hypergeometric numbers, and its tails are exact p-values (a permutation test stratified by problem, as in Mantel &
Haenszel 1959). With one tuned draw the sum is a Poisson binomial of chances t / (R + 1); with one base draw besides it
is McNemar's exact test (1947).

The test is about "no difference at all". The interval is about the size of one: tuned minus re-drawn share of problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mathb_kit.errors import MathbError
from mathb_kit.statistics.arms import refuse_selecting_draw
from mathb_kit.statistics.intervals import difference_interval
from mathb_kit.statistics.reach import ReachComparison

ALPHA = 0.05


@dataclass(frozen=True)
class RedrawTest:
    """Draws of a tuned model, or one of each of its seeds, beside fresh draws of its base on one D.

    Attributes:
        seeds, redraws, of: tuned draws, base draws, problems in D.
        tuned, redrawn: problems that a draw reaches, mean over draws.
        difference, low, high: tuned minus re-drawn, as a share of D, with a 95 % interval for other problems of this
            kind and fresh attempts. With several seeds it is about exactly these; see ``seeds_low``.
        seeds_low, seeds_high: the interval for other seeds of the recipe as well; NaN for one seed.
        only_tuned: problems that a tuned draw reaches and no re-draw does.
        only_redrawn: problems that a re-draw reaches and no tuned draw does.
        p: two-sided, exact; 1 where all draws agree on every problem.
        needed: the fewest problems reached by every tuned draw and by no re-draw that would have had p below 5 %,
            beside what the two made of the other problems.
        possible: whether D has room for that many.
    """

    seeds: int
    redraws: int
    of: int
    tuned: float
    redrawn: float
    difference: float
    low: float
    high: float
    seeds_low: float
    seeds_high: float
    only_tuned: int
    only_redrawn: int
    p: float
    needed: int
    possible: bool

    @property
    def distinguishable(self) -> bool:
        """Whether the two can be told apart at 5 %."""
        return self.p < ALPHA

    @property
    def more(self) -> bool:
        """Whether the tuned draws reach more, rather than fewer."""
        return self.difference > 0


def exchangeable_test(tuned: np.ndarray, redrawn: np.ndarray) -> float:
    """Two-sided p of "tuned draws reach problems as base draws do": twice the smaller tail, at most 1.

    Args:
        tuned: (S, problems), whether each tuned draw reaches each problem.
        redrawn: (R, problems), the same for draws of the base. No draw may have selected the problems.
    """
    tuned, redrawn = np.atleast_2d(tuned).astype(int), np.atleast_2d(redrawn).astype(int)
    draws = len(tuned) + len(redrawn)
    strata = np.bincount(tuned.sum(axis=0) + redrawn.sum(axis=0), minlength=draws + 1)
    return two_sided(int(tuned.sum()), tuple(strata.tolist()), len(tuned))


def two_sided(tuned_total: int, strata: tuple[int, ...], seeds: int) -> float:
    """p of a tuned total, given how many problems 0, 1, ... and all of the draws reach (``strata``)."""
    lower, upper = tails(tuned_total, strata, seeds)
    return min(1.0, 2 * min(lower, upper))


def tails(tuned_total: int, strata: tuple[int, ...], seeds: int) -> tuple[float, float]:
    """Chances of at most and of at least this tuned total, given ``strata``, if tuning changed nothing."""
    chances, least = np.ones(1), 0
    for total, problems in enumerate(strata):
        part, start = _sum_of_hypergeometrics(total, problems, seeds, len(strata) - 1)
        chances, least = np.convolve(chances, part), least + start
    at = tuned_total - least
    return float(min(1.0, chances[: at + 1].sum())), float(min(1.0, chances[max(0, at) :].sum()))


def beside_redraws(tuned: Sequence[ReachComparison], redrawn: Sequence[ReachComparison]) -> RedrawTest:
    """Reach of a tuned model, or of its seeds, against that of re-drawn bases, and what the test could have shown.

    Args:
        tuned: base against tuned draws; the base's draw selected D.
        redrawn: the same base draw against fresh draws of the base, on the same D and k.

    Raises:
        MathbError: comparisons that do not belong together, a draw twice, or one that chose D.
    """
    first = tuned[0]
    same = ("base", "base_draw", "k", "problems")
    if any(getattr(first, name) != getattr(each, name) for each in (*tuned, *redrawn) for name in same) or any(
        each.tuned != first.base for each in redrawn
    ):
        raise MathbError(
            "The null must compare the same base draw with a fresh draw of the base, on the same set and k."
        )
    if again := next((each.tuned_draw for each in redrawn if each.tuned_draw == first.base_draw), None):
        raise MathbError(f"The null re-uses draw {again!r}, which scored the base; give a fresh draw.")
    for who, arms in (("the base", redrawn), ("the tuned model", tuned)):
        if len({(each.tuned, each.tuned_draw) for each in arms}) < len(arms):
            raise MathbError(f"A draw of {who} is here twice; each counts once, so name every draw and seed once.")
        for each in arms:
            # Another model's draw of the same name chose nothing here.
            refuse_selecting_draw(who, each.tuned_draw, first.base_draw if each.tuned == first.base else None)
    problems = sorted(first.problems)
    arms = [
        np.array([[problem in each.tuned_reached for problem in problems] for each in group], dtype=int)
        for group in (tuned, redrawn)
    ]
    return redraw_test(*arms)


def redraw_test(tuned: np.ndarray, redrawn: np.ndarray) -> RedrawTest:
    """The same from whether each draw reaches each problem: (S, problems) and (R, problems)."""
    (seeds, of), redraws = tuned.shape, len(redrawn)
    any_tuned, any_redrawn = tuned.any(axis=0), redrawn.any(axis=0)
    # What if m problems had been reached by all tuned draws and by no re-draw, in place of those that some were?
    beside = np.bincount(
        tuned[:, any_redrawn].sum(axis=0) + redrawn[:, any_redrawn].sum(axis=0), minlength=seeds + redraws + 1
    )
    total, needed = int(tuned[:, any_redrawn].sum()), 0
    while True:
        strata = beside.copy()
        strata[seeds] += needed
        lower, upper = tails(total + seeds * needed, tuple(strata.tolist()), seeds)
        if upper <= lower and 2 * upper < ALPHA:
            break
        needed += 1
    difference, ends, over_seeds = difference_beside(tuned, redrawn)
    return RedrawTest(
        seeds, redraws, of, float(tuned.sum() / seeds), float(redrawn.sum() / redraws), difference, *ends, *over_seeds,
        int((any_tuned & ~any_redrawn).sum()), int((any_redrawn & ~any_tuned).sum()),
        exchangeable_test(tuned, redrawn), needed, needed <= of - int(any_redrawn.sum()),
    )  # fmt: skip


def difference_beside(
    tuned: np.ndarray, redrawn: np.ndarray
) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """Tuned minus re-drawn share of problems, its 95 % interval over problems, and that over problems and seeds.

    Over problems: the interval of paired differences (``difference_interval``) of each problem's means over draws,
    which holds the noise of attempts as well. Over seeds: the variance of the seeds' means is added, with the degrees
    of freedom of Satterthwaite (1946); with three seeds that differ it is wide, as it must be.
    """
    from scipy.stats import t

    seeds, of = tuned.shape
    values = tuned.mean(axis=0) - redrawn.mean(axis=0)
    if not of:
        nan = float("nan")
        return nan, (nan, nan), (nan, nan)
    points, counts = np.unique(values, return_counts=True)
    low, high = (float(end[0]) for end in difference_interval(points[:, None], counts))
    mean = float(values.mean())
    if seeds == 1 or of < 2:
        return mean, (low, high), (float("nan"), float("nan"))
    quantile = t.isf(0.025, of - 1)
    parts = np.array([((high - low) / 2 / quantile) ** 2, tuned.mean(axis=1).var(ddof=1) / seeds])
    freedom = parts.sum() ** 2 / (parts**2 / [of - 1, seeds - 1]).sum()
    half = max((high - low) / 2, float(t.isf(0.025, freedom) * np.sqrt(parts.sum())))
    centre = (low + high) / 2
    return mean, (low, high), (min(low, max(-1.0, centre - half)), max(high, min(1.0, centre + half)))


@lru_cache(maxsize=4096)
def _sum_of_hypergeometrics(total: int, problems: int, seeds: int, draws: int) -> tuple[np.ndarray, int]:
    """Chances of the tuned total at so many problems, each reached by ``total`` of ``draws``; its least value."""
    from scipy.stats import hypergeom

    least = max(0, total - (draws - seeds))
    each = hypergeom.pmf(np.arange(least, min(seeds, total) + 1), draws, total, seeds)
    chances, power, left = np.ones(1), each, problems
    while left:
        if left % 2:
            chances = np.convolve(chances, power)
        power, left = np.convolve(power, power) if left > 1 else power, left // 2
    return chances, least * problems
