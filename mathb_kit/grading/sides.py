r"""Equals signs: what the left side of ``x = 2`` names, and whether it may be left out.

A name may ("x", "f(x)", "P(D)", "the angle ABC"), and so may arithmetic ("3 + 4 = 7"). What says something of its own
("x + y", "xy", "11a + c") may not, and two different names of one value are two answers.
"""

from __future__ import annotations

import re

from mathb_kit.grading.expressions import read_expression
from mathb_kit.grading.latex import plain, split_top, squeezed
from mathb_kit.grading.numerals import read_number

AND = (
    r"(?<![A-Za-z\\])(?:and|or|oder|und|ou|et)(?![A-Za-z])|\\text\s*\{\s*,?\s*(?:and|or|oder|und|ou|et|[或和且])\s*,?\s*\}"
    r"|\\(?:vee|lor)\b|或|和|且|または|또는|или"
)
SEPARATOR = re.compile(rf",|;|、|{AND}")

_EQUALS = re.compile(r"(?<![<>\\:])=")
_LETTER = re.compile(r"(?<![A-Za-z\\])[A-Za-z]")
_NAME_ALONE = re.compile(r"[A-Za-z]")
# What may stand left of the equals sign that introduces a value: names, not something to be solved.
NAME = re.compile(
    r"(?:(?<=[A-Za-z}])\([^()]*+\)|[^\W\d_]|\\(?!(?:frac|sqrt|log|ln|sum|prod|int)\b)[A-Za-z]++|\^\{-1\}(?=\()"
    r"|\\frac\{d\w?\}\{d\w\}|_\{?\w++\}?|[(){}|,:'\s])++"
)
_PRODUCT = re.compile(r"(?!(?:max|min|sum|gcd|lcm|ans|avg|age|no)\b)[a-z]\s*[a-z](?:\s*[a-z])?")
_ABSOLUTE = re.compile(r"\|\s*[a-z]\s*\|")
_RATIO_OF_NAMES = re.compile(
    r"\\frac\s*\{(?P<n>[^{}\d+\-]{1,12})\}\s*\{(?P<d>[^{}\d+\-]{1,12})\}"
    r"|(?P<a>[^\d/:+\-]{1,12}(?:_\{\w+\})?)\s*[/:]\s*(?P<b>[^\d/:+\-]{1,12})"
)
_CAPITALS = re.compile(r"(?:\\?[A-Z_{}'\s\d]+|\\(?:angle|triangle|overline|text)\s*)+")
_ARITHMETIC = re.compile(r"(?:[\d.,+\-*/^(){}\s]|\\(?:times|cdot|div|frac))++")
_ARGUMENTS = re.compile(r"\([^()]*\)")
_OF_LETTER = re.compile(r"\(([a-z])\)$")
_SYMBOL = re.compile(r"(?:\\[A-Za-z]+|[A-Za-z])(?:_\{?\w+\}?)?'*")
_POINTS = re.compile(
    r"(?P<kind>m?\s*\\[a-z]+)?\s*\{?(?P<points>(?(kind)[A-Z]{1,4}|[A-Z]{2,4}))\}?|\|(?P<bars>[A-Z]{2})\|"
)
_APPLIED = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc|log|ln|frac)(?![A-Za-z])")


def value_of(text: str, *, strict: bool = False) -> str:
    """The right side of ``name = value``; of ``3 + 4 = 7`` too; anything else as it is.

    ``strict``: of an answer, from which less may go than from the gold: no product of letters, no ratio but of figures.
    """
    if "=" not in text:
        return text
    *left, value = sides(text)
    if not value or not left or ("," in left[0] and not SEPARATOR.search(value)):
        return text
    if any(len(split_top(side, SEPARATOR)) > 1 for side in left[1:]):
        return text  # x = a or x = b
    if len(left) == 1 and _NAME_ALONE.fullmatch(value) and read_number(left[0]):
        return left[0]  # 3 = x
    return value if all(_introduces(side, value, strict) for side in left) else text


def _introduces(side: str, value: str, strict: bool) -> bool:
    if not side:
        return True
    if ratio := _RATIO_OF_NAMES.fullmatch(side):
        names = [name for name in ratio.groups() if name]
        return all(NAME.fullmatch(name) and (not strict or _CAPITALS.fullmatch(name)) for name in names)
    if NAME.fullmatch(side):
        return not (strict and (_PRODUCT.fullmatch(side.strip()) or _ABSOLUTE.fullmatch(side.strip())))
    if _LETTER.search(side):
        return False
    if _ARITHMETIC.fullmatch(side):
        return not _LETTER.search(value)
    computed = read_expression(side)
    return computed is not None and all("(" in name for name in computed.names())  # \log_2 8 = 3


def label_rung(gold: str, answer: str) -> bool | None:
    r"""False where both sides name what they state, and name different things: ``x = 5`` and ``y = 5``."""
    if "=" not in gold or "=" not in answer:
        return None
    g, a = sides(gold), sides(answer)
    if len(g) != 2 or len(a) != 2 or len(split_top(gold, SEPARATOR)) > 1 or len(split_top(answer, SEPARATOR)) > 1:
        return None
    names = [squeezed(plain(side)) for side in (g[0], a[0])]
    if names[0] == names[1] or not all(NAME.fullmatch(name) for name in names):
        return None
    bases = [_ARGUMENTS.sub("", name) for name in names]
    if bases[0].casefold() == bases[1].casefold():  # f(2) and f(3), P(A) and P(B)
        arguments = [re.findall(r"-?\d+|[A-Z]", name[len(base) :]) for name, base in zip(names, bases)]
        if all(arguments):
            return False if arguments[0] != arguments[1] else None
        letters = [found[1] if (found := _OF_LETTER.search(name)) else "" for name in names]
        if all(letters) and letters[0] != letters[1]:  # f(t) = 2t is f(x) = 2x, and f(t) = 2x is not
            return False if _mentions(a[1], letters[0]) and not _mentions(a[1], letters[1]) else None
        return None
    if all(map(_APPLIED.match, names)):
        return False
    if all(map(_SYMBOL.fullmatch, bases)):
        applied = [name != base for name, base in zip(names, bases)]
        is_equation_of_both = _mentions(g[1], bases[1]) or _mentions(a[1], bases[0])
        return None if applied[0] != applied[1] or is_equation_of_both else False
    figures = [_POINTS.fullmatch(name) for name in names]
    if all(figures):
        kinds = [figure["kind"] or "" for figure in figures]
        points = [figure["points"] or figure["bars"] for figure in figures]
        alike = kinds[0].lstrip("m") == kinds[1].lstrip("m") or "" in kinds
        return None if alike and points[0] in (points[1], points[1][::-1]) else False
    return None


def _mentions(text: str, name: str) -> bool:
    return bool(re.search(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z])", text))


def is_equation(text: str) -> bool:
    """Whether a normalised text has an equals sign outside all brackets."""
    return "=" in text and len(sides(text)) > 1


def sides(text: str) -> list[str]:
    """What the equals signs outside all brackets part."""
    return split_top(text, _EQUALS)
