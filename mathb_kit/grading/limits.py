r"""What is too much to ask of SymPy.

A pair that passes may still take long: the worker's clock and memory limit are the guard, this is the sieve that
keeps the common monsters (towers, huge factorials and binomials, deep nesting, babble) from costing seconds each.
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 1000
MAX_DEPTH = 40

_LONG_NUMERAL = re.compile(r"\d{400}")
_HUGE_EXPONENT = re.compile(r"\^\s*\{?\s*-?\s*\(?\s*[\d,]{6}")
# An exponent, or its exponent, that is itself a power of numerals: 2^{2^{49}}, 9^9^9.
_TOWER = re.compile(r"\d\s*\^\s*[{(]*\s*\d+\s*[})]*\s*\^|\^\s*[{(]+\s*[\d.]+\s*\^")
_HUGE_FACTORIAL = re.compile(r"\d{5}\s*\}?\)?\s*!|!\s*\)?\s*!")
_HUGE_BINOMIAL = re.compile(r"\\binom\s*\{?\s*[\d,]{6}")


def over_limit(text: str) -> str | None:
    """Why a normalised text is not handed to SymPy, None if it may be."""
    if len(text) > MAX_CHARACTERS:
        return "length"
    depth = deepest = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        return "nesting"
    if _LONG_NUMERAL.search(text) or _HUGE_EXPONENT.search(text) or _TOWER.search(text):
        return "magnitude"
    if _HUGE_FACTORIAL.search(text) or _HUGE_BINOMIAL.search(text):
        return "magnitude"
    return None
