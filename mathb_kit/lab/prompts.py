"""Problems that training may see, and written solutions to them for supervised training."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from mathb_kit.errors import MathbError
from mathb_kit.miniature.generator import Exercise, Part, solve
from mathb_kit.miniature.sets import evaluation_statements
from mathb_kit.problems import load_problems
from mathb_kit.problems.problem import Problem
from mathb_kit.problems.registry import registry

_DEFINITION = re.compile(r"\$(?:(?P<name>[abc])=(?P<left>\d+)(?P<sign>\+|\\cdot )(?P<right>\d+)|"
                         r"(?P<digit>\d)(?P<unknown>[abc])=(?P<total>\d+))\$")  # fmt: skip


def training_problems(on: str | os.PathLike[str] | Sequence[Problem]) -> tuple[list[Problem], str]:
    """The problems to train on and the name of their source.

    Args:
        on: a registered training set, a problem file, or problems.

    Raises:
        MathbError: an evaluation set, a problem of one, no problems, or a problem without gold.
    """
    source = problem_source(on)
    if isinstance(on, (str, os.PathLike)):
        if source in _evaluation_sets():
            fit = ", ".join(name for name, entry in registry().items() if entry.training)
            raise MathbError(
                f"{source} is an evaluation set; training on it would make every comparison on it worthless. Train on "
                f"one of {fit}, or on a file of your own."
            )
        problems = list(load_problems(source))
    else:
        problems = list(on)
    if not problems:
        raise MathbError("There are no problems to train on; name a set with at least one problem.")
    if blank := next((problem for problem in problems if not problem.gold.strip()), None):
        raise MathbError(f"Problem {blank.key} has no gold, so no attempt at it can be graded; leave it out.")
    evaluated = evaluation_statements()
    if leak := next((p for p in problems if p.statement in evaluated or p.set in _evaluation_sets()), None):
        raise MathbError(f"Problem {leak.key} belongs to an evaluation set; leave it out of training.")
    return problems, source


def problem_source(on: str | os.PathLike[str] | Sequence[Problem]) -> str:
    """What a recipe calls these problems: the set or file as it was named, or the sets that they come from."""
    return ", ".join(problem_sources(on))


def problem_sources(on: str | os.PathLike[str] | Sequence[Problem]) -> list[str]:
    """The set or file as it was named, or the sets that the problems come from."""
    if isinstance(on, (str, os.PathLike)):
        return [os.fspath(on)]
    return sorted({problem.set for problem in on})


def written_solutions(problems: Sequence[Problem]) -> dict[str, str]:
    """A worked solution of each problem, by problem key: its ``solution`` field, or for the miniature column by column.

    Raises:
        MathbError: a problem that has none.
    """
    return {problem.key: problem.meta.get("solution") or _column_solution(problem) for problem in problems}


def _evaluation_sets() -> set[str]:
    return {name for name, entry in registry().items() if not entry.training}


def _column_solution(problem: Problem) -> str:
    parts = []
    for match in _DEFINITION.finditer(problem.statement):
        if match["digit"]:
            parts.append(Part("linear", int(match["digit"]), int(match["total"])))
        else:
            family = "sum" if match["sign"] == "+" else "product"
            parts.append(Part(family, int(match["left"]), int(match["right"])))
    if parts and isinstance(level := problem.meta.get("level"), int):
        exercise = Exercise(parts[0].family, level, tuple(parts))
        if exercise.statement == problem.statement and str(exercise.gold) == problem.gold:
            return solve(exercise, "column")
    raise MathbError(
        f"Problem {problem.key} has no written solution; distillation needs a field 'solution' in every row of a "
        "problem file, or problems of the miniature."
    )
