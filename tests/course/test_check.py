"""Exercises that check themselves: right answers are right, a slip gets its hint, texts and checks agree."""

from __future__ import annotations

import ast
import re
from itertools import combinations
from pathlib import Path

import jupytext
import pandas as pd
import pytest
import torch

from mathb_kit.course import check
from mathb_kit.course.exercises import QUESTIONS
from mathb_kit.errors import MathbError

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9]*.py"))
OUTCOMES = pd.DataFrame({"n": [64, 64, 64], "c": [1, 0, 5]})
EXPANSION = pd.DataFrame({"k": [1, 64], "null": [0.3, 0.25]})
REPLAYED = pd.DataFrame({"name": ["a", "a", "b"], "ratio": [1.25, 1.25, 2.0]})


def pass_hat_by_enumeration(n: int, c: int, k: int) -> float:
    if k > 3:  # few enough to list; larger ones by taking attempt after attempt
        share = 1.0
        for taken in range(k):
            share *= max(c - taken, 0) / (n - taken)
        return share
    chosen = list(combinations([True] * c + [False] * (n - c), k))
    return sum(map(all, chosen)) / len(chosen)


def leave_one_out_by_hand(rewards: torch.Tensor) -> torch.Tensor:
    values = rewards.tolist()
    return torch.tensor([own - (sum(values) - own) / (len(values) - 1) for own in values])


# By hand, from tables, or by enumeration; what the notebook gives along comes after the answer.
RIGHT = {
    "00.1": (0.5256,), "00.2": (6 / 192, OUTCOMES), "01.1": (1, OUTCOMES), "01.2": (0.641,), "02.1": (0.599,),
    "02.2": (lambda rates, n: sum((1 - p) ** n - (1 - p) ** (2 * n) for p in rates),), "03.1": (1 - 0.025 ** (1 / 30),),
    "03.2": (2 / 2**5,), "04.1": (r"Hence \boxed{\frac{24}{2}}.", "12"), "04.2": (0.641,),
    "05.1": (pass_hat_by_enumeration,), "05.2": (0.1760,), "05.3": (0.444,), "06.1": (1 - 0.9**4,), "06.2": (0.5,),
    "06.3": (lambda p, n: 1 - (p**n + (1 - p) ** n),), "07.1": (leave_one_out_by_hand,), "07.2": (15 / 16 / 0.25,),
    "07.3": (0,), "08.1": (4,), "08.2": (6**4,), "08.3": (0.302,), "09.1": (2 * (1 + 7) / 2**7,), "09.2": (2048,),
    "10.1": (19 * 0.25, EXPANSION, 19), "10.2": (0.5, REPLAYED),
    "11.1": (0.2,), "11.2": (9216,),
}  # fmt: skip
WRONG = {
    "00.1": (0.36, "do not add up"), "01.1": (2, "however often", OUTCOMES), "01.2": (1.024, "do not add up"),
    "02.1": (0.401, "the opposite"), "03.1": (0.1, "rule of three"), "03.2": (0.03125, "one side only"),
    "04.1": (r"\boxed{12}", "stands in it", "12"), "05.1": (lambda n, c, k: (c / n) ** k, "plug-in"),
    "05.2": (0.171, "plug-in"), "06.1": (0.19, "Two attempts each"), "06.2": (0.99, "other way round"),
    "07.1": (lambda rewards: rewards - rewards.mean(), "mean of all"), "07.3": (0.6, "pass@1 rises"),
    "08.1": (2, "root of 2"), "08.2": (24, "multiply"), "09.1": (0.0625, "one side"), "09.2": (512, "Half"),
    "10.1": (0.25, "of how many", EXPANSION, 19), "10.2": (2.0, "how many times", REPLAYED),
    "11.1": (0.4, "before RL"), "11.2": (4608, "one of the two"),
}  # fmt: skip


def test_every_question_has_an_answer_that_was_found_otherwise():
    assert RIGHT.keys() == QUESTIONS.keys()


@pytest.mark.parametrize("number", RIGHT)
def test_a_right_answer_is_right(number, capsys):
    check(number, *RIGHT[number])
    assert capsys.readouterr().out == f"Exercise {number}: right.\n"


@pytest.mark.parametrize("number", WRONG)
def test_a_slip_gets_the_hint_that_names_it(number, capsys):
    answer, hint, *given = WRONG[number]
    check(number, answer, *given)
    told = capsys.readouterr().out
    assert told.startswith(f"Exercise {number}: not yet.") and hint in told


@pytest.mark.parametrize("number", QUESTIONS)
def test_nonsense_is_not_right_and_never_an_error(number, capsys):
    for answer in ("no idea", None, -7.25, [1, 2]):
        check(number, answer, *RIGHT[number][1:])
        assert "not yet." in capsys.readouterr().out


def test_no_answer_yet_is_said_and_an_unknown_exercise_is_refused(capsys):
    check("05.2")
    assert "in place of the three dots" in capsys.readouterr().out
    with pytest.raises(MathbError, match=r"no exercise '05\.9' \(did you mean"):
        check("05.9", 1)


def calls(script: Path) -> list[tuple[str, int]]:
    """Number of the exercise and how much is given along, of every check of a notebook."""
    code = "\n".join(cell.source for cell in jupytext.read(script, fmt="py:percent").cells if cell.cell_type == "code")
    found = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return [
        (node.args[0].value, len(node.args) - 2) for node in found
        if isinstance(node.func, ast.Name) and node.func.id == "check"
    ]  # fmt: skip


def test_notebooks_check_every_exercise_once_with_what_it_needs_and_none_else():
    made = [call for script in NOTEBOOKS for call in calls(script)]
    assert sorted(number for number, _ in made) == sorted(QUESTIONS)
    for number, given in made:
        assert given == len(RIGHT[number]) - 1, number


@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_asks_before_it_shows_and_has_two_or_three_checked_exercises_with_folded_answers(script):
    cells = jupytext.read(script, fmt="py:percent").cells
    asked = [place for place, cell in enumerate(cells) if "prediction" in cell.metadata.get("tags", [])]
    assert len(asked) >= 2
    for place in asked:
        assert cells[place].source.startswith("**Before you look.**") and "?" in cells[place].source
        assert cells[place + 1].cell_type == "code", "the result comes right after the question"
    checked = [number for number, _ in calls(script)]
    assert 2 <= len(checked) <= 3 and {number[:2] for number in checked} == {script.stem[:2]}
    text = "\n".join(cell.source for cell in cells)
    assert len(re.findall(r"<details><summary>Answer</summary>\n\n", text)) >= len(checked)


@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_that_only_keeps_and_tells_is_folded_away(script):
    for cell in jupytext.read(script, fmt="py:percent").cells:
        if cell.cell_type == "code" and cell.source:
            last = ast.unparse(ast.parse(cell.source).body[-1])
            plumbing = last.startswith(("keep(", "you_should_see(", "sentences.you_should_see("))
            assert not plumbing or "hide-input" in cell.metadata.get("tags", []), cell.source
            assert "save_figure(" not in cell.source
