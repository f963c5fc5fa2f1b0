"""Chance: a model's own answers against other golds, and uniform guessing."""

from math import comb

import pandas as pd
import pytest
from engines import CoinEngine

from mathb_kit.evaluation import evaluate
from mathb_kit.judging import PERMUTED, UNIFORM, chance_lines, chance_of
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sentences import after_chance_sentence
from mathb_kit.statistics import pass_at_k_curve
from mathb_kit.store import Store

BASE = Model("base", "hub/base")


def test_chance_is_graded_against_the_golds_of_other_problems(tmp_path):
    # The coin says 0 or 1, so at a gold of 1 another gold of 0 is hit whenever the coin says 0.
    problems = [Problem("coins", str(i), f"Toss {i}.", str(i % 2)) for i in range(6)]
    evaluation = evaluate(BASE, problems, Plan.fixed(16), store=Store(tmp_path), engine=CoinEngine(0.3))
    table = chance_of(evaluation, problems, [1, 4]).set_index(["problem", "k"])["estimate"]
    answers = evaluation.verdicts.groupby("problem")["answer"]
    for problem in problems:
        hits = (answers.get_group(problem.key) == str(1 - int(problem.gold))).sum()
        assert table[problem.key, 1] == pytest.approx(hits / 16)
        assert table[problem.key, 4] == pytest.approx(1 - comb(16 - hits, 4) / comb(16, 4))


def test_uniform_guessing_is_over_the_numbers_with_as_many_digits(tmp_path):
    golds = ["7", "8", "41", "-52"]  # 10 one-digit numbers, 90 of two digits, 90 negative ones of two
    problems = [Problem("coins", str(i), f"Toss {i}.", gold) for i, gold in enumerate(golds)]
    evaluation = evaluate(BASE, problems, Plan.fixed(16), store=Store(tmp_path), engine=CoinEngine(0.3))
    lines = chance_lines(evaluation, problems, pass_at_k_curve(evaluation.outcomes, [1, 16, 1024]))
    uniform = lines[lines["what"] == UNIFORM].set_index("k")["estimate"]
    for k in (1, 16, 1024):
        expected = (2 * (1 - 0.9**k) + 2 * (1 - (89 / 90) ** k)) / 4
        assert uniform[k] == pytest.approx(expected, rel=1e-9)
    assert lines.loc[lines["what"] == PERMUTED, "k"].tolist() == [1, 16]  # no further than the fixed attempts


@pytest.mark.parametrize(
    ("golds", "lines"), [([r"\frac{1}{2}", "p - q"], []), (["7", "x"], [UNIFORM]), (["7", "7"], [UNIFORM])]
)
def test_where_golds_are_no_numbers_the_lines_that_need_them_are_left_out_and_said(tmp_path, golds, lines):
    problems = [Problem("coins", str(i), f"Toss {i}.", gold) for i, gold in enumerate(golds)]
    evaluation = evaluate(BASE, problems, Plan.fixed(4), store=Store(tmp_path), engine=CoinEngine(0.3))
    table = chance_lines(evaluation, problems, pass_at_k_curve(evaluation.outcomes, [1, 4]))
    assert list(dict.fromkeys(table["what"])) == ["base", *lines]
    left = pd.DataFrame({"set": "coins", "k": 4, "chance": [float("nan")], "corrected": [float("nan")]})
    assert after_chance_sentence(left) == (
        "On coins no gold is a whole number, so what guessing is worth there is not known."
    )
