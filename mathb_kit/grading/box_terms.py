r"""A box that is a part of a larger term: ``\sqrt{\boxed{51}}``, ``2\cdot\boxed{17}``, ``\frac{\boxed{3}}{4}``.

What such a formula states is the term, and the box alone is another number. So the term is the answer, from the last
relation sign before the box to the formula's end. Where an equation goes on behind it (``3 + \boxed{4} = 7``) the box
fills a place, and what it holds is the answer.

A term is looked for only where something that changes the value touches the box: TeX's own operators, roots, fractions,
powers, indices and functions anywhere; ``+``, ``-``, ``/``, ``!``, brackets and the like only within math marks, as in
prose they are dashes, slashes and brackets. Windows are bounded, so that a box costs the same in any text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_WINDOW, _PARAGRAPH = 300, 2000  # characters to either side of a box; of those before it that tell whether it is math

_FUNCTION = r"(?:log|ln|lg|exp|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|gcd|lcm|max|min|det)"
_FRACTION = r"\\(?:[dtc]?frac|[dt]?binom)"
_TEX_BEFORE = re.compile(
    rf"(?:\\(?:cdot|times|div|ast|mp)|\\sqrt(?:\s*\[[^\]]{{0,20}}\])?|{_FRACTION}|\\{_FUNCTION}"
    r"(?:[\^_](?:\w|\{[^{}]{1,20}\}))?|\\l(?:floor|ceil|vert)|[\w})][\^_]|\d/|(?:\\left\s*)?\\\{)"
    r"(?:\s|\\left|\\bigl?|[({|])*$"
    rf"|{_FRACTION}\s*\{{[^\n]{{0,200}}\}}\s*\{{\s*$"
)
_PLAIN_BEFORE = re.compile(
    r"(?:[\w})\]!%]\s*[-+*/·×÷\u2212]|\|)(?:\s|\\left|[({])*$|\)$|(?:\\left\s*)?[(\[]\s*$|[,;]\s*$"
)
_TEX_AFTER = re.compile(
    r"(?:\s|\\right|[)}])*(?:\\(?:cdot|times|div|ast|pm|mp)(?![A-Za-z])\s*[\w\\({-]|\\(?:sqrt|pi)(?![A-Za-z])|/[\d\\])"
    r"|\s*(?:\\right\s*)?\\\}"
)
_PLAIN_AFTER = re.compile(
    r"(?:\s|\\right|[)}])*(?:[-+*/·×÷\u2212]\s*(?:[\d(\\]|[A-Za-z](?![A-Za-z]))|!(?=\s*[-$\\=+*/])|\|"
    r"|(?!m)[A-Za-z]\s*(?:[-+*/]|[\^_])|[\^_](?!\s*\{?\s*\\circ))|\(|\s*(?:[,;]|\\right\s*[)\]]|[)\]])"
)
_TOUCHING = tuple("-+*/^_·×÷\u2212{}()[]|,;&\\")
_FORMULA_BEGINS, _FORMULA_ENDS = ("\\[", "\\("), re.compile(r"\s*\\[\])]")
_SEPARATORS, _BRACKET = (",", ";"), re.compile(r"[(\[]|\\\{|\\begin")
_OPERATES = re.compile(r"\s*(?!,|;|\s|$)")
_COMMAND_BEFORE = re.compile(r"\\[A-Za-z]++(?:[\^_]\w)?$")
_TOUCHES = re.compile(r"\s*[-+*/^_!·×÷\u2212}()\]|,;&A-Za-z\\]")
_TABLE = re.compile(r"\\begin\s*\{(?P<name>[pbvBV]?matrix|cases)\}(?!.*\\(?:begin|end)\s*\{)", re.S)

_RELATION = r"[=<>≤≥≈≠≡]|\\(?:approx|equiv|leq?|geq?|neq?|sim|cong|lt|gt|in)(?![A-Za-z])"
_PART = re.compile(
    rf"(?P<relation>{_RELATION})"
    r"|(?P<edge>\\\\|\\[()\[\]]|(?<!\\)\$\$?|&|[:。，；]|\.\s|\n"
    r"|\\(?:q?quad|implies|iff|to|therefore|because|hence|(?:Long)?[Rr]ightarrow|text\w*|mbox|math(?:rm|bf)|pmod|begin|end"
    r"|displaystyle|item|color|bf|boldsymbol)(?![A-Za-z])|(?<![\\A-Za-z])[^\W\d_]{2,})"
    r"|(?P<separator>[,;])"
    r"|(?P<open>(?:\\left\s*)?(?:[({\[]|\\\{))|(?P<close>(?:\\right\s*)?(?:[)}\]]|\\\}))"
    r"|\\[A-Za-z]+|\\."
)
_OPENS_VALUE = re.compile(
    rf"(?:\\sqrt(?:\s*\[[^\]]{{0,20}}\])?|{_FRACTION}|\\{_FUNCTION}|[\^_]|\\(?:boxed|fbox)"
    rf"|{_FRACTION}\s*\{{[^\n]{{0,200}}\}})\s*$"
)
_OPENED, _CLOSED = re.compile(r"(?:\\left\s*)?(?<!\\)[(\[]\s*$"), re.compile(r"\s*(?:\\right\s*)?[)\]]")
_WORD = re.compile(r"(?<![\\A-Za-z])[^\W\d_]{2,}|\\(?:text|mbox)")
_COMMAND = re.compile(r"\\[A-Za-z]+$")
_BOX_FOLLOWS = re.compile(r"\s*\\(?:boxed|fbox)(?![A-Za-z])")
_NEEDS_NONE = re.compile(r"[\w.]+|\\[A-Za-z]+(?:\{[^{}]*\})*")
_ENCLOSED = re.compile(r"[({\[,;|]\s*$|^\s*$"), re.compile(r"\s*(?:\\right\s*)?[)}\],;|]|\s*$")


class Term(NamedTuple):
    """Offsets of a term, and whether an equation goes on behind it."""

    start: int
    end: int
    goes_on: bool


def brackets_around(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Where round or square brackets begin and end that hold just what stands from ``start`` to ``end``, boxes."""
    opened, closed = _OPENED.search(text, max(0, start - 20), start), _CLOSED.match(text, end)
    return (opened.start(), closed.end()) if opened and closed else None


