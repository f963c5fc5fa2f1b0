"""Which problems a model reaches within k attempts, and what tuning added to or took from its base's reach.

R_k is the paper's indicator: the problems with a correct answer among the first k attempts, in index order
(MATH-Beyond, arXiv 2510.11653; vocabulary after Wu et al. 2025, "The Invisible Leash"). It needs no estimator and
holds under adaptive plans, because a problem that stopped early already has its success.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import KEY, require_columns
from mathb_kit.statistics.adaptive import estimate_pass_at_k
from mathb_kit.statistics.intervals import ProportionMethod, proportion_interval


class Rate(NamedTuple):
    """``count`` of ``of`` problems, their ratio, and a 95 % interval that takes the problems as a sample.

    rate, low and high are NaN where ``of`` is 0.
    """

    count: int
    of: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class ReachComparison:
    """Reach of a base (q) and a tuned model (p) on one problem set D at one k.

    A fresh draw of the base in place of the tuned model gives the frozen null. Where D is the base's own unsolved
    set, ``base_reached`` is empty, Expansion is the tuned model's pass@k and Preservation is NaN.

    Attributes:
        base, base_draw, tuned, tuned_draw: model keys and draws.
        k: attempts allowed.
        problems: D.
        base_reached: R_k(q, D).
        tuned_reached: R_k(p, D).
        tuned_first: R_1(p, D): the very first attempt is correct.
        method: interval of the rates.
    """

    base: str
    base_draw: str
    tuned: str
    tuned_draw: str
    k: int
    problems: frozenset[str]
    base_reached: frozenset[str]
    tuned_reached: frozenset[str]
    tuned_first: frozenset[str]
    method: ProportionMethod = "clopper-pearson"

    @property
    def expansion(self) -> Rate:
        """|R_k(p) minus R_k(q)| / |D|."""
        return self._rate(self.tuned_reached - self.base_reached, self.problems)

    @property
    def shrinkage(self) -> Rate:
        """|R_k(q) minus R_k(p)| / |D|."""
        return self._rate(self.base_reached - self.tuned_reached, self.problems)

    @property
    def preservation(self) -> Rate:
        """|P_k| / |R_k(q)| with P_k = R_k(q) and R_k(p)."""
        return self._rate(self.base_reached & self.tuned_reached, self.base_reached)

    @property
    def consolidation(self) -> Rate:
        """|P_k and R_1(p)| / |P_k|: preserved problems that the tuned model's first attempt solves."""
        preserved = self.base_reached & self.tuned_reached
        return self._rate(preserved & self.tuned_first, preserved)

    @property
    def tuned_reach(self) -> Rate:
        """|R_k(p)| / |D|, the empirical pass@k of the tuned model."""
        return self._rate(self.tuned_reached, self.problems)

    def to_frame(self) -> pd.DataFrame:
        """base, tuned, k, metric, count, of, rate, low, high, interval: one row per metric."""
        metrics = ("expansion", "shrinkage", "preservation", "consolidation")
        frame = pd.DataFrame([{"metric": metric, **getattr(self, metric)._asdict()} for metric in metrics])
        frame.insert(0, "k", self.k)
        frame.insert(0, "tuned", self.tuned)
        frame.insert(0, "base", self.base)
        return frame.assign(interval=f"problems as a sample, {self.method}")

    def _rate(self, part: frozenset[str], whole: frozenset[str]) -> Rate:
        share = len(part) / len(whole) if whole else float("nan")
        return Rate(len(part), len(whole), share, *proportion_interval(len(part), len(whole), method=self.method))


@dataclass(frozen=True)
class FrozenNull:
    """What a model would "expand" to against itself, in expectation over two disjoint blocks of k attempts.

    Attributes:
        k: attempts per block.
        problems: candidates, not selected by these attempts.
        unsolved: expected number of problems that the first block leaves unsolved.
        reached: expected number of those that the second block solves.
        rate: reached / unsolved, NaN where nothing is ever unsolved.
    """

    k: int
    problems: int
    unsolved: float
    reached: float
    rate: float


def reach(outcomes: pd.DataFrame, k: int) -> frozenset[str]:
    """Problems with a correct answer among the first k attempts (R_k).

    Args:
        outcomes: rows of one model and draw, with problem, n, first_correct.
        k: attempts allowed.

    Raises:
        MathbError: a problem without a correct answer has fewer than k attempts, so nothing can be said about it.
    """
    _model_and_draw(outcomes)
    if k < 1:
        raise MathbError(f"Reach needs k of at least 1, not {k}.")
    undecided = outcomes[outcomes["first_correct"].isna() & (outcomes["n"] < k)]
    if len(undecided):
        row = undecided.iloc[0]
        raise MathbError(
            f"Problem {row['problem']} of model {row['model']} has no correct answer in {row['n']} attempts, too few "
            f"for k = {k:,} ({len(undecided)} such problems); sample the rest or ask for a smaller k."
        )
    reached = (outcomes["first_correct"] <= k).to_numpy(dtype=bool, na_value=False)
    return frozenset(outcomes["problem"].to_numpy()[reached])


def unsolved(outcomes: pd.DataFrame, k: int) -> frozenset[str]:
    """Problems without a correct answer among the first k attempts: the set that a base's draw selects."""
    return frozenset(outcomes["problem"]) - reach(outcomes, k)


