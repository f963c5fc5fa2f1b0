"""What reach does without any tuning, and whether a tuned model goes beyond it.

A frozen model "expands" over itself whenever problems were chosen because one draw missed them. Two nulls show by how
much: the split-half null from one draw on unselected candidates, for k up to half of its attempts, and at k = n a fresh
draw of the base in the place of the tuned model (``compare_reach``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import require_columns
from mathb_kit.statistics.adaptive import estimates_by_problem
from mathb_kit.statistics.intervals import acceleration, bca_ends, proportion_interval
from mathb_kit.statistics.reach import Rate, ReachComparison, one_model_and_draw, rows_on

SELECTION = "selection"
"""The draw whose result is a column of a selected set; its attempts need not be at hand."""

RATIO_BOOTSTRAP = "problems as a sample, BCa bootstrap of the ratio"


@dataclass(frozen=True)
class FrozenNull:
    """What a model would "expand" to against itself, in expectation over two disjoint blocks of k attempts.

    Attributes:
        k: attempts per block.
        problems: candidates, not selected by these attempts.
        unsolved: expected number of problems that the first block leaves unsolved.
        reached: expected number of those that the second block solves.
        rate: reached / unsolved, NaN where nothing is ever unsolved. Where far less than one problem is left unsolved
            it is a ratio of two accidents.
        low, high: 95 % interval of the rate, NaN for fewer than two problems, or fewer than one expected unsolved.
        interval: its name.
    """

    k: int
    problems: int
    unsolved: float
    reached: float
    rate: float
    low: float
    high: float
    interval: str = RATIO_BOOTSTRAP


def frozen_null(
    outcomes: pd.DataFrame, k: int, *, replicates: int = 2000, level: float = 0.95, seed: int = 0
) -> FrozenNull:
    """Expansion of a base over itself, from one draw on candidates that this draw did not select.

    Out of n attempts, c correct, in random order, the first k hold none with chance A = C(n - k, c) / C(n, c), and
    the first 2k none with chance B = C(n - 2k, c) / C(n, c). The null is the sum of A - B over the sum of A. At
    k = n / 2, B is 1 for c = 0 and else 0, which leaves sum over c > 0 of w_c over sum of w_c with
    w_c = C(n/2, c) / C(n, c). A and B are one minus the unbiased pass@k and pass@2k, so adaptive plans serve as well.
    The interval resamples problems and takes the ratio anew (BCa, Efron 1987).

    Args:
        outcomes: rows of one model and draw, on the candidates before any selection by this draw.
        k: attempts per block, at most half the plan's attempts.
        replicates, level, seed: of the bootstrap.

    Raises:
        MathbError: k above half the plan's attempts, or the draw named ``selection``.
    """
    blocks = _first_and_both_fail(outcomes, k)
    unsolved, still_unsolved = blocks.sum(axis=0)
    reached = unsolved - still_unsolved
    rate = reached / unsolved if unsolved > 0 else float("nan")
    low, high = _ratio_interval(blocks[:, 0] - blocks[:, 1], blocks[:, 0], replicates, level, seed)
    return FrozenNull(k, len(outcomes), float(unsolved), float(reached), float(rate), low, high)


def frozen_null_runs(outcomes: pd.DataFrame, k: int, *, runs: int = 1000, seed: int = 0) -> pd.DataFrame:
    """The frozen null as a distribution: what single runs of "select, then try again" report for a frozen model.

    Every run orders each problem's attempts at random, selects what the first k leave unsolved, and counts what the
    next k solve. ``(table["rate"] >= observed).mean()`` is the share of frozen runs that look as good as an observed
    Expansion.

    Args:
        outcomes, k: as for ``frozen_null``.
        runs: number of simulated runs.
        seed: of the simulation.

    Returns:
        run, unsolved, reached, rate (NaN where nothing was left unsolved).
    """
    first_fails, both_fail = _first_and_both_fail(outcomes, k).T
    # One uniform number decides a problem's run: below B both blocks fail, below A only the first does.
    luck = np.random.default_rng(seed).random((runs, len(outcomes)))
    unsolved = (luck < first_fails).sum(axis=1)
    reached = unsolved - (luck < both_fail).sum(axis=1)
    rate = np.divide(reached, unsolved, out=np.full(runs, np.nan), where=unsolved > 0)
    return pd.DataFrame({"run": np.arange(runs), "unsolved": unsolved, "reached": reached, "rate": rate})


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


def refuse_selecting_draw(who: str, draw: str, selected_by: str | None, solved_nothing: bool = False) -> None:
    """MathbError where ``draw`` selected the problems, or solved none of them and nobody says what selected them."""
    if draw in (SELECTION, selected_by):
        raise MathbError(
            f"The draw {draw!r} of {who} selected these problems, so its failures on them are partly bad luck (the "
            "winner's curse); compare with a fresh draw."
        )
    if solved_nothing and selected_by is None:
        raise MathbError(
            f"The draw {draw!r} of {who} solved none of these problems. If it selected them, compare with a fresh "
            f'draw; if another draw did, name it (selected_by="{SELECTION}"; selected_by="" if none did).'
        )


def fresh_arms(
    base: pd.DataFrame, tuned: pd.DataFrame, problems: Collection[str] | None, selected_by: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both arms' rows on ``problems`` (the base's by default), in one order.

    Raises:
        MathbError: no problems, one that an arm lacks or has twice, a missing column, or a draw that selected them.
    """
    chosen = list(dict.fromkeys(base["problem"] if problems is None else problems))
    if not chosen:
        raise MathbError("There are no problems to compare; hand in the outcomes of at least one.")
    arms = []
    for who, outcomes, selecting in (("the base", base, selected_by), ("the tuned model", tuned, "")):
        require_columns(outcomes, ["n", "c", "plan"], f"outcomes of {who}")
        _, draw = one_model_and_draw(outcomes)
        rows = rows_on(outcomes, chosen).set_index("problem").loc[chosen].reset_index()
        refuse_selecting_draw(who, draw, selecting, not (rows["c"] > 0).any())
        arms.append(rows)
    return arms[0], arms[1]


