r"""Equality by value, where no rewriting shows it. Runs in a worker process only.

Two closed forms without names (rationals, roots, sines and their kin at rational multiples of pi) are equal if they
agree to 400 digits: no two different numbers written in so few characters come so close. Two forms with roots or
logarithms of names are equal **for positive names** if they are at three positive points, to 400 digits, and where
one name is negative and all roots in them are real: ``\sqrt{1/n}`` is ``1/\sqrt{n}``, but ``\sqrt{x^2}`` is not ``x``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sympy

_DIGITS = 400
_MAX_LITERAL = 10**15
_MAX_EXPONENT = 20
_MAX_NAMES = 5
_MAX_DENOMINATOR = 1000  # of a multiple of pi


def equal_by_value(gold: sympy.Expr, answer: sympy.Expr) -> str | None:
    """``values`` or ``positive names``, which is the assumption made; None where neither can be told."""
    import sympy

    if not (isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr)):
        return None
    if not (_is_plain(gold) and _is_plain(answer)):
        return None
    names = sorted(gold.free_symbols | answer.free_symbols, key=str)
    if not names:
        return "values" if _agree(gold, answer, {}) else None
    has_branches = any(_has_branches(side) for side in (gold, answer))
    if not has_branches or len(names) > _MAX_NAMES or gold.free_symbols != answer.free_symbols:
        return None
    points = [
        {name: sympy.Rational(7 + 4 * i + 9 * j, 5 + 3 * j + 2 * i) for i, name in enumerate(names)} for j in range(3)
    ]
    if not all(_agree(gold, answer, point) for point in points):
        return None
    for name in names:
        if _agree(gold, answer, {**points[0], name: -points[0][name]}) is False:
            return None
    return "positive names"


def _agree(gold: sympy.Expr, answer: sympy.Expr, point: dict) -> bool | None:
    """Whether both have one value at a point; None where either, or a root in it, is not real there."""
    import sympy

    if point and not all(_is_real(side, point) for side in (gold, answer)):
        return None
    values = [side.subs(point).evalf(_DIGITS) for side in (gold, answer)]
    if not all(value.is_Float or value.is_Rational for value in values):
        return None
    scale = max(1, *map(abs, values))
    return bool(abs(values[0] - values[1]) < scale * sympy.Rational(1, 10 ** (_DIGITS - 20)))


def _is_real(expression: sympy.Expr, point: dict) -> bool:
    """Whether no root of a negative number and no logarithm of one is taken at a point."""
    import sympy

    roots = [power.base for power in expression.atoms(sympy.Pow) if not power.exp.is_integer]
    arguments = [*roots, *(logarithm.args[0] for logarithm in expression.atoms(sympy.log))]
    values = [part.subs(point).evalf(30) for part in arguments]
    return all(value.is_real and value >= 0 for value in values)


def _has_branches(expression: sympy.Expr) -> bool:
    import sympy

    return expression.has(sympy.log) or any(
        not power.exp.is_integer and power.base.free_symbols for power in expression.atoms(sympy.Pow)
    )


def _is_plain(expression: sympy.Expr) -> bool:
    """Whether an expression is made of what this module can tell apart by 400 digits."""
    import sympy

    for part in sympy.preorder_traversal(expression):
        if isinstance(part, sympy.Rational):
            if max(abs(part.p), part.q) > _MAX_LITERAL:
                return False
        elif isinstance(part, sympy.Pow):
            exponent = part.exp
            if not exponent.is_Rational or max(abs(exponent.p), exponent.q) > _MAX_EXPONENT:
                return False
        elif isinstance(part, sympy.functions.elementary.trigonometric.TrigonometricFunction):
            turns = part.args[0] / sympy.pi
            if not expression.free_symbols and not (turns.is_Rational and turns.q <= _MAX_DENOMINATOR):
                return False
        elif not isinstance(part, (sympy.Add, sympy.Mul, sympy.Symbol, sympy.log, sympy.NumberSymbol)):
            return False
    return True
