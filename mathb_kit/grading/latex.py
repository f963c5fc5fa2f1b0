r"""One spelling for answers that differ only in typesetting.

``normalise`` removes what a reader does not see (delimiters, spacing commands, ``\left`` and ``\right``) and settles
variant spellings (``\dfrac``, ``\frac12``, ``\sqrt2``, Unicode signs). It changes no value: what depends on meaning
(units, percent, labels) is left to the rungs of the ladder.
"""

from __future__ import annotations

import re

_CHARACTERS = str.maketrans(
    {
        "\u2212": "-", "\u2013": "-", "\u2010": "-", "\u2011": "-", "\uff0d": "-",
        "\u00a0": " ", "\u2002": " ", "\u2003": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ",
        "\uff0c": ",", "\uff1a": ":", "\uff1b": ";", "\u3002": ".", "\uff08": "(", "\uff09": ")", "\uff1d": "=",
        "\u00d7": r" \times ", "\u22c5": r" \cdot ", "\u00b7": r" \cdot ", "\u00f7": "/", "\u03c0": r" \pi ",
        "\u221e": r" \infty ", "\u2264": r" \leq ", "\u2265": r" \geq ", "\u2260": r" \neq ", "\u2248": r" \approx ",
        "\u00b1": r" \pm ", "\u222a": r" \cup ", "\u2229": r" \cap ", "\u2208": r" \in ", "\u00b0": r"^\circ",
        "\u221a": r"\sqrt", "\u00b2": "^{2}", "\u00b3": "^{3}", "\u2044": "/", "\uff05": "%",
        # Invisible: bidirectional marks, zero-width characters, byte-order mark, NUL.
        **dict.fromkeys((*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF, 0), ""),
        **{0xFF10 + digit: str(digit) for digit in range(10)},
    }
)  # fmt: skip

_END = r"(?![A-Za-z])"
_REPLACEMENTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\begin\{(?:align|aligned|equation|gather|math|displaymath)\*?\}|\\end\{(?:align|aligned|equation|gather|math"
         r"|displaymath)\*?\}", " "),
        (rf"\\(?:displaystyle|textstyle|limits|nolimits|noindent|bf|rm|it|boldsymbol){_END}", " "),
        (rf"\\m?(?:left|right|middle|[bB]igg?[lrm]?){_END}\s*\.?", ""),
        (r",\s*\\!\s*|\s*\{\s*,\s*\}\s*", ","),
        (r"(?<!\\)\\!", ""),
        (rf"(?<!\\)\\(?:[,;:> ]|q?quad|enspace{_END}|thinspace{_END})|~|\\hspace\*?\{{[^{{}}]*\}}", " "),
        (rf"\\[dtc]frac{_END}", r"\\frac"),
        (rf"\\(?:dbinom|tbinom){_END}", r"\\binom"),
        (r"\\mathbb\s*([A-Z])", r"\\mathbb{\1}"),
        (rf"\\varnothing{_END}|\\\{{\s*\\\}}", r"\\emptyset"),
        (r"_\s*(\d)(?=\s)", r"_{\1}"),
        (r"\\frac\s*(\d)", r"\\frac{\1}"),
        (r"(\\frac\s*\{[^{}]*\})\s*(\d|[A-Za-z])", r"\1{\2}"),
        (r"\\?(?<![A-Za-z])sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"\\sqrt\s*(\d|[A-Za-z])", r"\\sqrt{\1}"),
        (rf"\\le{_END}|\\leqslant{_END}|<=", r" \\leq "),
        (rf"\\ge{_END}|\\geqslant{_END}|>=", r" \\geq "),
        (rf"\\ne{_END}|!=", r" \\neq "),
        (rf"\\lt{_END}", " < "),
        (rf"\\gt{_END}", " > "),
        (rf"\\(?:simeq|thickapprox){_END}", r" \\approx "),
        (rf"\\(?:lbrace){_END}", r"\\{"),
        (rf"\\(?:rbrace){_END}", r"\\}"),
        (r"(?<![A-Za-z\\])(?:infinity|inf|oo)(?![A-Za-z])", r"\\infty"),
        (r"\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree" + _END, r"^\\circ"),
        (r"\\%", "%"),
    )
)  # fmt: skip
_DELIMITERS = re.compile(r"\\?\$|(?<!\\)\\[()\[\]]")
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|textnormal|textsf|mathrm|mathbf|mathit|mbox|operatorname)\s*\{([^{}]*)\}"
)
_DOUBLED = re.compile(r"\\\\(?=[A-Za-z{}(\[])")


def normalise(text: str) -> str:
    """The text in one spelling; ``\\text{...}`` is kept, see ``plain``."""
    text = _collapsed(text.translate(_CHARACTERS))
    if "\\begin{" not in text:  # there a doubled backslash separates rows; elsewhere it is a JSON escape too many
        text = _DOUBLED.sub(r"\\", text)
    text = _DELIMITERS.sub("", text)
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    text = text.strip().strip("*").strip()
    return _collapsed(text.rstrip(" .,;:\\"))


def _collapsed(text: str) -> str:
    """Runs of white space as one space, or as one line break if they hold one (a line break ends a number)."""
    text = re.sub(r"[^\S\n]++", " ", text)
    return re.sub(r" ?\n[ \n]*+", "\n", text).strip()


def plain(text: str) -> str:
    r"""A normalised text with ``\text{...}`` and its kin replaced by what they hold."""
    return _TEXT.sub(r" \1 ", text).strip()


def squeezed(text: str) -> str:
    """A normalised text without white space, except where it parts two letters or digits."""
    return re.sub(r"(?<![A-Za-z0-9])\s+|\s+(?![A-Za-z0-9])", "", text.strip())


def split_top(text: str, separators: re.Pattern[str]) -> list[str]:
    """Split where a separator stands outside all brackets; brackets are matched by count, not by kind."""
    parts, depth, start, i = [], 0, 0, 0
    while i < len(text):
        if depth == 0 and (found := separators.match(text, i)):
            parts.append(text[start:i])
            start = i = found.end()
            continue
        char = text[i]
        depth += (char in "([{") - (char in ")]}")
        i += 1
    return [part.strip() for part in (*parts, text[start:])]
