"""The bar over an evaluation: what it expects shrinks with every round, tokens move it, each counted once."""

import re
from dataclasses import replace

import pytest
from engines import CoinEngine

from mathb_kit import evaluation
from mathb_kit import progress as progress_module
from mathb_kit.evaluation import evaluate
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling.engines import LazyEngine
from mathb_kit.store import Store

PLAN = Plan(rounds=(4, 16), stop=1, chunk=4)
PROBLEMS = [Problem("coins", str(i), f"Toss {i}.", "1") for i in range(10)]


class Reporting(CoinEngine):
    """Tells of its tokens in two parts before each chunk is handed over."""

    on_tokens = None

    def sample(self, chunks):
        for chunk, completions in super().sample(chunks):
            tokens = sum(c.tokens for c in completions)
            if self.on_tokens:
                self.on_tokens(tokens // 2)
                self.on_tokens(tokens - tokens // 2)
            yield chunk, completions


@pytest.fixture
def lines(monkeypatch, capsys):
    """Every state of the bar as a plain line, one second apart."""

    class Clock:
        now = 100.0

        def monotonic(self):
            Clock.now += 1.0
            return Clock.now

    monkeypatch.setenv("MATHB_PROGRESS", "plain")
    monkeypatch.setattr(progress_module, "_LINE_EVERY", 0.0)
    monkeypatch.setattr(progress_module, "time", Clock())
    return lambda: [line for line in capsys.readouterr().err.splitlines() if line.startswith("coin: ")]


@pytest.mark.parametrize("engine", [CoinEngine, Reporting])
def test_one_bar_counts_all_rounds_and_ends_at_what_was_made(tmp_path, lines, engine):
    model, store = Model("coin", "hub/coin"), Store(tmp_path)
    sampler = LazyEngine(lambda: engine(0.2))
    found = evaluate(model, PROBLEMS, PLAN, store=store, engine=sampler)
    first = found.verdicts[found.verdicts["index"] < 4]
    solved = first[first["verdict"] == "correct"]["problem"].nunique()
    assert 0 < solved < 10
    shown = lines()
    counts = [tuple(map(int, re.match(r"coin: (\d+) of (\d+) attempts", line).groups())) for line in shown]
    assert counts == sorted(counts, key=lambda count: count[0])
    assert {total for _, total in counts} == {160, solved * 4 + (10 - solved) * 16}
    assert counts[-1][0] == counts[-1][1] == found.outcomes["n"].sum()
    share = (first["verdict"] == "correct").mean()
    assert f"pass@1 so far {share:.1%}" in shown[-1] and "tokens/s" in shown[-1]
    assert sampler.on_tokens is None
    evaluate(model, PROBLEMS, PLAN, store=store, engine=sampler)
    assert lines() == []  # what is stored takes no bar


class Slow(CoinEngine):
    """Takes 100 s to open; then what it is asked at once comes back within a second, 50 s later."""

    opened = False

    def __init__(self, clock):
        super().__init__(0.2)
        self.clock = clock

    def describe(self):
        self.clock.now += 0 if self.opened else 100
        self.opened = True
        return super().describe()

    def sample(self, chunks):
        chunks = list(chunks)
        self.clock.now += 50 - 1
        for number, (chunk, completions) in enumerate(super().sample(iter(chunks))):
            self.clock.now += 1 / len(chunks)
            yield chunk, [replace(completion, tokens=50) for completion in completions]


def test_tokens_per_second_count_the_wait_for_a_slow_server_and_not_what_is_no_wait(tmp_path, monkeypatch, capsys):
    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setenv("MATHB_PROGRESS", "plain")
    monkeypatch.setattr(progress_module, "_LINE_EVERY", 0.0)
    monkeypatch.setattr(progress_module, "time", clock)
    pass_at_1 = evaluation._pass_at_1

    def graded(*of):
        clock.now += 1000
        return pass_at_1(*of)

    monkeypatch.setattr(evaluation, "_pass_at_1", graded)
    found = evaluation.evaluate(
        Model("coin", "hub/coin"), PROBLEMS, Plan((4, 16), 5, chunk=4), store=Store(tmp_path), engine=Slow(clock)
    )
    assert (found.outcomes["n"] == 16).all()  # nobody has 5 of 4: 40 attempts in 50 s, then 120, of 50 tokens each
    said = re.findall(r"coin: (\d+) of .*?([\d,]+) tokens/s", capsys.readouterr().err)
    shown = [(int(done), int(rate.replace(",", ""))) for done, rate in said]
    first = dict(reversed(shown))
    assert (first[40], first[160]) == (40, 80)  # 2,000 in 50 s, 8,000 in 100 s
    assert max(rate for _, rate in shown) <= 80


def test_what_was_there_counts_as_done_and_not_towards_the_rate(tmp_path, lines):
    model, store = Model("coin", "hub/coin"), Store(tmp_path)
    evaluate(model, PROBLEMS[:4], Plan.fixed(4), store=store, engine=CoinEngine(0.2))
    lines()
    evaluate(model, PROBLEMS, Plan.fixed(4), store=store, engine=CoinEngine(0.2))
    assert lines()[0].startswith("coin: 16 of 40 attempts, 0.0/s")
