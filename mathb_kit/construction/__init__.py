"""From a pool of candidates to a set that base models leave unsolved: filters, a funnel, the sieve, the release.

A filter takes problems and says for every one that it drops why. Cheap filters that need no model come first; see
`mathb_kit.construction.pipeline` for the order and how it differs from the paper's.
"""

from mathb_kit.construction.agreement import (
    read_solutions,
    refuse_evaluated,
    sample_solutions,
    verified,
    verified_by_solutions,
)
from mathb_kit.construction.construct import (
    Constructed,
    attempts_at_most,
    construct,
    funnel_before_models,
    subsample,
)
from mathb_kit.construction.construction import Construction, load_construction
from mathb_kit.construction.contamination import contamination, near_contamination, overlaps
from mathb_kit.construction.dataset_card import About
from mathb_kit.construction.dataset_repository import export_dataset
from mathb_kit.construction.difficulty import rate_difficulty, rated_at_least, read_rating
from mathb_kit.construction.duplicates import conflicting_golds, duplicates, near_duplicates
from mathb_kit.construction.embedding import embedder
from mathb_kit.construction.filters import Filter, Filtered, Funnel, drop_with_reason, run_filters
from mathb_kit.construction.judged import judged_contamination, nearest, pair_judge
from mathb_kit.construction.near import similar_pairs
from mathb_kit.construction.pipeline import stages_before_sampling
from mathb_kit.construction.quality import check_answers, integer_golds, quality
from mathb_kit.construction.release import freeze, write_release
from mathb_kit.construction.repair import Repaired, repair
from mathb_kit.construction.retest import retest, retested
from mathb_kit.construction.rewriting import Rewritten, rewrite
from mathb_kit.construction.sieve import DRAW, Sieve, prescreen, sieve
from mathb_kit.construction.sources import answer_type, source_analysis
from mathb_kit.construction.tokens import folded, letters_and_digits
