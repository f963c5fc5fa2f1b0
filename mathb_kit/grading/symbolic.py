r"""The last rung: math-verify, vetoed by exact arithmetic at points. Runs in a worker process only.

math-verify 0.9 calls 1/2^99 and 1/2^98 equal (it compares 15 digits), x and X too, and rounds decimals at six places.
So decimals become exact fractions and names keep their case before it compares, and every "equal" of it is checked
again (``refutation``).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from mathb_kit.grading.closed_forms import equal_by_value
from mathb_kit.grading.equivalence import climb, list_rung
from mathb_kit.grading.latex import plain
from mathb_kit.grading.matrices import table_rung
from mathb_kit.grading.numerals import read_number
from mathb_kit.grading.refutation import certainly_different
from mathb_kit.grading.sides import is_equation, value_of
from mathb_kit.grading.units import without_unit

EQUAL = ("equal", "values", "positive names")

_PERCENT = re.compile(r"(\d+(?:\.\d+)?|\\frac\{[^{}]*\}\{[^{}]*\})\s*%")
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_DEGREES = re.compile(r"(\d+(?:\.\d+)?)\s*\^\\circ")
_DECIMAL = re.compile(r"(?<![\d.])(\d*)\.(\d+)(?![\d.])")
_OF_NAMES = re.compile(r"\\frac\s*\{\s*(?:d|\\partial)\s*[A-Za-z]\s*\}\s*\{\s*(?:d|\\partial)\s*[A-Za-z]\s*\}")
_FACTORIAL_POWER = re.compile(r"(\w|\([^()]*\))!\s*\^")
# math-verify reads "5 6" as 11, "1011_2" as 1011, f' as f and A^T as A.
_MISREAD = re.compile(r"\d\s+\d|\d\s*_|'|\^\s*\{?\s*(?:T|\\top|\\intercal)(?![A-Za-z])")
# It multiplies the letters of a word, whose order does not matter then.
_WORDS = re.compile(
    r"(?<![A-Za-z\\])(?!(?:sqrt|sin|cos|tan|cot|sec|csc|log|exp|mod|gcd|lcm|max|min|[bpvBV]?matrix|array|cases)"
    r"(?![A-Za-z]))(?:[A-Za-z]{3,}|(?:to|by|of|or|vs|is|in)(?![A-Za-z]))"
)


def compare(gold: str, answer: str) -> str:
    """One of ``EQUAL``, or ``different``, ``vetoed`` (math-verify's "equal" is refuted) or ``unreadable``.

    Lists and matrices that the cheap rungs could not decide are compared part by part.

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
            equal = None if outcome == "unreadable" else outcome in EQUAL
        return equal

    equal = table_rung(gold, answer, same)
    equal = list_rung(gold, answer, same) if equal is None else equal
    if equal is None:
        return _compare_one(gold, answer)
    return "equal" if equal else "vetoed" if "vetoed" in outcomes else "different"


def _compare_one(gold: str, answer: str) -> str:
    from math_verify import verify

    if not is_equation(gold):
        answer = value_of(answer, strict=True)
    if not is_equation(answer):
        gold = value_of(gold)
    if is_equation(gold) != is_equation(answer):
        return "different"
    if any(map(_is_misread, (gold, answer))):
        return "unreadable"
    g, a = _parse(gold), _parse(answer)
    if g is None or a is None:
        return "unreadable"
    if not verify(g, a, allow_set_relation_comp=True, timeout_seconds=None):
        return equal_by_value(g, a) or "different"
    return "vetoed" if certainly_different(g, a) else "equal"


def _is_misread(text: str) -> bool:
    return bool(_MISREAD.search(text) or _OF_NAMES.search(text) or _WORDS.search(plain(without_unit(text))))


def _parse(text: str) -> Any:
    """A SymPy object, None where math-verify's parser reads none. Names keep their case; i is the imaginary unit."""
    from latex2sympy2_extended import NormalizationConfig, latex2sympy, normalize_latex
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig
    from sympy import I

    if number := read_number(text):
        value = Fraction(number.value) / (100 if number.percent else 1)
        text = rf"\frac{{{value.numerator}}}{{{value.denominator}}}" if value.denominator > 1 else f"{value}"
    if _TRIGONOMETRY.search(text):
        text = _DEGREES.sub(r"(\\frac{\1}{180}\\pi)", text)
    text = _DECIMAL.sub(_exact_decimal, _PERCENT.sub(r"\\frac{\1}{100}", without_unit(text)))
    text = _FACTORIAL_POWER.sub(r"(\1!)^", text)
    # The unit list of its normalisation would turn 3x + 2t into 3x + 2; units are gone already.
    config = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none")
    try:
        found = latex2sympy(
            normalize_latex(text, config),
            is_real=True,
            normalization_config=None,
            conversion_config=ConversionConfig(lowercase_symbols=False),
        )
    except Exception:  # its parser raises what it likes; no object is no verdict
        return None
    if hasattr(found, "free_symbols") and (units := [symbol for symbol in found.free_symbols if symbol.name == "i"]):
        found = found.subs({symbol: I for symbol in units})
    return found


def _exact_decimal(match: re.Match[str]) -> str:
    whole, decimals = match.groups()
    return rf"\frac{{{(whole + decimals).lstrip('0') or '0'}}}{{1{'0' * len(decimals)}}}"
