"""Verdicts of stored attempts: each text read once, policies kept apart, nothing sampled for another policy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engines import CoinEngine

from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.grading import POLICIES, Grader, extract, stored
from mathb_kit.models.model import Model, Sampling
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.store import Store

STOPPING = Model("m", "hub/m", sampling=Sampling(stop=("###",)))

# text, and the verdict on the gold 1 under last_box, first_box and any_box
TEXTS = [
    (r"\boxed{1}", "correct", "correct", "correct"),
    (r"\boxed{1}, no: \boxed{2}", "wrong", "correct", "correct"),
    (r"\boxed{2}, no: \boxed{1}", "correct", "wrong", "correct"),
    (r"\boxed{2}, no: \boxed{3}", "wrong", "wrong", "wrong"),
    (r"$x=\boxed{1}$ or $x=\boxed{2}$", "wrong", "correct", "correct"),
    (r"\boxed{10^{10^{10}}}, no: \boxed{2}", "wrong", "grader_failed", "grader_failed"),
    (r"\boxed{10^{10^{10}}}, no: \boxed{1}", "correct", "grader_failed", "correct"),
    ("The answer is 1.", "correct", "correct", "correct"),
    ("no idea", "no_answer", "no_answer", "no_answer"),
    (r"\boxed{1}###\boxed{2}", "correct", "correct", "correct"),
]


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path)
    for first in (4, 0, 8):  # in shards that do not come in order
        rows = [text for text, *_ in TEXTS][first : first + 4]
        Draw(store, STOPPING).commit({
            "problem": ["p"] * len(rows), "index": range(first, first + len(rows)), "first": [first] * len(rows),
            "seed": [first] * len(rows), "text": rows, "tokens": [1] * len(rows), "finish": ["stop"] * len(rows),
        }, {})  # fmt: skip
    return store


@pytest.mark.parametrize("column", [1, 2, 3])
def test_each_policy_gives_its_own_verdicts_and_one_row_per_attempt(store, column):
    with Grader(store) as grader:
        for policy in POLICIES:  # the others are in the same store
            Draw(store, STOPPING).verdicts({"p": "1"}, grader, policy)
        policy = POLICIES[column - 1]
        verdicts = Draw(store, STOPPING).verdicts({"p": "1"}, grader, policy)
    assert list(verdicts["index"]) == list(range(len(TEXTS)))
    assert list(verdicts["verdict"]) == [row[column] for row in TEXTS]
    assert list(verdicts.columns) == [
        "model", "problem", "draw", "index", "answer", "truncated", "tokens", "gold", "verdict", "rung"
    ]  # fmt: skip
    assert (verdicts["answer"].isna() == (verdicts["verdict"] == "no_answer")).all()
    assert set(verdicts.loc[verdicts["verdict"] == "correct", "answer"]) == {"1"}


def test_a_text_is_extracted_once_ever_under_a_policy(store, monkeypatch):
    read = []

    def counting(text, *, stop, policy):
        read.append((text, policy))
        return extract(text, stop=stop, policy=policy)

    monkeypatch.setattr(stored, "extract", counting)
    for _ in range(2):
        for policy in ("last_box", "first_box"):
            with Grader(store) as grader:
                Draw(store, STOPPING).verdicts({"p": "1"}, grader, policy)
    assert sorted(read) == sorted((text, policy) for text, *_ in TEXTS for policy in ("last_box", "first_box"))


def test_an_unknown_policy_is_refused(store):
    with Grader() as grader, pytest.raises(MathbError, match="'best_box'.*last_box, first_box, any_box"):
        Draw(store, STOPPING).verdicts({"p": "1"}, grader, "best_box")


class Wavering(CoinEngine):
    """Boxes something before or after the coin's own answer."""

    def __init__(self, chance: float, *, before: str = "", after: str = "") -> None:
        super().__init__(chance)
        self.before, self.after = before, after

    def sample(self, chunks):
        for chunk, completions in super().sample(chunks):
            yield chunk, [replace(c, text=self.before + c.text + self.after) for c in completions]


def test_an_evaluation_under_another_policy_samples_nothing_and_replays_the_stop(tmp_path):
    model, plan = Model("coin", "hub/coin", sampling=Sampling(max_tokens=8)), Plan(rounds=(8, 16, 64), stop=2, chunk=8)
    problems = [Problem("coins", str(i), f"Toss number {i}.", "1") for i in range(6)]

    def run(name: str, engine: CoinEngine):
        return evaluate(model, problems, plan, store=Store(tmp_path / name), engine=engine)

    strict = run("strict", Wavering(0.1, after=r", no: \boxed{2}"))
    assert strict.outcomes["c"].sum() == 0 and (strict.outcomes["n"] == 64).all()
    plain = run("plain", CoinEngine(0.1))  # the same tosses
    for policy in ("first_box", "any_box"):
        other = strict.under_policy(policy)
        assert other.new_tokens == 0 and other.outcomes.equals(plain.outcomes)
    assert strict.under_policy("last_box").outcomes.equals(strict.outcomes)
    # The other way round: what was stopped early would not have been stopped under the other reading.
    stopped = run("stopped", Wavering(0.9, before=r"\boxed{2}, no: "))
    assert (stopped.outcomes["n"] < 64).all()
    assert not stopped.under_policy("first_box").outcomes["complete"].any()
