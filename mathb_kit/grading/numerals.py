r"""Reading plain numbers exactly: integers, decimals, fractions, mixed numbers, percent, bases, e-notation.

Nothing is rounded and nothing is computed that could be large: a literal is compared by its digits, a fraction by
``fractions.Fraction`` with a bound on its digits.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from mathb_kit.grading.latex import plain

_MAX_DIGITS = 1000  # of a numerator, denominator or exponent; literals without a fraction may be longer

_COMMAS = r"(?:\d{1,3}(?:,\d{3})++(?!\d)|\d++)"
_DIGITS = rf"(?:\d{{1,3}}(?: \d{{3}})++(?!\d)|{_COMMAS})"
_LITERAL = re.compile(rf"(?P<sign>[+-]*)\s*(?P<whole>{_DIGITS})?(?:\.(?P<decimals>\d+)?)?")
_SCIENTIFIC = re.compile(
    r"(?P<mantissa>[+-]?\d+(?:\.\d+)?)\s*(?:[eE](?P<e>[+-]?\d{1,3})|(?:\\times|\\cdot|\*)\s*10\^(?:\{(?P<braced>[+-]?\d{1,3})\}|(?P<digit>\d)))"
)
_FRACTION = re.compile(
    rf"(?P<sign>[+-]*)\s*(?:(?P<whole>{_DIGITS})[ ]*(?P<plus>\+[ ]*)?)??"
    rf"(?:\\frac\s*\{{\s*(?P<n1>[+-]?{_COMMAS}(?:\.\d+)?)\s*\}}\s*\{{\s*(?P<d1>[+-]?{_COMMAS}(?:\.\d+)?)\s*\}}"
    rf"|(?P<n2>{_COMMAS}(?:\.\d+)?) ?/ ?(?P<d2>{_COMMAS}(?:\.\d+)?))"
)
_REPEATING = re.compile(r"(?P<whole>-?\d{0,20})\.(?P<fixed>\d{0,20})\\overline\s*\{(?P<repeated>\d{1,20})\}")
_BASED = re.compile(r"(?P<digits>[0-9A-Fa-f]+)_(?:\{\s*(?P<braced>\d{1,2})\s*\}|(?P<digit>\d))")

_PERCENT = re.compile(r"\s*(?:%|\b(?:percent(?:age)?|pct)\b)\s*(?:points?)?$")
_DEGREES = re.compile(r"\s*(?:\^\\circ\s*[CF]?|\bdegrees?(?: Celsius| Fahrenheit)?)$")
_CURRENCY = re.compile(r"^[€£¥₹]\s*|\s*[€£¥₹]$")
# A trailing unit: \text{...} with a power, or words. Number words and operations change the value and are not units.
_TEXT_UNIT = re.compile(r"(?<=\S)\s*\\(?:text\w*|mathrm|mbox)\s*\{(?P<unit>[^{}\d%]*)\}\s*(?:\^\s*(?:\{?\d\}?))?$")
_WORD_UNIT = re.compile(r"(?<=[\d}\s])\s*(?P<unit>(?:[^\W\d_]++[./]?\s*+){1,6})(?:\^?\{?[23]\}?)?$")
_SHORT_UNITS = frozenset("cm mm km kg mg lb ft mi yd oz mL ml min sec hr mph kph".split())
_NOT_UNITS = frozenset(
    "hundred thousand million billion trillion dozen half halves third thirds quarter quarters fourth fourths fifth "
    "fifths sixth eighth tenth hundredth percent percentage pct pi times plus minus over by per squared cubed "
    "factorial mod modulo and or base to power root sqrt sin cos tan log ln exp e i if when for not no less more than "
    "choose".split()
)


class Number(NamedTuple):
    """An exact value. ``percent``: written with a percent sign, which ``value`` does not include.

    ``bare``: an integer literal and nothing else. ``base``: the declared base of the digits, 10 for ordinary ones.
    """

    value: Fraction | str
    percent: bool = False
    bare: bool = False
    base: int = 10


def read_number(text: str) -> Number | None:
    """The number that a normalised text spells, units, degrees and currency apart; None if it spells none."""
    text = _without_parentheses(text)
    percent = _PERCENT.search(plain(text)) if text.endswith(("%", "}", "t", "e", "s")) else None
    if percent:
        value = _read_value(plain(text)[: percent.start()].strip())
        return None if value is None else Number(value, percent=True)
    if based := _BASED.fullmatch(text):
        base = int(based["braced"] or based["digit"])
        if not 2 <= base <= 36 or len(based["digits"]) > _MAX_DIGITS:
            return None
        try:
            return Number(Fraction(int(based["digits"], base)), base=base)
        except ValueError:
            return None
    stripped = without_unit(text)
    value = _read_value(_without_parentheses(stripped))
    return None if value is None else Number(value, bare="/" not in str(value) and "." not in str(value))


def equal_numbers(gold: Number, answer: Number) -> bool:
    """Exact equality; p% equals p/100, or p where the gold is a bare integer."""
    if gold.base != answer.base:
        return False
    if gold.percent == answer.percent:
        return gold.value == answer.value
    if answer.percent and gold.bare and gold.value == answer.value:
        return True
    plain_value, percent_value = (gold.value, answer.value) if answer.percent else (answer.value, gold.value)
    plain_value, percent_value = _fraction(plain_value), _fraction(percent_value)
    return plain_value is not None and percent_value is not None and plain_value * 100 == percent_value


def without_unit(text: str) -> str:
    """A normalised text without a trailing unit, degree sign or currency sign."""
    text = _CURRENCY.sub("", text)
    text = _DEGREES.sub("", text)
    text = _TEXT_UNIT.sub(lambda m: m[0] if _changes_value(m["unit"]) else "", text)
    if len(text) <= 200 and (unit := _WORD_UNIT.search(text)) and not _changes_value(unit["unit"]):
        words = re.findall(r"[^\W\d_]+", unit["unit"])
        spaced = text[unit.start() : unit.start("unit")] or unit.start() == 0
        if all(len(word) > 1 and spaced or word in _SHORT_UNITS or not word.isascii() for word in words):
            text = text[: unit.start()]
    return text.strip()


def _changes_value(unit: str) -> bool:
    return any(word.lower() in _NOT_UNITS for word in re.findall(r"[A-Za-z]+", unit))


def _without_parentheses(text: str) -> str:
    inner = text[1:-1]
    return inner.strip() if text[:1] + text[-1:] in ("()", "{}") and not set(inner) & set("(){},;") else text


def _read_value(text: str) -> Fraction | str | None:
    """Canonical value: a digit string for literals (any length), a Fraction otherwise."""
    if (literal := _LITERAL.fullmatch(text)) and (literal["whole"] or literal["decimals"]):
        return _literal(literal)
    if scientific := _SCIENTIFIC.fullmatch(text):
        if len(scientific["mantissa"]) > _MAX_DIGITS:
            return None
        exponent = int(scientific["e"] or scientific["braced"] or scientific["digit"])
        return _canonical(Fraction(scientific["mantissa"]) * Fraction(10) ** exponent)
    if repeating := _REPEATING.fullmatch(text):
        whole, fixed, repeated = repeating.groups()
        tail = Fraction(int(fixed + repeated) - int(fixed or 0), (10 ** len(repeated) - 1) * 10 ** len(fixed))
        return _canonical(int(whole.lstrip("-") or 0) + tail if whole[:1] != "-" else int(whole) - tail)
    if fraction := _FRACTION.fullmatch(text):
        return _mixed(fraction)
    return None


def _literal(match: re.Match[str]) -> Fraction | str | None:
    whole = re.sub("[, ]", "", match["whole"] or "").lstrip("0") or "0"
    decimals = (match["decimals"] or "").rstrip("0")
    sign = "-" if match["sign"].count("-") % 2 and (whole, decimals) != ("0", "") else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def _mixed(match: re.Match[str]) -> Fraction | str | None:
    written = (match["whole"], match["n1"] or match["n2"], match["d1"] or match["d2"])
    parts = [re.sub("[, ]", "", part or "0") for part in written]
    if any(len(part) > _MAX_DIGITS for part in parts):
        return None
    whole, numerator, denominator = map(Fraction, parts)
    if denominator == 0:
        return None
    # 11 7/6 is no mixed number, and 1 1/-2 neither.
    if match["whole"] and not match["plus"] and not 0 <= numerator < denominator:
        return None
    if match["plus"] and match["sign"]:
        sign = -1 if match["sign"].count("-") % 2 else 1
        return _canonical(sign * whole + numerator / denominator)
    value = whole + numerator / denominator
    return _canonical(-value if match["sign"].count("-") % 2 else value)


def _canonical(value: Fraction) -> Fraction | str:
    """A value that a finite decimal spells becomes that digit string, so that 1/2 and 0.5 compare equal."""
    denominator = value.denominator
    twos = (denominator & -denominator).bit_length() - 1
    fives, rest = 0, denominator >> twos
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    places = max(twos, fives)
    if rest != 1 or places > _MAX_DIGITS:
        return value
    digits = str(abs(value.numerator) * 10**places // denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    whole, decimals = (digits[:-places], digits[-places:].rstrip("0")) if places else (digits, "")
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def _fraction(value: Fraction | str) -> Fraction | None:
    if isinstance(value, Fraction):
        return value
    return Fraction(value) if len(value) <= _MAX_DIGITS else None
