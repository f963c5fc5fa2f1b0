r"""Several quantities in words: "12 boys and 15 girls", "5 hours 3 minutes", "5 remainder 3", "5 by 3 cm", "March 5".

Which number goes with which word is what they state, so they are compared as such and never as a product.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from mathb_kit.grading.latex import plain
from mathb_kit.grading.numerals import read_number
from mathb_kit.grading.units import read_unit

_MAX_CHARACTERS = 300
_NUMBER = r"[-+]?\$?(?:\\frac\s*\{\d+\}\s*\{\d+\}|\d+(?:,\d{3})*+(?!\d)(?:\.\d+)?(?:\s*/\s*\d+)?|\.\d+)"
_NOUN = r"[^\W\d_]+(?:[ '-](?!and\b|or\b|is\b|are\b)[^\W\d_]+){0,4}(?:\s*\^\s*\{?[23]\}?)?"
_JOINT = re.compile(r"\s*(?:[,;]|\band\b|&|\s)\s*(?:and\b)?\s*")
_COUNTED = re.compile(rf"\s*(?P<number>{_NUMBER})\s*(?P<noun>{_NOUN})\.?\s*")
_NAMED = re.compile(rf"\s*(?:the\s+)?(?P<noun>{_NOUN})\s*(?:[:=]|\bis\b|\bare\b|\s)\s*(?P<number>{_NUMBER})\s*")
_MONEY = re.compile(r"^(\$?\d[\d,]*)(?: and|,)? (\d+ cents?)$")  # the dollar sign is read as a delimiter
_REMAINDER = re.compile(
    r"(?P<quotient>-?\d+)\s*(?:,|with|and)?\s*(?:a\s+)?(?:remainder(?:\s+of)?|rem\.?|[rR]|余)\s*[:=]?\s*(?P<rest>-?\d+)"
    r"|(?P<q>-?\d+)\s*(?:\.{3,6}|\\ldots|\\cdots)\s*(?P<r>\d+)"
)
_WORD = re.compile(r"[^\W\d_]{2,}|(?<=[\d}\s])[rR](?=[\s\d])|余")
_NOT_NOUNS = frozenset(
    "to by over times plus minus per percent mod base of pi sqrt x and or is are if when for not".split()
)
_RATIO = re.compile(rf"({_NUMBER})\s+(?:is\s+)?to\s+({_NUMBER})(?:\s+to\s+({_NUMBER}))?")
_BY = re.compile(r"\s*(?:\\times|\*|(?<![A-Za-z])by(?![A-Za-z])|(?<=[\d\s])x(?=[\d\s]))\s*")
_SIDE = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<unit>[A-Za-z][A-Za-z.\s]*)?")
_TUPLE = re.compile(r"[(\[](?P<inside>[^()\[\]]*,[^()\[\]]*)[)\]]\s*(?P<unit>[A-Za-z]+)?")
_MONTH = (
    "jan(?:uary)? feb(?:ruary)? mar(?:ch)? apr(?:il)? may june? july? aug(?:ust)? sep(?:t(?:ember)?)? oct(?:ober)?"
    " nov(?:ember)? dec(?:ember)?"
).split()
_DATE = re.compile(
    rf"(?:(?:mon|tues?|wednes|thurs?|fri|satur|sun)day,?\s+)?(?:the\s+)?(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?"
    rf"(?P<month>{'|'.join(_MONTH)})|(?P<m>{'|'.join(_MONTH)})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?)(?:,?\s+(?P<year>\d{{4}}))?",
    re.I,
)

Same = Callable[[str, str], bool | None]


def quantity_rung(gold: str, answer: str) -> bool | None:
    """Numbers by the words they stand with; a remainder by its place; lengths and tuples with one unit for all."""
    if len(gold) + len(answer) > _MAX_CHARACTERS or not (_WORD.search(gold) or _WORD.search(answer)):
        return None
    g, a = (" ".join(plain(text).replace("\\,", " ").split()) for text in (gold, answer))
    g, a = (_MONEY.sub(r"\1 dollars and \2", text) for text in (g, a))
    for read in (_date, _remainder, _sides, _tuple):
        one, other = read(g), read(a)
        if one is not None and other is not None:
            return _alike(one, other)
    one, other = _counted(g), _counted(a)
    if one is None or other is None:
        return None
    totals = [_total(side) for side in (one, other)]
    if None not in totals and totals[0][0] == totals[1][0]:
        return totals[0][1] == totals[1][1]
    if len(one) < 2 or len(other) < 2:
        return None
    if one.keys() == other.keys():
        return all(_equal(one[noun], other[noun]) for noun in one)
    return None


def ratio_in_words(text: str) -> str:
    """``3 to 4`` as ``3:4``; anything else as it is."""
    found = _RATIO.fullmatch(text.strip())
    return ":".join(term for term in found.groups() if term) if found else text


def _counted(text: str) -> dict[str, str] | None:
    """Number by noun, where the text is nothing but numbers with nouns after, or before, each of them."""
    for pattern in (_COUNTED, _NAMED):
        found: dict[str, str] = {}
        at = 0
        while at < len(text) and (item := pattern.match(text, at)):
            noun = _singular(item["noun"])
            if noun in found or _NOT_NOUNS & set(noun.split()):
                return None
            found[noun] = item["number"].replace("$", "")
            at = item.end()
            joint = _JOINT.match(text, at)
            at = joint.end() if joint else at
        if found and at >= len(text):
            return found
    return None


def _singular(noun: str) -> str:
    noun = noun.strip().casefold()
    return noun[:-1] if len(noun) > 3 and noun.endswith("s") and not noun.endswith("ss") else noun


def _total(items: dict[str, str]) -> tuple[tuple[tuple[str, int], ...], Fraction] | None:
    """Dimensions and sum in base units of quantities of one kind: 5 hours 3 minutes."""
    units = [read_unit(noun) for noun in items]
    numbers = [_value(number) for number in items.values()]
    if None in units or None in numbers or len({unit.dimensions for unit in units}) != 1:
        return None
    if units[0].dimensions[0][0] == "count":
        return None
    return units[0].dimensions, sum((unit.size * number for unit, number in zip(units, numbers)), Fraction(0))


def _value(text: str) -> Fraction | None:
    number = read_number(text.strip())
    return None if number is None or number.percent or number.base != 10 else Fraction(number.value)


def _equal(one: str, other: str) -> bool:
    return _value(one) is not None and _value(one) == _value(other)


def _alike(one: tuple, other: tuple) -> bool:
    return len(one) == len(other) and all(
        x == y or x is None or y is None for x, y in zip(one, other)
    )


def _date(text: str) -> tuple | None:
    """Month, day and year (None: not said)."""
    found = _DATE.fullmatch(text.rstrip("."))
    if not found:
        return None
    month = (found["month"] or found["m"]).casefold()[:3]
    return month, int(found["day"] or found["d"]), found["year"]


def _remainder(text: str) -> tuple | None:
    found = _REMAINDER.fullmatch(text.strip(" ."))
    return (int(found["quotient"] or found["q"]), int(found["rest"] or found["r"])) if found else None


def _sides(text: str) -> tuple | None:
    """``5 cm by 3 cm`` and ``5 by 3 cm`` as their lengths, and one unit (None: none said)."""
    parts = _BY.split(text.strip(" ."))
    if len(parts) < 2 or not re.search(r"[A-Za-z]{2}", text.replace(r"\times", "")):
        return None
    return _with_one_unit([_SIDE.fullmatch(part) for part in parts])


def _tuple(text: str) -> tuple | None:
    """``(3 cm, 4 cm)`` and ``(3, 4) cm``."""
    found = _TUPLE.fullmatch(text.strip(" ."))
    if not found:
        return None
    parts = [part.strip() + (f" {found['unit']}" if found["unit"] else "") for part in found["inside"].split(",")]
    return _with_one_unit([_SIDE.fullmatch(part) for part in parts])


def _with_one_unit(parts: list[re.Match[str] | None]) -> tuple | None:
    if None in parts:
        return None
    names = {_singular(part["unit"]) for part in parts if part["unit"]}
    units = {read_unit(name) or name for name in names}
    values = [_value(part["number"]) for part in parts]
    if None in values or len(units) > 1:
        return None
    return (*values, next(iter(units), None))
