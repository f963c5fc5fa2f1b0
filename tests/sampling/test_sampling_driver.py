"""The driver: what is committed survives any kill, nothing is there twice, engines are held to their contract."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from engines import CoinEngine, toss
from paths import import_path

from mathb_kit import atomic
from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Completion, chunk_seed, driver
from mathb_kit.store import Store
from mathb_kit.store.draw import RUN_SEED

MODEL = Model("coin", "somebody/coin", prompt="Q: {problem}\nA:", revision="1")
PROBLEMS = [Problem("tosses", str(i), f"Toss {i}", "1") for i in range(40)]
PLAN = Plan.fixed(40, chunk=4)  # 400 chunks over all problems

CHILD = """
import sys
from engines import CoinEngine
from mathb_kit.draw import Draw
from mathb_kit.sampling import driver
from mathb_kit.store import Store
from test_sampling_driver import MODEL, PLAN, PROBLEMS

class Announcing(CoinEngine):
    def sample(self, chunks):
        for result in super().sample(chunks):
            print(".", end="", flush=True)
            yield result

driver._FLUSH_SECONDS = float(sys.argv[2])
Draw(Store(sys.argv[1]), MODEL).sample(Announcing(delay=float(sys.argv[3])), PROBLEMS, PLAN)
"""


def start_child(root: Path, flush_seconds: float, delay: float) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), str(flush_seconds), str(delay)],
        env=os.environ | {"PYTHONPATH": import_path(__file__)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_until(condition: Callable[[], bool], child: subprocess.Popen) -> None:
    while not condition():
        assert child.poll() is None, f"the child ended too early: {child.communicate()[1].decode()}"
        time.sleep(0.002)


def shard_files(root: Path) -> list[Path]:
    return sorted((root / "attempts" / MODEL.key() / "main").glob("*.parquet"))


def uninterrupted(root: Path) -> pd.DataFrame:
    store = Store(root)
    Draw(store, MODEL).sample(CoinEngine(), PROBLEMS, PLAN)
    return store.read_attempts(MODEL.key(), "main")


def test_ten_kills_at_random_moments_lose_nothing_and_double_nothing(tmp_path):
    root = tmp_path / "killed"
    moments = random.Random(7)
    seen: dict[Path, str] = {}
    for _ in range(10):
        child = start_child(root, flush_seconds=0.0, delay=0.001)
        target = len(shard_files(root)) + moments.randrange(1, 20)
        wait_until(lambda target=target: len(shard_files(root)) >= target, child)
        time.sleep(moments.uniform(0, 0.02))
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in shard_files(root)}
        assert seen.items() <= digests.items(), "a committed shard was lost or changed"
        seen = digests
    child = start_child(root, flush_seconds=0.0, delay=0.0)
    child.communicate()
    assert child.returncode == 0

    got = Store(root).read_attempts(MODEL.key(), "main")
    pd.testing.assert_frame_equal(got, uninterrupted(tmp_path / "whole"))
    assert sum(pq.read_metadata(path).num_rows for path in shard_files(root)) == len(got) == 40 * 40
    seeds = got.groupby(["problem", "first"])["seed"]
    assert (seeds.nunique() == 1).all() and seeds.first().is_unique and seeds.ngroups == 400


def test_ctrl_c_commits_what_was_finished_and_exits_non_zero(tmp_path):
    child = start_child(tmp_path, flush_seconds=1e6, delay=0.01)
    assert child.stdout.read(20) == b"." * 20  # the twentieth chunk is on its way to the driver, 19 are there
    (first,) = shard_files(tmp_path)  # the first chunk at once, so that a run killed again and again gets on
    assert pq.read_metadata(first).num_rows == 4
    child.send_signal(signal.SIGINT)
    child.communicate()
    assert child.returncode != 0
    got = Store(tmp_path).read_attempts(MODEL.key(), "main")
    assert 19 * 4 <= len(got) < 1600 and (got.groupby(["problem", "first"]).size() == 4).all()


def test_a_report_counts_how_the_new_attempts_ended(tmp_path):
    class Uneven:
        """Of four attempts two are truncated and one is cut."""

        def sample(self, chunks):
            for chunk in chunks:
                yield chunk, [Completion("", 2, end) for end in ("stop", "length", "cut", "length")]

        def describe(self):
            return {"engine": "uneven"}

    draw = Draw(Store(tmp_path), MODEL)
    report = draw.sample(Uneven(), PROBLEMS[:3], Plan.fixed(8, chunk=4))
    assert (report.new_attempts, report.tokens, report.truncated, report.cut) == (24, 48, 12, 6)
    again = draw.sample(Uneven(), PROBLEMS[:3], Plan.fixed(8, chunk=4))
    assert (again.new_attempts, again.skipped, again.truncated, again.cut) == (0, 24, 0, 0)


def test_two_writers_at_once_lose_nothing_and_readers_see_no_duplicate(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "_FLUSH_ATTEMPTS", 20)
    both = threading.Barrier(2, timeout=20)

    class Together(CoinEngine):
        def sample(self, chunks):
            both.wait()  # both writers have looked into the store and found it empty
            yield from super().sample(chunks)

    def write() -> None:
        Draw(Store(tmp_path / "two"), MODEL).sample(Together(), PROBLEMS, PLAN)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    store = Store(tmp_path / "two")
    seen = 0
    while any(writer.is_alive() for writer in writers):
        keys = store.read_attempts(MODEL.key(), "main", columns=["problem", "index"])
        assert not keys.duplicated().any() and len(keys) >= seen
        seen = len(keys)
    for writer in writers:
        writer.join()
    assert sum(pq.read_metadata(path).num_rows for path in shard_files(store.root)) == 2 * 1600
    pd.testing.assert_frame_equal(store.read_attempts(MODEL.key(), "main"), uninterrupted(tmp_path / "one"))


def test_every_attempt_is_what_the_engine_made_of_its_own_chunk(tmp_path):
    store = Store(tmp_path)
    prompts = {}

    class Recording(CoinEngine):
        def sample(self, chunks):
            for chunk, completions in super().sample(chunks):
                prompts[chunk.problem_key] = chunk.prompt
                yield chunk, completions

    report = Draw(store, MODEL, "retest", run_seed=5).sample(Recording(), PROBLEMS[:2], 8)
    got = store.read_attempts(MODEL.key(), "retest")
    assert prompts == {p.key: f"Q: {p.statement}\nA:" for p in PROBLEMS[:2]}
    for problem in PROBLEMS[:2]:
        seed = chunk_seed(5, MODEL.key(), problem.key, "retest", 0)
        mine = got[got["problem"] == problem.key]
        assert mine["index"].tolist() == list(range(8)) and set(mine["seed"]) == {seed} and set(mine["first"]) == {0}
        # toss is a function of seed and size, so any chunk of that seed will do.
        expected = toss(driver.Chunk("", "", 0, 8, seed))
        assert [Completion(*row) for row in mine[["text", "tokens", "finish"]].itertuples(index=False)] == expected
    assert (report.new_attempts, report.tokens, report.skipped) == (16, got["tokens"].sum(), 0)
    assert store.models()[MODEL.key()]["provenance"]["engine"] == {"engine": "coin"}
    told = [json.loads(pq.read_schema(path).metadata[b"provenance"]) for path in tmp_path.rglob("*.parquet")]
    assert told and {each["plan"] for each in told} == {str(Plan.fixed(8))}


def test_rounds_sample_only_what_is_missing_and_equal_one_run(tmp_path):
    plan = Plan(rounds=(4, 8, 40), stop=2, chunk=4)
    store = Store(tmp_path / "rounds")
    reports = [
        Draw(store, MODEL).sample(CoinEngine(), PROBLEMS, plan, attempts=range(4)),
        Draw(store, MODEL).sample(CoinEngine(), PROBLEMS[:3], plan, attempts=range(4, 8)),
        Draw(store, MODEL).sample(CoinEngine(), [*PROBLEMS, PROBLEMS[0]], plan),
        Draw(store, MODEL).sample(None, PROBLEMS, plan),  # nothing to do: no engine is touched
    ]
    assert [(r.new_attempts, r.skipped) for r in reports] == [(160, 0), (12, 0), (1600 - 172, 172), (0, 1600)]
    pd.testing.assert_frame_equal(store.read_attempts(MODEL.key(), "main"), uninterrupted(tmp_path / "one"))
    with pytest.raises(MathbError, match="0 to 48 are not within the plan's 0 to 40"):
        Draw(store, MODEL).sample(CoinEngine(), PROBLEMS, plan, attempts=range(48))


def test_a_plan_with_another_chunk_size_fills_the_gaps_with_fresh_seeds(tmp_path):
    store = Store(tmp_path)
    Draw(store, MODEL).sample(CoinEngine(), PROBLEMS[:2], Plan.fixed(20, chunk=4))
    before = store.read_attempts(MODEL.key(), "main")
    report = Draw(store, MODEL).sample(CoinEngine(), PROBLEMS[:2], Plan.fixed(48, chunk=16))
    assert (report.new_attempts, report.skipped) == (2 * 28, 2 * 20)
    got = store.read_attempts(MODEL.key(), "main")
    one = got[got["problem"] == PROBLEMS[0].key]
    assert one["index"].tolist() == list(range(48))
    assert one["first"].value_counts(sort=False).to_dict() == {0: 4, 4: 4, 8: 4, 12: 4, 16: 4, 20: 12, 32: 16}
    assert got.groupby(["problem", "first"])["seed"].first().is_unique
    pd.testing.assert_frame_equal(got[got["index"] < 20].reset_index(drop=True), before)


def test_chunks_are_fed_lazily_and_in_a_fixed_order(tmp_path):
    order = []

    class Lazy(CoinEngine):
        def sample(self, chunks):
            for chunk in chunks:
                order.append((chunk.problem_key, chunk.first))
                if len(order) == 3:
                    raise RuntimeError("the engine died")
                yield chunk, toss(chunk)

    with pytest.raises(RuntimeError, match="the engine died"):
        Draw(Store(tmp_path), MODEL).sample(Lazy(), PROBLEMS, PLAN)
    assert order == [(PROBLEMS[0].key, first) for first in (0, 4, 8)]
    # What was finished before the error is kept.
    assert Store(tmp_path).done(MODEL.key(), "main") == {PROBLEMS[0].key: set(range(8))}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda good: good[:-1], "ended with 1 of 10 chunks missing"),
        (lambda good: [*good, good[4]], "returned attempts 16 to 19 of .* twice or unasked"),
        (lambda good: [*good[:9], (driver.Chunk("p", "", 0, 1, 1), [])], "attempts 0 to 0 of p twice or unasked"),
        (lambda good: [*good[:9], (good[9][0], good[9][1][:3])], "returned 3 completions .* not 4"),
        (lambda good: [*good[:9], (good[9][0], [Completion("", 0, "eos")] * 4)], "by 'eos'"),
    ],
)
def test_an_engine_that_breaks_its_contract_is_named_and_good_chunks_are_kept(tmp_path, fault, message):
    class Faulty(CoinEngine):
        def sample(self, chunks):
            yield from fault([(chunk, toss(chunk)) for chunk in chunks])

    with pytest.raises(MathbError, match=f"Faulty .*{message}"):
        Draw(Store(tmp_path), MODEL).sample(Faulty(), PROBLEMS[:1], PLAN)
    assert len(Store(tmp_path).done(MODEL.key(), "main")[PROBLEMS[0].key]) >= 36


def test_a_disk_that_fills_up_stops_the_run_and_a_later_one_completes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "_FLUSH_SECONDS", 0.0)
    store = Store(tmp_path / "full")
    commits = iter(range(100))

    def full_after_five(fd: int) -> None:
        if next(commits) > 5:  # the first write is the description of the model
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full_after_five)
    monkeypatch.setattr(atomic, "_sync_folder", lambda folder: None)
    with pytest.raises(MathbError, match="No space left on device.*what was committed before is kept"):
        Draw(store, MODEL).sample(CoinEngine(), PROBLEMS, PLAN)
    assert len(shard_files(store.root)) == 5 and not list(store.root.rglob(".*.tmp"))
    monkeypatch.undo()
    report = Draw(store, MODEL).sample(CoinEngine(), PROBLEMS, PLAN)
    assert (report.new_attempts, report.skipped) == (1600 - 20, 20)
    pd.testing.assert_frame_equal(store.read_attempts(MODEL.key(), "main"), uninterrupted(tmp_path / "one"))


def test_default_seeds_derive_from_the_projects_run_seed(tmp_path):
    Draw(Store(tmp_path), MODEL).sample(CoinEngine(), PROBLEMS[:1], 1)
    seed = Store(tmp_path).read_attempts(MODEL.key(), "main")["seed"].item()
    assert seed == chunk_seed(RUN_SEED, MODEL.key(), PROBLEMS[0].key, "main", 0)
