"""Whether a tuned model reaches more of one problem set than a fresh draw of its base: McNemar's exact test."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from mathb_kit.errors import MathbError
from mathb_kit.statistics.arms import refuse_selecting_draw
from mathb_kit.statistics.reach import ReachComparison

_ALPHA = 0.05


class RedrawTest(NamedTuple):
    """A tuned model against a re-drawn base on one D.

    Attributes:
        only_tuned: problems that the tuned model alone reaches.
        only_redrawn: problems that the re-drawn base alone reaches.
        p: two-sided, exact; 1 without discordant problems.
        needed: the smallest ``only_tuned`` that would have had p below 5 % beside this ``only_redrawn``.
        possible: whether D has room for that many.
    """

    only_tuned: int
    only_redrawn: int
    p: float
    needed: int
    possible: bool

    @property
    def distinguishable(self) -> bool:
        """Whether the two can be told apart at 5 %."""
        return self.p < _ALPHA


def mcnemar(comparison: ReachComparison, *, selected_by: str | None = None) -> tuple[int, int, float]:
    """Exact two-sided McNemar test (1947) of a tuned model against its base on one D.

    Given D, each discordant problem is a fair coin if both sets come from equal success rates. Neither of the two
    draws may have selected D: the one that did would look worse than it is.

    Args:
        comparison: base against tuned.
        selected_by: name of the base's draw that selected D, "" if none did. Needed where the base reaches nothing of
            D, because that is what a selecting draw looks like. The draw named ``selection`` is always refused.

    Returns:
        (reached by the tuned model only, by the base only, p); p is 1 without discordant problems.

    Raises:
        MathbError: one of the two draws selected D, or may have.
    """
    refuse_selecting_draw("the base", comparison.base_draw, selected_by, not comparison.base_reached)
    refuse_selecting_draw("the tuned model", comparison.tuned_draw, None)
    only_tuned = len(comparison.tuned_reached - comparison.base_reached)
    only_base = len(comparison.base_reached - comparison.tuned_reached)
    return only_tuned, only_base, sign_test(only_tuned, only_base)


def against_redraw(comparison: ReachComparison, null: ReachComparison) -> RedrawTest:
    """The tuned model's reach against that of a re-drawn base, and what the test could have shown.

    Args:
        comparison: base against tuned; the base's draw selected D.
        null: the same base draw against a fresh draw of the base, on the same D and k.

    Raises:
        MathbError: the two comparisons do not belong together, or the null re-uses the draw that chose D.
    """
    same = ("base", "base_draw", "k", "problems")
    if any(getattr(comparison, name) != getattr(null, name) for name in same) or null.tuned != comparison.base:
        raise MathbError(
            "The null must compare the same base draw with a fresh draw of the base, on the same set and k."
        )
    if null.tuned_draw == comparison.base_draw:
        raise MathbError(f"The null re-uses draw {null.tuned_draw!r}, which scored the base; give a fresh draw.")
    against_fresh = replace(comparison, base_draw=null.tuned_draw, base_reached=null.tuned_reached)
    only_tuned, only_redrawn, p = mcnemar(against_fresh, selected_by=comparison.base_draw)
    # p falls by about half with each further win, so the search ends far below this bound.
    wins = range(only_redrawn + 1, 4 * only_redrawn + 10)
    needed = next(count for count in wins if sign_test(count, only_redrawn) < _ALPHA)
    return RedrawTest(only_tuned, only_redrawn, p, needed, needed + only_redrawn <= len(comparison.problems))


def sign_test(first: int, second: int) -> float:
    """Two-sided p of ``first`` heads and ``second`` tails of a fair coin, 1 without a toss."""
    from scipy.stats import binomtest

    return float(binomtest(first, first + second).pvalue) if first + second else 1.0
