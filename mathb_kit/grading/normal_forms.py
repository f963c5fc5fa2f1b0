r"""Expressions and equations compared by their exact normal forms (``polynomials``)."""

from __future__ import annotations

import re
from fractions import Fraction

from mathb_kit.grading.expressions import read_expression
from mathb_kit.grading.numerals import read_number
from mathb_kit.grading.polynomials import (
    Quotient,
    add,
    constant,
    divide,
    equal_quotients,
    linear,
    multiply,
    rational,
    same_zeros,
)
from mathb_kit.grading.sides import is_equation, sides, value_of
from mathb_kit.grading.structures import INTEGER
from mathb_kit.grading.units import Quantity, conversion, read_quantity

_IN_RADIANS = re.compile(r"(?:\\text\s*\{\s*)?rad(?:ian)?s?\s*\}?$")
_CIRC = r"^\circ"
_ANGLE = re.compile(r"\\(?:pi|sin|cos|tan|cot|sec|csc)(?![A-Za-z])")
_MAX_DIGITS = 1000


def polynomial_rung(gold: str, answer: str) -> bool | None:
    """Expressions and equations by their exact normal forms, units apart."""
    if is_equation(gold) and is_equation(answer):
        same = _same_equation(gold, answer)
        g, a = value_of(gold), value_of(answer, strict=True)
        if same is not None or is_equation(g) or is_equation(a):
            return same
        return polynomial_rung(g, a)
    gold, answer = value_of(gold), value_of(answer, strict=True)
    if is_equation(gold) or is_equation(answer):
        return False
    g, a = _angles(gold, answer)
    factor = conversion(g.unit, a.unit)
    if factor is None:
        return False
    g_value, a_value = _expression(g.text), _expression(a.text)
    if g_value is None or a_value is None:
        return None
    if INTEGER in gold or INTEGER in answer:
        return _same_family(g_value, a_value)
    return equal_quotients(multiply(g_value, constant(g.scale * factor)), multiply(a_value, constant(a.scale)))


def _expression(text: str) -> Quotient | None:
    """The normal form of an expression, or of a number in one of its other spellings."""
    if (value := read_expression(text)) is not None:
        return value
    if len(terms := text.split(":")) == 2:
        first, second = map(read_expression, terms)
        return divide(first, second) if first and second and second.numerator else None
    number = read_number(text)
    if number is None or number.base != 10 or number.percent or len(str(number.value)) > _MAX_DIGITS:
        return None
    return constant(Fraction(number.value))


def _same_family(gold: Quotient, answer: Quotient) -> bool | None:
    """Whether ``a + b k`` and ``c + d n`` are the same for all integers k and n: b = ±d, and a - c a multiple of b."""
    families = []
    for one, other in ((gold, answer), (answer, gold)):
        own = one.names() - other.names()
        name = INTEGER if INTEGER in one.names() else own.pop() if len(own) == 1 else ""
        families.append(linear(one, name))
    if None in families:
        return None
    (slope, offset), (other_slope, other_offset) = families
    steps = rational(divide(slope, other_slope)), rational(divide(add(offset, other_offset, -1), slope))
    if None in steps:
        return False if gold.is_exact and answer.is_exact else None
    return abs(steps[0]) == 1 and steps[1].denominator == 1


def _angles(gold: str, answer: str) -> tuple[Quantity, Quantity]:
    """Both texts without units; degrees are read as multiples of pi where the other side or a function asks for it."""
    if _CIRC in gold or _CIRC in answer:
        gold, answer = _IN_RADIANS.sub("", gold), _IN_RADIANS.sub("", answer)
        if (_CIRC in gold and _CIRC in answer) or _ANGLE.search(gold + answer):
            return Quantity(gold), Quantity(answer)
    return read_quantity(gold.replace(_CIRC, "")), read_quantity(answer.replace(_CIRC, ""))


def _same_equation(gold: str, answer: str) -> bool | None:
    if len(sides(gold)) != 2 or len(sides(answer)) != 2:
        return None
    left, right, other_left, other_right = map(read_expression, (*sides(gold), *sides(answer)))
    if left is None or right is None or other_left is None or other_right is None:
        return None
    return same_zeros(add(left, right, -1), add(other_left, other_right, -1))
