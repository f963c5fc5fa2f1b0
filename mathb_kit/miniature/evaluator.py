"""Exact evaluation of the miniature's LaTeX statements: the check on golds that no model takes part in."""

from __future__ import annotations

import re
from fractions import Fraction

_TOKEN = re.compile(r"\s*(\d+|[a-z]|\\cdot|\\times|[-+()^{}])")
_MATH = re.compile(r"\$([^$]*)\$")

# Coefficients by unknown; the constant stands under "".
_Linear = dict[str, Fraction]


def evaluate_statement(statement: str) -> Fraction | None:
    """The value a statement asks for, or None where it is not one of the miniature's forms.

    Understands definitions and a question, each between dollar signs, e.g. "Let $a=48+93$, $7b=336$. Find
    $10^{3}a+b$.": every definition an equation in one unknown that is linear in it, with integers, sums, differences,
    products, parentheses and powers of integers.
    """
    if not statement.startswith("Let ") or " Find " not in statement:
        return None
    *definitions, question = _MATH.findall(statement)
    known: _Linear = {}
    try:
        for definition in definitions:
            left, right = map(_linear, definition.split("="))
            difference = _combine(left, right, -1)
            constant = difference.pop("", Fraction(0))
            ((name, coefficient),) = ((n, c) for n, c in difference.items() if c)
            known[name] = -constant / coefficient
        return sum((c * (known[name] if name else 1) for name, c in _linear(question).items()), Fraction(0))
    except (ValueError, KeyError):
        return None


def _combine(left: _Linear, right: _Linear, sign: int) -> _Linear:
    return {name: left.get(name, Fraction(0)) + sign * right.get(name, Fraction(0)) for name in {*left, *right}}


def _linear(text: str) -> _Linear:
    tokens, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(text)
        tokens.append(match[1])
        place = match.end()
    tokens.append("")
    value, rest = _sum(tokens, 0)
    if tokens[rest]:
        raise ValueError(text)
    return value


def _sum(tokens: list[str], at: int) -> tuple[_Linear, int]:
    total: _Linear = {}
    sign = -1 if tokens[at] == "-" else 1
    if tokens[at] in ("+", "-"):
        at += 1
    while True:
        value, at = _product(tokens, at)
        total = _combine(total, value, sign)
        if tokens[at] not in ("+", "-"):
            return total, at
        sign, at = (-1 if tokens[at] == "-" else 1), at + 1


def _product(tokens: list[str], at: int) -> tuple[_Linear, int]:
    value, at = _power(tokens, at)
    while tokens[at] in ("\\cdot", "\\times", "(") or tokens[at].isalnum():
        if tokens[at] in ("\\cdot", "\\times"):
            at += 1
        other, at = _power(tokens, at)
        number, linear = (value, other) if set(value) <= {""} else (other, value)
        if not set(number) <= {""}:
            raise ValueError("not linear")
        value = {name: c * number.get("", Fraction(0)) for name, c in linear.items()}
    return value, at


def _power(tokens: list[str], at: int) -> tuple[_Linear, int]:
    base, at = _factor(tokens, at)
    if tokens[at] != "^":
        return base, at
    at += 1
    braced = tokens[at] == "{"
    exponent, at = _factor(tokens, at + braced)
    if set(base) | set(exponent) != {""} or (braced and tokens[at] != "}"):
        raise ValueError("not a power of integers")
    return {"": base[""] ** int(exponent[""])}, at + braced


def _factor(tokens: list[str], at: int) -> tuple[_Linear, int]:
    token = tokens[at]
    if token.isdigit():
        return {"": Fraction(int(token))}, at + 1
    if token.isalpha():
        return {token: Fraction(1)}, at + 1
    if token == "(":
        value, at = _sum(tokens, at + 1)
        if tokens[at] == ")":
            return value, at + 1
    raise ValueError(f"unexpected {token!r}")
