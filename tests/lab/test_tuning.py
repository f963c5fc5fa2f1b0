"""Learning rates: a grid that widens until the best lies inside, on validation alone, frozen under its settings."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from mathb_kit.lab import scoreboard, tuning
from mathb_kit.lab.board import load_scoreboard
from mathb_kit.lab.practice import solution_prefix
from mathb_kit.lab.scoreboard import Bench
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems

BOARD = load_scoreboard()


def bench_of(names, **changes):
    board = BOARD.model_copy(update={"learning_rates": (1e-4, 3e-4), "tuning_seeds": (101, 102), **changes})
    return Bench(board, {name: board.rows[name] for name in names}, {})


def validated(monkeypatch, validation):
    """Runs are not trained: ``validation`` (row, rate, seed) is what they end with; None is a failure."""
    asked = []

    def train(self, runs):
        asked.append(set(runs))
        return {key: key for key in runs if validation(*key) is not None}

    monkeypatch.setattr(Bench, "train", train)
    monkeypatch.setattr(tuning, "final_validation", lambda key: validation(*key))
    monkeypatch.setattr(tuning, "read_frozen", lambda: pd.DataFrame(columns=tuning.COLUMNS))
    return asked


def test_the_grid_goes_on_by_its_own_ratio_until_the_best_rate_lies_inside(monkeypatch):
    best = {"grpo": 3e-3, "raft": 2e-4, "oreal": 1e-5}
    # The nearer to the row's best rate, the better; seeds differ a little.
    asked = validated(monkeypatch, lambda row, rate, seed: 1 - abs(rate - best[row]) / best[row] + seed * 1e-6)
    bench = bench_of(best)
    table = tuning.by_rate(tuning.tune(bench)).set_index(["row", "learning_rate"])
    tried = {row: sorted(table.loc[row].index) for row in best}
    assert tried["grpo"] == [1e-4, 3e-4, 9e-4, 2.7e-3, 8.1e-3] and tried["oreal"][0] < 1e-5 < tried["oreal"][2]
    chosen = table[table["chosen"]].reset_index().set_index("row")["learning_rate"]
    assert chosen["grpo"] == 2.7e-3 and chosen["oreal"] == 1.1e-5
    # Between two rates nobody can do better than one of them: raft's lie at both edges, and the next ones are worse.
    assert not table["edge"].any() and len(tried["raft"]) >= 3
    assert tuning.at_limit(tuning.tune(bench), bench.board) == [] and len(asked) > 3


def test_the_search_ends_at_its_limits_with_a_sentence_and_a_failed_seed_rules_a_rate_out(monkeypatch):
    validated(monkeypatch, lambda row, rate, seed: None if rate > 2.5e-3 and seed == 102 else rate)
    bench = bench_of(["grpo"], rate_limits=(1e-6, 1e-2))
    table = tuning.tune(bench)
    # 3e-4, 9e-4 go on upwards; at 2.7e-3 a seed fails, so 9e-4 is the best and lies inside.
    assert table.loc[table["chosen"], "learning_rate"].unique().tolist() == [9e-4]
    validated(monkeypatch, lambda row, rate, seed: rate)
    table = tuning.tune(bench)
    assert table["learning_rate"].max() <= 1e-2
    (sentence,) = tuning.at_limit(table, bench.board)
    assert "best rate of grpo (0.0081)" in sentence and "1e-06 to 0.01" in sentence
    validated(monkeypatch, lambda *_: None)  # nothing works: smaller ones are tried, down to the limit
    table = tuning.tune(bench)
    assert not table["chosen"].any() and table["learning_rate"].min() < 3e-6


def test_a_frozen_rate_is_read_and_holds_for_its_very_settings_alone(monkeypatch, tmp_path):
    asked = validated(monkeypatch, lambda row, rate, seed: -abs(rate - 3.1e-4))
    bench = bench_of(["grpo", "raft"])
    file = tuning.write_tuned(bench, tuning.tune(bench), tmp_path / "tuned.csv")
    asked.clear()
    original = pd.read_csv(file, dtype={"key": str})
    monkeypatch.setattr(tuning, "read_frozen", lambda: original)
    again = tuning.tune(bench)
    assert not asked or not any(asked) and set(again["row"]) == {"grpo", "raft"}
    assert tuning.not_frozen(bench) == []
    for change in ({"tokens": 10}, {"tuning_seeds": (101, 103)}, {"group": 8}, {"prompts": 4}, {"validate_every": 7}):
        assert tuning.not_frozen(bench_of(["grpo", "raft"], **change)) == ["grpo", "raft"], change
    rows = {**BOARD.rows, "raft": BOARD.rows["raft"].model_copy(update={"updates": 3})}
    assert tuning.not_frozen(bench_of(["grpo", "raft"], rows=rows)) == ["raft"]


def test_whatever_a_run_hangs_on_is_in_the_name_of_its_folder():
    bench = bench_of(["grpo"])
    names = {bench.run("grpo", 1e-3, 1).folder.name, bench.run("grpo", 1e-4, 1).folder.name,
             bench.run("grpo", 1e-3, 2).folder.name, bench.run("grpo", 1e-3, 1, steps=5).folder.name,
             *(bench_of(["grpo"], **change).run("grpo", 1e-3, 1).folder.name
               for change in ({"tokens": 10}, {"group": 8}, {"prompts": 4}, {"validate_every": 7}))}  # fmt: skip
    assert len(names) == 8


def test_seeds_of_a_rate_are_summed_up_by_hand():
    tried = pd.DataFrame(
        [("grpo", 1e-4, 1, 0.2), ("grpo", 1e-4, 2, 0.4), ("grpo", 1e-3, 1, 0.9), ("grpo", 1e-3, 2, float("nan"))],
        columns=["row", "learning_rate", "seed", "validation"],
    )
    table = tuning.by_rate(tuning.with_choice(tried)).set_index("learning_rate")
    assert table.loc[1e-4, ["seeds", "validation", "lowest", "highest", "chosen"]].tolist() == [
        2, pytest.approx(0.3), 0.2, 0.4, True
    ]  # fmt: skip
    assert not table.loc[1e-3, "chosen"] and table.loc[1e-4, "edge"]


def test_hard_queries_are_those_without_a_right_attempt_and_are_paid_for(monkeypatch):
    asked = []

    def tries(model, problems, plan, draw):
        asked.append((model.name, plan, draw))
        counts = [i % 3 for i in range(len(problems))]
        rows = [(problem.key, plan.n_max, c, 300) for problem, c in zip(problems, counts)]
        return SimpleNamespace(outcomes=pd.DataFrame(rows, columns=["problem", "n", "c", "tokens"]))

    monkeypatch.setattr(scoreboard, "evaluate", tries)
    bench = bench_of(["pope"], tokens=100_000)
    run = bench.run("pope", 1e-3, 1)
    assert asked == [("mini-base-1", Plan.fixed(8), "filter")]
    kept = list(load_problems(run.on))
    tried = int(100_000 / 2 / (8 * BOARD.cost.tokens_per_attempt))
    assert len(kept) == -(-tried // 3) and all(problem.meta["level"] for problem in kept)
    assert run.settings.tokens == 100_000 - 300 * tried and run.validate_on == BOARD.on
    for problem in kept:  # what the rule needs of them came along
        assert solution_prefix(problem, 0.25).startswith("Carefully: ")


def test_a_teachers_right_attempts_are_the_solutions_that_a_row_learns_from(monkeypatch):
    teachers = []
    monkeypatch.setattr(
        scoreboard, "evaluate", lambda model, problems, plan, draw: teachers.append((model.name, plan, draw))
    )

    def export(answers, problems, path, most):
        rows = [{"id": p.id, "problem": p.statement, "answer": p.gold, "solution": "Columns"} for p in problems[:40]]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    monkeypatch.setattr(scoreboard, "export_solutions", export)
    bench = bench_of(["off-policy-distillation"])
    run = bench.run("off-policy-distillation", 1e-3, 1)
    assert teachers == [("mini-distilled-1", Plan.fixed(4), "teaching")]
    held_out = {problem.statement for problem in list(load_problems(BOARD.on))[::10]}
    learnt = list(load_problems(run.on))
    assert len(learnt) == 40 and not held_out & {problem.statement for problem in learnt}
    assert run.settings.tokens == BOARD.tokens  # the teacher's own tokens are not the row's
