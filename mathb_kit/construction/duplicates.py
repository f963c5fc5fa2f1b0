"""Copies of one problem: keep the first, and none of them where their golds disagree.

Problems are grouped by a key of the statement, so the cost grows with the number of problems, not of pairs; copies in
other words are found by `mathb_kit.construction.near`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.construction.near import similar_pairs
from mathb_kit.construction.similarity import THRESHOLD
from mathb_kit.construction.tokens import folded
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
    reasons = {
        key_: f"two golds: {' and '.join(dict.fromkeys(texts))}" for key_, texts in golds.items() if len(texts) > 1
    }
    return drop_with_reason("conflicting golds", problems, map(reasons.get, keys))


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


def near_duplicates(problems: Sequence[Problem], threshold: float = THRESHOLD) -> Filtered:
    """Keep the first of the problems that say the same in other words; see `mathb_kit.construction.similarity`.

    The reason is ``reworded``, or ``reworded, other gold`` where the golds are not known to be equal (one of them asks
    for m + n, say, or is wrong); it names the copy that stays and their score.

    Args:
        problems: in order of precedence.
        threshold: least score, 0 to 1.
    """
    partners: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for i, j, score in similar_pairs([problem.statement for problem in problems], threshold=threshold):
        partners[j].append((score, -i))
    dropped: set[int] = set()

    def reason(number: int) -> str | None:
        twins = [(score, -i) for score, i in partners.get(number, ()) if -i not in dropped]
        if not twins:
            return None
        dropped.add(number)
        score, index = max(twins, key=lambda pair: (pair[0], -pair[1]))
        stays, problem = problems[index], problems[number]
        same = decide(stays.gold, problem.gold).equal is True
        return f"reworded{'' if same else ', other gold'}: as {stays.set}/{stays.id}, score {score:.2f}"

    return drop_with_reason("near duplicates", problems, map(reason, range(len(problems))))
