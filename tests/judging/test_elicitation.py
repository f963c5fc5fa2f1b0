"""The base asked otherwise as a further arm, and what tells sharpening from expansion, on models that toss coins."""

from __future__ import annotations

import json
from dataclasses import replace
from math import comb

import numpy as np
import pandas as pd
import pytest
from engines import CoinEngine

from mathb_kit.errors import MathbError
from mathb_kit.judging import elicit, elicitation_table, elicited_models, judge_checkpoint
from mathb_kit.models import Model, Pair, matched
from mathb_kit.models.model import Sampling
from mathb_kit.plan import Plan
from mathb_kit.problems import ProblemSet
from mathb_kit.problems.problem import Problem
from mathb_kit.report.card import card_text, write_card
from mathb_kit.statistics import reach, sharpening_null
from mathb_kit.store import Store

PLAN = Plan(rounds=(8, 32), stop=2, chunk=8)
BASE = Model("base", "hub/base", sampling=Sampling(temperature=1.0))
TUNED = Model("tuned", "hub/tuned", base="base", sampling=Sampling(temperature=0.6))
HARD = ProblemSet(
    "hard", tuple(Problem("hard", str(i), f"Toss {i}.", "1", {"base_unsolved": True}) for i in range(24)),
    selected_in=32,
)  # fmt: skip
EASY = ProblemSet("easy", tuple(Problem("easy", str(i), f"Flip {i}.", "1") for i in range(20)))


def coin(model: Model) -> CoinEngine:
    chance = {1.0: 0.02, 1.3: 0.06, 0.6: 0.04}[model.sampling.temperature]
    return CoinEngine(0.1 if model.source == TUNED.source else chance)


def judged(tmp_path, ways=("tuned", "1.3"), plan=PLAN, **drawn):
    pair, store = matched(BASE, TUNED), Store(tmp_path / "store")
    made = judge_checkpoint(pair, HARD, plan, ordinary=[EASY], engine_for=coin, store=store, **drawn)
    return elicit(made, elicited_models(pair, ways), engine_for=coin, store=store)


def test_arms_are_the_base_under_the_tuned_models_settings_and_at_other_temperatures():
    arms = elicited_models(Pair(BASE, TUNED), ["tuned", "1.3"])
    assert list(arms) == ["base asked as tuned", "base at temperature 1.3"]
    assert [arm.sampling.temperature for arm in arms.values()] == [0.6, 1.3]
    assert {arm.source for arm in arms.values()} == {BASE.source}
    for way, why in (("warm", "'tuned' or a temperature, not 'warm'"), ("1.0", "is asked so already"),
                     ("-1", "0 or more")):  # fmt: skip
        with pytest.raises(MathbError, match=why):
            elicited_models(Pair(BASE, TUNED), [way])
    with pytest.raises(MathbError, match="is asked so already"):
        elicited_models(matched(BASE, TUNED, "tuned"), ["tuned"])


def test_every_arm_stands_beside_the_tuned_model_on_the_same_problems(tmp_path):
    made = judged(tmp_path)
    table = elicitation_table(made).set_index("arm")
    assert list(table.index) == ["base re-drawn", "base asked as tuned", "base at temperature 1.3"]
    tuned = reach(made.tuned_attempts.outcomes, 32)
    for name, evaluation in made.elicited.items():
        reached = reach(evaluation.outcomes, 32)
        row = table.loc[name]
        assert (row["reached"], row["of"]) == (len(reached), 24)
        assert (row["only_tuned"], row["only_arm"]) == (len(tuned - reached), len(reached - tuned))
    assert made.elicited["base at temperature 1.3"].draw.model_key != made.redrawn_attempts.draw.model_key


def test_the_re_drawn_arm_is_the_mean_of_all_re_draws_and_its_p_the_test_against_all(tmp_path):
    made = judged(tmp_path, redraws=3)
    row = elicitation_table(made).iloc[0]
    tuned = reach(made.tuned_attempts.outcomes, 32)
    draws = [reach(each.outcomes, 32) for each in made.redraws]
    assert row["draws"] == 3 and row["reached"] == pytest.approx(sum(map(len, draws)) / 3)
    assert row["only_tuned"] == len(tuned - set().union(*draws))
    assert row["only_arm"] == len(set().union(*draws) - tuned)
    chances = np.ones(1)  # of the tuned total if the four draws are exchangeable: a toss of t / 4 for every problem
    for problem in made.problems:
        t = sum(problem.key in each for each in (tuned, *draws))
        chances = np.convolve(chances, [1 - t / 4, t / 4])
    at = len(tuned)
    assert row["p"] == pytest.approx(min(1, 2 * min(chances[: at + 1].sum(), chances[at:].sum())))


def test_a_rescaled_base_and_base_equivalent_k_are_judged_by_all_re_draws(tmp_path):
    made = judged(tmp_path, redraws=3, plan=Plan.fixed(32, chunk=8))
    row = made.separation.equivalents.set_index(["set", "k"]).loc[("hard", 32)]
    c = sum(each.outcomes.set_index("problem")["c"] for each in made.redraws)
    assert row["n"] == 96
    assert row["base"] == pytest.approx(np.mean([1 - comb(96 - each, 32) / comb(96, 32) for each in c]))
    null = made.separation.sharpening
    counts = pd.DataFrame({"model": "b", "problem": c.index, "draw": "all", "n": 96, "c": c, "plan": "fixed 96"})
    ends = null.power, null.pass_1_base, null.pass_1_tuned
    assert null == sharpening_null(counts, counts, null.reached, ends, 32) and null.missed == 24


def test_the_card_shows_the_arms_and_what_tells_sharpening_from_expansion(tmp_path):
    made = judged(tmp_path)
    page, data = write_card(made, tmp_path)
    record = json.loads(data.read_text())
    assert [row["arm"] for row in record["elicited"]] == list(elicitation_table(made)["arm"])
    apart = record["sharpening_or_expansion"]
    assert {row["set"] for row in apart["base_equivalent_k"]} == {"easy", "hard"}
    assert apart["from_zero"]["never_solved_by_base"] == int((made.gains["base_c"] == 0).sum())
    assert {row["set"] for row in apart["support"]} == {row["set"] for row in apart["answers"]} == {"easy"}
    for text in (page.read_text(), card_text(made)):
        assert "base at temperature 1.3" in text and "told apart from a frozen base at one k is not yet" in text
    bare = replace(made, saturated={}, elicited={})
    assert bare.separation.sharpening is None and "cannot be told" in card_text(bare)
