"""A tuned model beside its base and a re-drawn base; a whole checkpoint; what guessing is worth."""

from mathb_kit.judging.checkpoint import CheckpointJudgement, judge_checkpoint
from mathb_kit.judging.confounds import attempts_of, confounds, confounds_of_attempts, confounds_of_counts
from mathb_kit.judging.cost import Step, steps_at_most
from mathb_kit.judging.elicitation import elicit, elicitation_curves, elicitation_table, elicited_models
from mathb_kit.judging.form import form_of_gain
from mathb_kit.judging.guessing import PERMUTED, UNIFORM, chance_lines, chance_of
from mathb_kit.judging.health import Bounds, Health, health_of
from mathb_kit.judging.judgement import (
    Judgement,
    change_by_problem,
    expansion_beside_redrawn,
    judge,
    judge_on,
    judge_seeds,
    redraw_names,
)
from mathb_kit.judging.near_misses import near_misses
from mathb_kit.judging.pairs import PairComparison, arms_of_store, compare_arms, compare_pair
from mathb_kit.judging.parts import seen_in_training
from mathb_kit.judging.selection import Selection
from mathb_kit.judging.separation import Separation
