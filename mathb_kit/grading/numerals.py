r"""Reading plain numbers exactly: integers, decimals, fractions, mixed numbers, percent, bases, e-notation.

Nothing is rounded and nothing is computed that could be large: a literal is compared by its digits, a fraction by
``fractions.Fraction`` with a bound on its digits.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from mathb_kit.grading.latex import plain
from mathb_kit.grading.units import Unit, conversion, read_quantity, read_words

_MAX_DIGITS = 1000  # of a numerator, denominator or exponent; literals without a fraction may be longer

_COMMAS = r"(?:\d{1,3}(?:,\d{3})++(?!\d)|\d++)"
_DIGITS = rf"(?:\d{{1,3}}(?: \d{{3}})++(?!\d)|{_COMMAS})"
_LITERAL = re.compile(rf"(?P<sign>[+-]*)\s*(?P<whole>{_DIGITS})?(?:\.(?P<decimals>\d+)?)?")
_SCIENTIFIC = re.compile(
    r"(?P<mantissa>[+-]?\d+(?:\.\d+)?)\s*(?:[eE](?P<e>[+-]?\d{1,3})|"
    r"(?:\\times|\\cdot|\*|x)\s*10 ?\^ ?(?:\{\s*(?P<braced>[+-]?\d{1,3})\s*\}|(?P<digit>[+-]?\d{1,3})))"
)
_FRACTION = re.compile(
    rf"(?P<sign>[+-]*)\s*(?:(?P<whole>{_DIGITS})[ ]*(?P<plus>\+[ ]*)?)??"
    rf"(?:\\frac\s*\{{\s*(?P<n1>[+-]?{_COMMAS}(?:\.\d+)?)\s*\}}\s*\{{\s*(?P<d1>[+-]?{_COMMAS}(?:\.\d+)?)\s*\}}"
    rf"|(?P<n2>{_COMMAS}(?:\.\d+)?) ?/ ?(?P<d2>{_COMMAS}(?:\.\d+)?))"
)
_REPEATING = re.compile(
    r"(?P<whole>-?\d{0,20})\.(?P<fixed>\d{0,20})\\(?:overline|bar|dot)\s*\{?(?P<repeated>\d{1,20})\}?"
)
# 0.1666... with at least three repetitions
_DOTTED = re.compile(r"(?P<whole>-?\d{0,20})\.(?P<fixed>\d{0,20}?)(?P<repeated>\d{1,6}?)(?P=repeated){2,20}\s*\\ldots")
_BASED = re.compile(r"(?P<digits>-?[0-9A-Fa-f]+)_(?:\{\s*\(?(?P<braced>\d{1,2})\)?\s*\}|(?P<digit>\d))")

_PERCENT = re.compile(r"\s*(?:%|(?<![A-Za-z])(?:percent(?:age)?|pct)\b)\s*(?:points?)?$")
_ORDINAL = re.compile(r"(?<=\d)\s*\^?\s*\{?\s*(?:\\(?:text\w*|mathrm)\s*\{\s*)?(?:st|nd|rd|th)\s*\}?\s*\}?$")

_CLOCK = re.compile(r"(\d{1,2})(?::([0-5]\d))?\s*(?:(?:\\text\w*\s*\{)?\s*([ap])\.?\s*m\.?\s*\}?)?", re.I)
_CONGRUENCE = re.compile(
    r"(?:[^=]*\\equiv\s*)?(?P<residue>-?\d{1,300})\s*\(?\s*\\?[pb]?mod\s*\{?\s*(?P<modulus>\d{1,300})\s*\}?\)?"
)
_RATIO = re.compile(r"\d{1,9}(?:\s*:\s*\d{1,9})+")


class Number(NamedTuple):
    """An exact value. ``percent``: written with a percent sign, which ``value`` does not include.

    ``bare``: an integer literal and nothing else. ``base``: the declared base of the digits, 10 for ordinary ones.
    """

    value: Fraction | str
    percent: bool = False
    bare: bool = False
    base: int = 10
    unit: Unit | None = None


def read_number(text: str) -> Number | None:
    """The number that a normalised text spells, in digits or in words; None if it spells none."""
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
    stripped, scale, unit = read_quantity(text)
    value = _read_value(_without_parentheses(_ORDINAL.sub("", stripped)))
    if value is None:
        value = None if (spelled := read_words(plain(stripped))) is None else _canonical(spelled)
    if scale != 1 and value is not None:
        value = None if len(str(value)) > _MAX_DIGITS else _canonical(Fraction(value) * scale)
    return None if value is None else Number(value, bare="/" not in str(value) and "." not in str(value), unit=unit)


def equal_numbers(gold: Number, answer: Number) -> bool:
    """Exact equality of quantities; p% equals p/100, or p where the gold is a bare integer."""
    if gold.base != answer.base:
        return False
    if gold.percent == answer.percent:
        factor = conversion(gold.unit, answer.unit)
        if factor == 1 or factor is None or gold.value == answer.value:
            return factor == 1 and gold.value == answer.value
        g, a = _fraction(gold.value), _fraction(answer.value)
        return g is not None and a is not None and g * factor == a
    if answer.percent and gold.bare and gold.value == answer.value:
        return True
    plain_value, percent_value = (gold.value, answer.value) if answer.percent else (answer.value, gold.value)
    plain_value, percent_value = _fraction(plain_value), _fraction(percent_value)
    return plain_value is not None and percent_value is not None and plain_value * 100 == percent_value


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
    if repeating := _REPEATING.fullmatch(text) or _DOTTED.fullmatch(text):
        whole, fixed, repeated = repeating.groups()
        tail = Fraction(int(fixed + repeated) - int(fixed or 0), (10 ** len(repeated) - 1) * 10 ** len(fixed))
        value = int(whole.lstrip("-") or 0) + tail
        return _canonical(-value if whole[:1] == "-" else value)
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


def same_ratio(gold: str, answer: str) -> bool | None:
    """``3:4`` equals ``6:8`` and 3/4; ``10:30 p.m.`` equals ``10:30 PM``, ``10:30`` and ``22:30``. None: neither is a
    ratio, a time or a residue."""
    if "mod" in gold + answer and (verdict := _same_residue(gold, answer)) is not None:
        return verdict
    times = [_CLOCK.fullmatch(text) for text in (gold, answer)]
    if all(time and (time[2] or time[3]) for time in times):
        (hour, minutes, half), (other, other_minutes, other_half) = (time.groups() for time in times)
        if half or other_half:
            same_hour = not _hours(hour, half).isdisjoint(_hours(other, other_half))
        else:  # perhaps ratios
            same_hour = int(hour) == int(other)
        return same_hour and int(minutes or 0) == int(other_minutes or 0)
    if ":" not in gold and ":" not in answer:
        return None
    g, a = (
        [Fraction(term) for term in text.split(":")] if _RATIO.fullmatch(text) else None for text in (gold, answer)
    )
    if g and a:
        return len(g) == len(a) and all(x * a[0] == y * g[0] for x, y in zip(g, a)) and any(g) == any(a)
    terms, number = (g, read_number(answer)) if g else (a, read_number(gold))
    if not terms or number is None or number.base != 10:
        return None
    return len(terms) == 2 and _fraction(number.value) == (terms[0] / terms[1] if terms[1] else None)


_POWER = re.compile(r"(?P<base>\d{1,9})\s*\^\s*\{?\s*(?P<exponent>\d{1,5})\s*\}?")
_MAX_POWER_DIGITS = 20_000


def same_power(gold: str, answer: str) -> bool | None:
    """``10^{5000}`` beside its 5,001 digits; None for anything else."""
    for power, digits in ((gold, answer), (answer, gold)):
        if len(digits) > 300 and digits.isdecimal() and digits.isascii() and (found := _POWER.fullmatch(power)):
            base, exponent = int(found["base"]), int(found["exponent"])
            if max(len(digits), base.bit_length() * exponent * 0.31) > _MAX_POWER_DIGITS:
                return None
            value = 0
            for at in range(0, len(digits), 1000):  # Python refuses to convert very long ones at once
                part = digits[at : at + 1000]
                value = value * 10 ** len(part) + int(part)
            return value == base**exponent
    return None


def _hours(hour: str, half: str | None) -> set[int]:
    """Hours of the day that a time may mean: without a.m. or p.m. either half's, unless only a 24-hour clock has it."""
    if half:
        return {int(hour) % 12 + 12 * (half in "pP")}
    return {int(hour) % 12, int(hour) % 12 + 12} if 0 < int(hour) <= 12 else {int(hour)}


def _same_residue(gold: str, answer: str) -> bool | None:
    r"""``7 \pmod{11}`` equals ``18 \pmod{11}``, and 7."""
    g, a = _CONGRUENCE.fullmatch(gold), _CONGRUENCE.fullmatch(answer)
    if g and a:
        modulus = int(g["modulus"])
        return modulus == int(a["modulus"]) > 0 and (int(g["residue"]) - int(a["residue"])) % modulus == 0
    number = read_number(answer if g else gold) if g or a else None
    if number is None:
        return None
    residue, modulus = (int((g or a)[name]) for name in ("residue", "modulus"))
    text = gold if g else answer
    if modulus and "equiv" not in text and "pmod" not in text and "(" not in text:  # an operation, no class of residues
        residue %= modulus
    return str(number.value) == str(residue)