def verdict_sentence(comparison: ReachComparison, null: ReachComparison) -> str:
    """The tuned model's reach beside that of a re-drawn base, and whether the two can be told apart at 5 %.

    Where they cannot, the sentence says what could have been: how many problems reached only with tuning would have
    been needed beside those reached only by the re-drawn base.

    Args:
        comparison: base against tuned.
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
    if not comparison.problems:
        return "there is nothing to reach: the problem set is empty"
    against_fresh = replace(comparison, base_draw=null.tuned_draw, base_reached=null.tuned_reached)
    gained, lost, p = mcnemar(against_fresh, selected_by=comparison.base_draw)
    outcome = "not distinguishable" if p >= 0.05 else f"distinguishable, {'more' if gained > lost else 'fewer'}"
    detectable = f"; {_detectable(lost, len(comparison.problems))}" if p >= 0.05 else ""
    return (
        f"reached {_told(comparison.tuned_reach)}; a re-drawn base reaches {_told(null.tuned_reach)}: {outcome} "
        f"(exact McNemar test, {gained} problems only with tuning and {lost} only by the re-drawn base, p = {p:.2g}"
        f"{detectable}; 95 % intervals: problems as a sample, {comparison.method})"
    )


def _detectable(lost: int, problems: int) -> str:
    needed = next(count for count in range(lost + 1, 4 * lost + 10) if sign_test(count, lost) < 0.05)
    beyond = ", which this set is too small for" if needed + lost > problems else ""
    return f"{needed} only with tuning would have been needed beside these {lost}{beyond}"


def _told(rate: Rate) -> str:
    return f"{rate.count} of {rate.of}, {100 * rate.rate:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _first_and_both_fail(outcomes: pd.DataFrame, k: int) -> np.ndarray:
    """Per problem, the chances that the first k and that the first 2k attempts are all wrong: (problems, 2)."""
    _, draw = one_model_and_draw(outcomes)
    refuse_selecting_draw("the base", draw, None)
    estimates = estimates_by_problem(outcomes, [k, 2 * k])
    if np.isnan(estimates).any():
        raise MathbError(f"The split-half null needs plans of at least 2k = {2 * k:,} attempts; ask for a smaller k.")
    return 1 - estimates


def _ratio_interval(
    top: np.ndarray, bottom: np.ndarray, replicates: int, level: float, seed: int
) -> tuple[float, float]:
    """BCa bootstrap over problems of sum(top) / sum(bottom), widened to contain it; NaN if undefined.

    The acceleration is that of the ratio's linear part, top - ratio * bottom. Where every resample has one ratio, a
    share of dissenters that Clopper and Pearson allow among the problems that count could take any value.
    """
    if len(top) < 2 or bottom.sum() < 1:  # a ratio of accidents: in simulation no interval covers it
        return float("nan"), float("nan")
    rate = float(top.sum() / bottom.sum())
    points, counts = np.unique(np.column_stack([top, bottom]), axis=0, return_counts=True)
    sums = np.random.default_rng(seed).multinomial(len(top), counts / len(top), replicates) @ points
    ratios = sums[sums[:, 1] > 0, 0] / sums[sums[:, 1] > 0, 1]
    if np.ptp(ratios) < 1e-12:
        dissent = proportion_interval(0, int((bottom > 0).sum()), level)[1]
        return rate - dissent * rate, rate + dissent * (1 - rate)
    linear = points[:, :1] - rate * points[:, 1:]
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high = bca_ends(ratios[:, None], np.array([rate]), acceleration(linear, counts), tails)[:, 0]
    return min(float(low), rate), max(float(high), rate)
