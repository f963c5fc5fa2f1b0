"""Killed at any moment, whatever it was doing: nothing that was committed is lost, and nothing is there twice."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from engines import CoinEngine
from paths import import_path

from mathb_kit.draw import Draw
from mathb_kit.grading import Grader
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
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


@pytest.mark.slow
def test_fifty_kills_over_sampling_grading_and_packing_lose_nothing_and_double_nothing(tmp_path):
    root, chance, seen = tmp_path / "killed", random.Random(11), set()
    environment = os.environ | {"PYTHONPATH": import_path(__file__)}
    killed = 0
    for _ in range(50):
        command = [sys.executable, "-c", f"from test_kills import work; work({str(root)!r}, 0.005)"]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True)
        assert child.stdout.readline() == b"ready\n"
        time.sleep(chance.expovariate(5.0))
        child.kill()
        child.communicate()
        killed += child.returncode == -signal.SIGKILL
        now = content(root)
        assert seen <= now, "a committed attempt was lost or changed"
        seen = now
    assert killed > 20  # the rest had nothing left to do
    verdicts = work(str(root))
    whole = work(str(tmp_path / "whole"))
    pd.testing.assert_frame_equal(verdicts, whole)
    assert content(root) == content(tmp_path / "whole") and len(content(root)) == 20 * 80
    assert not [file for file in root.rglob("*.parquet") if file.stat().st_size == 0]
    digest = hashlib.sha256(repr(sorted(content(root))).encode()).hexdigest()
    compact(Store(root))
    assert hashlib.sha256(repr(sorted(content(root))).encode()).hexdigest() == digest
