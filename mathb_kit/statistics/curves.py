"""Mean pass@k of a problem set against k, with an interval that says which question it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import KEY, require_columns
from mathb_kit.plan import EXPLORATORY, Plan
from mathb_kit.statistics.adaptive import estimates_by_end_point
from mathb_kit.statistics.arms import require_one_grader
from mathb_kit.statistics.caution import caution
from mathb_kit.statistics.fresh_attempts import fresh_attempts_interval
from mathb_kit.statistics.intervals import DIFFERENCE, difference_interval
from mathb_kit.statistics.mean_curve import curve_interval


def pass_at_k_curve(
    outcomes: pd.DataFrame,
    ks: Sequence[int],
    *,
    by: Sequence[str] = ("model", "draw"),
    interval: Literal["problems", "attempts"] = "problems",
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean pass@k over problems, per model and draw (or other columns), with an interval.

    Several outcomes of one problem in a curve (draws, runs) are averaged first: the problem is what a set is a sample
    of, and ten draws of thirty problems are not three hundred problems.

    "problems" answers "what if the problems had been others of their kind?" (``curve_interval``); the noise of the
    attempts is in it too, since each problem's estimate carries its own. "attempts" answers "what if exactly
    these problems were attempted afresh?" (``fresh_attempts_interval``, with success rates fitted to the curve's own
    outcomes: for a set that no outcomes of this model selected).

    Args:
        outcomes: as for ``estimate_pass_at_k``.
        ks: numbers of attempts allowed.
        by: columns whose values tell the curves apart.
        interval: the question.
        level: nominal coverage.

    Returns:
        the ``by`` columns, k, estimate, low, high, problems, interval (its name, and a ``caution`` where it holds too
        seldom). With "problems", low and high are NaN for a single problem. All three are NaN where one of the problems
        has a smaller plan than k. Neither end of an interval falls with k, as pass@k cannot (``rising_band``).

    Raises:
        MathbError: no outcomes, or several of one problem in a curve with "attempts".
    """
    if interval not in ("problems", "attempts"):
        raise MathbError(f"Unknown interval {interval!r}; choose 'problems' or 'attempts'.")
    # Both ends of the curve are always looked at, so that a band does not depend on which ks were asked for.
    every_k = sorted({1, *ks, *(Plan.parse(text).n_max for text in outcomes["plan"].unique())})
    asked = [every_k.index(k) for k in ks]
    codes, values = estimates_by_end_point(outcomes, every_k)
    curves = []
    for names, rows in outcomes.groupby(list(by), sort=False).indices.items():
        part = outcomes.iloc[rows]
        if interval == "attempts":
            curve = fresh_attempts_interval(part, ks, level=level)
        else:
            points, counts = _by_problem(codes[rows], values, part["problem"])
            low, high, name = curve_interval(points, counts, part, every_k, level)
            estimate = counts @ points / counts.sum()
            curve = pd.DataFrame({"k": every_k, "estimate": estimate, "low": low, "high": high, "interval": name})
            curve = curve.iloc[asked].reset_index(drop=True)
        if part["plan"].str.endswith(EXPLORATORY).any():
            curve["interval"] = curve["interval"].str.replace("(?=;|$)", EXPLORATORY, n=1, regex=True)
        curve.insert(4, "problems", part["problem"].nunique())
        for position, (name, value) in enumerate(zip(by, names if len(by) > 1 else [names])):
            curve.insert(position, name, value)
        curves.append(curve)
    if not curves:
        raise MathbError("There are no outcomes to draw a pass@k curve from; sample and grade some problems first.")
    return pd.concat(curves, ignore_index=True)


def _by_problem(codes: np.ndarray, values: np.ndarray, problems: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Distinct estimates (rows x ks) and the number of problems with each; outcomes of one problem are averaged."""
    if problems.duplicated().any():
        averaged = pd.DataFrame(values[codes]).groupby(problems.to_numpy(), sort=False).mean().to_numpy()
        return np.unique(averaged, axis=0, return_counts=True)
    present, counts = np.unique(codes, return_counts=True)
    return values[present], counts


def paired_difference(
    outcomes_a: pd.DataFrame,
    outcomes_b: pd.DataFrame,
    ks: Sequence[int],
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean pass@k of b less that of a over the same problems, with an interval over problems (``difference_interval``).

    Args:
        outcomes_a: one row per problem, e.g. of a base; as for ``estimate_pass_at_k``.
        outcomes_b: the same problems, in any order, e.g. of a tuned model. The plans may differ.
        ks, level: as for ``pass_at_k_curve``.

    Returns:
        k, a, b (mean pass@k), estimate (b - a), low, high, problems, interval.

    Raises:
        MathbError: the two are not about the same problems, have a problem twice, or were graded by different graders.
    """
    for outcomes in (outcomes_a, outcomes_b):
        require_columns(outcomes, KEY, "outcomes")
        if (twice := outcomes["problem"].duplicated()).any():
            first = outcomes["problem"][twice].iloc[0]
            raise MathbError(f"Problem {first} is there twice; a paired difference needs one outcome of each problem.")
    if alone := sorted(set(outcomes_a["problem"]) ^ set(outcomes_b["problem"])):
        raise MathbError(
            f"Only one of the two has an outcome for {len(alone)} problems, the first being {alone[0]}; select those "
            "that both have."
        )
    if not len(outcomes_a):
        raise MathbError("There are no problems to compare; sample and grade some first.")
    require_one_grader(outcomes_a, outcomes_b)
    (codes_a, values_a), (codes_b, values_b) = (estimates_by_end_point(each, ks) for each in (outcomes_a, outcomes_b))
    in_b = pd.Index(outcomes_b["problem"]).get_indexer(outcomes_a["problem"])
    pairs, counts = np.unique(np.stack([codes_a, codes_b[in_b]]), axis=1, return_counts=True)
    a, b = values_a[pairs[0]], values_b[pairs[1]]
    low, high = difference_interval(b - a, counts, level)
    share = counts / len(outcomes_a)
    columns = {"k": list(ks), "a": share @ a, "b": share @ b, "estimate": share @ (b - a), "low": low, "high": high}
    name = np.char.add(DIFFERENCE, caution("difference", b - a, counts))
    return pd.DataFrame(columns).assign(problems=len(outcomes_a), interval=name)


def attempts_saved(outcomes: pd.DataFrame, *, by: Sequence[str] = ("model", "draw")) -> pd.DataFrame:
    """Attempts an adaptive plan used beside those of fixed n for the same k, per model and draw (or other columns).

    Returns:
        the ``by`` columns, problems, attempts, fixed_attempts, ratio (fixed_attempts / attempts).
    """
    require_columns(outcomes, [*KEY, "n", "plan"], "outcomes")
    n_max = {text: Plan.parse(text).n_max for text in outcomes["plan"].unique()}
    used = outcomes.assign(fixed=outcomes["plan"].map(n_max)).groupby(list(by), sort=False)
    table = used.agg(problems=("problem", "size"), attempts=("n", "sum"), fixed_attempts=("fixed", "sum"))
    return table.assign(ratio=table["fixed_attempts"] / table["attempts"]).reset_index()
