"""What a completion commits to."""

from __future__ import annotations

import random

import pytest

from mathb_kit.errors import MathbError
from mathb_kit.grading.extraction import extract

# (completion, answer): the rule named in the comment decides.
TABLE = [
    (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),  # nested braces
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),  # escaped braces do not count
    (r"\boxed{a \} b}", r"a \} b"),
    (r"\boxed {7}", "7"),
    (r"hence \boxed 7 apples", "7"),
    (r"\fbox{9}", "9"),
    (r"\boxed{\boxed{3}}", "3"),
    (r"first \boxed{1}, no: \boxed{2}", "2"),  # a later box overrides
    (r"\boxed{1} and then \boxed{2}", "2"),
    (r"$\boxed{-2} \quad \text{and} \quad \boxed{1}$.", "-2, 1"),  # one answer in several boxes
    (r"\boxed{(1, 2)}, \boxed{(2, 1)}", "(1, 2), (2, 1)"),
    ("\\boxed{5}\n\n\\boxed{5}", "5"),
    (r"\boxed{5} oops \boxed{6", "5"),  # an unbalanced box does not count
    (r"\boxed{6", None),
    (r"<think>\boxed{1}</think> It is \boxed{2}", "2"),
    (r"<think>\boxed{1}</think> no box", None),  # an intermediate value is no answer
    (r"<think> maybe \boxed{1}", None),  # never leaves its thinking
    (r"\boxed{1} </think> \boxed{2}", "2"),  # opened by the prompt
    ("A. \\boxed{1}\n\nProblem: next \\boxed{2}", "1"),  # base models run on
    ("\\boxed{1}\n\nQ: next?\nA: 2", "1"),
    ("\\boxed{1}<|im_end|><|im_start|>user \\boxed{2}", "1"),
    ("Problem: restated\n\\boxed{4}", "4"),
    ("Final Answer: The final answer is $x-1$. I hope it is correct.", "x-1"),
    ("Final Answer: The largest $n$ is 34.", "34"),
    ("**Final Answer**\n\n42", "42"),
    ("The answer is 3.14. It was easy.", "3.14"),
    ("the answer to this question is 5", "5"),
    ("Thus $x <= 2$ is our answer.", "$x <= 2$"),
    ("4 + 4 = 8\n#### 8", "8"),
    ("4 + 4 = <<4+4=8>>8\nA: 8", "8"),
    ("<answer>2x + 3</answer>", "2x + 3"),
    ("the sum is 5 and the product 6", None),  # no last-number guess
    ("", None),
]


@pytest.mark.parametrize(("completion", "answer"), TABLE)
def test_a_completion_counts_as_what_it_commits_to(completion: str, answer: str | None) -> None:
    assert extract(completion).answer == answer


def test_a_stop_string_ends_the_completion() -> None:
    assert extract(r"\boxed{1} ### \boxed{2}", stop=("###",)).answer == "1"


def test_the_first_box_can_be_asked_for() -> None:
    assert extract(r"\boxed{1} then \boxed{2}", policy="first_box").answer == "1"
    with pytest.raises(MathbError, match="no_box"):
        extract("1", policy="no_box")


def test_a_bare_answer_is_its_whole_text_unless_it_declares_one() -> None:
    answers = {"  1/2 ": "1/2", "We find that $x \\neq 3$.": "x \\neq 3", r"\boxed{4}": "4", "The perimeter is 7": "7"}
    assert {text: extract(text, kind="answer").answer for text in answers} == answers
    assert extract(" \n", kind="answer").answer is None


def test_extraction_of_a_boxed_answer_gives_it_back_and_never_raises() -> None:
    rng = random.Random(0)
    pieces = ["{", "}", "\\{", "\\}", "\\", "\\boxed", "\\boxed{", "$", "is the answer", "answer is", "\n", " ", "1"]
    pieces += ["</think>", "<think>", "\n\nProblem:", "A:", "####", "\ud800", "\x00", "\u202e", ",", "\\text{and}"]
    for _ in range(3000):
        text = "".join(rng.choices(pieces, k=rng.randrange(30)))
        answer = extract(text).answer
        extract(text, kind="answer")
        if answer is not None and extract(text).how == "box" and "box" not in answer and answer.count("$") == 0:
            assert extract(rf"\boxed{{{answer}}}").answer == answer


@pytest.mark.parametrize(
    "unit", ["\\", "\\boxed{", "{", "$", " ", "\n \n", "answer is ", "final answer ", "#", "\\boxed ", "a is ", "A:"]
)
def test_long_degenerate_texts_are_linear(unit: str) -> None:
    """A quadratic scan of a megabyte would take hours; the suite's own time limit is the assertion."""
    text = unit * (1_000_000 // len(unit))
    extract(text)
    extract(text + r" \boxed{1}")
    extract(text, kind="answer")
