"""Golds checked by an exact evaluator of the statement, which no model takes part in."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.grading.equivalence import decide
from mathb_kit.miniature import evaluate_statement
from mathb_kit.problems.problem import Problem


def check_answers(problems: Sequence[Problem]) -> Filtered:
    """Keep the problems whose statement has exactly the gold for its value.

    A statement that the evaluator cannot read is dropped: its gold is not known to be right.
    """
    return drop_with_reason("answers", problems, map(_fault, problems))


def _fault(problem: Problem) -> str | None:
    value: Fraction | None = evaluate_statement(problem.statement)
    if value is None:
        return "unreadable statement"
    if decide(problem.gold, str(value)).equal is True:
        return None
    return f"wrong gold: {problem.gold}, the statement gives {value}"
