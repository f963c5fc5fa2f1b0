"""Packs, views and exports: compaction changes no answer, at no instant, whoever reads, writes or is killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from engines import CoinEngine
from paths import import_path
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.grading import EXTRACTOR_VERSION, Grader
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Completion, driver
from mathb_kit.store import Store
from mathb_kit.store.compaction import compact, compact_folder
from mathb_kit.store.export import export
from mathb_kit.store.tables import ATTEMPTS
from mathb_kit.store.views import counts, open_views


def chunk(problem: str, first: int, size: int = 4, text: str = "x") -> pd.DataFrame:
    index = range(first, first + size)
    finish = ["length" if i % 4 == 3 else "stop" for i in index]
    rows = {"index": index, "text": [f"{text}{i}" for i in index], "tokens": [10 + i for i in index], "finish": finish}
    return pd.DataFrame({"problem": problem, "first": first, "seed": first, **rows})


def extract(store: Store, *shards: str) -> None:
    """Answers of the extractor e: what follows the text's first letter, none for 0; ``shards``: all by default."""
    for shard, frame in store.pending_answers("e", "m", "main"):
        if not shards or shard in shards:
            answers = frame["text"].str[1:].where(frame["index"] > 0)
            store.commit_answers("e", "m", "main", shard, frame.assign(answer=answers, truncated=frame["index"] == 3))


def everything(store: Store) -> list[pd.DataFrame]:
    """All that readers can see, as frames."""
    pending = [frame.assign(shard=shard) for shard, frame in store.pending_answers("e", "m", "main")]
    done = [(p, i) for p, indices in store.done("m", "main").items() for i in sorted(indices)]
    return [
        store.read_attempts("m", "main"),
        store.read_attempts("m", "main", problems=["q"], columns=["tokens"]),
        store.read_answers("e", "m", "main"),
        store.read_grades("g"),
        pd.concat([pd.DataFrame(), *pending]),
        pd.DataFrame(done),
        pd.DataFrame([store.totals()]),
        counts(store, extractor="e", grader="g", golds={"p": "1", "q": "5"}),
    ]


def assert_same(store: Store, expected: list[pd.DataFrame]) -> None:
    for got, want in zip(everything(store), expected, strict=True):
        pd.testing.assert_frame_equal(got, want)


def fill(store: Store) -> list[str]:
    """Six shards, attempts 4 to 7 of p twice; the last one is not extracted yet."""
    shards = [
        store.commit_attempts("m", "main", rows, {"engine": engine})
        for rows, engine in [
            (chunk("p", 0), "a"), (chunk("p", 4), "a"), (chunk("q", 0, 8), "b"), (chunk("p", 4, text="y"), "a"),
            (chunk("q", 8), "a"),
        ]
    ]  # fmt: skip
    extract(store)
    for answer, verdict in [("1", "correct"), ("2", "wrong"), ("1", "wrong")]:
        store.write_grades("g", {"gold": ["1"], "answer": [answer], "verdict": [verdict], "rung": ["integer"]})
    store.write_grades("g", {"gold": ["5"], "answer": ["5"], "verdict": ["correct"], "rung": [None]})
    return [*shards, store.commit_attempts("m", "main", chunk("p", 8))]


def files(store: Store) -> list[Path]:
    return sorted(store.root.rglob("*.parquet"))


def test_no_reader_sees_a_difference_after_compaction_and_later_shards_join(tmp_path):
    store = Store(tmp_path)
    shards = fill(store)
    before = everything(store)
    assert compact(store) == (6 + 5 + 4, 3)
    assert len(files(store)) == 3
    assert_same(store, before)
    assert compact(store) == (3, 3)
    extract(store)
    store.commit_attempts("m", "main", chunk("z", 0))
    before = everything(store)
    assert compact(store) == (3 + 2, 3)
    assert_same(store, before)
    # Where a shard came from is still on record, once for all that share it.
    pack = next((tmp_path / "attempts/m/main").iterdir())
    told = json.loads(pq.read_metadata(pack).metadata[b"mathb_shards"])
    source = {name: told["provenance"][i] for name, _, i in told["shards"] if i is not None}
    assert [json.loads(source[name])["engine"] for name in shards[:5]] == ["a", "a", "b", "a", "a"]
    assert len(told["provenance"]) == 2 and len(told["shards"]) == 7


