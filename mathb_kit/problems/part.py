"""Some problems of a set: the first, those between two places, or some at random, the same ones every time."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from mathb_kit.errors import MathbError
from mathb_kit.problems.problem import Problem, ProblemSet


def part_of(problems: ProblemSet, limit: str | None = None, seed: int | None = None) -> ProblemSet:
    """The problems that a limit leaves, in the set's order; ``note`` says which they are.

    Args:
        problems: the set.
        limit: ``"40"`` for the first 40 (all, where there are fewer), ``"21-40"`` for the 21st to the 40th; all where
            None.
        seed: take as many as the limit says, but at random (`at_random`).

    Raises:
        MathbError: no such limit, a place behind the last problem, or a seed with places or without a limit.
    """
    if limit is None:
        if seed is not None:
            raise MathbError("A seed chooses so many problems at random; give --limit N, too.")
        return problems
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", limit, re.ASCII)
    first, last = (1, int(match[1])) if match and not match[2] else (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= first <= last:
        raise MathbError(f"--limit is a number of problems (40) or two places (21-40), from 1 on, not {limit[:40]!r}.")
    if match[2] is None:
        chosen = problems[:last] if last < len(problems) else problems
        return chosen if seed is None or chosen is problems else at_random(problems, last, seed)
    if seed is not None:
        raise MathbError(f"--limit {limit} says which problems, and a seed takes them at random; give one of the two.")
    if first > len(problems):
        raise MathbError(f"--limit {limit}: {problems.name} has {len(problems):,} problems.")
    chosen = problems[first - 1 : last]
    return replace(chosen, note=f"{chosen.note}, {first:,} to {min(last, len(problems)):,}")


def at_random(problems: ProblemSet, n: int, seed: int) -> ProblemSet:
    """``n`` problems at random, in the set's order.

    Every problem has a hash of its key and the seed, and the lowest are taken: a set in another order gives the same
    ones, and a larger ``n`` keeps them.
    """

    def place(problem: Problem) -> bytes:
        return hashlib.sha256(f"{seed}:{problem.key}".encode("utf-8", "surrogatepass")).digest()

    taken = {problem.key for problem in sorted(problems, key=place)[:n]}
    chosen = problems.where(lambda problem: problem.key in taken)
    return replace(chosen, note=f"{chosen.note}, at random by seed {seed}")


def part_in_words(problems: ProblemSet) -> str:
    """``40 of 1,319 problems, at random by seed 7``; a remark on the whole set as it is, and empty without one."""
    return re.sub(r"^([\d,]+ of [\d,]+)(?=, |$)", r"\1 problems", problems.note)