def term_around(text: str, start: int, end: int) -> Term | None:
    """The term that a box from ``start`` to ``end`` is a proper part of; None where it is a part of none."""
    near = text[max(0, start - 40) : start].rstrip()
    touched = near.endswith(_TOUCHING) or _COMMAND_BEFORE.search(near)
    if not (touched or _TOUCHES.match(text, end)):
        return None
    if _FORMULA_ENDS.match(text, end) and (not touched or near.endswith(_FORMULA_BEGINS)):
        return None  # alone in its formula, or behind a relation sign: most boxes, so this comes first
    before, after = text[max(0, start - _WINDOW) : start], text[end : end + _WINDOW]
    if near.endswith(_SEPARATORS) and not _BRACKET.search(before) and not _OPERATES.match(after):
        return None  # one of a plain list
    if (table := _TABLE.search(before)) and (closing := after.find(f"\\end{{{table['name']}}}")) >= 0:
        return Term(start - len(before) + table.start(), end + closing + len(f"\\end{{{table['name']}}}"), False)
    if not (_TEX_BEFORE.search(before) or _TEX_AFTER.match(after)):
        if not (_PLAIN_BEFORE.search(before) or _PLAIN_AFTER.match(after)) or not _in_math(text, start):
            return None
    first, opened = _head(before, _in_math(text, start))
    if (found := _tail(after, opened)) is None:
        return None
    length, goes_on = found
    if after.startswith("}", length) and before.count("{") <= before.count("}"):
        return None  # it closes what nothing opened: no formula, and the box is all that can be read
    term = Term(start - len(before) + first, end + length, goes_on)
    head, tail = text[term.start : start], text[end : term.end]
    return term if _changes(head, tail) else None


def put_together(parts: list[tuple[str, bool]]) -> str:
    """A term from its parts, each with whether it was boxed; sums and signs get brackets where they need them."""
    term = ""
    for number, (part, boxed) in enumerate(parts):
        following = parts[number + 1][0] if number + 1 < len(parts) else ""
        if boxed and not _NEEDS_NONE.fullmatch(part := part.strip()):
            if not (_ENCLOSED[0].search(term) and _ENCLOSED[1].match(following)):
                part = f"({part})"
        term += " " * bool(part[:1].isalnum() and _COMMAND.search(term)) + part
    return term.strip().rstrip(".,;").strip()


def _head(before: str, math: bool) -> tuple[int, list[str]]:
    """Where the term begins, and the brackets that are open at the box."""
    start, opened = 0, []
    for part in _PART.finditer(before):
        kind = part.lastgroup
        if kind in ("relation", "edge") or (kind == "separator" and not opened):
            start, opened = part.end(), []
        elif kind == "open":
            bracket = part[0].removeprefix("\\left").strip()
            if bracket in "([" and not math or bracket == "{" and not _OPENS_VALUE.search(before[: part.start()]):
                start, opened = part.end(), []
            else:
                opened.append(bracket)
        elif kind == "close":
            if opened:
                opened.pop()
            else:
                start = part.end()
    return start, opened


def _tail(after: str, opened: list[str]) -> tuple[int, bool] | None:
    """How far the term reaches behind the box, and whether a relation follows; None where a bracket stays open."""
    waiting = list(opened)
    if _BOX_FOLLOWS.match(after):  # an answer of its own, no factor
        return None if waiting else (0, False)
    for part in _PART.finditer(after):
        kind = part.lastgroup
        if kind == "open":
            waiting.append(part[0][-1])
        elif kind == "close" and waiting:
            waiting.pop()
        elif kind in ("relation", "edge", "close") or (kind == "separator" and not waiting):
            return None if waiting else (part.start(), kind == "relation")
    return None if waiting else (len(after), False)


def _changes(head: str, tail: str) -> bool:
    """Whether what stands round a box in its term is more than a sign, brackets or a unit."""
    rest = re.sub(r"\\(?:left|right|[,;:! ]|%)|\\big\w*|[\s(){}\[\]\\]", "", f"{head} {tail}")
    return rest.strip(".;*") not in ("", "-", "\u2212", "+", r"\pm", "%")


def _in_math(text: str, at: int) -> bool:
    r"""Whether a place stands within ``$``, ``\(`` or ``\[``, by what its paragraph opened and closed before it."""
    paragraph = text[max(0, at - _PARAGRAPH) : at]
    paragraph = paragraph[paragraph.rfind("\n\n") + 1 :]
    if (paragraph.count("$") - paragraph.count("\\$") - paragraph.count("$$")) % 2:
        return True
    opened = [paragraph.rfind(mark) for mark in ("\\[", "\\(", "\\begin{")]
    closed = [paragraph.rfind(mark) for mark in ("\\]", "\\)", "\\end{")]
    if any(start > end for start, end in zip(opened, closed)):
        return True
    # A line without a word and without marks is a formula all the same.
    first = text.rfind("\n", max(0, at - _WINDOW), at) + 1
    last = text.find("\n", at, at + _WINDOW)
    line = text[max(first, at - _WINDOW) : last if last >= 0 else at + _WINDOW]
    return not ("$" in line or "\\(" in line or "\\[" in line or _WORD.search(line))
