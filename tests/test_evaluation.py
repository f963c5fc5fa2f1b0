"""Evaluation by a plan: stops where it should, samples nothing twice, keeps draws apart."""

import pytest
from engines import CoinEngine, toss

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.models.model import Model, Sampling
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Chunk, chunk_seed
from mathb_kit.store import Store
from mathb_kit.store.draw import RUN_SEED

MODEL = Model("coin", "hub/coin", sampling=Sampling(max_tokens=8))
PLAN = Plan(rounds=(8, 16, 64), stop=2, chunk=8)


def problems(count: int = 12) -> list[Problem]:
    return [Problem("coins", str(i), f"Toss number {i}.", "1") for i in range(count)]


class Counting(CoinEngine):
    """Remembers which chunks it was asked for."""

    def __init__(self, chance: float) -> None:
        super().__init__(chance)
        self.asked: list[Chunk] = []

    def sample(self, chunks):
        chunks = list(chunks)
        self.asked += chunks
        return super().sample(iter(chunks))


def expected_counts(problem: Problem, chance: float, draw: str = "main") -> tuple[int, int]:
    """(n, c) by walking the rounds by hand over the coin's own tosses."""
    c = n = 0
    for end in PLAN.rounds:
        while n < end:
            seed = chunk_seed(RUN_SEED, MODEL.key(), problem.key, draw, n)
            chunk = Chunk(problem.key, problem.statement, n, 8, seed)
            c += sum("\\boxed{1}" in completion.text for completion in toss(chunk, chance))
            n += 8
        if c >= PLAN.stop:
            break
    return n, c


@pytest.mark.parametrize("chance", [0.02, 0.3])
def test_every_problem_ends_where_the_plan_ends_it(tmp_path, chance):
    engine = Counting(chance)
    outcomes = evaluate(MODEL, problems(), PLAN, store=Store(tmp_path), engine=engine).outcomes
    by_problem = outcomes.set_index("problem")
    for problem in problems():
        assert (by_problem.loc[problem.key, "n"], by_problem.loc[problem.key, "c"]) == expected_counts(problem, chance)
    assert sum(chunk.size for chunk in engine.asked) == outcomes["n"].sum()
    assert outcomes["complete"].all()


def test_a_second_evaluation_only_reads_and_a_longer_plan_only_adds(tmp_path):
    store = Store(tmp_path)
    first = evaluate(MODEL, problems(), PLAN, store=store, engine=Counting(0.1))
    idle = Counting(0.1)
    again = evaluate(MODEL, problems(), PLAN, store=store, engine=idle)
    assert idle.asked == [] and again.new_tokens == 0
    assert again.outcomes.equals(first.outcomes)
    longer = Counting(0.1)
    evaluate(MODEL, problems(), Plan.fixed(64, chunk=8), store=store, engine=longer)
    assert sum(chunk.size for chunk in longer.asked) == 64 * 12 - first.outcomes["n"].sum()


def test_a_smaller_plan_on_a_fuller_store_gives_what_it_would_have_given_alone(tmp_path):
    full = Store(tmp_path / "full")
    evaluate(MODEL, problems(), Plan.fixed(64, chunk=8), store=full, engine=CoinEngine(0.1))
    cut = evaluate(MODEL, problems(), PLAN, store=full, engine=CoinEngine(0.1)).outcomes
    alone = evaluate(MODEL, problems(), PLAN, store=Store(tmp_path / "alone"), engine=CoinEngine(0.1)).outcomes
    assert cut.equals(alone)


def test_another_draw_gives_fresh_attempts(tmp_path):
    store = Store(tmp_path)
    main = evaluate(MODEL, problems(), PLAN, store=store, engine=CoinEngine(0.1)).outcomes
    retest = evaluate(MODEL, problems(), PLAN, draw="retest", store=store, engine=CoinEngine(0.1)).outcomes
    assert list(retest["c"]) != list(main["c"])
    for problem in problems():
        row = retest.set_index("problem").loc[problem.key]
        assert (row["n"], row["c"]) == expected_counts(problem, 0.1, "retest")


def test_completions_show_text_answer_and_verdict_of_the_first_attempts(tmp_path):
    evaluation = evaluate(MODEL, problems(), PLAN, store=Store(tmp_path), engine=CoinEngine(0.5))
    shown = evaluation.completions(problems()[3], count=5)
    assert list(shown["index"]) == [0, 1, 2, 3, 4]
    assert ((shown["answer"] == "1") == (shown["verdict"] == "correct")).all()
    assert all(f"\\boxed{{{answer}}}" in text for text, answer in zip(shown["text"], shown["answer"]))


def test_a_problem_without_gold_and_an_empty_set_are_refused_before_sampling(tmp_path):
    engine = Counting(0.5)
    with pytest.raises(MathbError, match="coins/x.* has no gold"):
        evaluate(MODEL, [Problem("coins", "x", "?", " ")], PLAN, store=Store(tmp_path), engine=engine)
    with pytest.raises(MathbError, match="no problems"):
        evaluate(MODEL, [], PLAN, store=Store(tmp_path), engine=engine)
    assert engine.asked == []


def test_a_smaller_plan_on_a_store_that_holds_more_counts_its_own_attempts_only(tmp_path):
    store = Store(tmp_path)
    problems = [Problem("set", str(i), f"Toss {i}.", "1") for i in range(5)]
    model = Model("m", "hub/m")
    evaluate(model, problems, Plan.fixed(64, chunk=16), store=store, engine=CoinEngine(0.3))
    smaller = evaluate(model, problems, Plan.fixed(16, chunk=16), store=store, engine=CoinEngine(0.3))
    assert smaller.new_tokens == 0
    sizes = smaller.verdicts.groupby("problem").size()
    assert sizes.tolist() == smaller.outcomes.set_index("problem").loc[sizes.index, "n"].tolist() == [16] * 5
    right = (smaller.verdicts["verdict"] == "correct").groupby(smaller.verdicts["problem"]).sum()
    assert right.to_dict() == smaller.outcomes.set_index("problem")["c"].to_dict()
    assert len(smaller.under_policy("first_box").verdicts) == 5 * 16
