r"""Reading an expression into its exact normal form (``polynomials``): a recursive descent over normalised LaTeX.

Read are numbers, names with subscripts, sums, products (implicit ones too), quotients, powers, roots, factorials,
binomials, absolute values, elementary functions and ``f(x)``. What could be read in two ways (``1/x(x+1)``,
``\sin x/2``, ``3 4``, ``x2``) or is anything else is not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from math import comb, factorial
from typing import TypeVar

from mathb_kit.grading.polynomials import (
    Quotient,
    Undefined,
    Unreadable,
    add,
    constant,
    divide,
    multiply,
    opaque,
    rational,
    symbol,
)
from mathb_kit.grading.powers import known_value, power

_MAX_CHARACTERS = 400
_MAX_DEPTH = 30
_MAX_FACTORIAL = 400

Value = TypeVar("Value")

_FUNCTIONS = "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|lg|exp"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>\d{{1,3}}(?:,\d{{3}})++(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    rf"|\\?(?<![A-Za-z])(?P<function>{_FUNCTIONS})(?![A-Za-z])"
    r"|(?P<name>(?:\\[A-Za-z]+|[^\W\d_])(?:\s*_\s*(?:\{[\w\s,+\-]{1,12}\}|\w))?'*)|(?P<sign>\S))"
)
_FUNCTION_NAME = re.compile(r"(?:[fghFGHPQ]|\\(?:phi|varphi|psi|Phi|Psi|Gamma))(?:_.+)?'*|.+'")
_OPERATIONS = {r"\cdot": "*", r"\times": "*", r"\ast": "*", r"\div": "/", r"\lvert": "|", r"\rvert": "|", r"\vert": "|"}
_CONSTRUCTIONS = (r"\frac", r"\sqrt", r"\binom")
_SYMBOL = re.compile(
    r"[^\\].*|\\(?:(?:var)?(?:epsilon|theta|phi|rho|sigma|pi|kappa)|alpha|beta|gamma|delta|zeta|eta|iota|lambda|mu|nu"
    r"|xi|tau|upsilon|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega|infty|ell|hbar)"
    r"(?![A-Za-z]).*"
)
_WORD = re.compile(rf"(?<![A-Za-z\\])(?!(?:{_FUNCTIONS})(?![A-Za-z]))[A-Za-z]{{4,}}")
_D = r"\{\s*(?:d|\\partial)(?:\s*\^\s*\{?\d\}?)?\s*"
_DERIVATIVE = re.compile(rf"\\frac\s*{_D}[^{{}}]*\}}\s*{_D}[a-z]\s*(?:\^\s*\d)?\s*\}}")
_POWER_BEFORE = re.compile(r"\^\s*(?:\{\s*\d{1,4}\s*\}\s*|\d{1,4}\s+)$")
_POWER_AFTER = re.compile(r"\s*\^")
_POWER_LENGTH = 24  # characters looked at before a numeral, blanks included
_INFINITE = re.compile(r"\s*[-+]?\s*\\infty\s*")
_CLOSING = {"(": ")", "{": "}", "[": "]"}


def read_expression(text: str) -> Quotient | None:
    """The normal form of a normalised text, None where it is not plainly an expression of moderate size."""
    return _read(text)[0]


def is_undefined(text: str) -> bool:
    """Whether a normalised text is plainly an expression without a value, such as a division by zero."""
    return _read(text)[1]


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[Quotient | None, bool]:
    if not text or len(text) > _MAX_CHARACTERS or _WORD.search(text) or _DERIVATIVE.search(text):
        return None, False
    try:
        parser = _Parser(text)
        value = parser.sum()
        return (None if parser.kind else value), False
    except Undefined:
        return None, True
    except (Unreadable, RecursionError):
        return None, False


class _Parser:
    """One token of lookahead: ``kind`` (number, function, name, sign, or empty at the end) and ``token``."""

    def __init__(self, text: str) -> None:
        self._text, self._end = text, 0
        self._depth = 0
        self._bars = [0]  # open absolute values, per bracket
        self.next()

    def next(self) -> str:
        """Move on; returns the token left behind."""
        left = getattr(self, "token", "")
        found = _TOKEN.match(self._text, self._end)
        self.kind = (found.lastgroup or "") if found else ""
        self.token = found[self.kind] if found else ""
        self._end = found.end() if found else len(self._text)
        if self.token in _OPERATIONS:
            self.kind, self.token = "sign", _OPERATIONS[self.token]
        return left

    def accept(self, sign: str) -> bool:
        if self.kind == "sign" and self.token == sign:
            self.next()
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            raise Unreadable

    def sum(self) -> Quotient:
        total = self.signed(self.product)
        while self.token in ("+", "-") and self.kind == "sign":
            sign = 1 if self.next() == "+" else -1
            total = add(total, self.signed(self.product), sign)
        return total

    def signed(self, operand: Callable[[], Quotient]) -> Quotient:
        negative = False
        while self.kind == "sign" and self.token in ("+", "-"):
            negative ^= self.next() == "-"
        value = operand()
        return multiply(constant(-1), value) if negative else value

    def product(self) -> Quotient:
        numeral = self.kind == "number"
        total = self.factor()
        divided = False  # by "/", so that an implicit factor after it could belong to either side
        while True:
            if self.accept("*"):
                total, numeral, divided = multiply(total, self.signed(self.factor)), False, False
            elif self.accept("/"):
                divided = not (numeral and self.kind == "number")
                total, numeral = divide(total, self.signed(self.factor)), False
            elif not divided and (self.begins_factor() or self.begins_power()):
                total, numeral = multiply(total, self.factor()), False
            elif self.begins_factor() or self.kind == "number":
                raise Unreadable
            else:
                return total

    def begins_factor(self) -> bool:
        if self.kind == "sign":
            return self.token in _CLOSING or (self.token == "|" and not self._bars[-1])
        return self.kind in ("name", "function")

    def begins_power(self) -> bool:
        """Whether a numeral with an exponent follows a power: ``2^6 3^5``."""
        if self.kind != "number" or not _POWER_AFTER.match(self._text, self._end):
            return False
        start = self._end - len(self.token)
        return bool(_POWER_BEFORE.search(self._text, max(0, start - _POWER_LENGTH), start))

    def factor(self) -> Quotient:
        if self.kind == "function":
            return self.function()
        value = self.base()
        while True:
            if self.accept("!"):
                value = self.factorial(value)
            elif self.accept("^"):
                if self.token == r"\circ":
                    self.next()
                    value = multiply(value, divide(symbol(r"\pi"), constant(180)))
                    continue
                value = power(value, self.exponent())
                if self.token == "^":
                    raise Unreadable
            else:
                return value

    def base(self) -> Quotient:
        if self.kind == "number":
            return self.number()
        if self.kind == "name":
            name = "".join(self.next().split())
            if name in _CONSTRUCTIONS:
                return self.construction(name)
            if self.token == "(" and _FUNCTION_NAME.fullmatch(name):
                return opaque(name, *self.arguments())
            if name == "C" and self.token == "(":
                return self.combinations()
            if not _SYMBOL.fullmatch(name) or (name == r"\infty" and not _INFINITE.fullmatch(self._text)):
                raise Unreadable
            return symbol(re.sub(r"[{}]", "", name))
        if self.accept("|"):
            self._bars[-1] += 1
            value = self.sum()
            self._bars[-1] -= 1
            self.expect("|")
            number = rational(value)
            if number is not None:
                return constant(abs(number))
            first = value.numerator[min(value.numerator)]
            return opaque("abs", multiply(constant(-1), value) if first < 0 else value)
        return self.group()

    def number(self) -> Quotient:
        r"""A numeral; ``3\frac12`` is 7/2, ``3\frac{x}{2}`` a product, ``3\frac72`` not plain."""
        numeral = self.next().replace(",", "")
        value = constant(Fraction(numeral))
        if self.token != r"\frac":
            return value
        self.next()
        second = self.construction(r"\frac")
        part = rational(second)
        if self.token in ("^", "!") or (part is not None and not ("." not in numeral and 0 < part < 1)):
            raise Unreadable
        return multiply(value, second) if part is None else add(value, second)

    def group(self) -> Quotient:
        opening = self.next()
        if opening not in _CLOSING:
            raise Unreadable
        return self.inside(opening, self.sum)

    def inside(self, opening: str, content: Callable[[], Value]) -> Value:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Unreadable
        self._bars.append(0)
        value = content()
        self._bars.pop()
        self._depth -= 1
        self.expect(_CLOSING[opening])
        return value

    def arguments(self) -> list[Quotient]:
        def listed() -> list[Quotient]:
            values = [self.sum()]
            while self.accept(","):
                values.append(self.sum())
            return values

        return self.inside(self.next(), listed)

    def construction(self, name: str) -> Quotient:
        if name == r"\sqrt":
            index = constant(2)
            if self.token == "[":
                index = self.group()
            return power(self.group(), divide(constant(1), index))
        first, second = self.group(), self.group()
        if name == r"\frac":
            return divide(first, second)
        n, k = rational(first), rational(second)
        if n is None or k is None or n.denominator > 1 or k.denominator > 1 or not 0 <= k <= n <= 1000:
            return opaque("binom", first, second)
        return constant(comb(int(n), int(k)))

    def combinations(self) -> Quotient:
        """``C(10, 5)``; of anything else than two such integers it is no product either."""
        numbers = [rational(value) for value in self.arguments()]
        if len(numbers) != 2 or None in numbers or any(number.denominator > 1 for number in numbers):
            raise Unreadable
        n, k = map(int, numbers)
        if not 0 <= k <= n <= 1000:
            raise Unreadable
        return constant(comb(n, k))

    def factorial(self, value: Quotient) -> Quotient:
        if self.token == "!":
            raise Unreadable
        n = rational(value)
        if n is None or n.denominator > 1 or not 0 <= n <= _MAX_FACTORIAL:
            return opaque("factorial", value)
        return constant(factorial(int(n)))

    def exponent(self) -> Quotient:
        if self.token in ("+", "-"):
            return self.signed(self.exponent)
        if self.kind == "function":
            raise Unreadable
        return self.base()

    def function(self) -> Quotient:
        name = self.next()
        exponent, index = None, []
        for _ in range(2):
            if exponent is None and self.accept("^"):
                exponent = self.exponent()
            elif name == "log" and not index and self.accept("_"):
                index = [self.base()]
        if exponent is not None and rational(exponent) == -1:
            name, exponent = f"arc{name}", None
        if self.token in ("(", "{", "["):
            argument = self.group()
            if self.token == "^":
                raise Unreadable
        else:
            argument = self.signed(self.factor)
            while self.begins_factor() and self.kind != "function":
                argument = multiply(argument, self.factor())
            if self.token == "/" or self.kind == "number":
                raise Unreadable
        value = power(symbol("e"), argument) if name == "exp" else known_value(name, argument) if not index else None
        value = opaque(name, argument, *index) if value is None else value
        return value if exponent is None else power(value, exponent)

