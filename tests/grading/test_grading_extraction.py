"""What a completion commits to."""

from __future__ import annotations

import random

import pytest

from mathb_kit.errors import MathbError
from mathb_kit.grading import box_terms
from mathb_kit.grading.extraction import extract, extract_all

# (completion, answer): the rule named in the comment decides.
TABLE = [
    (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),  # nested braces
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),  # escaped braces do not count
    (r"\boxed{a \} b}", r"a \} b"),
    (r"\boxed {7}", "7"),
    (r"hence \boxed 7 apples", "7"),
    (r"\fbox{9}", "9"),
    (r"\boxed{\boxed{3}}", "3"),
    (r"\boxed{x = \boxed{3}}", "3"),  # a box in an answer holds the answer
    (r"first \boxed{1}, no: \boxed{2}", "2"),  # a later box overrides
    (r"\boxed{1} and then \boxed{2}", "2"),
    (r"$\boxed{-2} \quad \text{and} \quad \boxed{1}$.", "-2, 1"),  # one answer in several boxes
    (r"\boxed{(1, 2)}, \boxed{(2, 1)}", "(1, 2), (2, 1)"),
    ("\\boxed{5}\n\n\\boxed{5}", "5"),
    (r"\boxed{5} oops \boxed{6", "5"),  # an unbalanced box does not count
    (r"\boxed{6", None),
    (r"\boxed{5}. Always give it in \boxed{}.", "5"),  # nor does an empty one
    (r"The final answer is $\boxed{12", None),  # cut off: perhaps 123
    ("So the answer: \\boxed{}", None),
    (r"\boxed\frac{1}{2}", r"\frac{1}{2}"),  # a command takes its arguments along
    (r"$\boxed{-\frac12}$ or $\boxed-\frac12$", r"-\frac12"),
    ("\\\\boxed{7}", "7"),  # a JSON escape too many
    (r"\boxed{\text{The answer is }7}", "7"),  # an answer that declares one
    (r"\boxed{\text{The answer is 7}}", "7"),
    (r"<think>\boxed{1}</think> It is \boxed{2}", "2"),
    (r"<think>\boxed{1}</think> no box", None),  # an intermediate value is no answer
    (r"<think> maybe \boxed{1}", None),  # never leaves its thinking
    (r"\boxed{1} </think> \boxed{2}", "2"),  # opened by the prompt
    ("A. \\boxed{1}\n\nProblem: next \\boxed{2}", "1"),  # base models run on
    ("\\boxed{1}\n\nQ: next?\nA: 2", "1"),
    ("\\boxed{1}\n### **Question 2**\n\\boxed{2}", "1"),
    ("\\boxed{1}<｜User｜>\\boxed{2}", "1"),
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
    *(  # the word in a typeface, in brackets, as a heading
        (shape, "352")
        for shape in (
            r"\text{ANSWER}: 352", r"$\text{ANSWER}: 352$", r"\textbf{Answer}: 352", r"{\bf Answer}: $352$",
            "*Answer*: 352", "__Answer__: 352", "<b>Answer</b>: 352", "<b>Answer:</b> 352", "[Answer]: 352",
            '{"answer": "352"}', "`Answer`: 352", "Answer → 352", r"The \textbf{answer} is 352.", "【答案】352",
            r"\textbf{Final Answer}: 352", "The *final answer* is 352", "[ANSWER] 352 [/ANSWER]", r"\text{答案}: 352",
            "\\section*{Answer}\n352", r"\paragraph{Answer.} 352", "Answer. 352",
        )
    ),
    ("Let me restate.\n\n**Problem:** Find $x$.\n\n**Solution:** \\boxed{2}", "2"),  # no problem of its own
    ("**Problem:** Find x.\n\n**Question:** Which x?\n\n\\boxed{2}", "2"),
    ("Sure!\n\nQuestion: What is 1 + 1?\n\nAnswer: 2", "2"),
    ("We have 1 + 1 = 2.\n\nProblem: next\n\\boxed{7}", None),  # solved, and then another problem
    ("I give up.\n\nNext problem: y\n\\boxed{7}", None),
    ("Hm.\n\nProblem 2: y\n\\boxed{7}", None),
    ("the sum is 5 and the product 6", None),  # no last-number guess
    ("", None),
]

