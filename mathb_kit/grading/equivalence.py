r"""The ladder of cheap, exact comparisons between a gold and an answer.

Each rung returns True, False, or None where it cannot tell; the first that can tell decides and is named in the
verdict. No rung guesses: what none can decide is for the symbolic rung, which runs in a worker.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from mathb_kit.grading.extraction import extract
from mathb_kit.grading.latex import normalise, plain, split_top, squeezed
from mathb_kit.grading.limits import MAX_CHARACTERS, over_limit
from mathb_kit.grading.numerals import equal_numbers, read_number

_APPROX = re.compile(r"\\approx(?![A-Za-z])")
_EQUALS = re.compile(r"(?<![<>!\\:])=")
_AND = r"(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|\\text\s*\{\s*,?\s*(?:and|or)\s*,?\s*\}|\\(?:vee|lor)\b"
_SEPARATOR = re.compile(rf",|;|{_AND}")
# "p = 5, q = 2; p = 7, q = 2" lists two pairs: what separates more strongly than the commas.
_STRONG_SEPARATORS = (re.compile(";"), re.compile(_AND))
_ELLIPSIS = re.compile(r"\\(?:l|c|d)?dots[bcimo]?(?![A-Za-z])|\.\.\.")
_RELATION = re.compile(
    r"[<>]|\\(?:leq|geq|neq|in|subset|equiv|mid|sim|cup|cap|setminus|to|mapsto|iff|implies)(?![A-Za-z])"
)
_WORDS = re.compile(r"[^\W\d_]+(?:[\s'-]+[^\W\d_]+)*[.!]?")
_CHOICE = re.compile(r"\(?\s*([A-Z])\s*\)?[.:]?")
_LETTER_NAME = re.compile(r"([A-Za-z])\s*=")
_PLUS_MINUS = re.compile(r"\\pm(?![A-Za-z])")
# What may stand left of the equals sign that introduces a value: names, not something to be solved.
_NAME = re.compile(
    r"(?:(?<=[A-Za-z}])\([^()=]*+\)|[^\W\d_]|\\(?!(?:frac|sqrt|log|ln|sin|cos|tan|sum|prod|int)\b)[A-Za-z]++"
    r"|_\{?\w++\}?|[(){}|,:'\s])++"
)
_SUM_OF_NAMES = re.compile(r"(?:[A-Za-z]|\\[A-Za-z]++|_\{?\w++\}?|\^\{?\d\}?|[+\-|\s])++")
_POWER_OF_NAME = re.compile(r"\s*\\?[A-Za-z]++(?:_\{?\w++\}?)?\s*\^\{?\d\}?\s*")
_ARITHMETIC = re.compile(r"(?:[\d.,+\-*/^(){}\s]|\\(?:times|cdot|div|frac))++")


_MAX_TABLE = 2500  # comparisons between the parts of two lists
_MAX_READ = 10_000  # characters; what is longer states no answer that any rung could read


class Decision(NamedTuple):
    """Whether two answers are equal (None: no rung could tell) and the rung that decided."""

    equal: bool | None
    rung: str


def decide(gold: str, answer: str) -> Decision:
    """Climb the ladder. Gold and answer are raw texts; a gold may be boxed or in dollars."""
    return climb(read(gold), read(answer))


def climb(gold: str, answer: str) -> Decision:
    """``decide`` for texts that are normalised already."""
    if max(len(gold), len(answer)) > _MAX_READ:
        return Decision(True if gold == answer else None, "text" if gold == answer else "symbolic")
    for name, rung in LADDER:
        equal = rung(gold, answer)
        if equal is not None:
            return Decision(equal, name)
    return Decision(None, "symbolic")


@lru_cache(maxsize=1024)
def read(text: str) -> str:
    """The normalised expression that an answer or a gold states (its box, if it has one)."""
    text = extract(text, kind="answer").answer or ""
    if len(text) > _MAX_READ:
        return text
    text = normalise(text)
    exact, *rounded = _APPROX.split(text, maxsplit=1)
    if rounded:  # "9.5/3.14 \approx 3.01" states the left side, "R \approx 3.28" the right
        text = (rounded[0] if not exact.strip() or _NAME.fullmatch(exact) else exact).strip()
    if text[:1] == "(" and _wraps(text) and len(split_top(text[1:-1], _SEPARATOR)) == 1:
        text = text[1:-1].strip()
    return text


def text_rung(gold: str, answer: str) -> bool | None:
    """Equal spelling; a lone capital letter may stand in parentheses."""
    gold, answer = squeezed(plain(gold)), squeezed(plain(answer))
    if not answer:
        return False
    if gold == answer:
        return True
    if (choice := _CHOICE.fullmatch(gold)) and (chosen := _CHOICE.fullmatch(answer)):
        return choice[1] == chosen[1]
    return None


def number_rung(gold: str, answer: str) -> bool | None:
    """Both are plain numbers: exact comparison decides."""
    g = read_number(value_of(gold))
    a = read_number(value_of(answer, other_is_number=True)) if g else None
    if g is None or a is None:
        return None
    names = [_LETTER_NAME.match(text) for text in (gold, answer)]
    if all(names) and names[0][1] != names[1][1]:
        return False
    return equal_numbers(g, a)


def word_rung(gold: str, answer: str) -> bool | None:
    """One side is words (of four letters or more): spelling decides, case apart; unlike a product, a word has order."""
    g, a = (" ".join(plain(text).split()) for text in (gold, answer))
    for one, other in ((g, a), (a, g)):
        if _WORDS.fullmatch(one) and max(map(len, re.findall(r"[^\W\d_]+", one))) >= 4:
            return one.rstrip(".!").casefold() == other.rstrip(".!").casefold()
    return None


def list_rung(gold: str, answer: str, same: Callable[[str, str], bool | None] | None = None) -> bool | None:
    """Lists and tuples of values, part by part; a list without parentheses has no order.

    ``same`` compares two parts, by default the ladder itself.
    """
    same = same or (lambda g, a: climb(g, a).equal)
    if len(gold) > MAX_CHARACTERS or len(answer) > MAX_CHARACTERS or over_limit(gold) or over_limit(answer):
        return None
    if _ELLIPSIS.search(gold) or _ELLIPSIS.search(answer):
        return False
    if _RELATION.search(gold) or _RELATION.search(answer) or "\\begin" in gold + answer:
        return None
    g_brackets, g_parts = parts_of(gold)
    a_brackets, a_parts = parts_of(answer)
    if len(g_parts) == len(a_parts) == 1 and not g_brackets == a_brackets == "{}":
        return None
    ordered = bool({"()", "[]", "(]", "[)"} & {g_brackets, a_brackets})
    if ordered:
        if g_brackets and a_brackets and g_brackets != a_brackets:
            return None if "{}" in (g_brackets, a_brackets) else False
        if len(g_parts) != len(a_parts):
            single = g_parts if len(g_parts) == 1 else a_parts
            return False if len(single) > 1 or read_number(single[0]) else None  # a name may stand for an interval
        verdicts = [same(g, a) for g, a in zip(g_parts, a_parts)]
        return False if False in verdicts else None if None in verdicts else True
    return _same_set(g_parts, a_parts, same)


def _same_set(gold: list[str], answer: list[str], same: Callable[[str, str], bool | None]) -> bool | None:
    """Every part of one side has an equal on the other."""
    if len(gold) * len(answer) > _MAX_TABLE:
        return None
    table = [[same(g, a) for a in answer] for g in gold]
    lines = [*table, *map(list, zip(*table))]
    if any(set(line) == {False} for line in lines):
        return False
    return True if all(True in line for line in lines) else None


LADDER = (("text", text_rung), ("number", number_rung), ("words", word_rung), ("list", list_rung))


def parts_of(text: str) -> tuple[str, list[str]]:
    r"""Outer brackets (``""``, ``()``, ``[]``, ``[)``, ``(]`` or ``{}``) and the parts between separators.

    ``3 \pm x`` gives two parts, ``x = 1, y = 2`` the values, ``(p, q) = (3, 2)`` the tuple's.
    """
    text = value_of(text)
    if read_number(text):  # its comma may be one of thousands
        return "", [text]
    text = text.replace("\\{", "{").replace("\\}", "}")
    brackets = ""
    if text[:1] in "([{" and text[-1:] in ")]}" and len(text) > 1 and _wraps(text):
        brackets, text = text[0] + text[-1], text[1:-1]
    parts = []
    for part in _groups(text) or split_top(text, _SEPARATOR):
        part = value_of(part)
        if len(_PLUS_MINUS.findall(part)) == 1:
            parts += [_PLUS_MINUS.sub("+", part), _PLUS_MINUS.sub("-", part)]
        elif part:
            parts.append(part)
    if len(parts) == 1 and brackets == "()":
        brackets = ""
    return brackets, parts


def _groups(text: str) -> list[str]:
    """Tuples written without parentheses between strong separators; empty unless all have the same length >= 2."""
    for strong in _STRONG_SEPARATORS:
        groups = [split_top(group, _SEPARATOR) for group in split_top(text, strong)]
        lengths = {len(group) for group in groups}
        if len(groups) > 1 and len(lengths) == 1 and lengths != {1} and all(all(group) for group in groups):
            return [f"({', '.join(group)})" for group in groups]
    return []


def _wraps(text: str) -> bool:
    """Whether the first bracket closes with the last character."""
    depth = 0
    for i, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0:
            return i == len(text) - 1
    return False


def value_of(text: str, *, other_is_number: bool = False) -> str:
    """The right side of ``name = value``; of ``3 + 4 = 7`` too; anything else as it is.

    ``other_is_number``: what it is compared with is a number, so that ``m + n = 5`` states 5, not an equation.
    """
    *left, value = _EQUALS.split(text)
    if not left or ("," in left[0] and not _SEPARATOR.search(value)):
        return text
    return value.strip() if all(_introduces(side, other_is_number) for side in left) else text


def _introduces(side: str, other_is_number: bool) -> bool:
    if _NAME.fullmatch(side) or _ARITHMETIC.fullmatch(side):
        return True
    return other_is_number and bool(_SUM_OF_NAMES.fullmatch(side)) and not _POWER_OF_NAME.fullmatch(side)


def is_equation(text: str) -> bool:
    """Whether a normalised text has an equals sign."""
    return bool(_EQUALS.search(text))
