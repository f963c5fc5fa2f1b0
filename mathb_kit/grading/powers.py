r"""Powers and roots of exact expressions (``polynomials``)."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from mathb_kit.grading.polynomials import (
    MAX_BITS,
    ONE,
    Quotient,
    Undefined,
    Unreadable,
    add,
    bits_of,
    constant,
    divide,
    multiply,
    opaque,
    rational,
    symbol,
)

_MAX_EXPONENT = 60  # of a sum; a single term may have more
_MAX_RADICAND = 10**8
_MAX_INDEX = 12


def power(base: Quotient, exponent: Quotient) -> Quotient:
    """An integer power, the square root of an integer, a perfect root, or else an opaque atom."""
    value = rational(exponent)
    if value is None:
        return _opaque_power(base, exponent)
    if value.denominator == 1:
        return _integer_power(base, int(value))
    if value.denominator > _MAX_INDEX:
        return opaque("power", base, exponent)
    number = rational(base)
    if number is not None and abs(value) < _MAX_EXPONENT:
        if value.denominator == 2:
            return _integer_power(square_root(number), value.numerator)
        if number > 0 and value.denominator % 2:
            root = _root(number, value.denominator)
            return _integer_power(root, value.numerator)
    root = _term_root(base, value.denominator) or opaque("root", base, constant(value.denominator))
    return _integer_power(root, value.numerator)


def _term_root(base: Quotient, index: int) -> Quotient | None:
    """A real root of odd index of a single term, factor by factor."""
    if index % 2 == 0 or base.denominator != ONE or len(base.numerator) != 1:
        return None
    [(monomial, coefficient)] = base.numerator.items()
    if any(atom == "i" or atom[0] == "√" for atom, _ in monomial):
        return None
    root = _root(abs(coefficient), index)
    for atom, exponent in monomial:
        root = multiply(root, _integer_power(opaque("root", symbol(atom), constant(index)), exponent))
    return multiply(constant(-1), root) if coefficient < 0 else root


def _integer_power(base: Quotient, exponent: int) -> Quotient:
    if exponent < 0:
        return divide(Quotient(ONE, ONE), _integer_power(base, -exponent))
    terms = max(len(base.numerator), len(base.denominator))
    bits = max((bits_of(value) for part in base for value in part.values()), default=1)
    if (terms > 1 and exponent > _MAX_EXPONENT) or (bits > 1 and exponent * bits > 2 * MAX_BITS) or exponent > 10**6:
        raise Unreadable
    result = Quotient(ONE, ONE)
    while exponent:
        if exponent & 1:
            result = multiply(result, base)
        exponent >>= 1
        if exponent:
            base = multiply(base, base)
    return result


def _opaque_power(base: Quotient, exponent: Quotient) -> Quotient:
    """``2^{n+1}`` is ``2 * 2^n``: whole constants of the exponent are taken out."""
    whole = exponent.numerator.get((), Fraction(0)) if exponent.denominator == ONE else Fraction(0)
    if whole.denominator != 1 or not base.numerator:
        whole = Fraction(0)
    symbol = opaque("power", base, add(exponent, constant(whole), -1))
    return multiply(symbol, _integer_power(base, int(whole)))


def square_root(number: Fraction) -> Quotient:
    """``a sqrt(p q ...)`` with primes p, q, ...; i times that for a negative number."""
    radicand = abs(number.numerator) * number.denominator
    if radicand > _MAX_RADICAND:
        root = isqrt(radicand)
        if root * root != radicand:
            raise Unreadable
        outside, primes = root, []
    else:
        outside, primes = 1, []
        factor = 2
        while factor * factor <= radicand:
            while radicand % (factor * factor) == 0:
                radicand //= factor * factor
                outside *= factor
            if radicand % factor == 0:
                radicand //= factor
                primes.append(factor)
            factor += 1
        if radicand > 1:
            primes.append(radicand)
    atoms = [(f"√{prime}", 1) for prime in primes] + ([("i", 1)] if number < 0 else [])
    return Quotient({tuple(sorted(atoms)): Fraction(outside, number.denominator)} if number else {}, ONE)


def _root(number: Fraction, index: int) -> Quotient:
    """The real root of a positive rational; what is no perfect power stays under the root."""
    radicand = number.numerator * number.denominator ** (index - 1)
    if radicand.bit_length() > MAX_BITS:
        raise Unreadable
    outside, factor = 1, 2
    while factor**index <= radicand and factor < 1000:
        while radicand % factor**index == 0:
            radicand //= factor**index
            outside *= factor
        factor += 1
    scale = constant(Fraction(outside, number.denominator))
    return scale if radicand == 1 else multiply(scale, opaque("root", constant(radicand), constant(index)))


def known_value(function: str, argument: Quotient) -> Quotient | None:
    """Sines and their kin at multiples of 30 and 45 degrees, logarithms of 1 and e, at 0 too; None elsewhere.

    Raises:
        Undefined: the function has no value there.
    """
    if function in ("ln", "log", "lg"):
        number = rational(argument)
        if number == 0:
            raise Undefined
        if number == 1:
            return constant(0)
        return constant(1) if function == "ln" and argument == symbol("e") else None
    if function not in ("sin", "cos", "tan", "cot", "sec", "csc") or argument.denominator != ONE:
        return None
    if argument.numerator.keys() - {((r"\pi", 1),)}:
        return None
    turn = argument.numerator.get(((r"\pi", 1),), Fraction(0))
    sine, cosine = _sine(turn), _sine(turn + Fraction(1, 2))
    if sine is None or cosine is None:
        return None
    one = constant(1)
    parts = {
        "sin": (sine, one), "cos": (cosine, one), "tan": (sine, cosine), "cot": (cosine, sine), "sec": (one, cosine),
        "csc": (one, sine),
    }  # fmt: skip
    return divide(*parts[function])


def _sine(turn: Fraction) -> Quotient | None:
    """The sine of ``turn`` times pi at multiples of 30 and 45 degrees."""
    if (turn * 6).denominator != 1 and (turn * 4).denominator != 1:
        return None
    turn %= 2
    sign, turn = (-1, turn - 1) if turn >= 1 else (1, turn)
    turn = min(turn, 1 - turn)
    radicand = {Fraction(0): 0, Fraction(1, 6): 1, Fraction(1, 4): 2, Fraction(1, 3): 3, Fraction(1, 2): 4}[turn]
    return multiply(constant(Fraction(sign, 2)), square_root(Fraction(radicand)))


def quadratic(value: Quotient) -> tuple[str, Fraction, list[Quotient]] | None:
    """Name, leading coefficient and real roots (a double one twice) of ``a x^2 + b x + c`` with rational a, b, c."""
    names = value.names()
    if value.denominator != ONE or len(names) != 1 or not value.is_exact:
        return None
    [name] = names
    a, b, c = (value.numerator.get(((name, n),) if n else (), Fraction(0)) for n in (2, 1, 0))
    if not a or len(value.numerator) != sum(map(bool, (a, b, c))):
        return None
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return name, a, []
    root = square_root(discriminant)
    return name, a, [divide(add(constant(-b), root, sign), constant(2 * a)) for sign in (1, -1)]