# What stands round a box changes its value: the term is the answer.
TERMS = [
    (r"\sqrt{\boxed{51}}", r"\sqrt{51}"),
    (r"So $x = \sqrt{\boxed{51}}$.", r"\sqrt{51}"),
    (r"we get 2\cdot\boxed{17}.", r"2\cdot 17"),
    (r"$2\cdot\boxed{3+4}$", r"2\cdot(3+4)"),  # 14 and not 10
    (r"$3-\boxed{-2}$", "3-(-2)"),
    (r"$\frac{\boxed{3}}{4}$", r"\frac{3}{4}"),
    (r"\frac{\boxed{3}}{\boxed{4}}", r"\frac{3}{4}"),
    (r"1/\boxed{5}", "1/5"),
    (r"$2^{\boxed{5}}$", "2^{5}"),
    (r"$\boxed{x+1}^n$", "(x+1)^n"),
    (r"$\log_2 \boxed{8}$", r"\log_2 8"),
    (r"$\boxed{5}!$", "5!"),
    (r"$|\boxed{-5}|$", "|-5|"),
    (r"$\lfloor\boxed{3.7}\rfloor$", r"\lfloor 3.7\rfloor"),
    (r"$x = \boxed{2}\sqrt{3}+1$", r"2\sqrt{3}+1"),
    (r"$f(x) = x^2 + \boxed{3}x + 2$", "x^2 + 3x + 2"),
    (r"$(\boxed{3}, \boxed{4})$", "(3, 4)"),
    (r"$\left(\boxed{3}, 4\right)$", r"\left(3, 4\right)"),
    (r"\{1, \boxed{2}\}", r"\{1, 2\}"),
    (r"\begin{pmatrix}\boxed{1}\\2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    (r"$x = 2\cdot\boxed{3}$ or $x = \boxed{4}$", r"2\cdot 3, 4"),
    (r"$3 + \boxed{4} = 7$", "4"),  # an equation that goes on: the box fills a place
    (r"$\boxed{1155} = 3 \cdot 5 \cdot 7 \cdot 11$", "1155"),
    (r"$x = 2 + 3 = \boxed{5}$, since $2 + 3 = 5$", "5"),  # a side of its own
    (r"$\boxed{9}\equiv 142857\pmod {18}.$", "9"),
    (r"is $\,\boxed{3}$", "3"),  # spaces and typefaces change nothing
    (r"\mathbf{\boxed{5}}", "5"),
    (r"It is \boxed{5}!", "5"),  # nor do marks of prose
    (r"The answer - \boxed{4} - and/or \boxed{4} + 3 more", "4"),
    (r"(so $x = \boxed{3}$, as wanted)", "3"),
    (r"\boxed{25}\frac{\text{miles}}{\text{day}}", "25"),
    (r"\sqrt{\boxed{51}", "51"),  # a root that never closes
    (r"722\cdot 4=2888;\boxed{2888}/9}", "2888"),  # a brace that nothing opened
]


@pytest.mark.parametrize(("completion", "answer"), TABLE + TERMS)
def test_a_completion_counts_as_what_it_commits_to(completion: str, answer: str | None) -> None:
    assert extract(completion).answer == answer


def test_a_stop_string_ends_the_completion() -> None:
    assert extract(r"\boxed{1} ### \boxed{2}", stop=("###",)).answer == "1"


# completion, and what last_box, first_box and any_box read
POLICY_TABLE = [
    (r"\boxed{1} then \boxed{2}", "2", "1", ("2", "1")),
    (r"$x=\boxed{1}$ or $x=\boxed{2}$", "1, 2", "1", ("1, 2", "1", "2")),
    (r"$(\boxed{1}\boxed{2}$", "1, 2", "1", ("1, 2", "1", "2")),  # side by side they are no 12
    (r"$2\cdot\boxed{3}+\boxed{4}$", r"2\cdot 3+4", r"2\cdot 3+4", (r"2\cdot 3+4",)),
    (r"\boxed{1}, no: \boxed{2}, no: \boxed{1}", "1", "1", ("1", "2")),
    (r"put it in \boxed{}: \boxed{3}", "3", "3", ("3",)),
    ("The answer is 7.", "7", "7", ("7",)),
    (r"<think>\boxed{1}</think> \boxed{2}", "2", "2", ("2",)),
    (r"\boxed{1}, still <think>ing", None, None, ()),
    ("\\boxed{1}\n\nProblem: more\n\\boxed{2}", "1", "1", ("1",)),
    ("no idea", None, None, ()),
]


@pytest.mark.parametrize(("completion", "last", "first", "all_of_them"), POLICY_TABLE)
def test_policies_read_the_last_the_first_or_every_box(
    completion: str, last: str | None, first: str | None, all_of_them: tuple[str, ...]
) -> None:
    assert extract(completion).answer == last
    assert extract(completion, policy="first_box").answer == first
    assert extract_all(completion) == all_of_them


@pytest.mark.parametrize("policy", ["any_box", "no_box"])
def test_a_policy_that_gives_no_single_answer_is_refused(policy: str) -> None:
    with pytest.raises(MathbError, match=policy):
        extract("1", policy=policy)


def test_a_bare_answer_is_its_whole_text_unless_it_declares_one() -> None:
    answers = {"  1/2 ": "1/2", "We find that $x \\neq 3$.": "x \\neq 3", r"\boxed{4}": "4", "The perimeter is 7": "7"}
    assert {text: extract(text, kind="answer").answer for text in answers} == answers
    assert extract(" \n", kind="answer").answer is None


def test_a_boxed_answer_comes_back_from_its_box() -> None:
    rng = random.Random(0)
    pieces = ["{a}", r"\{", r"\}", r"\frac{1}{2}", r"\\", "12", "x", "+", " ", "=", ",", r"\sqrt{3}", "(", ")"]
    for _ in range(3000):
        answer = "".join(rng.choices(pieces, k=rng.randrange(1, 12))).strip()
        if answer and not answer.endswith("\\"):
            assert extract(rf"so \boxed{{{answer}}}.").answer == answer


@pytest.mark.parametrize(
    "unit", ["\\", "\\boxed{", "{", "$", " ", "\n \n", "answer is ", "final answer ", "#", "\\boxed ", "a is ", "A:",
             "\\sqrt{\\boxed{1}}", "\\frac{", "$(\\boxed{1},"]
)
def test_long_degenerate_texts_are_linear(unit: str) -> None:
    """A quadratic scan of a megabyte would take hours; the suite's own time limit is the assertion."""
    text = unit * (1_000_000 // len(unit))
    extract(text)
    extract(text + r" \boxed{1}")
    extract(text, kind="answer")


@pytest.mark.parametrize(
    "completion",
    [
        "So \\[\n\\boxed{5}\n\\]",
        r"Thus \[ x = 2 + 3 = \boxed{5} \]",
        r"Hence $x = \boxed{5}$.",
        r"It is \(\boxed{5}\), as said.",
        r"$$\boxed{5}$$",
        r"**Answer:** \boxed{5}",
    ],
)
def test_boxes_as_models_mostly_write_them_are_read_without_a_search_for_a_term(completion, monkeypatch):
    """Searched for all the same, they made extraction of real completions five times slower."""

    def search(*_: object) -> None:
        raise AssertionError("a term was searched for")

    monkeypatch.setattr(box_terms, "_head", search)
    assert extract(completion).answer == "5"
    with pytest.raises(AssertionError, match="a term was searched for"):
        extract(r"\[ 2\cdot\boxed{5} \]")
