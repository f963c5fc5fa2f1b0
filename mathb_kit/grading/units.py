r"""Units, and numbers spelled in words.

A unit is its dimensions and its size in base units, so that 1 m and 100 cm are equal and 2 hours and 2 minutes are
not. A unit on one side only says nothing; nor does a word that is no unit ("7 apples"). The nouns of counting ("7
ways", "7 arrangements") are one unit: nothing is told apart by which of them was chosen, but 18 ways are not 18 hours.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from mathb_kit.grading.latex import plain


class Unit(NamedTuple):
    """``dimensions``: base dimension -> exponent, as sorted pairs. ``size``: in base units."""

    dimensions: tuple[tuple[str, int], ...]
    size: Fraction


class Quantity(NamedTuple):
    """A text without its trailing unit; ``scale`` is what a trailing "million" or percent sign multiplies it by."""

    text: str
    scale: int | Fraction = 1
    unit: Unit | None = None


# base dimension: (size, names)
_UNITS = {
    "length": (("1", "m meter metre"), ("0.01", "cm centimeter centimetre"), ("0.001", "mm millimeter millimetre"),
               ("1000", "km kilometer kilometre"), ("0.0254", "in inch inche"), ("0.3048", "ft foot feet"),
               ("0.9144", "yd yard"), ("1609.344", "mi mile")),
    "time": (("1", "s sec second"), ("60", "min minute"), ("3600", "h hr hour"), ("86400", "day"), ("604800", "week")),
    "calendar": (("1", "month"), ("12", "year yr")),
    "mass": (("1", "g gram"), ("1000", "kg kilogram"), ("0.001", "mg milligram"), ("453.59237", "lb pound"),
             ("28.349523125", "oz ounce")),
    "volume": (("1", "L l liter litre"), ("0.001", "mL ml milliliter millilitre"), ("3.785411784", "gallon")),
    "money": (("1", "dollar usd"), ("0.01", "cent ¢")),
    "euro": (("1", "€ euro"),), "sterling": (("1", "£"),), "yen": (("1", "¥ yen"),), "rupee": (("1", "₹ rupee"),),
    "angle": (("1", "° degree"),), "radian": (("1", "rad radian"),),
    "celsius": (("1", "°C celsius"),), "fahrenheit": (("1", "°F fahrenheit"),),
    "force": (("1", "N newton"),), "energy": (("1", "J joule"),), "power": (("1", "W watt"),),
    "frequency": (("1", "Hz hertz"),), "voltage": (("1", "V volt"),),
    "count": (("1", "way arrangement possibilitie combination permutation outcome choice solution pair triple people "
                    "person student"),),
}  # fmt: skip
_SIZES = {
    name: (dimension, Fraction(size))
    for dimension, sizes in _UNITS.items()
    for size, names in sizes
    for name in names.split()
}
_ABBREVIATIONS = {"mph": "mile / hour", "kph": "km / hour", "kmph": "km / hour", "mpg": "mile / gallon"}
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_UNIT_TOKEN = re.compile(r"([A-Za-z°€£¥₹¢]+)\.?(?:\s*\^?\s*\{?\s*(-?\d)\s*\}?)?|(/)")

_MULTIPLIERS = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_DEGREES = re.compile(r"\s*\^\s*\{?\s*\\circ\s*\}?\s*(?:\\(?:text\w*|mathrm)\s*\{\s*([CF])\s*\}|([CF]))?$")
_CURRENCY = re.compile(r"^([€£¥₹])\s*|\s*([€£¥₹¢])$")
# A trailing unit: \text{...} with a power, or words. Number words and operations change the value and are not units.
_TEXT_UNIT = re.compile(
    r"(?<=\S)(?:\s*/?\s*\\(?:text\w*|mathrm|mbox)\s*\{(?:[^{}\d%=^]|\^\\circ|\^\{?-?\d\}?)*\}(?:\s*\^\s*\{?-?\d\}?)?)++$"
)
_WORD_UNIT = re.compile(r"(?:(?<=[\d}\s)])|^)\s*(?:[^\W\d_]++[./]?\s*+){1,6}(?:\^?\{?[23]\}?)?$")
_NOT_UNITS = frozenset(
    "hundred thousand million billion trillion dozen half halves third thirds quarter quarters fourth fourths fifth "
    "fifths sixth eighth tenth hundredth percent percentage pct pi times plus minus over by per squared cubed "
    "factorial mod modulo and or base to power root sqrt sin cos tan log ln exp e i if when for not no less more than "
    "choose".split()
)


@lru_cache(maxsize=1024)
def read_unit(text: str) -> Unit | None:
    """``cm^2``, ``square centimeters``, ``miles per hour``; None where any word of it is no unit."""
    dimensions: dict[str, int] = {}
    size, sign, waiting, last = Fraction(1), 1, 1, None
    for name, digit, slash in _UNIT_TOKEN.findall(" ".join(_ABBREVIATIONS.get(word, word) for word in text.split())):
        if slash or name == "per":
            sign = -1
        elif name in ("square", "sq", "cubic", "cu"):
            waiting = _POWERS[name]
        else:
            if name in ("squared", "cubed") and last:
                exponent = _POWERS[name] - 1
            else:
                last = _SIZES.get(name) or _SIZES.get(name.lower() if len(name) > 2 else "")
                last = last or (_SIZES.get(name.lower()[:-1]) if len(name) > 2 and name[-1] == "s" else None)
                exponent, waiting = int(digit or 1) * waiting, 1
            if last is None:
                return None
            dimension, one = last
            dimensions[dimension] = dimensions.get(dimension, 0) + sign * exponent
            size *= one ** (sign * exponent)
    if "count" in dimensions and len(dimensions) > 1:
        return None  # ways per hour
    if dimensions.keys() & {"celsius", "fahrenheit"}:
        dimensions.pop("angle", None)
    return Unit(tuple(sorted(item for item in dimensions.items() if item[1])), size) if dimensions else None


def conversion(gold: Unit | None, answer: Unit | None) -> Fraction | int | None:
    """What a number in the gold's unit is multiplied by to be in the answer's; None for units of different kinds."""
    if gold is None or answer is None or gold == answer:
        return 1
    if gold.dimensions == answer.dimensions:
        return gold.size / answer.size
    kinds = {gold.dimensions[0][0], answer.dimensions[0][0]}
    return 1 if kinds <= {"angle", "celsius"} or kinds <= {"angle", "fahrenheit"} else None  # "20 degrees" of either


def read_quantity(text: str) -> Quantity:
    """Split a normalised text from its trailing unit, degree sign or currency sign."""
    if len(text) > 2000 or text[-1:].isdigit() and text[:1] not in "€£¥₹" and text[-2:-1] not in "}^":
        return Quantity(text)
    if text.endswith("%"):
        return Quantity(text[:-1].strip(), Fraction(1, 100))
    if degrees := _DEGREES.search(text):
        return Quantity(text[: degrees.start()].strip(), 1, read_unit("°" + (degrees[1] or degrees[2] or "")))
    if currency := _CURRENCY.search(text):
        return Quantity(_CURRENCY.sub("", text).strip(), 1, read_unit(currency[1] or currency[2]))
    found, words = _TEXT_UNIT.search(text), ""
    if found:
        words = plain(found[0]).replace(" /", "/")
    elif len(text) <= 200 and (found := _WORD_UNIT.search(text)):
        words = found[0]
    if not words.strip():
        return Quantity(text)
    first, _, rest = words.strip().partition(" ")
    scale = _MULTIPLIERS.get(first.lower().rstrip("s"), 1)
    unit_text = rest if scale > 1 else words
    unit = read_unit(unit_text.strip())
    if unit_text.strip() and unit is None and not _is_counted(unit_text, text, found):
        return Quantity(text)
    if unit and found.re is _WORD_UNIT and not (re.search(r"[^\W\d_]{2}|/", unit_text)):
        return Quantity(text)  # 3 m could be a product
    return Quantity(text[: found.start()].strip(), scale, unit)


_LETTER_UNIT = re.compile(r"-?[\d.,]+\s+(?P<unit>[A-Za-z])\.?(?:\^\{?[23]\}?)?")


def letter_unit(text: str, like: Unit) -> Unit | None:
    """The unit of "1 m", which could be a product, where it is of the same kind as ``like``."""
    found = _LETTER_UNIT.fullmatch(text)
    unit = read_unit(text[found.start("unit") :]) if found else None
    return unit if unit and unit.dimensions == like.dimensions else None


def _is_counted(words: str, text: str, found: re.Match[str]) -> bool:
    """Whether words that are no unit name what is counted ("12 apples")."""
    each = re.findall(r"[^\W\d_]+", words)
    if any(word.lower() in _NOT_UNITS for word in each) or re.search(r"[\^/]", words) and len(words.strip()) < 4:
        return False
    if found.re is _TEXT_UNIT:
        return not (len(each) == 1 and len(each[0]) == 1 and each[0].islower())
    return all((len(word) > 1 and words[:1] == " ") or not word.isascii() for word in each)


_ONES = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * value for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_PARTS = {
    word: value
    for value, word in enumerate("half third fourth fifth sixth seventh eighth ninth tenth".split(), 2)
} | {"quarter": 4, "halve": 2, "hundredth": 100, "thousandth": 1000}


def read_words(text: str) -> Fraction | None:
    """``twenty-five``, ``one hundred and one``, ``three fourths``, ``one and a half``, ``five apples``."""
    if len(text) > 100 or not text[:1].isalpha():
        return None
    words = re.split(r"[\s-]+", plain(text).lower().rstrip(".")) if text.isascii() else []
    if not words or not (words[0] in _ONES or words[0] in _TENS or words[0] in ("a", "an", "half")):
        return None
    total, current, room, seen = 0, 0, 100, False  # room: what the next word must stay below
    for i, word in enumerate(words):
        part = _PARTS.get(word.rstrip("s")) or _PARTS.get(word)
        if word in _ONES or word in _TENS:
            value = _ONES.get(word, _TENS.get(word, 0))
            if value >= room:
                return None
            current, room, seen = current + value, 10 if word in _TENS else 0, True
        elif word.rstrip("s") in _MULTIPLIERS and (seen or words[0] in ("a", "an")):
            factor = _MULTIPLIERS[word.rstrip("s")]
            if factor == 100:
                current, room = max(current, 1) * 100, 100
            else:
                total, current, room = total + max(current, 1) * factor, 0, 100
            seen = True
        elif part and i == len(words) - 1 and (i > 0 or word == "half"):
            if i == 0 or words[i - 1] in ("a", "an", "and"):
                return total + current + Fraction(1, part)
            return Fraction(total + current, part) if seen else None
        elif word in ("and", "a", "an"):
            continue
        elif seen and i == len(words) - 1 and word.isalpha() and not {word, words[i - 1]} & (_NOT_UNITS | {"a", "an"}):
            break  # what is counted
        else:
            return None
    return Fraction(total + current) if seen else None


def without_unit(text: str) -> str:
    """A normalised text without its trailing unit, degree sign or currency sign."""
    stripped, scale, _ = read_quantity(text)
    return stripped if scale == 1 else rf"{scale} \cdot ({stripped})"
