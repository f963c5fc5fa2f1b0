"""The stages that need no attempts, in an order that differs from the paper's.

The paper (arXiv 2510.11653, section 3.2) filters by quality, screens with a strong model, checks golds with two
stronger ones, looks for benchmark problems, and then sieves with 1,024 attempts per model. Here everything that takes
no model comes first, because it costs seconds: what is a copy, or stands in a benchmark, is not worth an attempt. The
golds are checked before any sampling, too: hardly any attempt hits a wrong gold, so each one would cost 1,024 attempts
per model and then pass the sieve as a problem beyond all of them.

Among the cheap stages, conflicting golds are looked for while rows with other golds than integers are still there: they
are evidence that the statement's answer is disputed. Broken statements go first, so that no copy is kept for a
broken original. Copies in other words are looked for last, among what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mathb_kit.construction.contamination import contamination, near_contamination
from mathb_kit.construction.duplicates import conflicting_golds, duplicates, near_duplicates
from mathb_kit.construction.filters import Filter
from mathb_kit.construction.quality import check_answers, integer_golds, quality
from mathb_kit.problems.problem import ProblemSet


def stages_before_sampling(benchmarks: Sequence[ProblemSet], *, exact_answers: bool) -> tuple[Filter, ...]:
    """Filters for ``run_filters``, cheapest first.

    Args:
        benchmarks: sets whose problems must not be in the result.
        exact_answers: check golds with the exact evaluator, which reads the miniature's statements only. Those are
            arithmetic and have no other words to be said in, so copies in other words are looked for without it only.
    """
    stages = (quality, conflicting_golds, duplicates, integer_golds, partial(contamination, benchmarks=benchmarks))
    if exact_answers:
        return (*stages, check_answers)
    return (*stages, near_duplicates, partial(near_contamination, benchmarks=benchmarks))
