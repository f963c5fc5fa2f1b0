"""Sampling in Ray actors: shards come from the workers, and whoever is killed, nothing is lost or there twice.

The slow tier runs a cluster of two nodes on this machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from engines import CoinEngine
from paths import import_path

from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.grading import Grader
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.model import Model, Sampling
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Chunk, driver, engine_factory, get_engine
from mathb_kit.sampling.ray_engine import RayEngine, shares
from mathb_kit.store import Store

MODEL = Model("coin", "somebody/coin", revision="1")
PROBLEMS = [Problem("tosses", str(i), f"Toss {i}", "1") for i in range(40)]
PLAN = Plan.fixed(64, chunk=4)  # 640 chunks over all problems


class Noting(CoinEngine):
    """Notes (process, chunk) before each chunk is sampled; a chunk is committed as soon as it is finished."""

    def __init__(self, notes: Path, delay: float, model: Model) -> None:
        super().__init__(delay=delay)
        self.notes = notes
        driver._FLUSH_SECONDS = 0.0

    def sample(self, chunks):
        for chunk in chunks:
            with self.notes.open("a") as notes:
                notes.write(f"{os.getpid()} {chunk.problem_key} {chunk.first}\n")
            yield from super().sample([chunk])


class Deadly(CoinEngine):
    """Ends its process at one problem; another one it refuses."""

    def __init__(self, model: Model) -> None:
        super().__init__()

    def sample(self, chunks):
        for chunk in chunks:
            if "deadly" in chunk.problem_key:
                os.kill(os.getpid(), signal.SIGKILL)
            if "refused" in chunk.problem_key:
                raise MathbError("This problem is refused.")
            yield from super().sample([chunk])


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of two nodes of one core each, in whose workers the tests' own modules can be imported."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install ray -c constraints.txt")
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", import_path(__file__))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        nodes = Cluster()
        try:
            start_node(nodes, include_dashboard=False)
            start_node(nodes)
            ray.init(address=nodes.address, log_to_driver=False)
            yield nodes.address
        finally:
            ray.shutdown()
            nodes.shutdown()


def start_node(nodes: Any, **options: Any) -> None:
    """Up to three times: Ray gives a node's own helpers 15 s to start, which busy cores may miss."""
    for last in (False, False, True):
        try:
            nodes.add_node(num_cpus=1, object_store_memory=80 * 2**20, **options)
            return
        except Exception as error:  # Ray raises nothing more exact
            if last or "timed out during startup" not in str(error):
                raise


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def shard_files(root: Path) -> dict[Path, str]:
    folder = root / "attempts" / MODEL.key() / "main"
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.parquet")}


def uninterrupted(root: Path) -> pd.DataFrame:
    Draw(Store(root), MODEL).sample(CoinEngine(), PROBLEMS, PLAN)
    return Store(root).read_attempts(MODEL.key(), "main")


# Without Ray


@pytest.mark.parametrize(("workers", "least"), [(1, 1), (3, 1), (3, 10), (8, 512), (8, 10**6)])
def test_shares_hold_every_chunk_once_in_order_and_shrink(workers, least):
    chunks = [Chunk(str(i), "", 0, 4 + i % 3, i) for i in range(700)]
    dealt = list(shares(chunks, workers, least))
    assert [chunk for share in dealt for chunk in share] == chunks
    sizes = [sum(chunk.size for chunk in share) for share in dealt]
    assert all(later <= earlier + 6 for earlier, later in zip(sizes, sizes[1:]))  # 6: whole chunks
    assert all(size >= least for size in sizes[:-1])
    # 3,500 attempts in all (700 chunks of 5 on average), of which the first share is 1/(2 workers).
    assert sizes[0] <= max(least, 3500 / (2 * workers)) + 6


def test_what_cannot_work_is_refused_before_ray_starts():
    with pytest.raises(MathbError, match="at least one worker, not 0"):
        get_engine(MODEL, "ray", workers=0)
    with pytest.raises(MathbError, match="workers run transformers or vllm, not 'server'"):
        get_engine(MODEL, "ray", engine="server", url="http://localhost:1/v1")


# With Ray


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_loses_one_chunk_and_nothing_is_there_twice(cluster, tmp_path):
    notes, store = tmp_path / "notes", Store(tmp_path / "store")
    killed: list[tuple[int, int]] = []

    def kill_the_latest_twice() -> None:
        for count in (60, 250):
            wait_until(lambda count=count: len(lines(notes)) >= count)
            pid = int(lines(notes)[-1].split()[0])
            os.kill(pid, signal.SIGKILL)
            killed.append((pid, len(lines(notes))))

    killer = threading.Thread(target=kill_the_latest_twice)
    killer.start()
    engine = RayEngine(MODEL, workers=2, engine=partial(Noting, notes, 0.01))
    report = Draw(store, MODEL).sample(engine, PROBLEMS, PLAN)
    killer.join()
    engine.close()

    got = store.read_attempts(MODEL.key(), "main")
    pd.testing.assert_frame_equal(got, uninterrupted(tmp_path / "whole"))
    assert (report.new_attempts, report.tokens, report.skipped) == (2560, got["tokens"].sum(), 0)
    assert sum(pq.read_metadata(path).num_rows for path in shard_files(store.root)) == 2560
    sampled = [tuple(line.split()) for line in lines(notes)]
    assert len(killed) == 2 and len({pid for pid, *_ in sampled}) >= 4
    # What was sampled twice is what a killed process had begun and not committed: one chunk each at most.
    again = [chunk for chunk, times in Counter(tuple(chunk) for _, *chunk in sampled).items() if times > 1]
    assert len(again) <= 2 and len(sampled) == 640 + len(again)


