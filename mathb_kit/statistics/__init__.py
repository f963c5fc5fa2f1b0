"""pass@k for fixed and adaptive plans, intervals, reach and its frozen null."""

from mathb_kit.statistics.adaptive import (
    attempts_saved,
    estimate_pass_at_k,
    exact_pass_at_k,
    pass_at_k_curve,
)
from mathb_kit.statistics.intervals import bootstrap_mean_interval, proportion_interval
from mathb_kit.statistics.pass_at_k import pass_at_k
from mathb_kit.statistics.reach import (
    FrozenNull,
    Rate,
    ReachComparison,
    compare_reach,
    expansion_curve,
    frozen_null,
    mcnemar,
    reach,
    unsolved,
    verdict_sentence,
)

__all__ = [
    "FrozenNull",
    "Rate",
    "ReachComparison",
    "attempts_saved",
    "bootstrap_mean_interval",
    "compare_reach",
    "estimate_pass_at_k",
    "exact_pass_at_k",
    "expansion_curve",
    "frozen_null",
    "mcnemar",
    "pass_at_k",
    "pass_at_k_curve",
    "proportion_interval",
    "reach",
    "unsolved",
    "verdict_sentence",
]
