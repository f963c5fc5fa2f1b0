r"""Exact normal forms: rational functions of any names over the rationals, square roots of integers and i.

An expression becomes a quotient of two polynomials, each a dict from monomials to rational coefficients. A monomial
maps atoms to exponents; atoms are names (``x``, ``x_1``, ``\pi``), square roots of primes, i, and what is not computed
(``\sin(...)``, ``2^n``, nested radicals), which is opaque. Square roots of primes and i are reduced as they multiply,
and are linearly independent over the rationals: without opaque atoms, two expressions are equal exactly if their
forms are. With them, equal forms prove equality and different ones prove nothing.

Sizes are bounded (terms, digits, depth); what exceeds them, or is not plainly written, is not read.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from math import prod
from typing import NamedTuple

_MAX_TERMS = 200
MAX_BITS = 4000
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
_CONSTANTS = frozenset((r"\pi", "e", "i", r"\infty"))

Monomial = tuple[tuple[str, int], ...]
Polynomial = dict[Monomial, Fraction]


class Unreadable(Exception):
    """Not an expression that this module reads."""


class Undefined(Unreadable):
    """An expression without a value."""


class Quotient(NamedTuple):
    """``numerator / denominator``; the denominator is not zero, and 1 where it would be a single term."""

    numerator: Polynomial
    denominator: Polynomial

    @property
    def is_exact(self) -> bool:
        """No opaque atoms: a different form is a different value."""
        return not any("(" in name for name in self.names())

    def names(self) -> set[str]:
        """Atoms other than constants."""
        atoms = {atom for part in self for monomial in part for atom, _ in monomial}
        return {atom for atom in atoms if atom[0] != "√" and atom not in _CONSTANTS}


ONE: Polynomial = {(): Fraction(1)}


def constant(value: Fraction | int) -> Quotient:
    return Quotient({(): Fraction(value)} if value else {}, ONE)


def symbol(name: str) -> Quotient:
    return Quotient({((name, 1),): Fraction(1)}, ONE)


def _sum(a: Polynomial, b: Polynomial, sign: int = 1) -> Polynomial:
    total = dict(a)
    for monomial, coefficient in b.items():
        value = total.get(monomial, 0) + sign * coefficient
        if value:
            total[monomial] = value
        else:
            total.pop(monomial, None)
    return total


def _product(a: Polynomial, b: Polynomial) -> Polynomial:
    if len(a) * len(b) > _MAX_TERMS * 20:
        raise Unreadable
    total: Polynomial = {}
    for first, x in a.items():
        for second, y in b.items():
            monomial, factor = _merged(first, second)
            value = total.get(monomial, 0) + x * y * factor
            if value:
                total[monomial] = value
            else:
                total.pop(monomial, None)
    if len(total) > _MAX_TERMS or any(bits_of(value) > MAX_BITS for value in total.values()):
        raise Unreadable
    return total


def bits_of(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _merged(first: Monomial, second: Monomial) -> tuple[Monomial, Fraction | int]:
    """The product of two monomials, and the rational factor that squares of roots and of i leave behind."""
    if not first or not second:
        return first or second, 1
    exponents = dict(first)
    for atom, exponent in second:
        exponents[atom] = exponents.get(atom, 0) + exponent
    return _reduced(exponents)


def _reduced(exponents: dict[str, int]) -> tuple[Monomial, Fraction | int]:
    factor: Fraction | int = 1
    for atom, exponent in tuple(exponents.items()):
        if atom == "i":
            factor *= (1, 1, -1, -1)[exponent % 4]
            exponents[atom] = exponent % 2
        elif atom[0] == "√":
            factor *= Fraction(int(atom[1:])) ** (exponent // 2)
            exponents[atom] = exponent % 2
    return tuple(sorted(item for item in exponents.items() if item[1])), factor


def add(a: Quotient, b: Quotient, sign: int = 1) -> Quotient:
    """``a + sign * b``."""
    if a.denominator == b.denominator:
        return _quotient(_sum(a.numerator, b.numerator, sign), a.denominator)
    return _quotient(
        _sum(_product(a.numerator, b.denominator), _product(b.numerator, a.denominator), sign),
        _product(a.denominator, b.denominator),
    )


def multiply(a: Quotient, b: Quotient) -> Quotient:
    return _quotient(_product(a.numerator, b.numerator), _product(a.denominator, b.denominator))


def divide(a: Quotient, b: Quotient) -> Quotient:
    if not b.numerator:
        raise Undefined
    return _quotient(_product(a.numerator, b.denominator), _product(a.denominator, b.numerator))


def _quotient(numerator: Polynomial, denominator: Polynomial) -> Quotient:
    if denominator == ONE:
        return Quotient(numerator, ONE)
    if len(denominator) == 1:
        [(monomial, coefficient)] = denominator.items()
        inverse, factor = _reduced({atom: -exponent for atom, exponent in monomial})
        return Quotient(_product(numerator, {inverse: factor / coefficient}), ONE)
    return Quotient(_scaled(numerator, denominator), _scaled(denominator, denominator))


def _scaled(polynomial: Polynomial, like: Polynomial) -> Polynomial:
    """Divided by the first coefficient of ``like``."""
    leading = like[min(like)]
    return {monomial: value / leading for monomial, value in polynomial.items()}


def equal_quotients(a: Quotient, b: Quotient) -> bool | None:
    """Exact; None where opaque atoms forbid a "different", or the products grow too large."""
    try:
        same = _product(a.numerator, b.denominator) == _product(b.numerator, a.denominator)
    except Unreadable:
        return None
    return same or (False if a.is_exact and b.is_exact else None)


def same_zeros(a: Quotient, b: Quotient) -> bool | None:
    """Whether ``a = 0`` and ``b = 0`` are one equation: equal up to a rational factor; None where that cannot be told.

    Linear equations with rational coefficients are different unless proportional; of others nothing is known.
    """
    one, other = (_primitive(side.numerator) for side in (a, b))
    if one == other:
        return True
    linear = all(
        not monomial or (len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0] in (a.names() | b.names()))
        for monomial in (*one, *other)
    )
    return False if linear and a.is_exact and b.is_exact and a.names() and b.names() else None


def _primitive(polynomial: Polynomial) -> Polynomial:
    """Without negative exponents, and scaled so that the first coefficient is 1."""
    lowest: dict[str, int] = {}
    for monomial in polynomial:
        for atom, exponent in monomial:
            lowest[atom] = min(lowest.get(atom, 0), exponent)
    if clearing := tuple(sorted((atom, -exponent) for atom, exponent in lowest.items() if exponent < 0)):
        polynomial = _product(polynomial, {clearing: Fraction(1)})
    return _scaled(polynomial, polynomial) if polynomial else polynomial


def rational(value: Quotient) -> Fraction | None:
    """The number that an expression without atoms is."""
    if value.denominator != ONE or any(value.numerator.keys() - {()}):
        return None
    return value.numerator.get((), Fraction(0))


def linear(value: Quotient, name: str) -> tuple[Quotient, Quotient] | None:
    """(a, b) of ``a * name + b`` with a not zero; None where the value is not of that form."""
    if Quotient(value.denominator, ONE).names():
        return None
    slope: Polynomial = {}
    offset: Polynomial = {}
    for monomial, coefficient in value.numerator.items():
        exponents = dict(monomial)
        exponent = exponents.pop(name, 0)
        if exponent not in (0, 1):
            return None
        (slope if exponent else offset)[tuple(exponents.items())] = coefficient
    return (Quotient(slope, value.denominator), Quotient(offset, value.denominator)) if slope else None


def _shown(polynomial: Polynomial) -> str:
    return "+".join(
        "*".join((str(value), *(f"{atom}^{exponent}" for atom, exponent in monomial)))
        for monomial, value in sorted(polynomial.items())
    )


def opaque(kind: str, *arguments: Quotient) -> Quotient:
    """An atom named after a function and its arguments in normal form."""
    shown = ["/".join(_shown(part) for part in argument) for argument in arguments]
    return symbol(f"{kind}({';'.join(shown)})")


def approximate(value: Quotient) -> Decimal | None:
    """50 digits of a real constant; None for what has names or i in it, or is opaque."""
    if value.names() or any(atom in ("i", r"\infty") for part in value for monomial in part for atom, _ in monomial):
        return None
    with localcontext(prec=60):
        parts = [
            sum(
                (
                    Decimal(coefficient.numerator) / coefficient.denominator
                    * prod((_decimal(atom) ** exponent for atom, exponent in monomial), start=Decimal(1))
                    for monomial, coefficient in part.items()
                ),
                start=Decimal(0),
            )
            for part in value
        ]
        return parts[0] / parts[1]


def _decimal(atom: str) -> Decimal:
    if atom == "e":
        return Decimal(1).exp()
    return _PI if atom == r"\pi" else Decimal(int(atom[1:])).sqrt()
