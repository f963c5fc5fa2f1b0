"""One pair from top to bottom: the ladder, the size limits, the symbolic rung. Runs in a worker process only.

An over-long answer is mostly babble, which should not count as a failure of the grader if it plainly is not the gold.
Told apart are only the two kinds where no reader could find an integer: prose that computes nothing and in which the
integer's digits do not occur, and a list of integers with another one among them.
"""

from __future__ import annotations

import re

import math_verify  # noqa: F401  (with the module: the clock of the first task must not pay for the import)

from mathb_kit.grading.equivalence import decide, read
from mathb_kit.grading.limits import over_limit
from mathb_kit.grading.symbolic import compare

# What the symbolic rung says -> (equal, rung).
_SYMBOLIC = {
    "equal": (True, "symbolic"),
    "values": (True, "values"),
    "positive names": (True, "positive names"),
    "different": (False, "symbolic"),
    "vetoed": (False, "numeric veto"),
    "unreadable": (False, "unreadable"),
}

_INTEGER = re.compile(r"-?\d+")
_INTEGERS = re.compile(r"\s*+-?\d++\s*+(?:[,;]\s*+-?\d++\s*+)++")
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}+")
_OPERATION = re.compile(r"[+*/^!=_]|\d\s*+-|\\(?!text|quad|qquad)[A-Za-z]")
_MIN_WORDS = 20


def judge(gold: str, answer: str) -> tuple[bool | None, str]:
    """Whether two texts state the same (None: more than may be asked of SymPy), and the rung that decided.

    Args:
        gold: reference answer.
        answer: extracted answer.
    """
    try:
        decision = decide(gold, answer)
        gold, answer = read(gold), read(answer)
        too_much = over_limit(gold) or over_limit(answer)
    except RecursionError:  # nested deeper than any answer
        return None, "limit"
    if decision.equal is not None:
        return decision
    if too_much:
        why = _never(gold, answer)
        return (False, why) if why else (None, "limit")
    return _SYMBOLIC[compare(gold, answer)]


def _never(gold: str, answer: str) -> str | None:
    """Why an over-long answer cannot be the gold, ``prose`` or ``list``; None if it might."""
    if not _INTEGER.fullmatch(gold):
        return None
    if _INTEGERS.fullmatch(answer):  # a list equals a number if all its members do
        return "list" if any(_value(number) != _value(gold) for number in _INTEGER.findall(answer)) else None
    if _OPERATION.search(answer) or len(_WORD.findall(answer)) < _MIN_WORDS:
        return None
    return "prose" if gold.lstrip("-0") not in re.sub(r"\D", "", answer) else None


def _value(numeral: str) -> str:
    # Digits, not int(): Python refuses to convert very long ones.
    digits = numeral.lstrip("-").lstrip("0")
    return "-" + digits if digits and numeral.startswith("-") else digits
