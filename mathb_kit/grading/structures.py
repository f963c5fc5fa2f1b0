r"""What an answer is made of: the value that it introduces (``x = 2``), the parts of a list, tuple or set."""

from __future__ import annotations

import re
from typing import NamedTuple

from mathb_kit.grading.latex import split_top
from mathb_kit.grading.numerals import read_number
from mathb_kit.grading.sides import AND, SEPARATOR, value_of
from mathb_kit.grading.units import read_words

INTEGER = "ℓ"
"""Stands for the integer of "k pi for all integers k", whatever its name."""

_QUANTIFIER = r"(?:where|for|with)?(?: (?:all|any|some))?"
_FOR_ALL_INTEGERS = re.compile(
    rf"\s*[,;]?\s*(?:\\text\s*\{{\s*,?\s*{_QUANTIFIER}\s*\}}|{_QUANTIFIER}\s)?\s*\(?\s*(?:"
    r"(?P<name>[a-z])\s*\\in\s*\\mathbb\{Z\}|(?:\\text\s*\{\s*)?integers?\s*\}?\s*(?P<after>[a-z])"
    r"|(?P<before>[a-z])\s*(?:\\text\s*\{)?\s*(?:is )?an(?:y)? integer\s*\}?)\s*\)?$"
)
# "p = 5, q = 2; p = 7, q = 2" lists two pairs: what separates more strongly than the commas.
_STRONG_SEPARATORS = (re.compile(";"), re.compile(AND))
_SYSTEM = re.compile(
    r"(?:\\?\{)?\s*\\begin\s*\{(?P<kind>array|cases)\}(?:\s*\{[clr\s]*\})?"
    r"(?P<rows>.*?)\\end\s*\{(?P=kind)\}(?:\\?\})?",
    re.S,
)
_ROW = re.compile(r"\\\\")
_IN_FINITE_SET = re.compile(r"\s*\\?[A-Za-z]+(?:_\{?\w\}?)?\s*\\in(?![A-Za-z])\s*(\\\{[^<>|:]*\\\})")
_ONE_OR_MORE = r"\}?\s*[A-Za-z](?:\s*(?:,|and)\s*[A-Za-z])*\s*"
_REAL = r"(?:\s*\\in\s*\\mathbb\{R\})"
_ANY_CONSTANT = re.compile(
    r"\s*[,;]?\s*(?:\\text\s*\{\s*)?[,\s]*(?:where|for|with|and)?\s*(?:"
    r"(?:any|some|all|every|an?)\s+(?:arbitrary\s+)?(?:real\s+)?(?:constants?|numbers?|(?<=real )(?=[a-zA-Z]\b))"
    rf"\s*\}}?\s*[A-Za-z]?{_REAL}?"
    rf"|{_ONE_OR_MORE}(?:\\text\s*\{{\s*)?\s*(?:is|are)\s+(?:(?:any|an?)\s+)?(?:arbitrary\s+)?(?:real\s+)?constants?"
    rf"|\}}?\s*[A-Za-z]{_REAL}"
    rf"|(?<=for )all\s*(?:real\s*)?(?:numbers?\s*)?\}}?\s*[A-Za-z]{_REAL}?)\s*\}}?\.?$"
)
_MAY_HAVE_CLAUSE = re.compile(r"constant|\\mathbb\{R\}|for all|for any")
_INTERVAL = re.compile(r"(?P<open>[\[\]])(?P<ends>[^\[\]()]*[,;][^\[\]()]*)(?P<close>[\[\]])")
_BASE_IN_WORDS = re.compile(
    r"(?P<digits>[0-9A-Fa-f]+)(?:\s*_\s*\{\s*(?:\\text\w*\s*\{\s*)?(?:base[\s-]*)?(?:\}\s*)?(?P<word>\w+)\s*(?:\}\s*)?\}"
    r"|\s*,?\s*\(?\s*(?:\\text\w*\s*\{\s*)?\(?(?:in\s+)?base[\s-]*\}?\s*(?P<after>\w+)\s*\}?\s*\)?\}?)"
)
_SAID_TWICE = re.compile(r"(?P<number>[\d,]+)\s*\((?P<words>[a-z\s-]+)\)")
_MAX_WRAPPINGS = 5
_WRAPPED = re.compile(r"(?:\(|\\?\{)\s*(\S.*?)\s*(?:\)|\\?\})", re.S)
_NOT_SINGLE = re.compile(r"\\(?:emptyset|ldots|pm|mp|mid|in|cup|\{)(?![A-Za-z])|[<>|:]|\\[lgn]eq(?![A-Za-z])")
_PLUS_MINUS = re.compile(r"\\(?:pm|mp)(?![A-Za-z])")
_BASE_NAME = re.compile(r"\s*([A-Za-z]+|\\[A-Za-z]+)(?:_\{?\w+\}?)?\s*=")


def named_integer(text: str) -> str:
    r"""``k \pi, k \in \mathbb{Z}`` with one name for the integer, and without the clause."""
    clause = _FOR_ALL_INTEGERS.search(text) if "integer" in text or r"\mathbb{Z}" in text else None
    if not clause or not text[: clause.start()].strip():
        return text
    name = clause["name"] or clause["after"] or clause["before"]
    return re.sub(rf"(?<![A-Za-z\\]){name}(?![A-Za-z])", INTEGER, text[: clause.start()].strip())


