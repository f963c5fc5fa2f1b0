"""The study of real language models that needs no sampling: public counts of others, judged beside their null."""

from mathb_kit.real.judge import judge_beside_grader, judge_table, judged_completions
from mathb_kit.real.sources import Source, as_committed, lineages, path_of, real_counts, real_sources
from mathb_kit.real.tables import (
    beyond_frozen,
    beyond_held_out,
    forecasts,
    otis_pairs,
    otis_ranking,
    pair_crossing,
    pair_curves,
    pair_found,
    pythia_curves,
    rank_intervals,
    real_pair,
    replayed_plan,
    stage_pairs,
)

__all__ = [
    "Source",
    "as_committed",
    "beyond_frozen",
    "beyond_held_out",
    "forecasts",
    "judge_beside_grader",
    "judge_table",
    "judged_completions",
    "lineages",
    "otis_pairs",
    "otis_ranking",
    "pair_crossing",
    "pair_curves",
    "pair_found",
    "path_of",
    "pythia_curves",
    "rank_intervals",
    "real_counts",
    "real_pair",
    "replayed_plan",
    "real_sources",
    "stage_pairs",
]
