"""Whether a tuned model reaches more of one problem set than a fresh draw of its base: McNemar's exact test."""

from __future__ import annotations

from mathb_kit.statistics.arms import refuse_selecting_draw
from mathb_kit.statistics.reach import ReachComparison


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


def sign_test(first: int, second: int) -> float:
    """Two-sided p of ``first`` heads and ``second`` tails of a fair coin, 1 without a toss."""
    from scipy.stats import binomtest

    return float(binomtest(first, first + second).pvalue) if first + second else 1.0
