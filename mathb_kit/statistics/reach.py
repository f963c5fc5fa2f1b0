"""Which problems a model reaches within k attempts, and what tuning added to or took from its base's reach.

R_k is the paper's indicator: the problems with a correct answer among the first k attempts, in index order
(MATH-Beyond, arXiv 2510.11653; vocabulary after Wu et al. 2025, "The Invisible Leash"). It needs no estimator and
holds under adaptive plans, because a problem that stopped early already has its success.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import require_columns
from mathb_kit.statistics.arms import one_model_and_draw, require_one_grader, rows_on
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


def reach(outcomes: pd.DataFrame, k: int) -> frozenset[str]:
    """Problems with a correct answer among the first k attempts (R_k).

    Args:
        outcomes: rows of one model and draw, with problem, n, first_correct.
        k: attempts allowed.

    Raises:
        MathbError: a problem without a correct answer has fewer than k attempts, so nothing can be said about it.
    """
    require_columns(outcomes, ["n", "first_correct"], "outcomes")
    one_model_and_draw(outcomes)
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
        MathbError: one of the two has no outcome, or too few attempts, for a problem of D, or another grader.
    """
    names = *one_model_and_draw(base), *one_model_and_draw(tuned)
    require_one_grader(base, tuned)
    chosen = frozenset(base["problem"] if problems is None else problems)
    base, tuned = rows_on(base, chosen), rows_on(tuned, chosen)
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
) -> pd.DataFrame:
    """Expansion on a fixed D against k.

    Returns:
        base, tuned, k, metric, count, of, rate, low, high, interval: one row per k.
    """
    frames = [compare_reach(base, tuned, k, problems).to_frame() for k in ks]
    curve = pd.concat(frames, ignore_index=True)
    return curve[curve["metric"] == "expansion"].reset_index(drop=True)


def newly_reached(outcomes: pd.DataFrame, step: int = 64, k_max: int = 1024) -> pd.DataFrame:
    """Share of problems newly reached by each further ``step`` attempts, averaged over models (the paper's Figure 7).

    Args:
        outcomes: several models on one set, one draw each.
        step: attempts per step.
        k_max: where to end.

    Returns:
        k (end of the step), gain (mean over models of |R_k| - |R_(k - step)|, over the number of problems), models.

    Raises:
        MathbError: the first step goes beyond ``k_max``.
    """
    if step > k_max:
        raise MathbError(f"A step of {step} attempts goes beyond the largest k, {k_max}; ask for a smaller step.")
    models = [rows for _, rows in outcomes.groupby("model", sort=False)]
    sizes = pd.DataFrame(
        {k: [len(reach(rows, k)) / len(rows) for rows in models] for k in range(step, k_max + 1, step)}
    )
    gains = sizes.diff(axis=1)
    gains[step] = sizes[step]
    return pd.DataFrame({"k": gains.columns, "gain": gains.mean().to_numpy(), "models": len(models)})
