"""Reach that asks for more than one correct answer: a single lucky guess no longer counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics.adaptive import estimates_by_problem
from mathb_kit.statistics.arms import fresh_arms
from mathb_kit.statistics.caution import caution_of
from mathb_kit.statistics.intervals import MEAN, mean_interval_of, proportion_interval
from mathb_kit.statistics.redraws import exchangeable_test


def reach_at_least(
    base: pd.DataFrame | Sequence[pd.DataFrame],
    tuned: pd.DataFrame,
    ms: Sequence[int] = (1, 2, 3, 5),
    k: int | None = None,
    problems: Collection[str] | None = None,
    *,
    selected_by: str | None = None,
) -> pd.DataFrame:
    """Share of problems with at least m correct answers among k attempts, tuned model beside a fresh draw of its base.

    At the plans' last round whether c >= m is known for every problem: one that stopped early has at least the stop
    count. There a problem counts or does not, and the two sets are compared by the exact McNemar test. For a smaller
    k each problem's chance is estimated without bias, and counts are expected counts without a test.

    On a base's unsolved set this is the ER_m of "Phantom Gains" (Xu et al. 2026), whose frozen null falls from 17.6 %
    at m = 1 to 0.3 % at m = 5.

    Args:
        base: outcomes of the base by a draw that did not select the problems, or by several such draws.
        tuned: outcomes of the tuned model, one draw.
        ms: numbers of correct answers asked for, at most the stop count of both plans.
        k: attempts allowed; by default the plans' last round.
        problems: those to count; the base's problems if absent.
        selected_by: as for ``mcnemar``.

    Returns:
        One row per m: m, k, tuned (count), of, tuned_rate, tuned_low, tuned_high, base (count, the mean over draws),
        base_rate, base_low, base_high, only_tuned (beside every draw of the base), only_base (some draw of it), p,
        interval. only_tuned, only_base and p are NaN below the last round.

    Raises:
        MathbError: m above a plan's stop count, plans that end differently, or a base draw that selected the problems.
    """
    draws = [base] if isinstance(base, pd.DataFrame) else base
    pairs = [fresh_arms(each, tuned, problems, selected_by) for each in draws]
    arms = [pairs[0][1], *(fresh for fresh, _ in pairs)]
    n_max = _shared_end(arms, ms)
    k = n_max if k is None else k
    if not 1 <= k <= n_max or any(m > k for m in ms):
        raise MathbError(f"Reach in k attempts needs m <= k <= {n_max:,}, not k = {k:,} with m up to {max(ms)}.")
    rows = []
    for m in ms:  # each problem's chance; at the last round 0 or 1
        chances = [estimates_by_problem(outcomes, [k], at_least=m)[:, 0] for outcomes in arms]
        rows.append(_row(m, k, chances[0], np.array(chances[1:]), whole=k == n_max))
    return pd.DataFrame(rows)


def _shared_end(arms: Sequence[pd.DataFrame], ms: Sequence[int]) -> int:
    """Last round of all plans; MathbError where they differ or stop asking before the largest m."""
    plans = {text: Plan.parse(text) for outcomes in arms for text in outcomes["plan"].unique()}
    if len(ends := {plan.n_max for plan in plans.values()}) > 1:
        raise MathbError(
            f"The plans end at {' and '.join(f'{end:,}' for end in sorted(ends))} attempts; compare outcomes of plans "
            "with one last round."
        )
    if not ms or min(ms) < 1:
        raise MathbError(f"'At least m correct' needs m of at least 1, not {list(ms)}.")
    for text, plan in plans.items():
        if not plan.is_fixed and max(ms) > plan.stop:
            raise MathbError(
                f"The plan '{text}' stops asking at {plan.stop} correct, so nothing is known about {max(ms)}; sample "
                f"with a stop count of at least {max(ms)}, or ask for m of at most {plan.stop}."
            )
    return ends.pop()


def _row(m: int, k: int, tuned: np.ndarray, draws: np.ndarray, whole: bool) -> dict[str, object]:
    row: dict[str, object] = {"m": m, "k": k}
    told = ""
    for name, chances in (("tuned", tuned), ("base", draws.mean(axis=0))):
        count, of = chances.sum(), len(chances)
        if whole and (name == "tuned" or len(draws) == 1):
            count = int(count)
            low, high = proportion_interval(count, of)
        else:
            low, high = mean_interval_of(chances)
            told = told if whole else told or caution_of("values", chances)  # shares of whole draws are coarse and hold
        row |= {name: count, "of": of, f"{name}_rate": count / of, f"{name}_low": low, f"{name}_high": high}
    only_tuned, only_base = int((tuned > draws.max(axis=0)).sum()), int((draws.max(axis=0) > tuned).sum())
    tested = (only_tuned, only_base, exchangeable_test(tuned, draws)) if whole else (np.nan,) * 3
    exact = whole and len(draws) == 1
    interval = "problems as a sample, clopper-pearson" if exact else MEAN + told
    return row | dict(zip(("only_tuned", "only_base", "p"), tested)) | {"interval": interval}
