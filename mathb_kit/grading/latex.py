r"""One spelling for answers that differ only in typesetting.

``normalise`` removes what a reader does not see (delimiters, spacing commands, ``\left`` and ``\right``) and settles
variant spellings (``\dfrac``, ``\frac12``, ``\sqrt2``, Unicode signs). It changes no value: what depends on meaning
(units, percent, labels) is left to the rungs of the ladder.
"""

from __future__ import annotations

import re

_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi - pi rho - sigma tau upsilon phi chi psi"
    " omega"
)
_CHARACTERS = str.maketrans(
    {
        "\u2212": "-", "\u2013": "-", "\u2010": "-", "\u2011": "-", "\uff0d": "-",
        "\u00a0": " ", "\u2002": " ", "\u2003": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ",
        "\uff0c": ",", "\uff1a": ":", "\uff1b": ";", "\u3002": ".", "\uff08": "(", "\uff09": ")", "\uff1d": "=",
        "\u00d7": r" \times ", "\u22c5": r" \cdot ", "\u00b7": r" \cdot ", "\u00f7": "/",
        "\u221e": r" \infty ", "\u2264": r" \leq ", "\u2265": r" \geq ", "\u2260": r" \neq ", "\u2248": r" \approx ",
        "\u00b1": r" \pm ", "\u222a": r" \cup ", "\u2229": r" \cap ", "\u2208": r" \in ", "\u00b0": r"^\circ",
        "\u221a": r"\sqrt", "\u2044": "/", "\uff05": "%", "\u2032": "'", "\u2019": "'", "\u2217": "*",
        "\u2205": r"\emptyset ", "\u211d": r"\mathbb{R}", "\u2124": r"\mathbb{Z}", "\u2216": r" \setminus ",
        "\u2026": r"\ldots ", "\u22ef": r"\ldots ", "\u2223": "|", "\u27e8": "(", "\u27e9": ")", "\u230a": r"\lfloor ",
        "\u230b": r"\rfloor ", "\u2308": r"\lceil ", "\u2309": r"\rceil ", "\u2227": r" \land ", "\u2228": r" \lor ",
        "\u00bd": r"\frac{1}{2}", "\u00bc": r"\frac{1}{4}", "\u00be": r"\frac{3}{4}", "\u2153": r"\frac{1}{3}",
        "\u2154": r"\frac{2}{3}", "\u00ba": r"^\circ",
        **{chr(0x3B1 + i): rf"\{name} " for i, name in enumerate(_GREEK.split()) if name != "-"},
        # Invisible: bidirectional marks, zero-width characters, byte-order mark, NUL.
        **dict.fromkeys((*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF, 0), ""),
        **{0xFF10 + digit: str(digit) for digit in range(10)},
    }
)  # fmt: skip

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ", "0123456789-n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

_END = r"(?![A-Za-z])"
_GROUP = r"\{(?:[^{}]++|\{[^{}]*+\})*+\}"
_ARGUMENT = rf"(\\sqrt\s*{_GROUP}|\\(?!frac|sqrt|text|math)[A-Za-z]++|[A-Za-z\d])"


def _compiled(*rules: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in rules)


