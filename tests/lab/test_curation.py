"""Curation in small: what the pools hold, that many runs side by side are kept, and the interval over seeds."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation
from mathb_kit.lab import curation
from mathb_kit.lab.many import train_all
from mathb_kit.lab.run import Run
from mathb_kit.lab.run_folder import RunFolder
from mathb_kit.miniature import evaluate_statement
from mathb_kit.miniature.sets import evaluation_statements
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.statistics import difference_over_runs
from mathb_kit.store import Store


def test_the_pools_hold_no_evaluation_problem_and_only_the_declared_wrong_golds():
    pools = curation.pools()
    assert list(pools) == list(curation.ARMS)
    evaluated = evaluation_statements()
    for problems in pools.values():
        assert not {problem.statement for problem in problems} & evaluated
    assert all(evaluate_statement(p.statement) == int(p.gold) for p in pools["curated"])
    assert {p.meta["kind"] for p in pools["curated"]} <= {"clean", "exact duplicate", "near duplicate"}
    assert len(pools["curated"]) == sum(p.meta["kind"] == "clean" for p in pools["raw"])
    wrong = [evaluate_statement(p.statement) != int(p.gold) for p in pools["wrong golds"]]
    assert sum(wrong) == len(wrong) // 2
    assert [p.statement for p in pools["wrong golds"]] == [p.statement for p in pools["curated"]]


def evaluation(correct: list[int], n: int) -> Evaluation:
    outcomes = pd.DataFrame(
        {
            "model": "m", "draw": "main", "problem": [f"p{i}" for i in range(len(correct))], "n": n, "c": correct,
            "plan": str(Plan.fixed(n)), "complete": True,
        }
    )  # fmt: skip
    return Evaluation(Draw(Store(), Model("m", "hub/m")), Plan.fixed(n), outcomes, outcomes, 0)


def test_what_curation_buys_is_the_difference_of_means_beside_any_arm():
    tried = {("base", 0, "set"): evaluation([1, 2, 3, 4], 10)}
    tried |= {(arm, 1, "set"): evaluation([2, 3, 4, 7], 10) for arm in curation.ARMS}
    tried["raw", 2, "set"] = evaluation([1, 2, 3, 4], 10)
    table = curation.what_curation_buys(tried, [1]).set_index("arm")
    assert table.loc["base", "difference"] == 0
    assert table.loc["curated", ["estimate", "difference"]].tolist() == pytest.approx([0.4, 0.15])
    assert table.loc["raw", ["estimate", "difference", "seeds"]].tolist() == pytest.approx([0.325, 0.075, 2])
    assert table["difference"].iloc[1:].between(table["low"].iloc[1:], table["high"].iloc[1:]).all()
    beside_raw = curation.what_curation_buys(tried, [1], against="raw").set_index("arm")
    assert beside_raw.loc["curated", "difference"] == pytest.approx(0.075)


def test_the_interval_is_that_of_resampling_problems_and_runs_by_hand():
    rng = np.random.default_rng(3)
    ours, theirs = rng.normal(size=(3, 6)), rng.normal(size=(2, 6))
    drawn = []
    for _ in range(20_000):
        problems = rng.integers(6, size=6)
        means = [each[rng.integers(len(each), size=len(each))][:, problems].mean() for each in (ours, theirs)]
        drawn.append(means[0] - means[1])
    assert difference_over_runs(ours, theirs, 20_000)[1:] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.03)


def test_a_run_that_fails_is_named_with_its_reason(tmp_path):
    run = Run.of("grpo", "mini-base-1", on="mini-math", steps=1, to=tmp_path / "bad")
    with pytest.raises(MathbError, match="bad failed and said: .*evaluation set"):
        train_all([run])


@pytest.mark.slow
def test_runs_that_share_a_process_end_with_the_weights_that_each_has_alone(tmp_path):
    failing = Run.of("grpo", on="mini-math", steps=1, to=tmp_path / "bad")
    runs = [Run.of(name, steps=2, prompts=4, group=4, seed=seed, to=tmp_path / f"{name}-{seed}")
            for name in ("oreal", "grpo") for seed in (1, 2)]  # fmt: skip
    failures: dict[str, str] = {}
    train_all([runs[0], failing, *runs[1:]], processes=1, failures=failures)
    assert set(failures) == {str(failing.folder)}
    for run in runs:
        alone = train_all([replace(run, folder=tmp_path / "alone" / run.folder.name)])[0]
        assert (alone / "model.safetensors").read_bytes() == (run.folder / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_ctrl_c_ends_runs_that_have_begun_and_they_go_on_from_what_they_kept(tmp_path):
    settings = {"steps": 100_000, "prompts": 2, "group": 2, "max_tokens": 24, "to": str(tmp_path / "long")}
    run = Run.of("rloo", **settings)
    code = "from mathb_kit.lab.many import train_all; from mathb_kit.lab.run import Run; "
    code += f"train_all([Run.of('rloo', **{settings})])"
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    while not (run.folder / "state.pt").is_file():
        assert parent.poll() is None
        time.sleep(0.1)
    parent.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in parent.communicate(timeout=60)[1]
    assert not run.finished() and (run.folder / "state.pt").is_file()
    with RunFolder(run.folder, run._recipe(run.settings.learning_rate or 3e-4)) as folder:  # nobody holds it any more
        assert folder.saved_step > 0


@pytest.mark.slow
def test_runs_side_by_side_make_checkpoints_once(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path))
    made = curation.train_arms(tokens=4_000, seeds=(1,))
    assert set(made) == {(arm, 1) for arm in curation.ARMS}
    weights = {path: (path / "model.safetensors").stat().st_mtime_ns for path in made.values()}
    assert len({json.loads((path / "recipe.json").read_text())["recipe"]["on"] for path in weights}) == 3
    curation.train_arms(tokens=4_000, seeds=(1,))
    assert weights == {path: (path / "model.safetensors").stat().st_mtime_ns for path in weights}
