"""Candidates that stand in a benchmark already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.construction.keys import folded, letters_and_digits
from mathb_kit.problems.problem import Problem, ProblemSet

# A shorter statement is mostly formula, of which letters and digits alone leave too little: without its signs
# "$2x=10$" is also "$2^{x}=10$". It must agree in the finer key.
SHORT = 40


def contamination(problems: Sequence[Problem], benchmarks: Iterable[ProblemSet]) -> Filtered:
    """Drop problems that stand in one of the benchmarks, up to typing; the reason names the benchmark's problem.

    Two statements are the same if their folded texts are equal, or if they have the same letters and digits, at
    least ``SHORT`` of them.
    """
    standing: dict[str, Problem] = {}
    for benchmark in benchmarks:
        for problem in benchmark:
            for key in _keys(problem.statement):
                standing.setdefault(key, problem)

    def reason(problem: Problem) -> str | None:
        found = next((standing[key] for key in _keys(problem.statement) if key in standing), None)
        return found and f"in a benchmark: {found.set}/{found.id}"

    return drop_with_reason("contamination", problems, map(reason, problems))


def _keys(statement: str) -> Iterable[str]:
    characters = letters_and_digits(statement)
    if len(characters) >= SHORT:
        yield f"characters {characters}"
    yield f"folded {folded(statement)}"