DRIVER = """
import sys
from functools import partial
from pathlib import Path
import ray
from test_ray import MODEL, PLAN, PROBLEMS, Noting
from mathb_kit.draw import Draw
from mathb_kit.sampling.ray_engine import RayEngine
from mathb_kit.store import Store

engine = RayEngine(MODEL, workers=2, engine=partial(Noting, Path(sys.argv[1]), 0.02))
Draw(Store(sys.argv[2]), MODEL).sample(engine, PROBLEMS, PLAN)
"""


@pytest.mark.slow
def test_a_driver_killed_and_started_again_loses_nothing_and_doubles_nothing(cluster, tmp_path):
    notes, root = tmp_path / "notes", tmp_path / "store"
    path = import_path(__file__)
    environment = os.environ | {"PYTHONPATH": path, "RAY_ADDRESS": cluster}

    def start() -> subprocess.Popen:
        command = [sys.executable, "-c", DRIVER, str(notes), str(root)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    first = start()
    wait_until(lambda: len(lines(notes)) >= 100 or first.poll() is not None)
    first.kill()
    first.communicate()
    assert first.returncode == -signal.SIGKILL
    there = shard_files(root)
    assert there
    second = start()
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 0, said.decode()

    store = Store(root)
    assert there.items() <= shard_files(root).items(), "a committed shard was lost or changed"
    pd.testing.assert_frame_equal(store.read_attempts(MODEL.key(), "main"), uninterrupted(tmp_path / "whole"))
    assert not Draw(store, MODEL).missing(PROBLEMS, PLAN)
    told = {path: pq.read_metadata(path).metadata[b"provenance"] for path in shard_files(root)}
    assert all(b'"ray": "' in source and b'"engine": "coin"' in source for source in told.values())


@pytest.mark.slow
def test_a_share_that_kills_every_worker_and_a_refusal_end_the_run_and_the_rest_is_kept(cluster, tmp_path):
    store = Store(tmp_path)
    engine = RayEngine(MODEL, workers=1, engine=Deadly)
    for name, message in (("deadly", "gave up on a share .* after 4 tries"), ("refused", "^This problem is refused")):
        bad = [*PROBLEMS[:3], Problem(name, "1", "?", "1")]
        with pytest.raises(MathbError, match=message):
            Draw(store, MODEL, name).sample(engine, bad, 8)
    assert len(store.done(MODEL.key(), "refused")) == 3  # committed on the way out; a killed process has none
    Draw(store, MODEL).sample(engine, PROBLEMS[:3], 8)  # the engine can be used again
    engine.close()
    with pytest.raises(MathbError, match="room for 2 workers of 1 CPU each, not 3"):
        Draw(store, MODEL, "large").sample(RayEngine(MODEL, workers=3, engine=Deadly), PROBLEMS, PLAN)
    with pytest.raises(MathbError, match="room for 0 workers of 1 CPU and 1 GPU each"):
        several = RayEngine(MODEL, engine=Deadly, gpus_per_worker=1)
        Draw(store, MODEL, "large").sample(several, PROBLEMS, PLAN)


def verdicts(pairs: list[tuple[str, str]]) -> list[str]:
    with Grader(workers=1) as grader:
        return grader.grade_pairs(pd.DataFrame(pairs, columns=["gold", "answer"]))["verdict"].tolist()


@pytest.mark.slow
def test_grading_in_an_actor_gives_the_verdicts_of_this_process_and_outlives_a_hanging_pair(cluster):
    import ray

    pairs = [("\\frac{1}{2}", "0.5"), ("2", "3"), ("x^2+2x+1", "(x+1)^2"), ("5", "10^{10^{10^{10}}}"), ("7", "7")]
    remote = ray.remote(verdicts).options(num_cpus=1)
    there, again = ray.get([remote.remote(pairs), remote.remote(pairs)], timeout=90)
    assert there == again == verdicts(pairs)
    assert there[:3] == ["correct", "wrong", "correct"] and there[4] == "correct"


@pytest.mark.slow
def test_an_adaptive_evaluation_with_real_engines_in_workers_has_the_seeds_of_one_without_ray(cluster, tmp_path):
    mini = Model("mini", str(CHECKPOINTS / "mini-base-1"), prompt="{problem}\n", sampling=Sampling(max_tokens=64))
    problems = [Problem("sums", str(i), f"Compute ${i}+4$.", str(i + 4)) for i in range(4)]
    plan = Plan(rounds=(8, 16), stop=2, chunk=8)
    columns = ["problem", "index", "first", "seed"]
    seeds = {}
    for name, engine in (("ray", engine_factory("ray", workers=2)), ("here", "transformers")):
        store = Store(tmp_path / name)
        evaluation = evaluate(mini, problems, plan, store=store, engine=engine)
        assert evaluation.outcomes["complete"].all() and evaluation.new_tokens == evaluation.verdicts["tokens"].sum()
        seeds[name] = store.read_attempts(mini.key(), "main", columns=columns)
        assert set(store.engines(mini.key(), "main")) == {"transformers"}  # so that either goes on with the other's
    # Other neighbours in a batch may change a token, and with it the round that a problem ends in.
    both = seeds["ray"].merge(seeds["here"], on=["problem", "index"])
    assert len(both) >= 4 * 8 and both["seed_x"].equals(both["seed_y"]) and both["first_x"].equals(both["first_y"])
