r"""Attempts graded per second beside the plain loop of math-verify, and a million attempts through the store.

    python bench/grading.py                       100,000 attempts on one core, the loop on 2,000 of them; 2 minutes
    python bench/grading.py --store 1000000       500 problems, all cores, 200 pathological answers; 10 minutes at most

Attempts are drawn with replacement, seed 0, from the completions of the problems with integer golds in
samples_dev.jsonl (MATHB_DATA_DIR); a first line with its number makes each a text of its own. Answers come twice: as
drawn, and with a long tail. Eight completions a problem cannot show how many different wrong answers a thousand hold,
and copies flatter a grader that decides each distinct pair once; so in the long tail, where a wrong answer is the only
one of its kind among the problem's eight, every copy has fresh digits in it. Real sampling lies between the two.

The first call counts CPU seconds of all processes, which is what one idle core takes whatever else the machine does;
the second counts wall-clock time. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from mathb_kit.draw import Draw
from mathb_kit.evaluation import evaluate
from mathb_kit.grading import Grader, extract
from mathb_kit.grading.equivalence import read
from mathb_kit.models.model import Model, Sampling
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Chunk, Completion
from mathb_kit.store import Store

LOOP = 2000  # attempts of the plain loop
PATHOLOGICAL = 200
PROBLEMS = 500


class Source:
    """The completions to draw from: (gold, [(text, where its tail answer stands or None)]) of each problem."""

    def __init__(self, long_tail: bool) -> None:
        self.long_tail = long_tail
        path = Path(os.environ.get("MATHB_DATA_DIR") or "../shared/data") / "samples_dev.jsonl"
        if not path.is_file():
            sys.exit(f"{path} is not there; set MATHB_DATA_DIR to the folder of samples_dev.jsonl.")
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        self.problems = [
            (row["gold"], self._completions(row["samples"])) for row in rows if re.fullmatch(r"-?\d+", row["gold"])
        ]

    def _completions(self, samples: list[dict[str, Any]]) -> list[tuple[str, slice | None]]:
        answers = [extract(one["response"]).answer for one in samples]
        often = Counter(answers)
        drawn = []
        for one, answer in zip(samples, answers):
            at = one["response"].rfind(answer) if answer else -1
            tail = self.long_tail and at >= 0 and not one["label"] and often[answer] == 1
            drawn.append((one["response"], slice(at, at + len(answer)) if tail else None))
        return drawn

    def attempt(self, rng: random.Random, problem: int, number: int) -> str:
        """One completion at a problem, as a text that occurs once."""
        text, tail = rng.choice(self.problems[problem % len(self.problems)][1])
        if tail is not None:
            fresh = re.sub(r"\d", lambda digit: str(rng.randrange(1 if digit[0] != "0" else 0, 10)), text[tail])
            text = text[: tail.start] + fresh + text[tail.stop :]
        return f"Attempt {number}.\n{text}"


def pathological() -> list[str]:
    """200 distinct answers that cost a naive grader its time limit, its memory or its life."""
    families = (
        lambda k: f"10^{{10^{{{10 + k}}}}}",
        lambda k: f"9^{{9^{{{9 + k}}}}}",
        lambda k: f"{{10}}^{{({10 + k})^{{10}}}}",
        lambda k: rf"\exp(\exp(\exp({k + 3})))",
        lambda k: rf"\binom{{{10_000_000 + k}}}{{5000000}}",
        lambda k: rf"{{{10_000_000 + k} \choose 5000000}}",
        lambda k: rf"(10^{{{k + 6}}})!",
        lambda k: f"{1_000_000 + k}!",
        lambda k: "(" * (3000 + k) + "1" + ")" * (3000 + k),
        lambda k: r"\frac{1}{" * (200 + k) + "2" + "}" * (200 + k),
        lambda k: r"\log(" * (30 + k) + "10" + ")" * (30 + k),
        lambda k: rf"\sum_{{i=1}}^{{10^{{{k + 7}}}}} \frac{{1}}{{i}}",
        lambda k: rf"(x+1)^{{{900 + k}}}(x-2)^{{900}}",
        lambda k: "so it seems to me that we should try once more " * (100 + k),
        lambda k: "1, " * (600 + k) + "2",
        lambda k: "7" * (5000 + k) + "/3",
        lambda k: f"\x00\u202e{k} \ud800",
        lambda k: f"__import__('os').system('touch /tmp/graded{k}')",
        lambda k: rf"\int_0^1 x^{{x^{{x+{k}}}}} dx",
    )
    answers = [family(k) for k in range(11) for family in families][: PATHOLOGICAL - 3]
    return answers + [chr(97 + k) * 10_000_000 for k in range(3)]  # 10 MB each


@contextmanager
def timed(times: dict[str, float], name: str, clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    started = clock()
    yield
    times[name] = clock() - started


def cpu_seconds() -> float:
    """CPU seconds of this process and of its children, dead or alive."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for pid in family(os.getpid())[1:]:
        with suppress(OSError):  # it ended meanwhile
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return time.process_time() + ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def beside_the_loop(attempts: int) -> None:
    """Mode 1: everything on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for long_tail in (False, True):
        _beside_the_loop(Source(long_tail), attempts)


def _beside_the_loop(source: Source, attempts: int) -> None:
    rng = random.Random(0)
    problems = [rng.randrange(len(source.problems)) for _ in range(attempts)]
    golds = [source.problems[problem][0] for problem in problems]
    texts = [source.attempt(rng, problem, number) for number, problem in enumerate(problems)]
    print(f"\nanswers {'with a long tail' if source.long_tail else 'as drawn'}: {attempts:,} attempts at "
          f"{len(source.problems)} problems, {sum(map(len, texts)) / 1e6:,.0f} MB, one core")  # fmt: skip

    times: dict[str, float] = {}
    with Grader(workers=1) as grader:
        list(grader._workers.judge([("x", "x+1")]))  # a started worker, as the loop has its imports behind it
        read.cache_clear()
        for turn in ("cold", "cached"):
            with timed(times, f"extraction, {turn}", cpu_seconds):
                answers = [extract(text).answer for text in texts]
            with timed(times, f"grading, {turn}", cpu_seconds):
                graded = grader.grade_answers(pd.DataFrame({"gold": golds, "answer": answers}))
    pairs = graded.drop_duplicates(["gold", "answer"])
    print(f"distinct pairs: {len(pairs):,}, {len(pairs) / attempts:.1%} of the attempts")
    tables = {"attempts": graded, "pairs": pairs}
    shares = pd.DataFrame({name: table["rung"].value_counts(normalize=True) for name, table in tables.items()})
    print(f"share decided by rung\n{shares.map('{:.2%}'.format).to_string()}")
    print(f"verdicts: {graded['verdict'].value_counts().to_dict()}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB, texts included")
    print(", ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items()))

    chosen = random.Random(1).sample(range(attempts), min(LOOP, attempts))
    verdicts = graded["verdict"].to_list()
    for name, limited in (("with its timeouts", True), ("without timeouts", False)):
        rate, correct = plain_loop([(golds[i], texts[i]) for i in chosen], limited)
        agree = sum(one == (verdicts[i] == "correct") for i, one in zip(chosen, correct)) / len(chosen)
        print(f"math-verify {version('math-verify')}, plain loop {name}: {rate:,.0f}/s, {agree:.1%} verdicts as ours")
        for turn in ("cold", "cached"):
            ours = attempts / (times[f"extraction, {turn}"] + times[f"grading, {turn}"])
            print(f"    mathb_kit {turn}: {ours:,.0f}/s, {ours / rate:,.0f} times the loop")


def plain_loop(pairs: list[tuple[str, str]], limited: bool) -> tuple[float, list[bool]]:
    """Attempts per second and verdicts of ``verify(parse(gold), parse(completion))``."""
    import logging

    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    if not limited:
        parse, verify = partial(parse, parsing_timeout=None), partial(verify, timeout_seconds=None)
    verify(parse("1"), parse(r"\boxed{1}"))  # imports
    started = time.process_time()
    correct = [verify(parse(gold), parse(text)) for gold, text in pairs]
    return len(pairs) / (time.process_time() - started), correct


class Replay:
    """An engine that draws its completions from the source; the pathological ones come once each, spread evenly."""

    def __init__(self, source: Source, attempts: int, places: dict[str, int]) -> None:
        self.source, self.places, self.number = source, places, 0
        self.every = attempts // PATHOLOGICAL
        self.pathological = pathological()

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        for chunk in chunks:
            rng = random.Random(chunk.seed)
            yield chunk, [self._one(rng, self.places[chunk.problem_key]) for _ in range(chunk.size)]

    def _one(self, rng: random.Random, problem: int) -> Completion:
        self.number += 1
        if self.number % self.every == 0 and self.pathological:
            text = rf"So the answer is \boxed{{{self.pathological.pop()}}}."
        else:
            text = self.source.attempt(rng, problem, self.number)
        return Completion(text, len(text) // 4, "stop")

    def describe(self) -> dict[str, Any]:
        return {"engine": "replay"}


@contextmanager
def peak_of_all_processes(peaks: dict[str, float], name: str) -> Iterator[None]:
    """Largest resident memory, in MB, of this process with its children, looked at every 0.2 s (Linux)."""
    done = threading.Event()
    peaks[name] = 0.0

    def watch() -> None:
        while not done.wait(0.2):
            peaks[name] = max(peaks[name], sum(map(resident, family(os.getpid()))))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def family(pid: int) -> list[int]:
    """A process and its children."""
    members = [pid]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                members.append(int(stat.parent.name))
    return members


def resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def through_the_store(attempts: int) -> None:
    """Mode 2: shards written, answers extracted, graded, joined and counted as an evaluation does it."""
    source = Source(long_tail=True)
    golds = [gold for gold, _ in source.problems]
    problems = [Problem("bench", str(i), f"Problem {i}?", golds[i % len(golds)]) for i in range(PROBLEMS)]
    model = Model("replay", "bench/replay", sampling=Sampling(max_tokens=4096))
    plan = Plan.fixed(attempts // PROBLEMS)
    attempts = plan.n_max * PROBLEMS
    engine = Replay(source, attempts, {problem.key: i for i, problem in enumerate(problems)})
    times: dict[str, float] = {}
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        for name in ("writing shards", "evaluation, cold", "evaluation, cached"):
            with peak_of_all_processes(peaks, name), timed(times, name):
                if name == "writing shards":
                    Draw(store, model).sample(engine, problems, plan)
                else:
                    evaluation = evaluate(model, problems, plan, store=store, engine=engine)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet")) / 1e6
    verdicts = evaluation.verdicts
    assert len(verdicts) == attempts and evaluation.outcomes["n"].sum() == attempts
    pairs = verdicts[["gold", "answer", "verdict", "rung"]].drop_duplicates()
    print(f"{attempts:,} attempts at {PROBLEMS} problems, {size:,.0f} MB in the store, {os.cpu_count()} cores")
    print(f"pathological answers left over: {len(engine.pathological)}; distinct pairs: {len(pairs):,}")
    print(f"pairs by verdict and rung: {pairs.groupby(['verdict', 'rung']).size().to_dict()}")
    print(f"attempts by verdict: {verdicts['verdict'].value_counts().to_dict()}")
    for name, seconds in times.items():
        print(f"{name}: {seconds:.0f} s, {attempts / seconds:,.0f}/s, peak of all processes {peaks[name]:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--attempts", type=int, default=100_000, help="of the comparison with the plain loop")
    parser.add_argument("--store", type=int, help="so many attempts through the store instead")
    arguments = parser.parse_args()
    if arguments.store:
        through_the_store(arguments.store)
    else:
        beside_the_loop(arguments.attempts)


if __name__ == "__main__":
    main()
