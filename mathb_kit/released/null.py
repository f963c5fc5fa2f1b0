"""What the released counts say about luck: the control that Table 2 has no column for.

The problems of the table were selected: a candidate is in it because at least one of 21 models failed all of its 1,024
attempts. Seen from one model that is hardly any selection: of 184 candidates only three were dropped, those which every
model solved. So for the draws in the table the 181 are the candidates, but for three problems that every model solved
at least once, and what these could change is bounded here.

What it cannot mean: the candidates had failed 16 attempts of R1-Distill-Qwen-7B before. If those are among the 1,024 of
r1-7b, its own null is off; nobody says. And a null is about these candidates, not about mathematics at large.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mathb_kit.published import published_stages
from mathb_kit.released.detect import Kind, recovered_counts
from mathb_kit.released.study import expansion_table
from mathb_kit.released.table import ATTEMPTS, ReleasedTable
from mathb_kit.statistics import fit_success_rates, frozen_null, proportion_interval, redraw_interval

DRAW = "released"
"""The one draw of each model in the table."""


def dropped_candidates(table: ReleasedTable) -> int:
    """Candidates before the sieve that are not in the table: solved by all 21 models (3, from published counts)."""
    stages = published_stages()
    return int(stages.loc[stages["subject"].str.startswith("5 "), "value"].iloc[0]) - len(table.problems)


def released_outcomes(table: ReleasedTable, kind: Kind) -> pd.DataFrame:
    """The recovered counts as outcomes: model, problem, draw, n, c, plan.

    Where rounding leaves several numbers of successes, the smallest: such numbers are large, and a problem that half of
    the attempts solve never counts as missed.

    Raises:
        MathbError: the columns are no estimates.
    """
    counts = recovered_counts(table, kind)
    frame = counts[["model", "problem"]].assign(draw=DRAW, n=ATTEMPTS, c=counts["c_low"])
    return frame.assign(plan=f"fixed {ATTEMPTS}")


def split_half_null(table: ReleasedTable, kind: Kind) -> pd.DataFrame:
    """Each model against itself: of the problems missed in one half of its 1,024 attempts, the share the other solves.

    From estimates: the mean over all ways to split (``frozen_null`` on the recovered counts, BCa bootstrap over
    problems). From indicators: the split into the first and the last 512 attempts, with Clopper and Pearson's interval.

    Returns:
        model, k (512), unsolved (by one half, expected number), reached (of these by the other half), rate, low, high
        (95 %), rate_if_dropped: the most that the rate could be with the dropped candidates in it, and interval.

    Raises:
        MathbError: the kind is undecided, or the grid has no pass@512.
    """
    k = ATTEMPTS // 2
    first, whole = table.pass_at(k), table.pass_at(ATTEMPTS)
    rows = []
    outcomes = None if kind.name == "indicators" else released_outcomes(table, kind)
    for model in table.models:
        if outcomes is None:
            unsolved, reached = int((first[model] == 0).sum()), int((whole[model] > first[model]).sum())
            rate = reached / unsolved if unsolved else np.nan
            ends = (rate, *proportion_interval(reached, unsolved), "one split, problems as a sample, clopper-pearson")
            worst = 1.0  # a dropped candidate missed by the first half was solved by the second
        else:
            null = frozen_null(outcomes[outcomes["model"] == model], k)
            unsolved, reached, ends = null.unsolved, null.reached, (null.rate, null.low, null.high, null.interval)
            worst = 0.5  # one success of 1,024 lies in the second half in half of all splits
        more = worst * dropped_candidates(table)
        rate, low, high, interval = ends
        rows.append((model, k, unsolved, reached, rate, low, high, (reached + more) / (unsolved + more), interval))
    columns = ["model", "k", "unsolved", "reached", "rate", "low", "high", "rate_if_dropped", "interval"]
    return pd.DataFrame(rows, columns=columns)


def expansion_beside_null(table: ReleasedTable, null: pd.DataFrame) -> pd.DataFrame:
    """Expansion at k = 512 beside the base's own null at k = 512, for every tuned model of the table.

    D is what 512 attempts of the base leave unsolved, in expectation over the halves: a problem counts with the chance
    that the base misses it, on both sides alike.

    Args:
        table: the released table.
        null: from ``split_half_null``.

    Returns:
        base, tuned, published (in Table 2), k, missed (expected size of D), expansion, null, null_low, null_high.
    """
    k = ATTEMPTS // 2
    values, of_base = table.pass_at(k), null.set_index("model")
    rows = []
    for pair in expansion_table(table).itertuples():
        missed = 1 - values[pair.base]
        expansion = (missed * values[pair.tuned]).sum() / missed.sum()
        own = of_base.loc[pair.base]
        rows.append(
            (pair.base, pair.tuned, pair.published, k, missed.sum(), expansion, own["rate"], own["low"], own["high"])
        )
    columns = ["base", "tuned", "published", "k", "missed", "expansion", "null", "null_low", "null_high"]
    return pd.DataFrame(rows, columns=columns)


def foreseen_redraw(table: ReleasedTable, kind: Kind) -> pd.DataFrame:
    """How many of its own unsolved problems each base of Table 2 would reach in 1,024 fresh attempts.

    Empirical Bayes (``redraw_interval``): how success rates are spread is fitted to all 181 counts of the base, then
    asked about the problems with none. Once more with the dropped candidates as problems with a single success each,
    the fewest that they can have had.

    Returns:
        base, of (|D|), estimate, low, high (95 % prediction interval, whole problems), estimate_if_dropped, interval.

    Raises:
        MathbError: the columns are no estimates.
    """
    outcomes = released_outcomes(table, kind)
    rows = []
    for base in dict.fromkeys(expansion_table(table).query("published")["base"]):
        own = outcomes[outcomes["model"] == base]
        missed = own[own["c"] == 0]
        extra = own.head(dropped_candidates(table)).assign(c=1)
        extra = extra.assign(problem=[f"dropped/{number}" for number in range(len(extra))])
        foreseen = redraw_interval(missed, [ATTEMPTS], fit_success_rates(own)).iloc[0]
        more = redraw_interval(missed, [ATTEMPTS], fit_success_rates(pd.concat([own, extra]), refits=0)).iloc[0]
        rows.append((base, len(missed), *foreseen[["estimate", "low", "high"]], more["estimate"], foreseen["interval"]))
    columns = ["base", "of", "estimate", "low", "high", "estimate_if_dropped", "interval"]
    return pd.DataFrame(rows, columns=columns)
