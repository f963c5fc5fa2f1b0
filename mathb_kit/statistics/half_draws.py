"""What a tuned model reaches of what its base misses, beside the base's own null, from one draw of each.

With one draw of the base, "the problems that it missed" and "what it would reach of them" cannot both be read off the
same attempts. At k up to half of them they can: a block of k attempts misses, another block of k tries again, and the
mean over all ways to choose the blocks is exact (`frozen_null`). The tuned model is held against the same blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.statistics.adaptive import estimates_by_problem
from mathb_kit.statistics.arms import fresh_arms
from mathb_kit.statistics.bootstrap import BOOTSTRAP, Bootstrap, bootstrap_mean_interval, ratio_interval
from mathb_kit.statistics.caution import caution_of
from mathb_kit.statistics.frozen_null import RATIO_BOOTSTRAP, frozen_null_runs

RUNS = 2000  # simulated runs behind null_run_low and null_run_high


def expansion_by_half_draws(
    base: pd.DataFrame, tuned: pd.DataFrame, ks: Sequence[int], *, bootstrap: Bootstrap = Bootstrap()
) -> pd.DataFrame:
    """Expansion of a tuned model and of its frozen base over what k attempts of the base miss, in expectation.

    With A the chance that k attempts of the base all fail at a problem, B that 2k do and T the tuned model's pass@k,
    each estimated without bias: sum A T / sum A beside sum (A - B) / sum A. The draws of the two models are
    independent, so A T is unbiased as well. Intervals resample problems, both models at once.

    Args:
        base: outcomes of one draw, on problems that it did not select.
        tuned: the same problems, one draw.
        ks: attempts allowed, each at most half of the base's plan.
        bootstrap: resamples, level and seed.

    Returns:
        k, problems, missed (expected number of problems that k attempts of the base miss), tuned, null (rates), each
        with ``_low`` and ``_high``, difference (tuned - null) likewise, null_run_low, null_run_high (95 % of single
        runs of "select, then try again" on the frozen base lie between them), interval (with a ``caution`` about the
        rates and the difference). Ends are NaN where less than one problem is missed in expectation.

    Raises:
        MathbError: a k beyond half of the base's plan or beyond the tuned model's, or arms that do not fit together.
    """
    base, tuned = fresh_arms(base, tuned, None, "")
    first = 1 - estimates_by_problem(base, ks)
    both = 1 - estimates_by_problem(base, [2 * k for k in ks])
    reached = estimates_by_problem(tuned, ks)
    rows = []
    for column, k in enumerate(ks):
        a, b, t = first[:, column], both[:, column], reached[:, column]
        if np.isnan(b).any() or np.isnan(t).any():
            raise MathbError(
                f"k = {k:,} needs {2 * k:,} attempts of the base and {k:,} of the tuned model at every problem; ask "
                "for a smaller k."
            )
        row = {"k": k, "problems": len(a), "missed": float(a.sum())}
        tops = {"tuned": a * t, "null": a - b, "difference": a * t - a + b}
        for name, top in tops.items():
            row[name] = float(top.sum() / a.sum()) if a.sum() > 0 else np.nan
            lowest = -1.0 if name == "difference" else 0.0
            row[f"{name}_low"], row[f"{name}_high"] = ratio_interval(top, a, bootstrap, lowest)
        runs = frozen_null_runs(base, k, runs=RUNS)["rate"].dropna()
        row["null_run_low"], row["null_run_high"] = runs.quantile([0.025, 0.975]) if len(runs) else (np.nan, np.nan)
        rows.append(row | {"interval": RATIO_BOOTSTRAP + max(caution_of("expansion", top) for top in tops.values())})
    return pd.DataFrame(rows)


def outcome_bounds(outcomes: pd.DataFrame, ks: Sequence[int]) -> pd.DataFrame:
    """Mean pass@k with attempts that have no verdict counted as wrong and as correct.

    Args:
        outcomes: fixed plans, with ``grader_failed``.

    Returns:
        k, as_wrong, as_correct, low (of the first), high (of the second): 95 %, BCa bootstrap over problems.
    """
    frames = {}
    for name, c in (("as_wrong", outcomes["c"]), ("as_correct", outcomes["c"] + outcomes["grader_failed"])):
        values = estimates_by_problem(outcomes.assign(c=c), ks)
        points, counts = np.unique(values, axis=0, return_counts=True)
        frames[name] = (values.mean(axis=0), *bootstrap_mean_interval(points, counts))
    return pd.DataFrame(
        {
            "k": list(ks), "as_wrong": frames["as_wrong"][0], "as_correct": frames["as_correct"][0],
            "low": frames["as_wrong"][1], "high": frames["as_correct"][2], "interval": BOOTSTRAP,
        }
    )  # fmt: skip
