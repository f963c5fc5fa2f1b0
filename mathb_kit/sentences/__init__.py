"""Every sentence for readers, computed from tables and results; nothing here knows a result beforehand."""

from mathb_kit.sentences import titles
from mathb_kit.sentences.captions import beside_redrawn_caption
from mathb_kit.sentences.confounds import confounds_sentence, settings_sentence
from mathb_kit.sentences.curves import (
    after_chance_sentence,
    differences_sentence,
    ends_sentence,
    last_step_sentence,
    steps_sentence,
    widths_sentence,
)
from mathb_kit.sentences.formats import (
    intervals_of,
    percent,
    percent_range,
    percent_with_interval,
    remark_of,
    you_should_see,
)
from mathb_kit.sentences.headlines import checkpoint_caveats, checkpoint_headline, pair_headline
from mathb_kit.sentences.health import health_sentence, health_warnings, sampled_warnings, selection_warnings
from mathb_kit.sentences.judging import (
    at_least_sentence,
    beside_redrawn_sentences,
    checkpoint_sentences,
    gains_sentence,
    judgement_sentence,
    power_sentences,
    reach_with_interval,
    seeds_sentence,
    verdict_sentence,
)
from mathb_kit.sentences.pairs import crossing_sentence, expansion_sentence, intervals_sentence, pair_sentences
from mathb_kit.sentences.planning import (
    cost_sentence,
    gain_power_sentence,
    plan_sentence,
    redraw_plan_sentence,
    saved_sentence,
    visible_sentence,
)
from mathb_kit.sentences.separation import k_text, separation_sentences
from mathb_kit.sentences.sets import (
    changes_sentence,
    counts_sentence,
    foreseen_sentence,
    funnel_sentence,
    modes_sentence,
    overlap_sentence,
    unsolved_sentence,
    verifiers_sentence,
)
