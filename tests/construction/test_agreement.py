"""Golds verified by strong solvers: both rules, the reasons, and who must not verify."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import product

import pandas as pd
import pytest

from mathb_kit.construction.agreement import (
    refuse_evaluated,
    sample_solutions,
    verified,
    verified_by_solutions,
)
from mathb_kit.construction.filters import run_filters
from mathb_kit.construction.pipeline import stages_before_sampling
from mathb_kit.errors import MathbError
from mathb_kit.miniature import CHECKPOINTS, evaluate_statement
from mathb_kit.models import Model
from mathb_kit.models.registry import as_registered
from mathb_kit.problems import Problem, load_problems
from mathb_kit.sampling import Completion
from mathb_kit.store import Store

STRONG = [Model("strong-1", "hub/strong-1"), Model("strong-2", "hub/strong-2")]


class Says:
    """Answers each problem as told, attempt by attempt; None gives no answer."""

    def __init__(self, answers) -> None:
        self.answers = answers

    def sample(self, chunks):
        for chunk in chunks:
            told = [self.answers(chunk, chunk.first + i) for i in range(chunk.size)]
            texts = ["no idea" if answer is None else f"\\boxed{{{answer}}}" for answer in told]
            yield chunk, [Completion(text, 2, "stop") for text in texts]

    def describe(self):
        return {"engine": "says"}


def never(model):
    return Says(lambda chunk, index: pytest.fail(f"{model.name} was asked"))


def reasons(result) -> dict[str, str]:
    return dict(zip(result.dropped["id"], result.dropped["reason"]))


def test_one_hit_is_enough_under_any_and_none_may_be_missing_under_all(tmp_path):
    # Every way in which two solvers with two attempts each can be right or wrong.
    ways = list(product((True, False), repeat=4))
    problems = [Problem("own", str(n), f"Statement {n}.", "7") for n in range(len(ways))]
    place = {problem.key: n for n, problem in enumerate(problems)}

    def engine_for(model):
        shift = 2 * STRONG.index(model)
        return Says(lambda chunk, index: 7 if ways[place[chunk.problem_key]][shift + index] else 8)

    options = {"evaluated": (), "store": Store(tmp_path), "engine_for": engine_for}
    solutions = sample_solutions(problems, STRONG, **options)
    assert list(solutions.columns) == ["problem", "solver", "index", "answer", "verdict"]
    assert len(solutions) == 4 * len(ways)
    kept = {rule: [int(p.id) for p in verified(problems, solutions, rule).kept] for rule in ("any", "all")}
    assert kept["any"] == [n for n, way in enumerate(ways) if any(way)]
    assert kept["all"] == [n for n, way in enumerate(ways) if all(way)]

    again = sample_solutions(problems, STRONG, **options | {"engine_for": never})  # from the store
    dropped = verified(problems, again, "any")
    assert reasons(dropped) == {"15": "no solver reproduced the gold: answers 8, 8, 8, 8"}
    assert dropped.stage == "agreement"


def test_a_perfect_solver_finds_exactly_the_wrong_golds_of_the_pool(tmp_path):
    benchmarks = [load_problems("mini-math"), load_problems("mini-aime")]
    *cheap, exact_check = stages_before_sampling(benchmarks, exact_answers=True)
    candidates = run_filters(load_problems("mini-pool"), cheap).kept
    solver = Says(lambda chunk, index: evaluate_statement(chunk.prompt))
    options = {"evaluated": (), "store": Store(tmp_path), "engine_for": lambda model: solver}
    solutions = sample_solutions(candidates, STRONG[:1], **options)
    result = verified(candidates, solutions, "any")
    wrong = {problem.id for problem in candidates if problem.meta["kind"] == "wrong gold"}
    assert len(wrong) == 7 and set(result.dropped["id"]) == wrong == set(exact_check(candidates).dropped["id"])


def with_solutions(gold: str, *solutions: str, id: str) -> Problem:
    return Problem("deepmath", id, f"Statement {id}.", gold, {f"r1_{n}": text for n, text in enumerate(solutions)})


def test_solutions_that_a_pool_brings_along_are_read_and_their_disagreement_is_told_from_a_wrong_gold():
    box = "I think it is \\boxed{{5}}.</think>So $\\boxed{{{}}}$.".format
    problems = [
        with_solutions("\\frac{1}{2}", box("0.5"), box("1/2"), box("\\dfrac12"), id="equal"),
        with_solutions("Yes", box("\\text{Yes}"), box("yes"), box("Yes"), id="yes"),
        with_solutions("1", box("0.5"), box("1/2"), box("\\frac12"), id="agreed"),
        with_solutions("1", box("1"), box("2"), box("1"), id="differ"),
        with_solutions("1", box("1"), "<think>and so on", box("1"), id="endless"),
        with_solutions("", box("1"), box("1"), box("1"), id="blank"),
    ]
    result = verified_by_solutions(problems, ["r1_0", "r1_1", "r1_2"])
    assert [p.id for p in result.kept] == ["equal", "yes"]
    assert reasons(result) == {
        "agreed": "the solutions agree on another answer: answers 0.5, 1/2, \\frac12",
        "differ": "disagreement: answers 1, 2, 1",
        "endless": "a solution has no answer: answers 1, none, 1",
        "blank": "no gold",
    }
    kept = verified_by_solutions(problems, ["r1_0"], "any").kept
    assert [p.id for p in kept] == ["equal", "yes", "differ", "endless"]
    with pytest.raises(MathbError, match=r"deepmath/equal@\w+ has no text in the column 'r1_3'"):
        verified_by_solutions(problems, ["r1_3"])


def test_an_answer_that_could_not_be_graded_is_a_reason_of_its_own():
    problems = [Problem("own", id, f"Statement {id}.", "7") for id in "ab"]
    verdicts = {"a": ["wrong", "grader_failed"], "b": ["correct", "grader_failed"]}
    rows = [(p.key, "s", n, "x" * 50, verdict) for p in problems for n, verdict in enumerate(verdicts[p.id])]
    solutions = pd.DataFrame(rows, columns=["problem", "solver", "index", "answer", "verdict"])
    told = f"an answer could not be graded: answers {'x' * 39}…, {'x' * 39}…"
    assert reasons(verified(problems, solutions, "any")) == {"a": told}
    assert reasons(verified(problems, solutions, "all")) == {"a": told, "b": told}
    with pytest.raises(MathbError, match="own/a@.* has no solutions"):
        verified(problems, solutions.iloc[2:], "any")
    with pytest.raises(MathbError, match="'any' or 'all', not 'most'"):
        verified(problems, solutions, "most")


def test_no_evaluated_model_nor_any_of_its_family_verifies(tmp_path):
    r1, nemotron, skywork = (as_registered(n) for n in ("r1-1.5b", "nemotron-1.5b", "skywork-or1-7b"))
    renamed = replace(r1, name="teacher").with_sampling(temperature=0.1)
    refused = [
        (r1, r1, "r1-1.5b cannot verify answers, because it is evaluated"),
        (nemotron, r1, "one family with r1-1.5b"),  # tuned from it
        (r1, nemotron, "one family with nemotron"),  # its base
        (renamed, r1, "teacher cannot verify answers, because it is of one family with r1-1.5b"),
        (as_registered("deepscaler-1.5b-preview"), nemotron, "one family"),  # siblings
        (Model("own", "hub/own", base="R1-1.5B"), nemotron, "one family"),
    ]
    for solver, evaluated, message in refused:
        with pytest.raises(MathbError, match=message):
            refuse_evaluated([STRONG[0], solver], [STRONG[1], evaluated])
    refuse_evaluated([skywork, *STRONG], [as_registered("qwen3-4b-base")])

    # The miniature's models are always under study, under whatever name, prompt and folder.
    copied = tmp_path / "strong"
    shutil.copytree(CHECKPOINTS / "mini-base-2", copied)
    for solver in (as_registered("mini-base-1"), as_registered("mini-rl-2"), as_registered(copied)):
        with pytest.raises(MathbError, match=f"{solver.name} cannot verify answers"):
            sample_solutions([Problem("own", "1", "1+1", "2")], [solver], evaluated=(), engine_for=never)
    with pytest.raises(MathbError, match="at least one strong model"):
        sample_solutions([Problem("own", "1", "1+1", "2")], [], evaluated=())


@pytest.mark.parametrize(("rule", "enough"), [("any", any), ("all", all)])
def test_real_completions_verify_as_their_labels_say(data_folder, rule, enough):
    lines = (data_folder / "samples_dev.jsonl").read_text(encoding="utf-8").split("\n")
    problems, labelled = [], []
    for number, row in enumerate(json.loads(line) for line in lines if line):
        three = row["samples"][:3]
        texts = {f"s{n}": sample["response"] for n, sample in enumerate(three)}
        problems.append(Problem("real", str(number), row["problem"], str(row["gold"]), texts))
        if enough(sample["label"] for sample in three):
            labelled.append(str(number))
    assert len(problems) == 190
    assert [p.id for p in verified_by_solutions(problems, ["s0", "s1", "s2"], rule).kept] == labelled
