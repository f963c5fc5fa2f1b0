"""The viewer over a million attempts: seconds until it opens, and for each page, the first time and the second.

Beside the clock's seconds stand the processor's, which say what a machine that does nothing else would take at most.

    python bench/view.py [FOLDER]

The store is synthetic: 20 models x 50 problems x 1,000 attempts with texts of some 400 characters, graded; half of the
draws are packed. With FOLDER it is made there and kept for the next call.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mathb_kit.grading import GRADER_VERSION
from mathb_kit.problems import load_problems
from mathb_kit.store import Store
from mathb_kit.store.compaction import compact_folder
from mathb_kit.store.store import ANSWERS, ATTEMPTS
from mathb_kit.viewer import reading
from mathb_kit.viewer.numbers import cells
from mathb_kit.viewer.pages import Pages
from mathb_kit.viewer.reading import Choice, Wanted
from mathb_kit.viewer.server import link
from mathb_kit.viewer.sets import ProblemSets
from mathb_kit.viewer.snapshot import CURRENT, take_snapshot

MODELS, PROBLEMS, ATTEMPTS_EACH, TOGETHER = 20, 50, 1_000, 4
SENTENCE = "we add $a = {0}$ and $b = {1}$ to get $\\frac{{{0}}}{{{1}}}$, which we check once more. "


def make(root: Path) -> None:
    """The store, and the file of its problems beside it."""
    rows = [{"id": i, "problem": f"Synthetic problem {i}: find ${i} + x$.", "answer": str(i)} for i in range(PROBLEMS)]
    root.mkdir(parents=True, exist_ok=True)
    (root / "million.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems, store = list(load_problems(root / "million.jsonl")), Store(root / "store")
    golds = [problem.gold for problem in problems]
    pairs = [(gold, answer) for gold in golds for answer in {gold, *(f"-{i}" for i in range(1, 200))}]
    verdicts = ["correct" if gold == answer else "wrong" for gold, answer in pairs]
    columns = {"gold": [g for g, _ in pairs], "answer": [a for _, a in pairs], "verdict": verdicts}
    store.write_grades(GRADER_VERSION, columns | {"rung": ["number"] * len(pairs)})
    for number in range(MODELS):
        key = f"{number:016x}"
        base = "synthetic-0" if number else None
        store.describe_model(key, {"name": f"synthetic-{number}", "base": base, "sampling": {"max_tokens": 512}})
        for low in range(0, PROBLEMS, TOGETHER):
            _commit(store, key, problems[low : low + TOGETHER], np.random.default_rng([number, low]))
        if number % 2:
            compact_folder(store.root / "attempts" / key / "main", ATTEMPTS)
            compact_folder(store.root / "answers" / CURRENT / key / "main", ANSWERS)


def _commit(store: Store, key: str, problems: list, random: np.random.Generator) -> None:
    n = len(problems) * ATTEMPTS_EACH
    index = np.tile(np.arange(ATTEMPTS_EACH), len(problems))
    right = random.random(n) < np.repeat(random.beta(0.3, 1.5, len(problems)), ATTEMPTS_EACH)
    golds = np.repeat([problem.gold for problem in problems], ATTEMPTS_EACH)
    answers = np.where(right, golds, [f"-{i}" for i in random.integers(1, 200, n)]).astype(object)
    answers[random.random(n) < 0.05] = None
    numbers = random.integers(2, 10**6, (n, 10))
    texts = ["".join(SENTENCE.format(a, b) for a, b in row.reshape(-1, 2)) + f"\\boxed{{{answer}}}"
             for row, answer in zip(numbers, answers)]  # fmt: skip
    rows = {
        "problem": np.repeat([problem.key for problem in problems], ATTEMPTS_EACH), "index": index,
        "first": index - index % 16, "seed": random.integers(2**63 - 1, size=n), "text": texts,
        "tokens": random.integers(50, 512, n), "finish": random.choice(["stop", "length"], size=n, p=[0.95, 0.05]),
    }  # fmt: skip
    shard = store.commit_attempts(key, "main", rows)
    store.commit_answers(CURRENT, key, "main", shard, rows | {"answer": answers, "truncated": rows["finish"] != "stop"})


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        os.environ["MATHB_RUNS"] = str(root)
        if not (root / "store").is_dir():
            started = time.perf_counter()
            make(root)
            print(f"{'made':32} {time.perf_counter() - started:7.2f} s")
        started = clocks()
        now = take_snapshot(Store(), ProblemSets())
        print(f"{'opened':30} {since(started)}", flush=True)
        pages = Pages(now, link)
        first, *_, packed = cells(now)
        key = reading.problems(now, packed, Choice()).rows[0]["problem"]
        show("overview", pages.overview)
        show("problems by rate", lambda: pages.problems(first, Choice(sort="rate")))
        show("problems by text", lambda: pages.problems(first, Choice(text="problem 3")))
        for name, cell in (("loose", first), ("packed", packed)):
            show(f"problem ({name})", lambda: pages.problem(cell, key))
            show(f"problem, page 50 ({name})", lambda: pages.problem(cell, key, wanted=Wanted(page=50)))
            show(f"problem, search ({name})", lambda: pages.problem(cell, key, wanted=Wanted(text="= 77")))
            show(f"search of all ({name})", lambda: pages.search(cell, Wanted(text="= 77")))
            show(f"attempt ({name})", lambda: pages.attempt(cell, key, 500))
        show("two models", lambda: pages.beside(key, first, packed))
        show("compare", pages.compare)
        show("compare at another k", lambda: pages.compare(k=64))
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def show(name: str, page: Callable[[], str]) -> None:
    told = []
    for _ in range(2):
        started = clocks()
        size = len(page())
        told.append(since(started))
    print(f"{name:30} {told[0]}; again {told[1]}; {size / 1000:.0f} kB", flush=True)


def clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def since(started: tuple[float, float]) -> str:
    wall, processor = (now - then for now, then in zip(clocks(), started))
    return f"{wall:6.2f} s ({processor:5.2f} s of processor)"


if __name__ == "__main__":
    main()
