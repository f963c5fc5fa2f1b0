"""Candidates that stand in a benchmark already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import nan

import pandas as pd

from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.construction.near import similar_pairs
from mathb_kit.construction.similarity import THRESHOLD
from mathb_kit.construction.tokens import folded, letters_and_digits
from mathb_kit.problems.problem import Problem, ProblemSet

# A shorter statement is mostly formula, of which letters and digits alone leave too little: without its signs
# "$2x=10$" is also "$2^{x}=10$". It must agree in the finer key.
SHORT = 40


def contamination(problems: Sequence[Problem], benchmarks: Iterable[ProblemSet]) -> Filtered:
    """Drop problems that stand in one of the benchmarks, up to typing; the reason names the benchmark's problem.

    Two statements are the same if their folded texts are equal, or if they have the same letters and digits, at
    least ``SHORT`` of them.
    """
    standing = _by_key(problem for benchmark in benchmarks for problem in benchmark)

    def reason(problem: Problem) -> str | None:
        twin = next((standing[key][0] for key in _keys(problem.statement) if key in standing), None)
        return twin and f"in a benchmark: {twin.set}/{twin.id}"

    return drop_with_reason("contamination", problems, map(reason, problems))


def near_contamination(
    problems: Sequence[Problem], benchmarks: Iterable[ProblemSet], threshold: float = THRESHOLD
) -> Filtered:
    """Drop problems that say in other words what a benchmark asks; see `mathb_kit.construction.similarity`.

    The reason names the benchmark's problem and their score. What was only typed anew is the matter of `contamination`,
    which also finds what has no words.

    Args:
        problems: candidates.
        benchmarks: sets whose problems must not be in the result.
        threshold: least score, 0 to 1.
    """
    standing = [problem for benchmark in benchmarks for problem in benchmark]
    best: dict[int, tuple[float, int]] = {}
    texts = [problem.statement for problem in problems], [problem.statement for problem in standing]
    for i, j, score in similar_pairs(*texts, threshold):
        best[i] = max(best.get(i, (0.0, 0)), (score, -j))

    def reason(number: int) -> str | None:
        if number not in best:
            return None
        score, index = best[number]
        twin = standing[-index]
        return f"reworded from a benchmark: {twin.set}/{twin.id}, score {score:.2f}"

    return drop_with_reason("near contamination", problems, map(reason, range(len(problems))))


def overlaps(
    problems: Sequence[Problem], benchmarks: Iterable[ProblemSet], threshold: float = THRESHOLD
) -> pd.DataFrame:
    """All pairs of a problem and a benchmark problem that are one, typed alike (see `contamination`) or reworded.

    Returns:
        problem (key), id, benchmark, benchmark_id, score (NaN if only the typing is alike), typed_alike; in the order
        of problems and benchmarks.
    """
    standing = [problem for benchmark in benchmarks for problem in benchmark]
    index = {id(problem): number for number, problem in enumerate(standing)}
    by_key = _by_key(standing)
    alike = {
        (i, index[id(twin)])
        for i, problem in enumerate(problems)
        for key in _keys(problem.statement)
        for twin in by_key.get(key, ())
    }
    texts = [problem.statement for problem in problems], [problem.statement for problem in standing]
    scores = {(i, j): score for i, j, score in similar_pairs(*texts, threshold)}
    rows = [
        (problems[i].key, problems[i].id, standing[j].set, standing[j].id, scores.get((i, j), nan), (i, j) in alike)
        for i, j in sorted(alike | scores.keys())
    ]
    return pd.DataFrame(rows, columns=["problem", "id", "benchmark", "benchmark_id", "score", "typed_alike"])


def _by_key(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    standing: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        for key in _keys(problem.statement):
            standing[key].append(problem)
    return standing


def _keys(statement: str) -> Iterable[str]:
    characters = letters_and_digits(statement)
    if len(characters) >= SHORT:
        yield f"characters {characters}"
    yield f"folded {folded(statement)}"