def without_constant_clause(text: str) -> str:
    r"""``x + c`` of "x + c for any constant c": the clause says what a reader assumes of the letter."""
    clause = _ANY_CONSTANT.search(text) if _MAY_HAVE_CLAUSE.search(text) else None
    return text[: clause.start()].strip() if clause and text[: clause.start()].strip() else text


def respelt(text: str) -> str:
    r"""Spellings that say what a common one says: ``]1, 2[``, ``25_{\text{eight}}``, ``7 (seven)``, idle braces."""
    if text[:2] == "{{":
        core = text.strip("{}")
        depth = min(len(text) - len(text.lstrip("{")), len(text) - len(text.rstrip("}")))
        text = core if not set(core) & set("{}") else text[depth - 1 : len(text) - depth + 1]
    if text[:1] == "]" or text[-1:] == "[" or "[ " in text:
        text = _INTERVAL.sub(_usual_brackets, text)
    if ("base" in text or "_{" in text) and (based := _BASE_IN_WORDS.fullmatch(text)):
        word = based["word"] or based["after"]
        base = int(word) if word.isdigit() else read_words(word)
        text = f"{based['digits']}_{{{base}}}" if base else text
    if text.endswith(")") and (twice := _SAID_TWICE.fullmatch(text)):
        words = read_words(twice["words"].strip())
        if words is not None and str(words) == twice["number"].replace(",", ""):
            text = twice["number"]
    return text


def _usual_brackets(found: re.Match[str]) -> str:
    """``]a, b[`` as ``(a, b)``."""
    opening = "(" if found["open"] == "]" else found["open"]
    return f"{opening}{found['ends']}{')' if found['close'] == '[' else found['close']}"


def opened(text: str) -> str:
    r"""A system of equations in an environment as a list, and ``x \in \{1, 2\}`` as the set."""
    if system := _SYSTEM.fullmatch(text):
        rows = [row.replace("&", "").strip(" ,.") for row in _ROW.split(system["rows"])]
        if all("=" in row for row in rows if row):
            return ", ".join(row for row in rows if row)
    member = _IN_FINITE_SET.fullmatch(text)
    return member[1] if member else text


def single_element(text: str) -> str:
    r"""The text without parentheses round all of it, or the braces of a set of one: ``\{7\}`` is the solution 7."""
    for _ in range(_MAX_WRAPPINGS):
        found = _WRAPPED.fullmatch(text)
        if not found or _NOT_SINGLE.search(found[1]) or not wraps(text.lstrip("\\")):
            break
        if len(split_top(found[1], SEPARATOR)) > 1:
            break
        text = found[1].strip()
    return text


class Parts(NamedTuple):
    r"""Outer brackets (``""``, ``()``, ``[]``, ``[)``, ``(]`` or ``{}``), and the parts between separators.

    ``names``: where every part is ``name = value`` and no name comes twice, the names.
    """

    brackets: str
    parts: list[str]
    names: list[str] = []


def parts_of(text: str) -> Parts:
    r"""``3 \pm x`` gives two parts, ``x = 1, y = 2`` the values, ``(p, q) = (3, 2)`` the tuple's."""
    text = value_of(text)
    if read_number(text):  # its comma may be one of thousands
        return Parts("", [text])
    brackets = ""
    bare = text.removeprefix("\\")  # of a set's brace
    if bare[:1] in "([{" and text[-1:] in ")]}" and len(bare) > 1 and wraps(bare):
        brackets, text = bare[0] + bare[-1], bare[1:-1].removesuffix("\\")
    parts, names = [], []
    for part in _groups(text) or split_top(text, SEPARATOR):
        if name := _BASE_NAME.match(part):
            names.append(name[1])
        part = value_of(part)
        if len(signs := _PLUS_MINUS.findall(part)) in (1, 2) and len(set(signs)) == len(signs):
            parts += [_signed(part, "+", "-"), _signed(part, "-", "+")]
        elif part:
            parts.append(part)
    if len(parts) == 1 and brackets == "()":
        brackets = ""
    if not len(names) == len(set(names)) == len(parts) > 1:
        return Parts(brackets, parts)
    if not brackets and set(names) <= {"x", "y", "z"}:
        names, parts = map(list, zip(*sorted(zip(names, parts))))
    return Parts(brackets, parts, names)


def _signed(text: str, plus_minus: str, minus_plus: str) -> str:
    return text.replace(r"\pm", plus_minus).replace(r"\mp", minus_plus)


def _groups(text: str) -> list[str]:
    """Tuples written without parentheses between strong separators; empty unless all have the same length >= 2."""
    for strong in _STRONG_SEPARATORS:
        if len(numbers := split_top(text, strong)) > 1 and all(map(read_number, numbers)):
            return numbers
        groups = [split_top(group, SEPARATOR) for group in split_top(text, strong)]
        lengths = {len(group) for group in groups}
        if len(groups) > 1 and len(lengths) == 1 and lengths != {1} and all(all(group) for group in groups):
            return [f"({', '.join(group)})" for group in groups]
    return []


def wraps(text: str) -> bool:
    """Whether the first bracket closes with the last character."""
    depth = 0
    for i, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0:
            return i == len(text) - 1
    return False
