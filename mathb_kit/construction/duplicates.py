"""Copies of one problem: keep the first, and none of them where their golds disagree.

Problems are grouped by a key of the statement, so the cost grows with the number of problems, not of pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.construction.keys import folded
from mathb_kit.grading.equivalence import decide
from mathb_kit.problems.problem import Problem


def conflicting_golds(problems: Sequence[Problem], key: Callable[[str], str] = folded) -> Filtered:
    """Drop every copy of a problem whose copies have different golds: nothing says which one is right.

    Golds that the exact rungs of the grader know to be equal ("0.5" and "1/2") do not conflict.

    Args:
        problems: with golds.
        key: statements with the same key are one problem.
    """
    keys = [key(problem.statement) for problem in problems]
    golds: dict[str, list[str]] = defaultdict(list)
    for key_, problem in zip(keys, problems):
        # A gold is compared with the first one only; where all agree with it, they agree with each other.
        if not golds[key_] or decide(golds[key_][0], problem.gold).equal is not True:
            golds[key_].append(problem.gold)
    told = {key_: f"two golds: {' and '.join(dict.fromkeys(found))}" for key_, found in golds.items() if len(found) > 1}
    return drop_with_reason("conflicting golds", problems, map(told.get, keys))


def duplicates(problems: Sequence[Problem], key: Callable[[str], str] = folded) -> Filtered:
    """Keep the first copy of each problem.

    The reason is ``exact duplicate`` where the very text stood before, else ``near duplicate``; both name the copy
    that stays.

    Args:
        problems: in order of precedence.
        key: statements with the same key are one problem.
    """
    texts: set[str] = set()
    first: dict[str, Problem] = {}

    def reason(problem: Problem) -> str | None:
        stays = first.setdefault(key(problem.statement), problem)
        if stays is problem:
            texts.add(problem.statement)
            return None
        kind = "exact" if problem.statement in texts else "near"
        texts.add(problem.statement)
        return f"{kind} duplicate: of {stays.set}/{stays.id}"

    return drop_with_reason("duplicates", problems, map(reason, problems))
