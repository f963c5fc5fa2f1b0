"""Killed at any moment, whatever it was doing: nothing that was committed is lost, and nothing is there twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from engines import CoinEngine
from paths import import_path

from mathb_kit.draw import Draw
from mathb_kit.foreign import import_files, imported_names, load_samples
from mathb_kit.grading import Grader
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import driver
from mathb_kit.store import Store
from mathb_kit.store.compaction import compact

MODEL = Model("coin", "somebody/coin", prompt="Q: {problem}\nA:", revision="1")
PROBLEMS = [Problem("tosses", str(i), f"Toss {i}", "1") for i in range(20)]
PLAN = Plan.fixed(80, chunk=4)


def work(root: str, delay: float = 0.0) -> pd.DataFrame:
    """Sample, grade and pack, a part of the problems after the other; returns the verdicts."""
    driver._FLUSH_SECONDS = 0.02
    draw, grader = Draw(Store(root), MODEL), Grader(workers=1)
    golds = {problem.key: problem.gold for problem in PROBLEMS}
    print("ready", flush=True)
    for first in range(0, len(PROBLEMS), 4):
        draw.sample(CoinEngine(delay=delay), PROBLEMS[first : first + 4], PLAN)
        verdicts = draw.verdicts(golds, grader)
        compact(draw.store)
    grader.close()
    return verdicts


def content(root: Path) -> set[tuple]:
    rows = Store(root).read_attempts(MODEL.key(), "main")
    return {tuple(row) for row in rows.itertuples(index=False)}


def bring_in(root: str) -> None:
    """Import one of two files after the other under one name, for ever."""
    first = int("mine" in imported_names() and load_samples("mine").outcomes["c"].iloc[0] > 0)  # the other one
    print("ready", flush=True)
    for number in count(first):
        import_files([Path(root) / f"{number % 2}.jsonl"]).save("mine")


def learn(root: str) -> Path:
    """Train for a few steps, each of which is kept."""
    from mathb_kit.lab import run_folder
    from mathb_kit.lab.run import train

    run_folder._SAVING_SHARE = float("inf")
    easy = [problem for problem in load_problems("mini-train") if problem.meta["level"] == 1]
    print("ready", flush=True)
    return train("rloo", on=easy, to=Path(root) / "lab", prompts=2, group=2, max_tokens=24, steps=30)


def imports(root: Path) -> list[pd.DataFrame]:
    """Write the two files; outcomes of each."""
    for number in range(2):
        row = {"gold": "5", "completions": [rf"\boxed{{{5 - number}}}", r"\boxed{7}"]}
        (root / f"{number}.jsonl").write_text("".join(json.dumps(row | {"id": f"p{i}"}) + "\n" for i in range(50)))
    return [import_files([root / f"{number}.jsonl"]).outcomes for number in range(2)]


@pytest.mark.slow
def test_fifty_kills_over_sampling_grading_packing_importing_and_training_lose_nothing_and_double_nothing(
    tmp_path, monkeypatch
):
    root, chance, seen = tmp_path / "killed", random.Random(11), set()
    root.mkdir()
    monkeypatch.setenv("MATHB_RUNS", str(root / "runs"))
    environment = os.environ | {"PYTHONPATH": import_path(__file__), "OMP_NUM_THREADS": "1"}
    versions, killed, found, kept = imports(root), Counter(), Counter(), []
    jobs = ["work"] * 30 + ["bring_in"] * 12 + ["learn"] * 8
    chance.shuffle(jobs)
    for job in jobs:
        arguments = {"work": f"{str(root / 'store')!r}, 0.005"}.get(job, repr(str(root)))
        command = [sys.executable, "-c", f"from test_kills import {job}; {job}({arguments})"]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True)
        assert child.stdout.readline() == b"ready\n"
        while job == "learn" and child.poll() is None and not (root / "lab" / "state.pt").is_file():
            time.sleep(0.05)  # the first of them lives until there is a state to lose
        time.sleep(chance.expovariate(1.0 if job == "bring_in" else 5.0))
        child.kill()
        child.communicate()
        killed[job] += child.returncode == -signal.SIGKILL
        now = content(root / "store")
        assert seen <= now, "a committed attempt was lost or changed"
        seen = now
        if "mine" in imported_names():
            outcomes = load_samples("mine").outcomes
            number = int(outcomes["c"].iloc[0] == 0)
            pd.testing.assert_frame_equal(outcomes, versions[number], check_dtype=False)
            found[number] += 1
        kept.append((root / "lab" / "state.pt").is_file() or (root / "lab" / "recipe.json").is_file())
        assert kept == sorted(kept), "a state that was kept was lost"
    assert killed["work"] > 10 and killed["bring_in"] == 12 and killed["learn"] > 2  # the rest had nothing left to do
    assert found[0] and found[1] and kept[-1]
    verdicts, whole = work(str(root / "store")), work(str(tmp_path / "whole"))
    pd.testing.assert_frame_equal(verdicts, whole)
    assert content(root / "store") == content(tmp_path / "whole") and len(content(root / "store")) == 20 * 80
    assert not [file for file in root.rglob("*.parquet") if file.stat().st_size == 0]
    weights = [(learn(str(folder)) / "model.safetensors").read_bytes() for folder in (root, tmp_path / "whole")]
    assert weights[0] == weights[1]
    before = content(root / "store")
    compact(Store(root / "store"))
    assert content(root / "store") == before
