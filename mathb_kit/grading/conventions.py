r"""Conventions on which users differ, and a switch for each: off, the policy of ``docs/grading.md`` holds.

A switch looks again at one pair after the ladder. It is a choice of the user's and no part of the grader's version:
what it changes is marked by its name in place of the rung, and is not kept in the store.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from mathb_kit.errors import MathbError
from mathb_kit.grading.equivalence import climb, read
from mathb_kit.grading.expressions import read_expression
from mathb_kit.grading.polynomials import approximate
from mathb_kit.grading.sides import sides
from mathb_kit.grading.structures import parts_of
from mathb_kit.verdicts import Verdict

_BASED = re.compile(r"(?P<digits>[0-9A-Fa-f]+)_(?:\{\w+\}|\d)")
_PERCENT = re.compile(r"(?P<number>.*\d)\s*%")
_DECIMAL = re.compile(r"-?\d*\.\d+")
_LEAST_PLACES = 2


def _base_left_out(gold: str, answer: str) -> bool | None:
    """``52`` for ``52_8``: the same digits, where one side names no base."""
    found = [_BASED.fullmatch(text) for text in (gold, answer)]
    if (found[0] is None) == (found[1] is None):
        return None
    based, plain = (found[0], answer) if found[0] else (found[1], gold)
    return True if based["digits"].lstrip("0") == plain.lstrip("0") else None


def _percent_left_out(gold: str, answer: str) -> bool | None:
    """``28`` for ``28\\%``, whatever stands in the gold."""
    found = [_PERCENT.fullmatch(text) for text in (gold, answer)]
    if (found[0] is None) == (found[1] is None):
        return None
    percent, other = (found[0], answer) if found[0] else (found[1], gold)
    return True if climb(percent["number"], other).equal else None


def _rounded(gold: str, answer: str) -> bool | None:
    """``1.414`` for ``\\sqrt{2}``: a decimal of two places or more that is the gold, rounded there."""
    if not _DECIMAL.fullmatch(answer) or (value := read_expression(gold)) is None:
        return None
    places, exact = Decimal(answer), approximate(value)
    if exact is None or -places.as_tuple().exponent < _LEAST_PLACES:
        return None
    return True if any(exact.quantize(places, way) == places for way in (ROUND_HALF_UP, ROUND_HALF_EVEN)) else None


def _left_side_left_out(gold: str, answer: str) -> bool | None:
    """``m + n = 5`` for ``5``: whatever stands left of an answer's one equals sign goes."""
    parts = sides(answer)
    return True if len(parts) == 2 and "=" not in gold and climb(gold, parts[1]).equal else None


def _in_order(gold: str, answer: str) -> bool | None:
    """``3, 1`` is not ``1, 3``: lists without parentheses keep their order."""
    g, a = parts_of(gold), parts_of(answer)
    if g.brackets or a.brackets or len(g.parts) < 2 or len(g.parts) != len(a.parts) or g.names or a.names:
        return None
    return False if any(climb(one, other).equal is False for one, other in zip(g.parts, a.parts)) else None


CONVENTIONS: dict[str, Callable[[str, str], bool | None]] = {
    "base": _base_left_out,
    "percent": _percent_left_out,
    "rounded": _rounded,
    "left-side": _left_side_left_out,
    "ordered": _in_order,
}
"""Name -> what a switch says of a normalised gold and answer: True, False, or None for what the ladder said."""


def checked(names: Iterable[str]) -> tuple[str, ...]:
    """The names, if all are conventions.

    Raises:
        MathbError: one is not.
    """
    names = tuple(names)
    if unknown := [name for name in names if name not in CONVENTIONS]:
        raise MathbError(f"Unknown convention {unknown[0]!r}; choose among {', '.join(CONVENTIONS)}.")
    return names


def under(names: Collection[str], gold: str, answer: str, decision: tuple[str, str]) -> tuple[str, str]:
    """(verdict, rung) of a pair under conventions; a changed verdict names the convention in place of the rung."""
    verdict, _ = decision
    if not names or verdict not in ("correct", "wrong"):
        return decision
    texts = read(gold), read(answer)
    for name in names:
        equal = CONVENTIONS[name](*texts)
        if equal is not None and equal != (verdict == Verdict.CORRECT):
            return ("correct" if equal else "wrong"), f"convention: {name}"
    return decision
