"""Whether two statements are one problem in other words, or two problems that only look alike.

They are the same if

1. no number stands in one of them only, and no word that turns a problem round (odd, even, maximum, minimum, not ...);
2. between the places where they agree, no piece of a formula was changed, put in or left out (letters may be renamed
   throughout), and no number or word was replaced by another of its kind;
3. they share enough of their tokens, and what is asked has a token in common.

The first two decide, whatever the score: most texts that are nearly equal and differ in a number have other golds.
"""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher

from mathb_kit.construction.tokens import BRACKETS, Statement, is_number, is_prose

THRESHOLD = 0.8
"""Least share of common tokens (Dice) of two statements that are one problem; see ``bench/near_duplicates.py``."""

_RENAMED = 0.3  # what renamed letters may cost a short statement

# Of one group, none may stand where the other statement has another.
_GROUPS = {
    word: group
    for group, words in enumerate(
        (
            "sum product difference quotient remainder ratio average mean median mode range number",
            "area perimeter volume radius radii diameter circumference center length width height angle surface",
            "triangle square rectangle rhombus trapezoid parallelogram pentagon hexagon heptagon octagon circle cube"
            " tetrahedron octahedron sphere cone cylinder prism pyramid ellipse hyperbola parabola",
            "half double doubled triple tripled quadrupled twice thrice",
            "ace king queen jack heart diamond spade club red black white blue green yellow",
            "interior exterior row column inside outside left right first second third last",
            "unit ten hundred thousand tenth hundredth",
            "sine cosine tangent cotangent secant cosecant",
            "real imaginary",
            "rational irrational",
            "before after",
            "edge vertex face diagonal",
            "exactly atleast atmost",
            "union intersection",
            "numerator denominator",
            "divisor multiple",
            "arithmetic geometric harmonic",
            "horizontal vertical",
            "parallel perpendicular",
            "acute obtuse",
            "north south east west",
            "head tail",
            "boy girl man woman men women male female",
            "inclusive exclusive",
            "prime composite",
            "hypotenuse leg",
            "hour minute day week month year",
            "monday tuesday wednesday thursday friday saturday sunday",
            "inch foot feet yard mile meter metre centimeter centimetre kilometer kilometre",
        )
    )
    for word in words.split()
}
_GREEK = frozenset(rf"\{name}" for name in "alpha beta gamma delta epsilon theta lambda mu omega phi varphi".split())
_SILENT = frozenset("=*")  # "AB = 5" is "AB is 5", and a factor needs no sign


def same_problem(one: Statement, other: Statement, threshold: float = THRESHOLD) -> float | None:
    """Share of common tokens (Dice, 0 to 1) of two statements of one problem; None if they are two problems."""
    if not (one.numbers <= other.spelt and other.numbers <= one.spelt) or one.deciding != other.deciding:
        return None
    if one.extra and other.extra and one.extra != other.extra:
        return None
    score = _dice(one.content, other.content)
    if score < threshold - _RENAMED or (one.asked and other.asked and one.asked.isdisjoint(other.asked)):
        return None
    if (renamed := _renaming(one.tokens, other.tokens)) is None:
        return None
    if score < threshold and tuple(renamed.get(token, token) for token in one.tokens) == other.tokens:
        return 1.0  # in a short statement the letters are much of what there is
    return score if score >= threshold else None


def _dice(one: Counter[str], other: Counter[str]) -> float:
    return 2 * (one & other).total() / ((one.total() + other.total()) or 1)


def _renaming(one: tuple[str, ...], other: tuple[str, ...]) -> dict[str, str] | None:
    """Which letters were renamed, where two sequences differ in no formula otherwise; None where one changed."""
    if one == other:
        return {}
    renamed: set[tuple[str, str]] = set()
    for kind, i, j, k, n in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if _turned_round(one[i:j], other[k:n]):
            return None
        left, right = _of_formulas(one, i, j), _of_formulas(other, k, n)
        if left == right or not {*left, *right} - _SILENT:
            continue
        for of_kind in (is_number, _is_sign):
            pair = [sorted(filter(of_kind, side)) for side in (left, right)]
            if all(pair) and pair[0] != pair[1]:
                return None
        if any(map(is_prose, one[i:j] + other[k:n])) or _names_in_prose(one, i, j, other, k, n):
            continue
        if len(left) == len(right) and all(map(_is_letter, left + right)):
            renamed.update(zip(left, right))
        else:
            return None
    return dict(renamed) if _consistent(renamed, one, other) else None


def _turned_round(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Whether a word gave way to another one of its group."""
    words = [{word for word in side if word in _GROUPS} for side in (left, right)]
    only = [words[0] - words[1], words[1] - words[0]]
    return bool({_GROUPS[word] for word in only[0]} & {_GROUPS[word] for word in only[1]})


def _of_formulas(tokens: tuple[str, ...], start: int, stop: int) -> list[str]:
    """Tokens of formulas and spelt numbers from start to stop, without brackets that stand beside a word."""
    kept = []
    for index in range(start, stop):
        token = tokens[index]
        if token in BRACKETS:
            beside = [tokens[p] for p in (index - 1, index + 1) if 0 <= p < len(tokens)]
            if len(beside) < 2 or any(map(is_prose, beside)):
                continue
        if token[0] == "#" or not is_prose(token):
            kept.append(token.lstrip("#"))
    return kept


def _names_in_prose(one: tuple[str, ...], i: int, j: int, other: tuple[str, ...], k: int, n: int) -> bool:
    """Whether one side only holds something, names of points or the like, in a list and not in a formula."""
    if i < j and k < n:
        return False
    tokens, start, stop = (one, i, j) if i < j else (other, k, n)
    return all(token.isalpha() for token in tokens[max(start - 1, 0) : stop + 1])


def _is_sign(token: str) -> bool:
    return not token[-1].isalnum() and token not in BRACKETS and token not in _SILENT


def _is_letter(token: str) -> bool:
    return token in _GREEK or (len(token) == 1 and token.isalpha() and not is_prose(token))


def _consistent(renamed: set[tuple[str, str]], one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether letters were renamed one to one, throughout, and to new ones: x and y that change places turn a curve."""
    old, new = {a for a, _ in renamed}, {b for _, b in renamed}
    if old & new or not len(old) == len(new) == len(renamed):
        return False
    return not old & set(other) and not new & set(one)
