r"""Expressions that have no value: what computes with infinity or divides by zero equals nothing but itself.

``5`` is not ``\infty - \infty + 5``: a form in which infinity cancels would let any answer be dressed up as another.
"""

from __future__ import annotations

import re

from mathb_kit.grading.expressions import is_undefined

# Where infinity is a bound and not a value: limits, sums, integrals.
_BOUND = re.compile(
    r"\\(?:to|rightarrow|longrightarrow)(?![A-Za-z])\s*[-+]?\s*\\infty"
    r"|(?:\\(?:sum|prod|i*int|lim|big(?:cup|cap))(?![A-Za-z])|\|)"
    r"(?:\s*[_^]\s*(?:\{(?:[^{}]|\{[^{}]*\})*\}|[-+]?\\[A-Za-z]+|\S)){1,2}"
)
_OPERAND = r"(?:[\w)\]!}|]|\\(?:cdot|times|div|pi)|[*/^])"
_COMPUTED = re.compile(
    rf"{_OPERAND}\s*\\infty|{_OPERAND}\s*[-+]\s*\\infty|(?<!\\)\{{\s*[-+]?\s*\\infty|[_^]\s*\\infty"
    r"|\\?(?:max|min)\s*[({][^=]*\\infty|\\(?:ln|log|exp|sin|cos|tan|arctan|sqrt)\s*\(?\s*[-+]?\s*\\infty"
    r"|\\infty\s*(?:[-+*/^!\w(]|\\(?:cdot|times|div|frac|sqrt|infty|pi)(?![A-Za-z]))"
)
_BY_ZERO = re.compile(r"\\frac\s*\{(?:[^{}]|\{[^{}]*\})*\}\s*\{\s*0\s*\}|/\s*0(?![.\d])")
_MAY_BE = re.compile(r"/|\\(?:frac|tan|cot|sec|csc|log|ln)|\^")


def undefined_rung(gold: str, answer: str) -> bool | None:
    """False where either side has no value; an equal spelling was accepted before."""
    return False if _has_no_value(answer) or _has_no_value(gold) else None


def _has_no_value(text: str) -> bool:
    if "\\infty" in text and _COMPUTED.search(_BOUND.sub(" ", text)):
        return True
    if not _MAY_BE.search(text):
        return False
    return bool("0" in text and _BY_ZERO.search(text)) or is_undefined(text)
