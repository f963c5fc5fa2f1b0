"""`Draw` against an enumeration by hand: which chunks, which seeds, which verdicts, where the plan ends."""

from __future__ import annotations

import hashlib
import pickle
import random
from dataclasses import replace

import pandas as pd
import pytest
from engines import CoinEngine, toss

from mathb_kit.draw import Draw
from mathb_kit.grading import GRADER_VERSION, Grader
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models import model as model_module
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Chunk
from mathb_kit.store import Store

MODEL = Model("coin", "somebody/coin", prompt="Q: {problem}\nA:", revision="1")
PROBLEMS = [Problem("tosses", str(i), f"Toss {i}", "1") for i in range(6)]


def seed_by_hand(draw: Draw, problem: Problem, first: int) -> int:
    identity = f"{draw.run_seed}\x1f{draw.model.key()}\x1f{problem.key}\x1f{draw.name}\x1f{first}"
    return int(hashlib.sha256(identity.encode()).hexdigest()[:16], 16) >> 1


@pytest.mark.parametrize("case", range(12))
def test_what_is_missing_sampled_graded_and_counted_is_what_an_enumeration_by_hand_gives(tmp_path, case):
    rng = random.Random(case)
    chunk, chance = rng.choice([2, 4, 8]), rng.choice([0.05, 0.3, 0.7])
    ends = [chunk * end for end in sorted(rng.sample(range(1, 7), 3))]
    plan = Plan(rounds=tuple(ends), stop=rng.randint(1, 3), chunk=chunk)
    draw = Draw(Store(tmp_path), MODEL, rng.choice(["main", "null-1"]), run_seed=rng.choice([5, 20251113]))
    there: dict[tuple[str, int], tuple[str, int, str]] = {}  # (problem, index) -> text, tokens, finish

    for _ in range(4):  # a few problems, between any two ends of the plan, some of it there already
        some = rng.sample(PROBLEMS, rng.randint(1, 6))
        low, high = sorted(rng.sample([0, *ends], 2))
        expected = [
            Chunk(p.key, f"Q: {p.statement}\nA:", first, chunk, seed_by_hand(draw, p, first))
            for p in some
            for first in range(low, high, chunk)
            if (p.key, first) not in there
        ]
        assert draw.missing(some, plan, low, high) == expected
        report = draw.sample(CoinEngine(chance), some, plan, attempts=range(low, high))
        for each in expected:
            for i, completion in enumerate(toss(each, chance)):
                there[each.problem_key, each.first + i] = (completion.text, completion.tokens, completion.finish)
        assert report.new_attempts == len(expected) * chunk
        assert report.skipped == len(some) * (high - low) - report.new_attempts
        assert draw.missing(some, plan, low, high) == []

    rows = draw.attempts()
    stored = rows[["problem", "index", "text", "tokens", "finish"]].itertuples(index=False)
    assert {(row[0], row[1]): tuple(row[2:]) for row in stored} == there and len(rows) == len(there)
    assert draw.done() == {p: {i for q, i in there if q == p} for p, _ in there}
    assert draw.engines() == {"coin": len(there)}

    with Grader(draw.store, workers=1) as grader:
        verdicts = draw.verdicts({p.key: p.gold for p in PROBLEMS}, grader)
    right = {key: "\\boxed{1}" in text for key, (text, *_) in there.items()}
    graded = verdicts.set_index(["problem", "index"])["verdict"]
    assert graded.to_dict() == {key: "correct" if each else "wrong" for key, each in right.items()}

    outcomes = draw.outcomes(verdicts, plan).set_index("problem")
    assert set(outcomes["name"]) == {"coin"} and set(outcomes["grader"]) == {GRADER_VERSION}
    for problem in {problem for problem, _ in there}:
        n = 0
        while (problem, n) in there and n < plan.n_max:
            n += 1
            if n in plan.rounds and sum(right[problem, i] for i in range(n)) >= plan.stop:
                break
        row = outcomes.loc[problem]
        solved = [i for i in range(n) if right[problem, i]]
        assert (row["n"], row["c"]) == (n, len(solved))
        assert (row["first_correct"] == solved[0] + 1) if solved else pd.isna(row["first_correct"])


def test_a_draw_sent_to_another_process_keeps_its_place_and_its_key_without_hashing_the_weights_again(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(CHECKPOINTS.parent)
    local = Model("mini", f"{CHECKPOINTS.name}/mini-base-1")
    draw = Draw(Store(tmp_path / "store"), local, "retest", mix_engines=True)
    key, sent = draw.model_key, pickle.dumps(draw)
    monkeypatch.chdir(tmp_path)

    def never(folder):
        raise AssertionError(f"{folder} was hashed again")

    monkeypatch.setattr(model_module, "_content_hash", never)
    received = pickle.loads(sent)
    assert type(received) is Draw and received.model_key == key
    assert (received.name, received.mix_engines, received.store.root) == ("retest", True, tmp_path / "store")
    assert received.model == replace(local, source=str(CHECKPOINTS / "mini-base-1")) and received.model.is_local
