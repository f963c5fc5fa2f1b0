"""Judging a tuned model: the base's own unsolved part as denominator, a re-drawn base beside it."""

from dataclasses import replace

import numpy as np
import pytest
from engines import CoinEngine

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.judging import change_by_problem, expansion_beside_redrawn, judge, judge_seeds
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, ProblemSet
from mathb_kit.sentences import judgement_sentence
from mathb_kit.statistics import exchangeable_test
from mathb_kit.store import Store

PLAN = Plan(rounds=(8, 32), stop=2, chunk=8)
BASE, TUNED = Model("base", "hub/base"), Model("tuned", "hub/tuned", base="base")
PROBLEMS = ProblemSet(
    "hard", tuple(Problem("hard", str(i), f"Toss {i}.", "1", {"base_unsolved": i % 3 != 0}) for i in range(30)),
    selected_in=32,
)


@pytest.fixture
def evaluations(tmp_path):
    store = Store(tmp_path)
    return {
        "base": evaluate(BASE, PROBLEMS, PLAN, store=store, engine=CoinEngine(0.01)),
        "tuned": evaluate(TUNED, PROBLEMS, PLAN, store=store, engine=CoinEngine(0.08)),
    }


def solved_by(evaluation, k):
    """Problems with a correct verdict among the first k attempts, straight from the verdicts."""
    verdicts = evaluation.verdicts
    return set(verdicts.loc[(verdicts["verdict"] == "correct") & (verdicts["index"] < k), "problem"])


def test_only_what_the_base_left_unsolved_counts_and_the_null_is_its_fresh_draw(evaluations):
    judgement = judge(evaluations["tuned"], evaluations["base"], PROBLEMS, 32)
    chosen = {problem.key for i, problem in enumerate(PROBLEMS) if i % 3 != 0}
    reached = len(solved_by(evaluations["tuned"], 32) & chosen)
    redrawn = len(solved_by(evaluations["base"], 32) & chosen)
    assert judgement.comparison.expansion[:2] == (reached, 20)
    assert judgement.null.expansion[:2] == (redrawn, 20)
    sentence = judgement_sentence(judgement)
    assert f"reached {reached} of 20" in sentence and f"a re-drawn base reaches {redrawn} of 20" in sentence
    frame = judgement.to_frame()
    expansion = frame[frame["metric"] == "expansion"].set_index("tuned")["count"]
    assert expansion.to_dict() == {"tuned": reached, "base re-drawn": redrawn}


def test_gains_and_at_least_are_judged_against_the_fresh_draw(evaluations):
    judgement = judge(evaluations["tuned"], evaluations["base"], PROBLEMS, 32)
    gains = judgement.gains()
    counts = evaluations["base"].outcomes.set_index("problem")["c"]
    chosen = [problem.key for i, problem in enumerate(PROBLEMS) if i % 3 != 0]
    assert sorted(gains["problem"]) == sorted(chosen)
    assert gains["base_c"].tolist() == counts[gains["problem"]].tolist()
    table = judgement.at_least([1, 2]).set_index("m")
    assert table.loc[1, "tuned"] == judgement.comparison.expansion.count
    assert table.loc[1, "base"] == judgement.null.expansion.count
    assert table.loc[2, "tuned"] == (judgement.tuned_outcomes["c"] >= 2).sum()


def test_several_redraws_are_one_null_and_a_set_of_seeds_one_test(tmp_path):
    store = Store(tmp_path)
    draws = [evaluate(BASE, PROBLEMS, PLAN, store=store, engine=CoinEngine(0.02), draw=f"d{i}") for i in range(3)]
    seeds = [evaluate(TUNED, PROBLEMS, PLAN, store=store, engine=CoinEngine(0.08), draw=f"s{i}") for i in range(2)]
    judged = [judge(each, draws, PROBLEMS, 32) for each in seeds]
    chosen = [problem.key for i, problem in enumerate(PROBLEMS) if i % 3 != 0]
    tuned, redrawn = (
        np.array([[key in solved_by(each, 32) for key in chosen] for each in arms]) for arms in (seeds, draws)
    )
    test = judged[0].test
    assert (test.redraws, test.of, test.tuned) == (3, 20, tuned[0].sum())
    assert test.difference == pytest.approx(tuned[0].mean() - redrawn.mean()) and test.low < test.difference < test.high
    assert test.p == pytest.approx(exchangeable_test(tuned[0], redrawn))
    assert judge_seeds(judged).p == pytest.approx(exchangeable_test(tuned, redrawn))
    assert f"3 draws of the frozen base reach {redrawn.sum() / 3:.4g} on average" in judgement_sentence(judged[0])
    gains = judged[0].gains()
    pooled = sum(each.outcomes.set_index("problem")[["n", "c"]] for each in draws).loc[gains["problem"]]
    assert gains[["base_n", "base_c"]].to_numpy().tolist() == pooled.to_numpy().tolist()
    last = judged[0].curves([8, 32]).query("k == 32").set_index("who")["estimate"]
    assert last.to_dict() == pytest.approx({"tuned": tuned[0].mean(), "base, re-drawn": redrawn.mean()})
    assert judged[0].at_least([1]).iloc[0]["base"] == pytest.approx(redrawn.sum() / 3)
    with pytest.raises(MathbError, match="draw of the base is here twice"):
        _ = judge(seeds[0], [draws[0], draws[0]], PROBLEMS, 32).test
    with pytest.raises(MathbError, match="re-draws are of two models"):
        judge(seeds[0], [draws[0], seeds[1]], PROBLEMS, 32)


def test_expansion_grows_with_k_and_ends_at_the_judgement(evaluations):
    curves = expansion_beside_redrawn(evaluations, {"tuned": "base"}, PROBLEMS, [1, 4, 8, 32])
    chosen = {problem.key for i, problem in enumerate(PROBLEMS) if i % 3 != 0}
    for who, name in (("base, re-drawn", "base"), ("tuned", "tuned")):
        counts = curves[curves["who"] == who].sort_values("k")["count"].tolist()
        assert counts == [len(solved_by(evaluations[name], k) & chosen) for k in (1, 4, 8, 32)]


def test_a_set_that_was_not_sieved_with_the_base_is_refused(evaluations):
    with pytest.raises(MathbError, match="no column 'other_unsolved'"):
        PROBLEMS.unsolved_by("other")


def test_nothing_is_claimed_beyond_the_attempts_that_selected(evaluations):
    tried_less = replace(PROBLEMS, selected_in=8)
    assert judge(evaluations["tuned"], evaluations["base"], tried_less, 8).selection["n"].eq(8).all()
    with pytest.raises(MathbError, match="unsolved in 8 attempts, and what it would not reach in 32 nobody knows"):
        judge(evaluations["tuned"], evaluations["base"], tried_less, 32)
    with pytest.raises(MathbError, match="unsolved in 8 attempts"):
        expansion_beside_redrawn(evaluations, {"tuned": "base"}, tried_less, [1, 16])
    with pytest.raises(MathbError, match="does not say in how many attempts base left its problems unsolved"):
        judge(evaluations["tuned"], evaluations["base"], replace(PROBLEMS, selected_in=None), 8)


def test_changes_by_problem_name_gained_and_lost_reach(evaluations):
    changes = change_by_problem(evaluations["base"], evaluations["tuned"], 32).set_index("problem")["change"]
    before, after = solved_by(evaluations["base"], 32), solved_by(evaluations["tuned"], 32)
    assert set(changes.index[changes == "gained"]) == after - before
    assert set(changes.index[changes == "lost"]) == before - after
    assert set(changes.index[changes == "kept"]) == before & after
