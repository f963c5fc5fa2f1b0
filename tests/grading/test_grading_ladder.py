"""Hand-worked verdicts: what a reader would say of gold and answer, and the rung that should say it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mathb_kit.grading.equivalence import decide
from mathb_kit.grading.grader import Grader


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=1) as grader:
        yield grader


# rung: (gold, answer, equal?)
CHEAP = {
    "text": [
        ("7", "$7$", True),
        ("yes", r"\text{yes}", True),
        ("C", r"\textbf{(C)}", True),
        (r"\dfrac{1}{x}", r"\frac1x", True),
        (r"2\sqrt{3}", r"\boxed{2\sqrt{3}}", True),
        (r"\frac{\sqrt{3}}2", r"\frac{√3}{2}", True),
        ("1, 2, ..., n", r"1,2,\dots,n", True),
        (r"\langle 3, 4 \rangle", "(3,4)", True),
        (r"\{7\}", "7", True),  # the solution set of one solution
    ],
    "label": [("x=2", "y=2", False), ("f(2)=1", "f(3)=1", False)],
    "number": [
        ("16", "016", True),
        ("27", "27.0", True),
        ("1000", "1,000", True),
        ("1000", r"1{,}000", True),
        ("12345678", r"12\,345\,678", True),
        ("1/2", "0.5", True),
        ("1/3", "0.333333", False),  # a rounded decimal is another number
        (r"\frac13", r"0.\overline{3}", True),
        (r"-\frac13", r"-.\overline{3}", True),
        ("-1/3", "-.333...", True),
        (r"\frac16", "0.1666...", True),
        ("40/7", "5 5/7", True),
        (r"\frac{-1}{2}", r"-\frac12", True),
        ("-5/2", r"-2\frac12", True),
        (r"\frac{7}{2}", r"3\frac{1}{3}", False),
        ("7/25", r"28\%", True),
        ("9", r"9\%", True),  # the gold is a bare integer
        ("0.09", r"9\%", True),
        ("0.5", r"0.5\%", False),
        ("1011_2", "1011", False),
        ("-221_{(3)}", "-221_3", True),
        ("300000000", r"3 \times 10^8", True),
        ("0.0012", r"1.2\cdot10^{-3}", True),
        (r"1.5\text{ million}", "1500000", True),
        ("25", "twenty-five", True),
        (r"\frac34", "three quarters", True),
        ("5", "five apples", True),
        ("6", r"6^{\text{th}}", True),
        ("53", r"\angle APC = 53^\circ", True),
        ("17", "17 miles", True),
        (r"\$5.50", "5.5 dollars", True),
        (r"\$10", "€10", False),
        (r"\$10", "10.00", True),
        (r"\$1,000", r"$\$1{,}000.00$", True),
        (r"\$0.50", "50 cents", True),
        (r"\$50", "50 cents", False),
        ("2 hours", "2 minutes", False),
        ("2 hours", "120 minutes", True),
        ("2 hours", "2", True),  # a missing unit says nothing
        (r"1\text{ m}", r"100\text{ cm}", True),
        (r"8\text{ cm}^2", r"8\text{ cm}^3", False),
        (r"8\text{ cm}^2", "8 square centimeters", True),
        (r"60\text{ km/h}", r"60\text{ m/s}", False),
        (r"20^\circ C", r"20^\circ F", False),
        ("7 ways", "7 arrangements", True),  # which noun of counting says nothing
        ("18 hours", "18 ways", False),
        ("7 ways", "7 apples", True),  # a word that is no unit
        ("x=2", "2", True),
        ("2", "2 = x", True),
        ("89", "40 + 49 = 89", True),
        (r"P(X=1)=\frac12", "0.5", True),
        ("3:4", "6:8", True),
        ("3:4", "4:3", False),
        (r"4:40 \text{ a.m.}", "4:40 AM", True),
        ("4:40 a.m.", "4:40 p.m.", False),
        ("16:40", "4:40 p.m.", True),
        ("16:40", "4:40 a.m.", False),
        ("12:05 a.m.", "0:05", True),
        ("7", r"18 \pmod{11}", False),
        (r"7 \pmod{11}", r"18 \pmod{11}", True),
        ("9" * 5000, "9" * 5000 + ".0", True),
        ("3", "-3", False),
    ],
    "words": [
        ("Friday", "friday", True),
        ("evil", "vile", False),  # not a product of letters
        ("HT", "TH", False),
        ("No", "no", True),
        ("no", "on", False),
    ],
    "matrix": [
        (r"\begin{pmatrix} 1/2 & 0 \\ 0 & 1\end{pmatrix}", r"\begin{bmatrix}0.5&0\\0&1\end{bmatrix}", True),
        (r"\begin{pmatrix} 1/3 & 0 \\ 0 & 1\end{pmatrix}", r"\begin{bmatrix}0.333333&0\\0&1\end{bmatrix}", False),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}", False),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\left(\begin{array}{cc}1&2\\3&4\\\end{array}\right)", True),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[[1,2],[3,4]]", True),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1, 2)", True),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}", False),
        (r"\frac12\begin{pmatrix}2\\x\end{pmatrix}", r"\begin{pmatrix}1\\x/2\end{pmatrix}", True),
        (
            r"f(x) = \begin{cases} x & \text{if } x > 0 \\ -x & x \le 0\end{cases}",
            r"\begin{cases} -x & 0 \geq x \\ x, & x > 0\end{cases}",
            True,
        ),
    ],
    "interval": [
        ("x > 2", "2 < x", True),
        ("x > 2", r"x \geq 2", False),
        (r"[0,\infty)", r"x \ge 0", True),
        (r"x \in (-\infty, 2)", r"(-\infty, 2)", True),
        ("1 < x < 3", "3 > x > 1", True),
        ("1 < x < 3", r"x > 1 \text{ and } x < 3", True),
        (r"(-\infty,1)\cup(3,\infty)", "x > 3 or x < 1", True),
        (r"(-\infty,1)\cup(3,\infty)", r"(-\infty,3)\cup(1,\infty)", False),
        (r"[0,1]\cup[1,2]", "[0,2]", True),
        (r"(1,2)\cup(4,\infty)", r"(1,2)\cup(4,\infty]", False),  # infinity is no real number
        (r"[-\infty,1)\cup(4,5)", r"(-\infty,1)\cup(4,5)", False),
        (r"(4,\infty)", r"(4,\infty]", False),
        (r"(1,2)\cup(4,\infty]", r"(4,\infty]\cup(1,2)", True),  # a sloppy gold is met by its own set
        ("(0,1) U (1,2)", r"(0,2)\setminus\{1\}", True),
        (r"x \neq 3", r"\mathbb{R}\setminus\{3\}", True),
        ("-1 < a < 1", "|a| < 1", True),
        ("x^2 > 4", "|x| > 2", True),
        ("x^2 - 3x + 2 < 0", "(1,2)", True),
        (r"\{x \mid -1 < x \leq 3\}", "(-1, 3]", True),
        (r"x > \frac{1}{\sqrt{3}-1}", r"\left(\frac{\sqrt3+1}{2}, \infty\right)", True),
        ("2a > 2b", "a > b", True),
        ("a + b > c", "a + b < c", False),
        (r"\text{all real numbers}", r"(-\infty,\infty)", True),
    ],
    "list": [
        ("12", "1,2", False),
        ("1.5", "1,5", False),  # no decimal comma
        ("12", "(1, 2)", False),
        ("(1, 2)", "(2, 1)", False),
        ("[0, 1]", "(0, 1)", False),
        ("1, 2, 3", r"\{3, 2, 1\}", True),
        ("(1, 2)", r"\{1, 2\}", False),
        ("1, 1, 2", "1, 2", False),
        (r"\{\{1\},\{2\}\}", r"\{1,2\}", False),
        ("p=3,q=1;p=8,q=1", "(3,1),(8,1)", True),
        ("x = 1, y = 2", "y = 2 and x = 1", True),
        ("x = 1, y = 2", "x = 2, y = 1", False),
        ("x = 1, y = 2", "2, 1", False),
        ("x = a or x = b", "b", False),
        ("f(x)=x or f(x)=-x", "f(x) = -x, f(x) = x", True),
        ("1000, 2000", "1,000 and 2,000", True),
        (r"\pm 3", "3, -3", True),
        (r"\pm 3", "3", False),
        (r"3 \pm i", r"3 \mp i", True),
        (r"3 \pm \frac{\sqrt{20}}{2}", r"3-\sqrt5, 3+\sqrt5", True),
        (r"\text{red, blue}", "blue and red", True),
        ("1, 2, ..., n", "1, 3, 5, ..., 2n-1", False),
    ],
    "polynomial": [
        (r"2\sqrt{3}", r"\sqrt{12}", True),
        ("4", r"4\sqrt(2)", False),
        (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}", False),
        (r"1+\frac{1}{2^{200}}", "1", False),
        (r"\sqrt{2}", "1.41421356237309504880168872420969807857", False),
        (r"\pi", "22/7", False),
        ("90^\\circ", r"\frac{\pi}{2}", True),
        (r"45^\circ", r"\frac{\pi}{3}", False),
        (r"5\pi", r"5\pi\text{ cm}^2", True),
        (r"5\pi\text{ m}", r"5\pi\text{ cm}", False),
        ("120", r"\binom{10}{3}", True),
        ("120", r"10 \choose 3", True),
        ("121", r"{10 \choose 3}", False),
        ("24", "4!", True),
        ("1024", "2**10", True),
        ("12", "3(4)", True),
        ("0.3", "0.1+0.2", True),
        ("-4", "-2^2", True),
        ("k", "k+0", True),
        ("5x", "5X", False),
        ("3x + 2t", "3x + 2", False),  # t is no unit
        ("(x+1)^2", "x^2+2x+1", True),
        (r"\frac{x^2-1}{x-1}", "x+1", True),
        ("x^3-1", "(x-1)(x^2+x-1)", False),
        (r"2^{n+1}", r"2 \cdot 2^n", True),
        ("i^2", "-1", True),
        ("(1+i)^2", "2i", True),
        (r"\frac{1}{1+i}", r"\frac{1-i}{2}", True),
        ("2+3i", "2-3i", False),
        ("3*x-1*y+13=0", "3x + 4y + 14=0", False),
        ("4x+6y-5=0", r"y=-\frac{2}{3}x+\frac{5}{6}", True),
        ("3x + z = 1", "1", False),
        ("5", "x^2 = 5", False),
        ("x^2+y^2-2x=0", "(x-1)^2+y^2=1", True),
        (r"\frac{\pi}{2}+k\pi, k\in\mathbb{Z}", r"n\pi - \frac{\pi}{2}, n\in\mathbb{Z}", True),
        (r"\frac{\pi}{2}+k\pi, k\in\mathbb{Z}", r"\frac{\pi}{2}+2k\pi, k\in\mathbb{Z}", False),
    ],
}
SYMBOLIC = [
    (r"1+\sqrt{2}", r"\sqrt{3+2\sqrt{2}}", True),
    ("1/2004!", "1/2006!", False),
    (r"\frac{1}{4}", r"(\sin 18^\circ)(\cos 36^\circ)", True),
    (r"\sin x", r"\sin X", False),
    ("f'(x)", "f(x)", False),
    (r"2^{2n}", "4^n", True),
    (r"e^{i\pi}", "-1", True),
    (r"\log_2 3", r"\frac{\ln 3}{\ln 2}", True),
    (r"\binom{n+1}{2}", r"\sum_{k=1}^{n} k", True),
    (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "-2", True),
    (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", r"\begin{vmatrix}1&2\\3&4\\5&6\end{vmatrix}", False),
    (r"\begin{pmatrix}\sin^2 t\\1\end{pmatrix}", r"\begin{pmatrix}1-\cos^2 t\\1\end{pmatrix}", True),
    (r"x > \ln 2", r"(\ln 2, \infty)", True),
    (r"x^2+y^2 = 25", r"\sqrt{x^2+y^2} = 6", False),
    ("11", "11 7/6", False),  # no mixed number
    ("71/6", "11\n5/6", False),
]


@pytest.mark.parametrize("rung", CHEAP)
def test_a_cheap_rung_decides(rung: str) -> None:
    decided = {(gold, answer): tuple(decide(gold, answer)) for gold, answer, _ in CHEAP[rung]}
    assert decided == {(gold, answer): (equal, rung) for gold, answer, equal in CHEAP[rung]}


def test_the_symbolic_rung_decides_the_rest(grader: Grader) -> None:
    assert [gold for gold, answer, _ in SYMBOLIC if decide(gold, answer).equal is not None] == []
    graded = grader.grade_all((gold, answer) for gold, answer, _ in SYMBOLIC)
    expected = {(gold, answer): "correct" if equal else "wrong" for gold, answer, equal in SYMBOLIC}
    assert {pair: verdict for pair, (verdict, _) in graded.items()} == expected


def test_equality_is_symmetric_but_for_percentages() -> None:
    for rung, cases in CHEAP.items():
        for gold, answer, equal in cases:
            if (gold, answer) != ("9", r"9\%"):  # 9 is met by 9 %, but 9 % is not met by 9
                assert decide(answer, gold).equal == equal, (rung, answer, gold)


def test_an_integer_gold_never_meets_sympy_when_the_answer_is_arithmetic() -> None:
    forms = [
        "{n}", "{n}.5", r"\frac{{{n}}}{{3}}", r"\sqrt{{{n}}}", r"{n}\pi", "2^{{{n}}}", "{n}!", r"{n}+\sqrt{{2}}",
        r"\frac{{1+\sqrt{{{n}}}}}{{2}}", "({n}, {n})", "{n}x", "x > {n}", r"{n}\text{{ cm}}", "{n} - 3 \\cdot 4",
    ]  # fmt: skip
    with Grader() as grader:
        answers = [form.format(n=n) for form in forms for n in range(20)]
        graded = grader.grade_all(("7", answer) for answer in answers)
        correct = {answer for answer in answers if graded["7", answer][0] == "correct"}
        assert correct == {"7", r"7\text{ cm}", "19 - 3 \\cdot 4"}
        assert not grader._workers._pool


@pytest.mark.parametrize(
    "unit",
    ["7", "1,", "1/", "{", "(", "\\frac", "\\text{", "a=", "$", "a ", "[1,2),", "1 ", "-", "x^", "|", "\\{", "<", "o "],
)  # fmt: skip
def test_long_degenerate_answers_are_read_in_linear_time(unit: str) -> None:
    """Patterns that backtrack would take minutes at this length; the suite's own time limit is the assertion."""
    for gold in ("5", "(1,2)", "x+1", "x>2", r"\begin{pmatrix}1\end{pmatrix}"):
        decide(gold, unit * (9000 // len(unit)) + "x")
