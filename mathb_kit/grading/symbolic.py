r"""The last rung: math-verify, vetoed by a comparison at high precision. Runs in a worker process only.

math-verify 0.9 calls 1/2^99 and 1/2^98 equal (it compares 15 digits) and rounds decimals at six places. So decimals
become exact fractions before it reads them, and every "equal" of it is checked again: the difference of two numbers
is evaluated until it is certified non-zero or smaller than 1e-300; expressions with variables, equations and
inequalities are compared at a few rational points.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

from mathb_kit.grading.equivalence import climb, is_equation, list_rung, value_of
from mathb_kit.grading.numerals import read_number, without_unit

if TYPE_CHECKING:
    import sympy

_PERCENT = re.compile(r"(\d+(?:\.\d+)?|\\frac\{[^{}]*\}\{[^{}]*\})\s*%")
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_DEGREES = re.compile(r"(\d+(?:\.\d+)?)\s*\^\\circ")
_DECIMAL = re.compile(r"(?<![\d.])(\d*)\.(\d+)(?![\d.])")
# math-verify reads "5 6" as 11 and "1011_2" as 1011.
_MISREAD = re.compile(r"\d\s+\d|\d\s*_")


def compare(gold: str, answer: str) -> str:
    """``equal``, ``different``, ``vetoed`` (math-verify's "equal" is refuted) or ``unreadable``.

    Lists that the cheap rungs could not decide are compared part by part.

    Args:
        gold: normalised text (``equivalence.read``).
        answer: normalised text.
    """
    outcomes: set[str] = set()

    def same(g: str, a: str) -> bool | None:
        equal = climb(g, a).equal
        if equal is None:
            outcome = _compare_one(g, a)
            outcomes.add(outcome)
            equal = None if outcome == "unreadable" else outcome == "equal"
        return equal

    equal = list_rung(gold, answer, same)
    if equal is None:
        return _compare_one(gold, answer)
    return "equal" if equal else "vetoed" if "vetoed" in outcomes else "different"


def _compare_one(gold: str, answer: str) -> str:
    from math_verify import verify

    if not is_equation(gold):
        answer = value_of(answer)
    if not is_equation(answer):
        gold = value_of(gold)
    if is_equation(gold) != is_equation(answer):
        return "different"
    if _MISREAD.search(gold) or _MISREAD.search(answer):
        return "unreadable"
    g, a = _parse(gold), _parse(answer)
    if g is None or a is None:
        return "unreadable"
    if not verify(g, a, allow_set_relation_comp=True, timeout_seconds=None):
        return "different"
    return "vetoed" if _differ(g, a) else "equal"


def _parse(text: str) -> Any:
    """A SymPy object, None where math-verify reads none."""
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    # Its unit list would turn 3x + 2t into 3x + 2; units are gone already.
    config = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="last")
    if number := read_number(text):
        value = Fraction(number.value) / (100 if number.percent else 1)
        text = rf"\frac{{{value.numerator}}}{{{value.denominator}}}" if value.denominator > 1 else f"{value}"
    if _TRIGONOMETRY.search(text):
        text = _DEGREES.sub(r"(\\frac{\1}{180}\\pi)", text)
    text = _DECIMAL.sub(_exact_decimal, _PERCENT.sub(r"\\frac{\1}{100}", without_unit(text)))
    found = parse(
        rf"\boxed{{{text}}}",
        [LatexExtractionConfig(normalization_config=config)],
        fallback_mode="no_fallback",
        parsing_timeout=None,
    )
    return found[0] if found else None


def _exact_decimal(match: re.Match[str]) -> str:
    whole, decimals = match.groups()
    return rf"\frac{{{(whole + decimals).lstrip('0') or '0'}}}{{1{'0' * len(decimals)}}}"


def _differ(gold: Any, answer: Any) -> bool:
    """Whether two SymPy objects are certainly different; False also where this cannot be told."""
    import sympy
    from sympy.core.relational import Relational

    if isinstance(gold, Relational) and isinstance(answer, Relational):
        return _relations_differ(gold, answer)
    if isinstance(gold, sympy.Interval) and isinstance(answer, sympy.Interval):
        return _differ(gold.start, answer.start) or _differ(gold.end, answer.end)
    if isinstance(gold, sympy.MatrixBase) and isinstance(answer, sympy.MatrixBase):
        return gold.shape != answer.shape or any(_differ(g, a) for g, a in zip(gold.flat(), answer.flat()))
    if isinstance(gold, sympy.Tuple) and isinstance(answer, sympy.Tuple):
        return len(gold) != len(answer) or any(_differ(g, a) for g, a in zip(gold, answer))
    if isinstance(gold, sympy.FiniteSet) and isinstance(answer, sympy.FiniteSet):
        return any(all(_differ(g, a) for a in answer) for g in gold) or any(
            all(_differ(g, a) for g in gold) for a in answer
        )
    if isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr):
        return any(_is_nonzero(difference) for difference in _at_points(gold - answer))
    return False


def _relations_differ(gold: sympy.Rel, answer: sympy.Rel) -> bool:
    """Equivalent linear relations are multiples of one another; other kinds are not judged."""
    import sympy

    sides = (gold.lhs, gold.rhs, answer.lhs, answer.rhs)
    if not all(isinstance(side, sympy.Expr) for side in sides):
        return False
    g, a = sides[0] - sides[1], sides[2] - sides[3]
    symbols = sorted(g.free_symbols | a.free_symbols, key=str)
    if not symbols or not all(side.is_polynomial(*symbols) and sympy.Poly(side, *symbols).is_linear for side in (g, a)):
        return False
    values_g, values_a = _at_points(g, symbols), _at_points(a, symbols)
    return any(
        _is_nonzero(values_g[i] * values_a[j] - values_g[j] * values_a[i])
        for i, j in product(range(len(values_g)), repeat=2)
        if i < j
    )


def _at_points(expression: sympy.Expr, symbols: list[sympy.Symbol] | None = None) -> list[sympy.Expr]:
    """The expression at three rational points, or itself if it has no variables."""
    import sympy

    symbols = sorted(expression.free_symbols, key=str) if symbols is None else symbols
    if not symbols:
        return [expression]
    points = [
        {symbol: sympy.Rational(7 + 4 * i + 9 * j, 5 + 3 * j + 2 * i) for i, symbol in enumerate(symbols)}
        for j in range(3)
    ]
    return [expression.subs(point) for point in points]


def _is_nonzero(value: sympy.Expr) -> bool:
    """Certified at up to 300 digits."""
    from sympy.core.evalf import PrecisionExhausted

    try:
        number = value.doit().evalf(20, maxn=300, strict=True)
    except (PrecisionExhausted, NotImplementedError, AttributeError, TypeError, ValueError):
        return False
    return bool(number.is_number and number.is_finite and not number.is_zero)