# In order; the first are for texts with a backslash only.
_COMMANDS = _compiled(
    (r"\\begin\{(?:align|aligned|equation|gather|math|displaymath)\*?\}|\\end\{(?:align|aligned|equation|gather|math"
     r"|displaymath)\*?\}", " "),
    (rf"\\(?:displaystyle|textstyle|limits|nolimits|noindent|bf|rm|it|boldsymbol|tiny|small|normalsize|[lL]arge|LARGE"
     rf"|[hH]uge){_END}", " "),
    (rf"\\m?(?:left|right|middle|[bB]igg?[lrm]?){_END}\s*\.?", ""),
    (r",\s*\\!\s*", ","),
    (r"(?<!\\)\\!", ""),
    (rf"(?<!\\)\\(?:[,;:> ]|q?quad|enspace{_END}|thinspace{_END})|\\hspace\*?\{{[^{{}}]*\}}", " "),
    (r"\\(?:operatorname|mathrm)\s*\{\s*(sin|cos|tan|cot|sec|csc|log|ln|exp|arcsin|arccos|arctan|max|min|gcd|lcm)\s*\}",
     r"\\\1 "),
    (rf"\\[dtc]frac{_END}", r"\\frac"),
    (rf"\\(?:dbinom|tbinom){_END}", r"\\binom"),
    (r"\{\s*([^{}\\]+?)\s*\\choose\s*([^{}\\]+?)\s*\}|^\s*(\w+)\s*\\choose\s*(\w+)\s*$", r"\\binom{\1\3}{\2\4}"),
    (r"\\mathbb\s*([A-Z])|\\([RZNQ])(?![A-Za-z])", r"\\mathbb{\1\2}"),
    (rf"\\varnothing{_END}|\\\{{\s*\\\}}", r"\\emptyset"),
    (r"\\log\s*_\s*(\d)", r"\\log_{\1}"),
    (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
    (r"(?<=\\frac)\s*\\sqrt\s*(\\[A-Za-z]+|\d|[A-Za-z])", r"\\sqrt{\1}"),
    (r"\\sqrt\s*(\[[^\[\]]*\])?\s*(\\[A-Za-z]+|\d+|[A-Za-z])", r"\\sqrt\1{\2}"),
    (rf"\\frac\s*{_ARGUMENT}", r"\\frac{\1}"),
    (rf"(\\frac\s*{_GROUP})\s*{_ARGUMENT}", r"\1{\2}"),
    (r"\\binom\s*(\w)\s*(\w)", r"\\binom{\1}{\2}"),
    (rf"\\lg{_END}", r"\\log_{10}"),
    (rf"\\le{_END}|\\leqslant{_END}", r" \\leq "),
    (rf"\\ge{_END}|\\geqslant{_END}", r" \\geq "),
    (rf"\\ne{_END}|\\not\s*=", r" \\neq "),
    (rf"\\lt{_END}", " < "),
    (rf"\\gt{_END}", " > "),
    (rf"\\(?:simeq|thickapprox){_END}", r" \\approx "),
    (rf"\\colon{_END}", ":"),
    (rf"\\lbrace{_END}", r"\\{"),
    (rf"\\rbrace{_END}", r"\\}"),
    (rf"\^\s*\{{?\s*\\prime{_END}\s*\}}?", "'"),
    (r"\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree" + _END, r"^\\circ"),
    (r"\\%", "%"),
)  # fmt: skip
_SIGNS = _compiled(
    (r"\s*\{\s*,\s*\}\s*", ","),
    (r"~", " "),
    (r"\{:\}", ":"),
    (r"_\s*(\d)(?=\s)", r"_{\1}"),
    (r"(?<![A-Za-z\\])sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
    (r"(?<![A-Za-z\\])sqrt\s*(\d+)", r"\\sqrt{\1}"),
    (r"<=", r" \\leq "),
    (r">=", r" \\geq "),
    (r"(?<!\d)!=", r" \\neq "),
    (r"(?<![A-Za-z\\])(?:infinity|inf|oo)(?![A-Za-z])", r"\\infty"),
)
# Alternatives between two formulas, in the languages in which answers are declared.
_BETWEEN_FORMULAS = re.compile(
    r"(?<=\$)\s*,?\s*(?:or|oder|ou|o|u|oppure|lub|eller|veya|или|或者?|または|또는)\s*(?=\$)"
)
_BOTH_FORMULAS = re.compile(r"(?<=\$)\s*,?\s*(?:and|und|et|y|e|och|oraz|ve|и|和|与|及|、|と)\s*(?=\$)")
# For answers only: in the prose of a problem the same signs may mean something else.
_ANSWER_SIGNS = _compiled(
    (rf"\\(?:langle|lparen){_END}", "("),
    (rf"\\(?:rangle|rparen){_END}", ")"),
    (rf"\\(?:l|c|d)?dots[bcimo]?{_END}", r"\\ldots "),
    (r"(?<=[\w)}\]])\s*\*\*\s*(?=[\w({+-])", "^"),
    (r"\.\.\.+", r"\\ldots "),
    (r"(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi"),
    (r"(?<=[)\]}])\s*U\s*(?=[(\[{\\])", r" \\cup "),
    (r"(?<![A-Za-z\\])C\s*_\s*(?:\{\s*(\d+)\s*\}|(\d))\s*\^\s*(?:\{\s*(\d+)\s*\}|(\d))", r"\\binom{\1\2}{\3\4}"),
    (r"(?:\{\s*\})?[_^]\s*(?:\{\s*(\d+)\s*\}|(\d+))\s*C\s*_\s*(?:\{\s*(\d+)\s*\}|(\d+))", r"\\binom{\1\2}{\3\4}"),
    (r"\\(?:mathbf|mathit|bm)\s*\{\s*([a-z])\s*\}|\\mathrm\s*\{\s*([ei])\s*\}", r"\1\2"),
)
_ONGOING_DECIMAL = re.compile(r"(\.\d{3,})\s*(?:\.\.\.+|\u2026)")
_OPEN_END = re.compile(r",\s*(?:\.\.\.+|\u2026|etc\.?|and so on|等)[\s$.\\)\]]*$")
_DELIMITERS = re.compile(r"\\?\$|(?<!\\)\\[()\[\]]")
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|textnormal|textsf|mathrm|mathbf|mathit|mbox|operatorname)\s*\{([^{}]*)\}"
)
_DOUBLED = re.compile(r"\\\\+(?=[A-Za-z{}(\[])")


def normalise(text: str) -> str:
    """The text in one spelling; ``\\text{...}`` is kept, see ``plain``."""
    if not text.isascii():
        text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ]+", lambda found: f"^{{{found[0].translate(_SUPERSCRIPTS)}}}", text)
        text = re.sub("[₀₁₂₃₄₅₆₇₈₉]+", lambda found: f"_{{{found[0].translate(_SUBSCRIPTS)}}}", text)
        text = re.sub(r"√\s*(\d+|[A-Za-z])", r"\\sqrt{\1}", text).translate(_CHARACTERS)
    text = _collapsed(text.replace("\0", ""))
    if "\\begin{" not in text:  # there a doubled backslash separates rows; elsewhere it is a JSON escape too many
        text = _DOUBLED.sub(r"\\", text)
    text = _DELIMITERS.sub("", text)
    for pattern, replacement in (*(_COMMANDS if "\\" in text else ()), *_SIGNS):
        text = pattern.sub(replacement, text)
    text = text.strip().strip("*").strip()
    return _collapsed(text.rstrip(" .,;:\\"))


def normalise_answer(text: str) -> str:
    """``normalise``, with one spelling too of dots, of angle brackets and of signs typed as letters."""
    if r"\mathbf{j}" in text:  # beside j, a bold i is a unit vector and no imaginary unit
        text = re.sub(r"\\mathbf\{([ijk])\}", r"\\vec{\1}", text)
    if "$" in text:
        text = _BOTH_FORMULAS.sub(" and ", _BETWEEN_FORMULAS.sub(" or ", text))
    text = _OPEN_END.sub(r",\\ldots ", _ONGOING_DECIMAL.sub(r"\1\\ldots ", text))
    text = normalise(text)
    for pattern, replacement in _ANSWER_SIGNS:
        text = pattern.sub(replacement, text)
    return text.strip()


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
