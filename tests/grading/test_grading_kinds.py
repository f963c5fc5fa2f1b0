r"""Whole kinds of answers, by hand: what a reader says of gold and text, and neighbours that must differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mathb_kit.grading import CONVENTIONS, Grader, extract
from mathb_kit.grading.equivalence import LADDER, decide

# kind: (what equals, what does not); pairs of a gold and a bare answer
ANSWERS: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {
    "what has no value equals nothing": (
        [("4", r"\lim_{x\to\infty} 4"), (r"\infty", r"+\infty"), (r"(8,\infty)", "x>8"), ("2", r"\ln e^2")],
        [
            ("8", r"\infty-\infty+8"), ("1", r"\frac{3\infty}{3\infty}"), ("0", r"\frac{7}{\infty}"),
            ("1", r"\infty^0"),
            ("6", r"6+0\cdot\frac{1}{0}"), ("0", r"\frac{1}{\frac{1}{0}}"), ("6", r"6 + e^{-\infty}"), ("0", "∞ - ∞"),
            ("5", r"\tan 90^\circ - \tan 90^\circ + 5"), ("5", r"\log 0 - \log 0 + 5"), ("1", r"\frac{\ln 1}{\ln 1}"),
            ("1", r"\frac{\sin\pi}{\sin\pi}"), ("1", r"\frac{x-x}{x-x}"), ("0", "inf - inf"), ("9", r"9+\frac{0}{0}"),
            ("9", r"\max(9,-\infty)"),
        ],
    ),
    "a left side that says something stays": (
        [
            (r"\sin x = 3/7", r"\sin x = \frac{3}{7}"), (r"\sin x = 3/5", "3/5"), ("f(x)=2x+1", "y=2x+1"),
            ("AB = 5", "BA = 5"), ("x = 11", "11"), (r"\frac{p}{q}=\frac{2}{9}", r"\frac29"), (r"S_1:S_2=3:4", "3:4"),
            ("y=3x", r"x=\frac{y}{3}"), ("9", "4 + 5 = 9"), ("P = 7", "P = 7.0"),
        ],
        [
            (r"\cos x = 1/2", r"\sin x = 1/2"), ("6", "a+b=6"), ("6", "3x=6"), ("6", "xy=6"), ("6", "x^2=6"),
            ("a-b=6", "6"), ("4b+c", "9=4b+c"), ("9=4b+c", "4b+c"), ("x=6", "z=6"),
            (r"\angle A = 40", r"\angle B = 40"),
            ("AB=5", "CD=5"), ("f(x)=2x", "g(x)=2x"), ("x_1=5", "x_2=5"), ("f(2)=3", "f(3)=3"), ("f'(x)=2", "f(x)=2"),
            (r"\frac{dy}{dx}=2", r"\frac{dx}{dy}=2"),
            (r"\frac{dy}{dx}", r"\frac{dx}{dy}"), ("6", "|x|=6"), ("P(A)=0.6", "P(B)=0.6"),
            ("12", "a is 13 and b is 12"),
        ],
    ),
    "an open list is not its beginning": (
        [(r"2,4,6,\ldots", "2, 4, 6, ..."), (r"\{2,4,6,\ldots\}", r"2,4,6,\dots")],
        [
            ("2,4,6", r"2,4,6,\ldots"), ("2,4,6", "2,4,6, ..."), ("2,4,6", "2,4,6,…"), ("2,4,6", "2, 4, 6, etc."),
            ("2,4,6", "2, 4, 6, and so on"), (r"2,4,6,\ldots", "2,4,6"), (r"2,4,6,\ldots", r"2,4,6,\ldots,20"),
            (r"\{2,4\}", r"\{2,4,\ldots\}"),
        ],
    ),
    "a number stays with its word": (
        [
            ("8 cats and 6 dogs", "6 dogs and 8 cats"), (r"8\text{ cats}, 6\text{ dogs}", "8 cats and 6 dogs"),
            ("4 hours 7 minutes", "247 minutes"), ("2 hours 30 minutes", "2.5 hours"),
            ("5 feet 7 inches", "67 inches"),
            ("6 remainder 1", "6 R 1"), ("6 R1", "6 remainder 1"), ("Ann: 3, Ben: 8", "Ben: 8, Ann: 3"),
            ("7 by 2 cm", "7 cm by 2 cm"), ("(6, 1) cm", "(6 cm, 1 cm)"), ("July 9", "9 July"),
            ("July 9th", "9th of July"),
        ],
        [
            ("8 cats and 6 dogs", "6 cats and 8 dogs"), ("4 hours 7 minutes", "7 hours 4 minutes"),
            ("4 h 7 min", "7 h 4 min"),
            ("6 remainder 1", "1 remainder 6"), ("6 R1", "1 R6"), (r"6\text{ R }1", r"1\text{ R }6"),
            ("4 quarters and 9 dimes", "9 quarters and 4 dimes"), ("Ann 3, Ben 8", "Ann 8, Ben 3"),
            ("row 2, column 6", "row 6, column 2"), ("7 by 2 cm", "2 by 7 in"), ("7 by 2 cm", "14 cm"),
            ("7 by 2", "14"),
            ("(6 cm, 1 cm)", "(6 m, 1 m)"), ("July 9", "September 7"), ("July 9", "9 June"),
        ],
    ),
    "points have an order": (
        [
            (r"\angle PQR", r"\angle RQP"), (r"\triangle PQR", r"\triangle QRP"),
            (r"PQ \parallel ST", r"ST \parallel QP"),
            (r"\overline{PQ}", r"\overline{QP}"), (r"\overline{PQ}", "PQ"),
            (r"\triangle ABC \sim \triangle PQR", r"\triangle BAC \sim \triangle QPR"),
        ],
        [
            (r"\angle PQR", r"\angle PRQ"), (r"\triangle PQR", r"\triangle PQS"),
            (r"\overline{PQ}", r"\overline{PR}"),
            (r"\overrightarrow{PQ}", r"\overrightarrow{QP}"), (r"PQ \perp ST", r"PS \perp QT"), ("PQR", "PRQ"),
            (r"\triangle ABC \sim \triangle PQR", r"\triangle ABC \sim \triangle PRQ"),
            (r"\overleftrightarrow{PQ}", r"\overline{PQ}"), ("P", r"\angle P"),
        ],
    ),
    "words between numbers are no product": (
        [
            ("5 to 9", "5:9"), (r"\text{does not exist}", "Does not exist."),
            ("8 dollars and 5 cents", r"\$8 and 5 cents"),
        ],
        [
            ("3 to 4 odds", "4 to 3 odds"), (r"\$8 and 5 cents", r"\$5 and 8 cents"), ("A^T", "A"),
            ("M: 3, N: 8", "M: 8, N: 3"), ("A: 3, B: 8", "A: 8, B: 3"), ("f(x)=x+3", "f(y)=x+3"),
        ],
    ),
    "alternatives in other languages are a list": (
        [
            ("2,9", "$2$ oppure $9$"),
            (r"\pm 6", "$x=6$ 或 $x=-6$"), ("6, -6", "x=6 oder x=-6"), ("6,-6", "$6$ y $-6$"), ("2, 9", "2、9"),
            ("2,9", "2 和 9")],
        [("6", "$x=6$ 或 $x=-6$"), ("6", "6 oder -6"), ("6", "$x=6$ ou $x=-6$"), ("6", "$x=6$ o $x=-6$"),
            ("6", "6 или 7")],
    ),
    "an option goes by its letter or by its value": (
        [
            (r"\textbf{(D)}\ 15", "D"), (r"\textbf{(D)}\ 15", "15"), ("(D) 15", "D"), ("D", "D) 15"),
            ("D", "D: octagon"),
            ("D", r"(D) \frac{1}{2}"), (r"\frac12", "(D) 0.5"), ("D", "Option D"), ("A,B,E", "ABE"),
            ("A, E", "A and E"),
        ],
        [
            ("D", "E: 15"), ("(D) 15", "(E) 15"), ("(D) 15", "E"), ("(D) 15", "16"), ("A", "A and E"), ("A", "A, E"),
            ("A", "(A)(E)"), ("AE", "A, B"), ("A,B,E", "AE"), ("15", "(D) 16"),
        ],
    ),
    "numbers and forms": (
        [
            ("2^3 3^4 7^2", r"2^3 \cdot 3^4 \cdot 7^2"), ("2^3 5^2", "200"), (r"\sqrt{17}", r"\sqrt17"),
            ("45", "C(10,2)"),
            ("45", "C_{10}^{2}"), ("45", "{}_{10}C_2"), (r"\sin 60^\circ", r"\frac{\sqrt3}{2}"),
            ("38/900", r"4\frac29\%"),
            (r"x \neq 8", "x != 8"), ("3 m", "300 cm"), ("2 h", "120 min"), (r"\emptyset", "There is no solution."),
            (r"\varnothing", r"\text{No real solutions}"), ("g(x)=ax", "g(x)=ax for any constant a"),
            ("9 \\bmod 5", "4"),
            ("31_7", r"31_{\text{seven}}"), ("31_7", "31 base 7"), ("5:9", "5 to 9"), (r"3\hat{i}-\hat{j}", "(3,-1)"),
            ("3x^2", r"\frac{d}{dx}x^3"), ("10^{400}", "1" + "0" * 400), ("(1,4)", "]1,4["), ("(3,9]", "]3,9]"),
            (r"[2,\infty)", r"[2,+\infty["), ("9", "9 (nine)"), ("9", "{" * 60 + "9" + "}" * 60),
            ("6:15 p.m.", "6{:}15 PM"),
        ],
        [
            ("2^3 3^4", "2^4 3^3"), (r"\sqrt{17}", r"\sqrt{1}7"), ("45", "C(10,3)"), ("(10,2)", "C(10,2)"),
            ("3 m", "3 cm"),
            ("3 m", "3 g"), (r"\emptyset", "0"), ("no solution", "infinitely many solutions"), ("9", r"9 \bmod 5"),
            ("31_7", "31_8"), ("5:9", "9 to 5"), (r"\vec{i}+4\vec{j}", "(4,1)"), ("x^2", r"\frac{d}{dx}x^3"),
            ("10^{400}", "1" + "0" * 401), ("[1,4[", "[1,4]"), ("6:15 PM", "6:15 AM"),
        ],
    ),
    "equal by value, or for positive names": (
        [
            (r"\frac{1}{\sqrt{k}}", r"\sqrt{\frac{1}{k}}"), (r"\sqrt{\frac{p}{q}}", r"\frac{\sqrt{p}}{\sqrt{q}}"),
            ("0", r"\cos 20^\circ+\cos 140^\circ+\cos 260^\circ"), (r"\frac14", r"\cos 36^\circ\cos 72^\circ"),
            (r"-\frac12", r"\cos\frac{2\pi}{7}+\cos\frac{4\pi}{7}+\cos\frac{6\pi}{7}"),
            (r"\ln\frac{p}{q}", r"\ln p-\ln q"),
            (r"\frac{a}{b}\left(\frac{b}{b+c}\right)^{3/2}", r"\frac{a\sqrt{b}}{(b+c)^{3/2}}"),
        ],
        [
            (r"\sqrt{x^2}", "x"), ("|x|", "x"), (r"\frac14", r"\cos 36^\circ\cos 73^\circ"),
            (r"\sqrt{k}", r"\sqrt{k+1}"),
            (r"\sqrt{x^2y}", r"x\sqrt{y}"), ("0", r"\sin 10^{-100}"),
        ],
    ),
}  # fmt: skip

# text of a completion: the gold that it states, and golds that it does not
RESPONSES: list[tuple[str, str | None, tuple[str, ...]]] = [
    ("答案是：12", "12", ()), ("答案为：$12$", "12", ()), ("答案：１２", "12", ()), ("答案应为12。", "12", ()),
    ("所以答案是：$12$。", "12", ()), ("Réponse : 12", "12", ()), ("La respuesta es 12.", "12", ()),
    ("Risposta: 12", "12", ()),
    ("답은 x=12입니다", "x=12", ()), ("정답: 12", "12", ()), ("따라서 x=12입니다.", "12", ()),
    ("答えは12です。", "12", ()),
    ("故选：C", "C", ("A",)),
    ("The answer is 12, since 5+7=12.", "12", ("5", "7")), ("The answer is 12 because 5+7=12.", "12", ("5",)),
    ("The answer is 12 (twelve).", "12", ()), ("The answer is 12, which is even.", "12", ()),
    ("The answer is `12`.", "12", ()), ('The answer is "12".', "12", ()), ("Answer: “12”", "12", ()),
    ("The answer is 12 \u2014 an even number.", "12", ()), ("The answer is 12 and not 13.", "12", ("13",)),
    ("The answer is not 12 but 13.", "13", ("12",)), ("The answer is $12$, not $13$.", "12", ("13",)),
    ("The answer is 12 or 13.", "12, 13", ("12", "13")), ("The answer is $12$ or $13$.", "12, 13", ("12", "13")),
    ("答案是$12$和$13$", "12, 13", ("12", "13")), ("La respuesta es $12$ o $13$.", "12, 13", ("12", "13")),
    ("Ответ: $12$ или $13$", "12, 13", ("12", "13")), ("答えは12または13です", "12, 13", ("12", "13")),
    (r"Answer \[ 12 \]", "12", ()), ("**Answer**\n\\[ 12 \\]", "12", ()), ("### Answer\n\n12", "12", ()),
    ("The solution is $x != 12$", r"x \neq 12", ("12",)),
    ("Final Answer: 3 hours<|im_end|>\n<|im_start|>user", "3 hours", ()),
    ("The answer is 12<end_of_turn>\nnext: 13", "12", ("13",)),
    (r"$\boxed{40}\%$", r"40\%", ()), (r"$\boxed{40}$ pct", r"40\%", ()), (r"\boxed{40} %", r"40\%", ()),
    (r"$-\boxed{12}$", "-12", ("12",)), (r"$x = -\boxed{12}$", "-12", ("12",)), ("- \\boxed{12}", "12", ("-12",)),
    (r"$20-\boxed{12}$", "8", ("12", "-12")), (r"$x=\pm\boxed{12}$", r"\pm 12", ("12",)),
    (r"$\boxed{12}$ cm", "12 cm", ("12 km",)),
    (r"$\boxed{12}\pi$", r"12\pi", ("12",)),
    (r"\boxed{(1,4)} for (a) and \boxed{(2,2)} for (b)", "(1,4),(2,2)", ("(2,2)",)),
    ("1) $\\boxed{6}$\n2) $\\boxed{8}$", "6,8", ("8", "6")),
    ("Part (a): $\\boxed{6}$\nPart (b): $\\boxed{8}$", "6,8", ("8",)),
    (r"(i) $\boxed{6}$ (ii) $\boxed{8}$", "6,8", ("8",)), (r"\boxed{p} \text{ and } \boxed{q}", "p, q", ("q",)),
    ("Step 1: \\boxed{6}\nStep 2: \\boxed{8}", "8", ("6", "6,8")),
    (r"\boxed{\textbf{(B)}\ 19}", "B", ("A", "20")), (r"\boxed{\text{B) } 19}", "19", ("A", "20")),
    ("The answer is (B) 19.", "B", ("A",)), ("The answer is B: nineteen.", "B", ("A",)),
    ("<think>Stop: no</think> \\boxed{12}", "12", ()), ("the sum is 12", None, ("12",)),
    ("La réponse finale est 12.", "12", ()), ("Die Lösung ist 12.", "12", ()), ("the answer is therefore 12", "12", ()),
    ("The answer should be 12.", "12", ()), ("The answer is 12; this is clear.", "12", ()), ("Answer 12", "12", ()),
    ("The correct option is B.", "B", ("A",)), ("答案选B", "B", ("A",)), (r"\boxed{40}\,\%", r"40\%", ()),
    ("**1.** $\\boxed{6}$\n**2.** $\\boxed{8}$", "6,8", ("8",)),
    ("- (a) $\\boxed{6}$\n- (b) $\\boxed{8}$", "6,8", ("8",)),
    ("## Final Answer\nWe add 5 and 7.\n\nANSWER: 12", "12", ("5", "7")),
    ("Final Answer: 12\nAnswer: 13", "12", ("13",)),
    ("**Final Answer**\n\nThe value is:\n\n$$12$$", "12", ()), ("Final Answer\n---\n12", "12", ("-12",)),
    ("## Final Answer\n$x=12$\n\nThis is what we sought.", "12", ()), ("# Final Answer\nWe add.\n#### 12", "12", ()),
    ("### Final Answer\nThe answer to this is **12**.", "12", ()), (r"\[ \text{ANSWER: 12} \]", "12", ()),
    (r"$$\textbf{Answer: 12}$$", "12", ()), (r"\(\text{Answer: 12}\)", "12", ()), ("Ans: 12", "12", ()),
    (r"The answer is \{5, 7\}.", r"\{5,7\}", ("7",)), ("__Answer: 12__", "12", ()), ("答案＝12", "12", ()),
    ("The answers are 12 and 13.", "12, 13", ("12", "13")), ("The answer turns out to be 12.", "12", ()),
    ("La risposta è $12$ oppure $13$.", "12, 13", ("12", "13")), ("The answer is $12$ when $x=5$.", "12", ("5",)),
    ("The answer is 12 (checked by hand).", "12", ()), (r"The answer is \(12\), i.e. a dozen.", "12", ()),
    (r"The answer is $\frac{1}{3}$, or about 0.333.", "1/3", ("0.333",)), ("The answer is 12; see above.", "12", ()),
    ("Answer: B. 19", "19", ("20", "A")), (r"$\boxed{3}^2$", "9", ("3",)),
    (r"\boxed{7} \times 10^{3}", "7000", ("7",)),
    (r"$\boxed{\frac{2}{3}}^2$", r"\frac{4}{9}", (r"\frac{2}{3}",)), (r"\boxed{\large 12}", "12", ()),
    ("Answer: $12$ / $13$", "12/13", ("12", "13")), ("The answer is $12$:$13$.", "12:13", ("12",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=1) as grader:
        yield grader


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_of_a_kind_are_told_apart(kind: str, grader: Grader) -> None:
    equal, different = ANSWERS[kind]
    graded = grader.grade_all([*equal, *different])
    assert [pair for pair in equal if graded[pair][0] != "correct"] == []
    assert [pair for pair in different if graded[pair][0] == "correct"] == []


def test_a_text_states_its_answer_and_no_other(grader: Grader) -> None:
    answers = {text: extract(text).answer for text, _, _ in RESPONSES}
    assert [text for text, gold, _ in RESPONSES if (answers[text] is None) != (gold is None)] == []
    stated = [(gold, answers[text]) for text, gold, _ in RESPONSES if gold]
    others = [(other, answers[text]) for text, _, golds in RESPONSES for other in golds if answers[text]]
    graded = grader.grade_all([*stated, *others])
    assert [pair for pair in stated if graded[pair][0] != "correct"] == []
    assert [pair for pair in others if graded[pair][0] == "correct"] == []


def test_every_rung_decides_something() -> None:
    pairs = [pair for equal, different in ANSWERS.values() for pair in (*equal, *different)]
    pairs += [(r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)")]
    deciding = {decide(*pair).rung for pair in pairs}
    assert {name for name, _ in LADDER} <= deciding


def test_the_page_of_the_policy_says_what_the_grader_does(grader: Grader, checkout: Path) -> None:
    page = (checkout / "docs" / "grading.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split(" | ") for line in page.split("\n") if line.startswith("| ") and "`" in line]
    pairs = {verdict: [re.findall(r"`([^`]+)`", part) for row in rows for part in row[column].split(";")]
             for column, verdict in ((1, "correct"), (2, "wrong"))}  # fmt: skip
    assert len(rows) == 17 and all(len(pair) == 2 for each in pairs.values() for pair in each)
    for verdict, each in pairs.items():
        graded = grader.grade_all(map(tuple, each))
        assert [pair for pair, (said, _) in graded.items() if said != verdict] == []
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)`:", row[4])} == set(CONVENTIONS)
