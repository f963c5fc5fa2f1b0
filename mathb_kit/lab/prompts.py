"""Problems that training may see, and written solutions to them for supervised training."""

from __future__ import annotations

import hashlib
import json
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


def problems_key(problems: Sequence[Problem]) -> str:
    """A hash of what training sees of problems: statement, gold and written solution, in their order."""
    texts = [[problem.statement, problem.gold, problem.meta.get("solution")] for problem in problems]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def written_solutions(problems: Sequence[Problem]) -> dict[str, str]:
    """A worked solution of each problem, by problem key: its ``solution`` field, or for the miniature column by column.

    Raises:
        MathbError: a problem that has none.
    """
    return {p.key: p.meta.get("solution") or solve(written_exercise(p), "column") for p in problems}


def written_exercise(problem: Problem) -> Exercise:
    """What the miniature's generator drew for this problem, read from its statement.

    Raises:
        MathbError: it is no problem of the miniature, or its gold is another.
    """
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
            return exercise
    raise MathbError(
        f"Problem {problem.key} has no written solution; training that needs one takes a field 'solution' in every row "
        "of a problem file (distillation only), or problems of the miniature."
    )


def _evaluation_sets() -> set[str]:
    return {name for name, entry in registry().items() if not entry.training}
