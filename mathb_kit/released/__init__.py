"""The study that needs no sampling: MATH-Beyond's released table read, checked, redrawn."""

from mathb_kit.released.detect import Kind, detect_kind, first_success, recovered_counts
from mathb_kit.released.null import expansion_beside_null, foreseen_redraw, split_half_null
from mathb_kit.released.study import (
    as_published,
    difficulty_counts,
    expansion_by_k,
    expansion_table,
    gain_by_k,
    nearly_intersection,
    pass_at_k_curves,
    source_counts,
    topic_counts,
    unsolved_table,
)
from mathb_kit.released.table import ReleasedTable, read_released_table