def compare_reach(
    base: pd.DataFrame,
    tuned: pd.DataFrame,
    k: int,
    problems: Collection[str] | None = None,
    *,
    method: ProportionMethod = "clopper-pearson",
) -> ReachComparison:
    """Expansion, Shrinkage, Preservation and Consolidation of a tuned model over its base.

    Args:
        base: outcomes of the base, one model and draw.
        tuned: outcomes of the tuned model (or of a fresh draw of the base, for the null at k = n).
        k: attempts allowed.
        problems: D; the base's problems if absent. ``unsolved(base, k)`` gives the paper's zero-baseline case.
        method: interval of the rates.

    Raises:
        MathbError: one of the two has no outcome, or too few attempts, for a problem of D.
    """
    names = *_model_and_draw(base), *_model_and_draw(tuned)
    chosen = frozenset(base["problem"] if problems is None else problems)
    base, tuned = _on(base, chosen), _on(tuned, chosen)
    return ReachComparison(
        *names,
        k=k,
        problems=chosen,
        base_reached=reach(base, k),
        tuned_reached=reach(tuned, k),
        tuned_first=reach(tuned, 1),
        method=method,
    )


def expansion_curve(
    base: pd.DataFrame,
    tuned: pd.DataFrame,
    ks: Sequence[int],
    problems: Collection[str] | None = None,
    *,
    method: ProportionMethod = "clopper-pearson",
) -> pd.DataFrame:
    """Expansion on a fixed D against k.

    Returns:
        base, tuned, k, metric, count, of, rate, low, high, interval: one row per k.
    """
    frames = [compare_reach(base, tuned, k, problems, method=method).to_frame() for k in ks]
    curve = pd.concat(frames, ignore_index=True)
    return curve[curve["metric"] == "expansion"].reset_index(drop=True)


def frozen_null(outcomes: pd.DataFrame, k: int) -> FrozenNull:
    """Expansion of a base over itself, from one draw on candidates that this draw did not select.

    Out of n attempts, c correct, in random order, the first k hold none with chance A = C(n - k, c) / C(n, c), and
    the first 2k none with chance B = C(n - 2k, c) / C(n, c). The null is the sum of A - B over the sum of A. At
    k = n / 2, B is 1 for c = 0 and else 0, which leaves sum over c > 0 of w_c over sum of w_c with
    w_c = C(n/2, c) / C(n, c). A and B are one minus the unbiased pass@k and pass@2k, so adaptive plans serve as well.

    Args:
        outcomes: rows of one model and draw, on the candidates before any selection by this draw.
        k: attempts per block, at most half the plan's attempts.
    """
    _model_and_draw(outcomes)
    estimates = estimate_pass_at_k(outcomes, [k, 2 * k])["estimate"].to_numpy().reshape(-1, 2)
    if np.isnan(estimates).any():
        raise MathbError(f"The split-half null needs plans of at least 2k = {2 * k:,} attempts; ask for a smaller k.")
    unsolved_, still_unsolved = (1 - estimates).sum(axis=0)
    reached = unsolved_ - still_unsolved
    rate = reached / unsolved_ if unsolved_ > 0 else float("nan")
    return FrozenNull(k, len(outcomes), float(unsolved_), float(reached), float(rate))


def mcnemar(first: Collection[str], second: Collection[str]) -> tuple[int, int, float]:
    """Exact two-sided McNemar test (1947) on two sets of reached problems out of one D.

    Given D, each discordant problem is a fair coin if both sets come from equal success rates. Neither of the two
    draws may have selected D.

    Returns:
        (reached by the first only, by the second only, p); p is 1 without discordant problems.
    """
    from scipy.stats import binomtest

    only_first, only_second = len(set(first) - set(second)), len(set(second) - set(first))
    discordant = only_first + only_second
    return only_first, only_second, float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def verdict_sentence(comparison: ReachComparison, null: ReachComparison) -> str:
    """The tuned model's reach beside that of a re-drawn base, and whether the two can be told apart at 5 %.

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
    gained, lost, p = mcnemar(comparison.tuned_reached, null.tuned_reached)
    outcome = "not distinguishable" if p >= 0.05 else f"distinguishable, {'more' if gained > lost else 'fewer'}"
    return (
        f"reached {_told(comparison.tuned_reach)}; a re-drawn base reaches {_told(null.tuned_reach)}: {outcome} "
        f"(exact McNemar test, {gained} problems only with tuning and {lost} only by the re-drawn base, p = {p:.2g})"
    )


def _told(rate: Rate) -> str:
    return f"{rate.count} of {rate.of}, {100 * rate.rate:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _model_and_draw(outcomes: pd.DataFrame) -> tuple[str, str]:
    """The one model and draw of these outcomes, each problem once."""
    require_columns(outcomes, [*KEY, "n", "first_correct"], "outcomes")
    pairs = outcomes[["model", "draw"]].drop_duplicates()
    if len(pairs) > 1:
        raise MathbError(f"Reach needs the outcomes of one model and draw, not of {len(pairs)}; select one of them.")
    if outcomes["problem"].duplicated().any():
        twice = outcomes["problem"][outcomes["problem"].duplicated()].iloc[0]
        raise MathbError(f"Problem {twice} has two outcomes for one model and draw; hand in each problem once.")
    return tuple(pairs.iloc[0]) if len(pairs) else ("", "")


def _on(outcomes: pd.DataFrame, problems: frozenset[str]) -> pd.DataFrame:
    """The rows of ``problems``, which must all be there."""
    missing = sorted(problems - set(outcomes["problem"]))
    if missing:
        model, draw = _model_and_draw(outcomes)
        raise MathbError(
            f"Model {model}, draw {draw}, has no outcome for {len(missing)} of the {len(problems)} problems, the first "
            f"being {missing[0]}; evaluate it on the whole set."
        )
    return outcomes[outcomes["problem"].isin(problems)]
