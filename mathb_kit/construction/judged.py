"""Contamination as DeepMath-103K looked for it: the nearest benchmark problems by embedding, and a judge of each pair.

arXiv 2504.11456, section on decontamination: paraphrase-multilingual-MiniLM-L12-v2, k = 5, and Llama-3.3-70B-Instruct,
asked of every pair whether the two are identical or paraphrases; any yes discards the candidate. Both are the user's to
give: no model of the study may judge what the study is made of. Against a judge that prefers a position, let ``judge``
ask in both orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.errors import MathbError
from mathb_kit.problems.problem import Problem, ProblemSet

_BLOCK = 1024  # candidates whose similarities are in memory at a time


def judged_contamination(
    problems: Sequence[Problem],
    benchmarks: Iterable[ProblemSet],
    embed: Callable[[Sequence[str]], np.ndarray],
    judge: Callable[[str, str], bool],
    k: int = 5,
) -> Filtered:
    """Drop problems that the judge calls the same as one of their nearest benchmark problems.

    The reason names the first benchmark problem, from the nearest on, that the judge said yes to, and their cosine.

    Args:
        problems: candidates.
        benchmarks: sets whose problems must not be in the result.
        embed: statements to vectors, an array of (statements, dimensions); called for the candidates and for the
            benchmarks. Vectors need not be of unit length.
        judge: whether the candidate's statement (first) asks the same as the benchmark's (second).
        k: benchmark problems to show to the judge, per candidate.

    Raises:
        MathbError: k below 1, or an embedding that is not one finite, non-zero vector per statement.
    """
    if k < 1:
        raise MathbError(f"The judge needs at least one neighbour to look at, not k = {k}; DeepMath used 5.")
    standing = [problem for benchmark in benchmarks for problem in benchmark]
    if not problems or not standing:
        return drop_with_reason("judged contamination", problems, [None] * len(problems))
    theirs, ours = _unit(embed, standing), _unit(embed, problems)
    if theirs.shape[1] != ours.shape[1]:
        raise MathbError(f"embed gave {ours.shape[1]} and {theirs.shape[1]} dimensions; use one model for both.")
    reasons: list[str | None] = []
    for start in range(0, len(problems), _BLOCK):
        for problem, cosines in zip(problems[start : start + _BLOCK], ours[start : start + _BLOCK] @ theirs.T):
            nearest = np.argsort(-cosines, kind="stable")[:k]
            hit = next((j for j in nearest if judge(problem.statement, standing[j].statement)), None)
            twin = hit is not None and f"{standing[hit].set}/{standing[hit].id}, cosine {cosines[hit]:.2f}"
            reasons.append(f"judged to be in a benchmark: {twin}" if twin else None)
    return drop_with_reason("judged contamination", problems, reasons)


def _unit(embed: Callable[[Sequence[str]], np.ndarray], problems: Sequence[Problem]) -> np.ndarray:
    vectors = np.asarray(embed([problem.statement for problem in problems]), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(problems):
        raise MathbError(
            f"embed gave an array of shape {vectors.shape} for {len(problems)} statements; give one row for each."
        )
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise MathbError("embed gave a vector that is zero or not finite; no cosine can be taken with it.")
    return vectors / norms
