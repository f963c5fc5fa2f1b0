"""What guessing would score: a model's own answers held against other golds, and uniform guessing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mathb_kit.evaluation import Evaluation
from mathb_kit.grading.stored import grader_of
from mathb_kit.outcomes import answer_counts
from mathb_kit.problems.problem import Problem
from mathb_kit.statistics import chance_by_problem, chance_curve, uniform_chance
from mathb_kit.statistics.chance import whole_number

PERMUTED = "its answers against other golds"
UNIFORM = "uniform guessing"


def chance_of(evaluation: Evaluation, problems: Sequence[Problem], ks: Sequence[int]) -> pd.DataFrame:
    """What a model's own answers score against the golds of other problems of the same magnitude, problem by problem.

    Args:
        evaluation: of a fixed plan, e.g. ``evaluate(model, problems, Plan.fixed(256), draw="chance")``.
        problems: the evaluated problems, for their golds.
        ks: numbers of attempts allowed.

    Returns:
        As ``chance_by_problem``, with the column name (the model's); ``chance_curve`` averages it.
    """
    golds = {problem.key: problem.gold for problem in problems}
    counts = answer_counts(evaluation.verdicts)
    with grader_of(evaluation.draw.store) as grader:
        table = chance_by_problem(evaluation.outcomes, counts, golds, ks, grader.grade_pairs)
    table.insert(0, "name", evaluation.model.name)
    return table


def chance_lines(fixed: Evaluation, problems: Sequence[Problem], solved: pd.DataFrame) -> pd.DataFrame:
    """A model's pass@k beside what guessing is worth.

    Args:
        fixed: evaluation by a fixed plan, see ``chance_of``; its answers are held against other golds.
        problems: the evaluated problems. Uniform guessing is over those whose gold is a whole number: each is guessed
            among the numbers of its sign with as many digits.
        solved: rows of ``pass_at_k_curve`` of the same model and set, under any plan.

    Returns:
        what, k, estimate, low, high: permuted golds up to the fixed plan's attempts, the others for every k of
        ``solved``. Uniform guessing is exact and has no interval. Without a gold that is a whole number it is left out,
        and without two different ones the permuted golds are.
    """
    ks = [int(k) for k in solved["k"]]
    values = [value for problem in problems if (value := whole_number(problem.gold)) is not None]
    lines = {fixed.model.name: solved}
    if len(set(values)) > 1:
        lines[PERMUTED] = chance_curve(chance_of(fixed, problems, [k for k in ks if k <= fixed.plan.n_max]))
    if values:
        uniform = [np.mean([uniform_chance(_as_long(value), k) for value in values]) for k in ks]
        lines[UNIFORM] = pd.DataFrame({"k": ks, "estimate": uniform, "low": np.nan, "high": np.nan})
    table = pd.concat([line.assign(what=what) for what, line in lines.items()], ignore_index=True)
    return table[["what", "k", "estimate", "low", "high"]]


def _as_long(value: int) -> int:
    """How many whole numbers have this one's sign and number of digits; 0 counts with the positive ones."""
    digits = len(str(abs(value)))
    return 9 * 10 ** (digits - 1) + (digits == 1 and value >= 0)
