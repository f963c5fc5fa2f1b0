"""Properties of the ladder over generated answers; what is equal is known from how they were made."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, product

import pytest
import sympy

from mathb_kit.grading.equivalence import decide, read
from mathb_kit.grading.latex import normalise
from mathb_kit.grading.refutation import certainly_different

Rng = random.Random
Spellings = list[tuple[object, str]]  # (value, a way to write it): texts of one value are equal, of different ones not


def _fraction(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return rf"{'-' * (value < 0)}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def numbers(rng: Rng) -> Spellings:
    spelled: Spellings = []
    for _ in range(4):
        value = Fraction(rng.randrange(-60, 60), rng.choice((1, 1, 2, 3, 4, 7, 8, 25)))
        n, d = abs(value.numerator), value.denominator
        sign, k = "-" * (value < 0), rng.randrange(2, 9)
        forms = [_fraction(value), f"{sign}{n * k}/{d * k}", rf"$x = {_fraction(value)}$", f"{sign}({n})/({d})"]
        forms += [rf"{_fraction(value + k)} - {k}", rf"\frac{{{value.numerator * k}}}{{{d * k}}}"]
        if d > 1 and n > d:
            forms += [rf"{sign}{n // d}\frac{{{n % d}}}{{{d}}}", f"{sign}{n // d} {n % d}/{d}"]
        if 1000 % d == 0:
            forms += [f"{float(value)}", rf"{float(value * 100)}\%", f"{float(value)}00"]
        if d in (3, 7):
            tail = 10 ** {3: 1, 7: 6}[d]
            forms.append(rf"{sign}{n // d}.\overline{{{n % d * (tail - 1) // d:0{len(str(tail)) - 1}}}}")
        spelled += [(value, form) for form in forms]
    return spelled


def surds(rng: Rng) -> Spellings:
    spelled: Spellings = []
    for _ in range(4):
        a, b, k = rng.randrange(-5, 6), rng.choice((-3, -1, 1, 2, 4)), rng.choice((2, 3))
        n = rng.choice((2, 3, 5, 6, -1))
        root = "i" if n == -1 else rf"\sqrt{{{n}}}"
        forms = [f"{a}{b:+}{root}", f"{b}{root}{a:+}", f"{root} * ({b}) + {a}"]
        forms.append(rf"\frac{{{a * k}{b * k:+}{root}}}{{{k}}}")
        forms += [rf"{a} {'-' * (b < 0) or '+'} \sqrt{{{b * b * n}}}", f"{a}{b:+}*{n if n > 0 else '(-1)'}^{{1/2}}"]
        if a * a != b * b * n:
            forms.append(rf"\frac{{{a * a - b * b * n}}}{{{a}{-b:+}{root}}}")
        spelled += [((a, b, n), form) for form in forms]
    return spelled


def polynomials(rng: Rng) -> Spellings:
    x, y = sympy.symbols("x y")
    spelled: Spellings = []
    for _ in range(3):
        factors = [rng.randrange(1, 4) * x + rng.choice((1, -1, y, -2 * y, 3)) for _ in range(rng.choice((2, 3)))]
        scale = sympy.Rational(rng.randrange(1, 6), rng.choice((1, 2, 3)))
        expanded = sympy.expand(scale * sympy.prod(factors))
        terms = [sympy.latex(term) for term in expanded.args]
        rng.shuffle(terms)
        forms = [
            sympy.latex(expanded),
            " + ".join(f"({term})" for term in terms),
            sympy.latex(scale) + "".join(f"({sympy.latex(factor)})" for factor in factors),
            str(expanded),
            str(sympy.factor(expanded)),
            rf"\frac{{{sympy.latex(sympy.expand(expanded * (x - 7)))}}}{{x - 7}}",
            f"y = {sympy.latex(expanded)}" if not expanded.has(y) else sympy.latex(sympy.factor(expanded)),
        ]
        spelled += [(expanded, form) for form in forms]
    return spelled


def lines(rng: Rng) -> Spellings:
    spelled: Spellings = []
    for _ in range(4):
        a, b, c, k = rng.choice((1, 2, 3)), rng.choice((-3, -1, 2, 4)), rng.randrange(-4, 5), rng.choice((-2, 3, 5))
        forms = [
            f"{a}x{b:+}y{c:+}=0",
            f"{k * a}x{k * b:+}y={-k * c}",
            rf"y = {_fraction(Fraction(-a, b))}x + {_fraction(Fraction(-c, b))}",
            rf"\frac{{{a}x}}{{{k}}} = {-b}*\frac{{y}}{{{k}}} - \frac{{{c}}}{{{k}}}",
        ]
        divisor = sympy.gcd_list([a, b, c])
        spelled += [(tuple(sympy.Integer(n) / divisor for n in (a, b, c)), form) for form in forms]
    return spelled


def intervals(rng: Rng) -> Spellings:
    spelled: Spellings = []
    for _ in range(4):
        low = Fraction(rng.randrange(-6, 6), rng.choice((1, 2, 3)))
        high = low + Fraction(rng.randrange(1, 8), rng.choice((1, 2)))
        closed, end = rng.random() < 0.5, rng.random() < 0.5
        left, right = "<" + "=" * closed, "<" + "=" * end
        ends = "[" if closed else "(", "]" if end else ")"
        a, b = _fraction(low), _fraction(high)
        middle = _fraction((low + high) / 2)
        forms = [
            f"{ends[0]}{a}, {b}{ends[1]}",
            f"{a} {left} x {right} {b}",
            f"{b} {right.replace('<', '>')} x {left.replace('<', '>')} {a}",
            rf"x \in \left{ends[0]}{a}, {b}\right{ends[1]}",
            rf"\{{x \mid {a} {left} x {right} {b}\}}",
            rf"x {right} {b} \text{{ and }} {a} {left} x",
            rf"{ends[0]}{a}, {middle}] \cup ({middle}, {b}{ends[1]}",
            f"{_fraction(-3 * high)} {right} -3x {left} {_fraction(-3 * low)}",
        ]
        if closed == end:
            forms.append(f"|x - {middle}| {left} {_fraction((high - low) / 2)}".replace("- -", "+ "))
        spelled += [((low, high, closed, end), form) for form in forms]
    return spelled


def collections(rng: Rng) -> Spellings:
    spelled: Spellings = []
    for _ in range(3):
        values = rng.sample(range(-9, 30), 3)
        mixed = rng.sample(values, 3)
        written = [rng.choice((str(n), rf"\frac{{{2 * n}}}{{2}}", f"{n}.0", f"{n - 1}+1")) for n in mixed]
        tuple_form = [rng.choice((str(n), f"{n}.0", rf"\frac{{{3 * n}}}{{3}}")) for n in values]
        spelled += [(("set", frozenset(values)), rf"\{{{', '.join(written)}\}}")]
        spelled += [(("set", frozenset(values)), f"{written[1]}, {written[0]} and {written[2]}")]
        spelled += [(("tuple", tuple(values)), f"({', '.join(map(str, values))})")]
        spelled += [(("tuple", tuple(values)), f"({', '.join(tuple_form)})")]
        spelled += [(("tuple", tuple(values)), f"(a, b, c) = ({', '.join(tuple_form)})")]
        rows = [values, rng.sample(range(9), 3)]
        for kind, width in (("pmatrix", 1), ("bmatrix", 2)):
            entry = lambda n: rng.choice((str(n), f"{n}.0", f"{n + width}-{width}"))  # noqa: B023, E731
            body = r" \\ ".join("&".join(map(entry, row)) for row in rows)
            spelled.append((("matrix", str(rows)), rf"\begin{{{kind}}}{body}\end{{{kind}}}"))
    return spelled


def quantities(rng: Rng) -> Spellings:
    spelled: Spellings = []
    lengths, times = {"cm": 1, "m": 100, "km": 100_000}, {"seconds": 1, "minutes": 60, "hours": 3600}
    for units in (lengths, times):
        for _ in range(3):
            amount = 3600 * rng.randrange(1, 30)
            for unit, size in units.items():
                value = Fraction(amount, size)
                spelled.append(((id(units), amount), rf"{_fraction(value)}\text{{ {unit}}}"))
    return spelled


KINDS: tuple[Callable[[Rng], Spellings], ...] = (
    numbers, surds, polynomials, lines, intervals, collections, quantities
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seed", range(4))
def test_one_value_written_differently_is_equal_and_another_value_is_not(kind: Callable, seed: int) -> None:
    wrong = []
    for (value, one), (other_value, other) in combinations(kind(Rng(seed)), 2):
        if isinstance(value, tuple) and {value[0], other_value[0]} == {"set", "tuple"}:
            continue  # "a, b and c" may be meant as either
        if decide(one, other).equal is not (value == other_value):
            wrong.append((one, other, value == other_value, decide(one, other)))
    assert wrong == []


def test_equality_is_symmetric() -> None:
    texts = [text for kind in KINDS for _, text in kind(Rng(7))[::4] if "%" not in text]
    for one, other in combinations(texts, 2):
        assert decide(one, other).equal == decide(other, one).equal, (one, other)


def test_reading_twice_changes_nothing() -> None:
    for kind, seed in product(KINDS, range(3)):
        for _, text in kind(Rng(seed)):
            assert normalise(normalise(text)) == normalise(text)
            assert read(read(text)) == read(text)


def _random_expression(rng: Rng, depth: int) -> sympy.Expr:
    x, y = sympy.symbols("x y", real=True)
    if depth == 0:
        return rng.choice((x, y, sympy.Integer(rng.randrange(1, 5)), sympy.sqrt(rng.choice((2, 3))), sympy.pi))
    one, other = (_random_expression(rng, depth - 1) for _ in range(2))
    return rng.choice((one + other, one * other, one - 2 * other, one**2, sympy.sin(one), sympy.exp(other / 3)))


@pytest.mark.parametrize("seed", range(2))
def test_a_refutation_never_hits_an_equality_and_finds_small_differences(seed: int) -> None:
    rng = Rng(seed)
    for _ in range(6):
        expression = _random_expression(rng, 3)
        for same in (sympy.expand(expression), sympy.expand_trig(expression), expression.rewrite(sympy.exp)):
            assert not certainly_different(expression, same)
            assert not certainly_different(sympy.Eq(expression, 1), sympy.Eq(same, 1))
            assert not certainly_different(expression > 1, same > 1)
        assert certainly_different(expression, expression + sympy.Rational(1, 10**40))


def test_a_refutation_tells_sets_and_relations_apart() -> None:
    x, y = sympy.symbols("x y", real=True)
    a, b = sympy.Interval(0, 2), sympy.Union(sympy.Interval.open(0, 1), sympy.Interval(1, 2))
    different = [
        (x**2 > 4, x > 2), (x**2 > 4, x**2 >= 4), (sympy.Eq(x**2 + y**2, 4), sympy.Eq(x**2 + y**2, 5)), (x > 2, a),
        (sympy.Eq(x**2, 4), sympy.Eq(x, 2)), (sympy.Interval(0, 2), sympy.Interval.Ropen(0, 2)), (x + y < 1, x + y < 2),
        (b, a), (sympy.FiniteSet(1, sympy.sqrt(2)), sympy.FiniteSet(1, sympy.Rational(141421356, 10**8))),
    ]  # fmt: skip
    same = [
        (x**2 > 4, sympy.Or(x > 2, x < -2)), (sympy.Eq(x**2 + y**2, 4), sympy.Eq(4 - x**2, y**2)),
        (sympy.Eq(x**2, -1), sympy.Eq(x**2, -2)), (sympy.Ne(x, 3), sympy.Or(x > 3, x < 3)), (x + y < 1, y < 1 - x),
        (sympy.And(x >= 0, x <= 2), a), (sympy.sqrt(x**2), abs(x)),
        (sympy.log(x**2), 2 * sympy.log(abs(x))), ((-1) ** x, (-1) ** (x + 2)),
    ]  # fmt: skip
    for pairs, expected in ((different, True), (same, False)):
        for one, other in pairs:
            assert certainly_different(one, other) is certainly_different(other, one) is expected, (one, other)