def test_a_slow_writer_whose_shard_is_older_than_packed_ones_still_wins(tmp_path):
    store, twin = Store(tmp_path / "packed"), Store(tmp_path / "loose")
    for each in (store, twin):
        for text in ("late", "latest"):
            name = each.commit_attempts("m", "main", chunk("p", 0, text=text))
            (each.root / "attempts/m/main" / name).rename(each.root / "attempts/m/main" / f"{text}.parquet")
    compact(store)
    for each in (store, twin):  # named before the compaction began, committed after its end
        name = each.commit_attempts("m", "main", chunk("p", 0, text="between"))
        (each.root / "attempts/m/main" / name).rename(each.root / "attempts/m/main" / "earlier.parquet")
    for each in (store, twin):
        assert list(each.read_attempts("m", "main")["text"]) == [f"between{i}" for i in range(4)]
        with open_views(each) as views:
            texts = views.execute("SELECT text FROM attempts ORDER BY ALL").fetchall()
        assert texts == [(f"between{i}",) for i in range(4)]
    compact(store)
    assert_same(store, everything(twin))


class Killed(BaseException):
    pass


def test_a_compaction_that_dies_at_any_step_has_changed_nothing_and_the_next_one_finishes(tmp_path, monkeypatch):
    fill(Store(tmp_path / "whole"))
    before = everything(Store(tmp_path / "whole"))
    for fatal in range(100):
        store = Store(shutil.copytree(tmp_path / "whole", tmp_path / str(fatal)))
        steps = iter(range(1000))

        def dying(real, steps=steps, fatal=fatal):
            def call(*arguments, **options):
                if next(steps) == fatal:
                    raise Killed
                return real(*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            # Every call by which a compaction changes what others see.
            patch.setattr(os, "replace", dying(os.replace))
            patch.setattr(Path, "unlink", dying(Path.unlink))
            try:
                compact(store)
                survived = True
            except Killed:
                survived = False
        assert_same(store, before)
        compact(store)
        assert len(files(store)) == 3
        assert_same(store, before)
        if survived:
            break
    assert fatal == 3 * 2 + 15  # of three packs the rename and the end of the temporary name, and what they replace


def test_readers_and_a_writer_go_on_while_compactions_run(tmp_path):
    store = Store(tmp_path)
    stop, failures = threading.Event(), []

    def compacting() -> None:
        while not stop.is_set():
            try:
                compact_folder(tmp_path / "attempts/m/main", ATTEMPTS, full=20_000)
            except BaseException as error:
                failures.append(error)
                raise

    store.commit_attempts("m", "main", chunk("p", 0))
    compactors = [threading.Thread(target=compacting) for _ in range(2)]
    for compactor in compactors:
        compactor.start()
    try:
        for first in range(4, 240, 4):
            store.commit_attempts("m", "main", chunk("p", first))
            assert store.done("m", "main") == {"p": set(range(first + 4))}
            if first % 40 == 0:
                assert counts(store, by=["problem"]).to_dict("list")["attempts"] == [first + 4]
                extract(store)
    finally:
        stop.set()
        for compactor in compactors:
            compactor.join()
    assert not failures
    compact(store)
    extract(store)
    assert list(store.read_answers("e", "m", "main")["index"]) == list(range(240))
    assert store.totals() == (240, sum(10 + i for i in range(240)))


@pytest.mark.parametrize("what", ["cut short", "foreign", "no list"])
def test_a_damaged_pack_is_named_with_the_remedy_by_every_reader(tmp_path, what):
    store = Store(tmp_path)
    fill(store)
    compact(store)
    (pack,) = (tmp_path / "attempts/m/main").iterdir()
    if what == "cut short":
        pack.write_bytes(pack.read_bytes()[:-1])
    elif what == "foreign":
        pd.DataFrame({"problem": ["p"]}).to_parquet(pack)
    else:
        pq.write_table(pq.read_table(pack), pack)
    store.commit_attempts("m", "main", chunk("r", 0))
    for read in (lambda: store.done("m", "main"), lambda: counts(store), lambda: compact(store), store.totals):
        with pytest.raises(MathbError, match=f"{pack.name} is damaged.*delete this file and run again"):
            read()
    pack.unlink()
    assert store.done("m", "main") == {"r": {0, 1, 2, 3}}
    assert store.read_answers("e", "m", "main").empty
    assert counts(store, extractor="e")[["problem", "attempts", "extracted"]].values.tolist() == [["r", 4, 0]]


def test_a_loose_shard_cut_short_is_named_by_counts_and_compaction(tmp_path):
    store = Store(tmp_path)
    shards = fill(store)
    path = tmp_path / "attempts/m/main" / shards[2]
    path.write_bytes(path.read_bytes()[:-9])
    for read in (lambda: counts(store), lambda: compact(store)):
        with pytest.raises(MathbError, match=f"{shards[2]} is damaged.*delete this file"):
            read()
    assert len(files(store)) == 15


def test_counts_worked_by_hand(tmp_path):
    store = Store(tmp_path)
    assert counts(store).empty and list(counts(store).columns)[:4] == ["name", "model", "draw", "problem"]
    fill(store)
    store.commit_attempts("m", "other", chunk("q", 0))
    store.describe_model("m", {"name": "tiny"})
    # p: attempts 0 to 11, of which 3, 7, 11 are cut, 0 to 7 extracted, 0 without an answer; graded: 0, 1 (right), 2.
    # q: attempts 0 to 11 extracted, 0 without an answer; graded: 0, 5 (right).
    tokens = sum(range(10, 22))
    table = counts(store, extractor="e", grader="g", golds={"p": "1", "q": "5"})
    assert table.drop(columns="name").values.tolist() == [
        ["m", "main", "p", 12, tokens, 3, 8, 7, 3, 1],
        ["m", "main", "q", 12, tokens, 3, 12, 11, 2, 1],
        ["m", "other", "q", 4, sum(range(10, 14)), 1, 0, 0, 0, 0],
    ]
    assert set(table["name"]) == {"tiny"}
    assert counts(store, by=["model"])["attempts"].tolist() == [28]
    assert counts(store, by=["draw"], golds={"q": "5"})[["draw", "attempts"]].values.tolist() == [
        ["main", 12],
        ["other", 4],
    ]
    for wrong, message in [({"by": ["modle"]}, "Cannot count by modle"), ({"grader": "g"}, "give the golds")]:
        with pytest.raises(MathbError, match=message):
            counts(store, **wrong)


@pytest.mark.parametrize("packed", [False, True])
def test_exports_hold_each_attempt_once_with_its_own_answer(tmp_path, packed):
    from datasets import load_dataset

    store = Store(tmp_path / "store")
    shards = fill(store)
    # The older writer of attempts 4 to 7 of p is not extracted, so that the younger one's answers must not be shown.
    (store.root / "answers/e/m/main" / shards[1]).unlink()
    store.commit_attempts("m", "test", chunk("q", 0))  # a name by which datasets would take it for another split
    store.describe_model("m", {"name": "tiny"})
    if packed:
        compact(store)
    options = {"extractor": "e", "grader": "g", "golds": {"p": "1"}}
    assert export(store, tmp_path / "all", extractor="e", grader="g") == 28
    assert export(store, tmp_path / "p", **options) == export(store, tmp_path / "p.jsonl", **options) == 12
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert [(row["index"], row["text"], row["answer"], row["verdict"]) for row in lines] == [
        (0, "x0", None, "no_answer"), (1, "x1", "1", "correct"), (2, "x2", "2", "wrong"), (3, "x3", "3", None),
        *((i, f"x{i}", None, None) for i in range(4, 12)),
    ]  # fmt: skip
    assert {row["model"] for row in lines} == {"tiny"} and [row["truncated"] for row in lines[:4]] == [0, 0, 0, 1]
    cache = str(tmp_path / "cache")
    assert load_dataset(str(tmp_path / "p"), split="train", cache_dir=cache).to_list() == lines
    everyone = load_dataset(str(tmp_path / "all"), split="train", cache_dir=cache)
    assert len(everyone) == 28 and set(everyone["verdict"]) == {None} and set(everyone["draw"]) == {"main", "test"}
    with pytest.raises(MathbError, match="exists already"):
        export(store, tmp_path / "p", **options)
    assert not list(tmp_path.glob(".*.tmp"))


def test_the_command_counts_compacts_and_exports(tmp_path):
    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["store", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    fill(Store())
    head, line, *rows = run("counts", "--by", "problem").splitlines()
    assert head.split() == ["problem", "attempts", "tokens", "truncated", "extracted", "answered"]
    assert set(line) == {"-", " "}
    assert [row.split() for row in rows] == [[problem, "12", "186", "3", "0", "0"] for problem in "pq"]
    assert "15 files before, 3 after" in run("compact")
    assert "24 attempts" in run("export", str(tmp_path / "new" / "x.jsonl"))
    assert "no such attempts" in run("counts", "--on", "mini-math")
    for verb in ("counts", "compact", "export"):
        assert f"Example: mathb store {verb}" in run(verb, "--help")


# Kills

MODEL = Model("numbers", "somebody/numbers", prompt="Q: {problem}\nA:", revision="1")
PROBLEMS = [Problem("numbers", str(i), f"Guess {i}", str(i)) for i in range(20)]
GOLDS = {problem.key: problem.gold for problem in PROBLEMS}
PLAN = Plan.fixed(800, chunk=4)


def guesses(asked: driver.Chunk) -> list[Completion]:
    dice = random.Random(asked.seed)
    return [Completion(f"\\boxed{{{dice.randrange(30)}}}", dice.randint(1, 40), "stop") for _ in range(asked.size)]


class NumbersEngine(CoinEngine):
    """Answers with a number below 30."""

    def sample(self, chunks):
        for asked in chunks:
            time.sleep(self.delay)
            yield asked, guesses(asked)


def work(root: str) -> None:
    """Sample, grade and compact, all at once, until killed; says so once something is graded and packed."""
    driver._FLUSH_SECONDS = 0.0
    store, graded = Store(root), threading.Event()

    def grading() -> None:
        while True:
            with Grader(store) as grader:
                if len(Draw(store, MODEL).verdicts(GOLDS, grader)):
                    graded.set()

    def compacting() -> None:
        while True:
            compact(store)
            if graded.is_set():
                print("begun", flush=True)
                graded.clear()

    for job in (grading, compacting):
        threading.Thread(target=job, daemon=True).start()
    Draw(store, MODEL).sample(NumbersEngine(delay=0.004), PROBLEMS, PLAN)
    threading.Event().wait()


def survive_kills(root: Path, kills: int) -> None:
    path = import_path(__file__)
    key, moments, store = MODEL.key(), random.Random(kills), Store(root)
    extractor = f"{EXTRACTOR_VERSION}-last_box"
    attempts, answers = store.read_attempts(key, "main"), store.read_answers(extractor, key, "main")
    for _ in range(kills):
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys, test_store_scale; test_store_scale.work(sys.argv[1])", str(root)],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if child.stdout.readline() != b"begun\n":
            pytest.fail(child.communicate()[1].decode())
        time.sleep(moments.uniform(0, 0.4))
        assert child.poll() is None, child.communicate()[1].decode()
        child.kill()
        errors = child.communicate()[1].decode()
        assert child.returncode == -signal.SIGKILL and "Error" not in errors, errors
        was_attempts, was_answers = attempts, answers
        attempts, answers = store.read_attempts(key, "main"), store.read_answers(extractor, key, "main")
        for name, before, now in (("text", was_attempts, attempts), ("answer", was_answers, answers)):
            kept = before.merge(now, on=["problem", "index"], suffixes=("_before", ""))
            assert len(kept) == len(before) and (kept[name] == kept[f"{name}_before"]).all()
        assert store.totals()[0] == len(attempts), "an attempt is there twice"

    assert 0 < len(answers) <= len(attempts)
    Draw(store, MODEL).sample(NumbersEngine(), PROBLEMS, PLAN)
    with Grader(store) as grader:
        verdicts = Draw(store, MODEL).verdicts(GOLDS, grader)
    compact(store)
    assert store.totals()[0] == len(verdicts) == 20 * 800
    whole = Store(root.with_name("whole"))
    Draw(whole, MODEL).sample(NumbersEngine(), PROBLEMS, PLAN)
    got = store.read_attempts(key, "main")
    pd.testing.assert_frame_equal(got, whole.read_attempts(key, "main"))
    numbers = got["text"].str.extract(r"\{(\d+)\}")[0]
    assert (verdicts["answer"] == numbers).all()
    assert ((verdicts["verdict"] == "correct") == (numbers == got["problem"].map(GOLDS))).all()


def test_three_kills_over_sampling_grading_and_compaction(tmp_path):
    survive_kills(tmp_path / "killed", 3)


def write_many(root: Path, first: int) -> None:
    for problem in range(first, first + 500, 4):
        rows = pd.concat([chunk(f"{number:04d}", 0, 1000) for number in range(problem, problem + 4)])
        Store(root).commit_attempts("m", "main", rows.assign(text=None))


@pytest.mark.slow
def test_two_writers_of_half_a_million_rows_each_lose_nothing_while_a_third_process_compacts(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(tmp_path, first)) for first in (0, 500)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        compact(Store(tmp_path))
        time.sleep(0.1)
    assert [writer.exitcode for writer in writers] == [0, 0]
    table = counts(Store(tmp_path))
    assert table["problem"].tolist() == [f"{i:04d}" for i in range(1000)]
    assert set(table["attempts"]) == {1000} and set(table["truncated"]) == {250}
    assert set(table["tokens"]) == {sum(range(10, 1010))}
    assert Store(tmp_path).totals() == (10**6, 1000 * sum(range(10, 1010)))
    assert {p: len(indices) for p, indices in Store(tmp_path).done("m", "main").items()} == dict.fromkeys(
        table["problem"], 1000
    )
