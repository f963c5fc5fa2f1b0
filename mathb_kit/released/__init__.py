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

__all__ = [
    "Kind",
    "ReleasedTable",
    "as_published",
    "detect_kind",
    "difficulty_counts",
    "expansion_beside_null",
    "expansion_by_k",
    "expansion_table",
    "first_success",
    "foreseen_redraw",
    "gain_by_k",
    "nearly_intersection",
    "pass_at_k_curves",
    "read_released_table",
    "recovered_counts",
    "source_counts",
    "split_half_null",
    "topic_counts",
    "unsolved_table",
]
