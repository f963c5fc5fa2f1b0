"""Hand-worked verdicts: what a reader would say of gold and answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mathb_kit.grading.equivalence import decide
from mathb_kit.grading.grader import Grader


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=1) as grader:
        yield grader


# (gold, answer, equal?, rung)
CHEAP = [
    ("7", "$7$", True, "text"),
    ("yes", r"\text{yes}", True, "text"),
    ("C", r"\textbf{(C)}", True, "text"),
    (r"\dfrac{1}{x}", r"\frac1x", True, "text"),
    (r"2\sqrt{3}", r"\boxed{2\sqrt{3}}", True, "text"),
    ("16", "016", True, "number"),
    ("27", "27.0", True, "number"),
    ("1000", "1,000", True, "number"),
    ("1000", r"1{,}000", True, "number"),
    ("12345678", r"12\,345\,678", True, "number"),
    ("12", "1,2", False, "list"),
    ("1/2", "0.5", True, "number"),
    ("1/3", "0.333333", False, "number"),  # a rounded decimal is another number
    ("40/9", "4 4/9", True, "number"),
    ("71/6", r"11\frac{5}{6}", True, "number"),
    ("-5/2", r"-2\frac12", True, "number"),
    (r"\frac13", r"0.\overline{3}", True, "number"),
    ("7/25", r"28\%", True, "number"),
    ("9", r"9\%", True, "number"),  # the gold is a bare integer
    ("0.09", r"9\%", True, "number"),
    ("0.5", r"0.5\%", False, "number"),
    ("1011_2", "1011", False, "number"),
    ("300000000", r"3 \times 10^8", True, "number"),
    ("74", r"\angle APC = 74^\circ", True, "number"),
    ("10", r"10\text{ units}", True, "number"),
    ("125", "125 miles", True, "number"),
    (r"\$5.50", "5.5 dollars", True, "number"),
    ("x=2", "2", True, "number"),
    ("x=2", "y=2", False, "number"),
    ("105", "35 + 70 = 105", True, "number"),
    ("5", "m + n = 5", True, "number"),
    ("9" * 5000, "9" * 5000 + ".0", True, "number"),
    ("3", "-3", False, "number"),
    ("Friday", "friday", True, "words"),
    ("evil", "vile", False, "words"),  # not a product of letters
    ("12", "(1, 2)", False, "list"),
    ("(1, 2)", "(2, 1)", False, "list"),
    ("[0, 1)", "[0, 1]", False, "list"),
    ("1, 2, 3", r"\{3, 2, 1\}", True, "list"),
    ("p=5,q=2;p=7,q=2", "(5,2),(7,2)", True, "list"),
    (r"\pm 3", "3, -3", True, "list"),
    (r"\pm 3", "3", False, "list"),
    (r"3 \pm \sqrt{5}", r"3-\sqrt5, 3+\sqrt5", True, "list"),
    ("1, 2, ..., n", "1, 3, 5, ..., 2n-1", False, "list"),
]
SYMBOLIC = [
    (r"2\sqrt{3}", r"\sqrt{12}", True),
    ("4", r"4\sqrt(2)", False),
    (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}", False),
    (r"1+\frac{1}{2^{200}}", "1", False),
    ("1/2004!", "1/2006!", False),
    (r"\sqrt{2}", "1.41421356237309504880168872420969807857", False),
    (r"\pi", "22/7", False),
    ("3x + 2t", "3x + 2", False),  # t is no unit
    ("3*x-1*y+13=0", "3x + 4y + 14=0", False),
    ("2x+4y-3=0", r"y=-\frac{1}{2}x+\frac{3}{4}", True),
    ("2x + z = 1", "1", False),
    ("(x+1)^2", "x^2+2x+1", True),
    ("x > 2", r"x \geq 2", False),
    ("x > 2", "2 < x", True),
    (r"[0,\infty)", r"x \ge 0", True),
    (r"x \in (-\infty, 2)", r"(-\infty, 2)", True),
    (r"\begin{pmatrix} 1/2 & 0 \\ 0 & 1\end{pmatrix}", r"\begin{bmatrix}0.5&0\\0&1\end{bmatrix}", True),
    (r"\begin{pmatrix} 1/3 & 0 \\ 0 & 1\end{pmatrix}", r"\begin{bmatrix}0.333333&0\\0&1\end{bmatrix}", False),
    (r"3 \pm \frac{\sqrt{20}}{2}", r"3-\sqrt5, 3+\sqrt5", True),
    (r"\frac12", r"\sin 30^\circ", True),
    ("120", r"\binom{10}{3}", True),
    (r"5\pi", r"5\pi\text{ cm}^2", True),
    ("11", "11 7/6", False),  # no mixed number
    ("71/6", "11\n5/6", False),
    ("5", "x^2 = 5", False),
]


@pytest.mark.parametrize(("gold", "answer", "equal", "rung"), CHEAP)
def test_a_cheap_rung_decides(gold: str, answer: str, equal: bool, rung: str) -> None:
    assert decide(gold, answer) == (equal, rung)


def test_the_symbolic_rung_decides_the_rest(grader: Grader) -> None:
    assert all(decide(gold, answer).equal is None for gold, answer, _ in SYMBOLIC)
    graded = grader.grade_all((gold, answer) for gold, answer, _ in SYMBOLIC)
    expected = {(gold, answer): "correct" if equal else "wrong" for gold, answer, equal in SYMBOLIC}
    assert {pair: verdict for pair, (verdict, _) in graded.items()} == expected


def test_equality_of_numbers_is_symmetric() -> None:
    for gold, answer, equal, rung in CHEAP:
        if rung in ("text", "words", "list") or (rung == "number" and "%" not in answer and "=" not in answer):
            assert decide(answer, gold).equal == equal, (answer, gold)


def test_an_integer_gold_never_meets_sympy_when_the_answer_is_a_number() -> None:
    with Grader() as grader:
        answers = [str(n) for n in range(50)] + [f"{n}.5" for n in range(9)] + [rf"\frac{{{n}}}{{3}}" for n in range(9)]
        graded = grader.grade_all(("7", answer) for answer in answers)
        assert [answer for answer in answers if graded["7", answer][0] == "correct"] == ["7"]
        assert not grader._workers._pool


@pytest.mark.parametrize(
    "unit", ["7", "1,", "1/", "{", "(", "\\frac", "\\text{", "a=", "$", "ab ", "[1,2),", "1 ", "-"]
)
def test_long_degenerate_answers_are_read_in_linear_time(unit: str) -> None:
    """Patterns that backtrack would take minutes at this length; the suite's own time limit is the assertion."""
    for gold in ("5", "(1,2)", "x+1"):
        decide(gold, unit * (9000 // len(unit)) + "x")
