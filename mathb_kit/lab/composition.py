"""A world in which RL should expand: a skill that the base has now and then, needed several times in one solution.

In the miniature's own world a method is chosen once per solution; making the better choice certain triples a success
rate and no more. Here it is chosen anew at every step. The base takes a step carefully with probability s, else it
drops the carry, and every step has a carry: a problem of m steps comes out right with probability below s^m, out of
reach in k attempts for larger m. RL sees problems of one and two steps, where now and then an attempt is right. If it
learns to be careful at every step, problems of m steps follow: skills that the base has, put together.

The base of this world is mini-base-1 after a short supervised training on solutions with s and up to m steps.

There are several such worlds, which differ in a knob, how often the base saw steps *chained* (two and more in one
solution), and in the budget of sampled tokens. That RL composes skills, given enough tokens, is the claim of arXiv
2607.07646, as far as it is known here: from the issue's description, the paper was not at hand. A base that never saw
steps chained has to find that out by RL alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.lab.board import CompositionSettings, Scoreboard
from mathb_kit.lab.checkpoints import usage_of, write_checkpoint
from mathb_kit.lab.run import Run
from mathb_kit.lab.run_folder import read_recipe
from mathb_kit.lab.scoreboard import Bench
from mathb_kit.models import get_model
from mathb_kit.problems import Problem, write_problems

if TYPE_CHECKING:
    import pandas as pd

BASE = "composition-base"
_SET = "mini-composition"
_BLOCK = 3  # digits reserved for each sum in the packed answer
_SEEDS = {"corpus": 301, "training": 302, "held out": 303}


@dataclass(frozen=True)
class Sums:
    """Sums of two-digit numbers with a carry, asked for packed into one number."""

    terms: tuple[tuple[int, int], ...]

    @property
    def statement(self) -> str:
        named = list(zip("abcdefgh", self.terms))
        asked = [f"10^{{{_BLOCK * place}}}{name}" if place else name
                 for (name, _), place in zip(named, range(len(named) - 1, -1, -1))]  # fmt: skip
        return f"Let {', '.join(f'${name}={a}+{b}$' for name, (a, b) in named)}. Find ${'+'.join(asked)}$."

    @property
    def gold(self) -> int:
        return _packed([a + b for a, b in self.terms])

    def solution(self, careful: list[bool]) -> str:
        """Worked step by step, each carefully or with its carry dropped."""
        values = [a + b if well else (a // 10 + b // 10) % 10 * 10 + (a + b) % 10
                  for (a, b), well in zip(self.terms, careful)]  # fmt: skip
        steps = [f"{'Carefully' if well else 'Quickly'}: {a}+{b}={value};"
                 for (a, b), well, value in zip(self.terms, careful, values)]  # fmt: skip
        return f"{''.join(steps)}\\boxed{{{_packed(values)}}}"


def draw_sums(rng: random.Random, parts: int) -> Sums:
    """Sums that all have a carry from the last digit, so that dropping it is always wrong."""
    terms: list[tuple[int, int]] = []
    while len(terms) < parts:
        a, b = rng.randint(10, 99), rng.randint(10, 99)
        if a % 10 + b % 10 >= 10:
            terms.append((a, b))
    return Sums(tuple(terms))


def many_step_problems(settings: CompositionSettings) -> list[Problem]:
    """Problems of the most steps."""
    rng = random.Random(_SEEDS["held out"])
    drawn = [draw_sums(rng, settings.parts) for _ in range(settings.held_out)]
    return [_problem(i, sums) for i, sums in enumerate(drawn)]


def training_pool(settings: CompositionSettings) -> list[Problem]:
    """Problems of few steps, as many of each number."""
    rng, pool = random.Random(_SEEDS["training"]), {}
    while len(pool) < settings.training_problems:
        sums = draw_sums(rng, settings.trained_on[len(pool) % len(settings.trained_on)])
        pool[sums.statement] = sums
    return [_problem(i, sums) for i, sums in enumerate(pool.values())]


def corpus(settings: CompositionSettings, chained: float) -> Iterator[tuple[str, str]]:
    """An endless stream of (statement, solution), this share of them of two steps and more; held-out statements are
    left out of it."""
    rng, held_out = random.Random(_SEEDS["corpus"]), {problem.statement for problem in many_step_problems(settings)}
    while True:
        sums = draw_sums(rng, rng.randint(2, settings.parts) if rng.random() < chained else 1)
        if sums.statement not in held_out:
            yield sums.statement, sums.solution([rng.random() < settings.careful for _ in sums.terms])


def make_base(board: Scoreboard, chained: float) -> Path:
    """The base of a world, trained once."""
    folder = board.folder / f"{BASE}-{chained:g}"
    if read_recipe(folder):
        return folder
    from mathb_kit.lab.supervised import SupervisedSettings, train_supervised
    from mathb_kit.sampling.transformers_engine import load_checkpoint

    start, settings = get_model(board.base), board.composition
    network, tokenizer = load_checkpoint(start)
    training = SupervisedSettings(steps=settings.steps, batch=settings.batch, warm_up=20, seed=_SEEDS["corpus"])
    record = train_supervised(network, tokenizer, corpus(settings, chained), training)
    recipe = {"kind": "composition base", "base": board.base, "chained": chained,
              "settings": settings.model_dump(mode="json"), "training": asdict(training)}  # fmt: skip
    return write_checkpoint(folder, network, tokenizer, usage_of(start, board.base, []), recipe, asdict(record))


def run_composition(bench: Bench) -> pd.DataFrame:
    """Train the bases and, from each, the declared rows; evaluate all on problems of the most steps.

    A run that fails is noted in the bench and left out.

    Returns:
        world, row, seed, and an outcome's columns. The base's rows carry its name, with the draw's number as seed; draw
        0 is the reference.
    """
    import pandas as pd

    board, settings = bench.board, bench.board.composition
    board.folder.mkdir(parents=True, exist_ok=True)
    on = write_problems(training_pool(settings), board.folder / f"{_SET}.jsonl")
    bases = {name: make_base(board, world.chained) for name, world in settings.worlds.items()}
    runs = {
        (name, row, seed): Run.of(
            board.rows[row].objective, bases[name], on=str(on), tokens=world.tokens, seed=seed,
            prompts=settings.prompts, group=settings.group, learning_rate=settings.learning_rate,
        )
        for name, world in settings.worlds.items()
        for row in settings.rows
        for seed in settings.seeds
    }  # fmt: skip
    runs = {
        (name, row, seed): replace(
            run, folder=board.folder / "runs" / f"composition-{name}-{row}-{seed}-{run.key()}"
        )
        for (name, row, seed), run in runs.items()
    }  # fmt: skip
    draws = range(len(settings.seeds) + 1)
    models = {(name, BASE, number): base for name, base in bases.items() for number in draws} | bench.train(runs)
    frames = []
    for (name, row, seed), folder in models.items():
        evaluation = _evaluate(board, folder, f"null-{seed}" if row == BASE else "main")
        frames.append(evaluation.outcomes.drop(columns="name").assign(world=name, row=row, seed=seed))
    return pd.concat(frames, ignore_index=True)


def composition_table(outcomes: pd.DataFrame, k: int) -> pd.DataFrame:
    """Reach of each row on the problems of the most steps, world by world: world, row, seeds, problems, pass_1, reach,
    reach_low, reach_high, expansion (over the base's reference draw; what its fresh draws show there is the null)."""
    import pandas as pd

    from mathb_kit.statistics import compare_reach, estimate_pass_at_k
    from mathb_kit.statistics.intervals import clopper_pearson

    others = outcomes[(outcomes["row"] != BASE) | (outcomes["seed"] > 0)]
    rows = []
    for (world, row), table in others.groupby(["world", "row"], sort=False):
        bases = outcomes[(outcomes["world"] == world) & (outcomes["row"] == BASE)]
        reference = bases[bases["seed"] == 0]
        runs = [run for _, run in table.groupby("seed")]
        compared = [compare_reach(reference, run, k) for run in runs]
        problems = len(reference)
        reached = sum(each.tuned_reach.rate for each in compared) / len(runs)
        low, high = clopper_pearson(reached * problems, problems)
        pass_1 = sum(estimate_pass_at_k(run, [1])["estimate"].mean() for run in runs) / len(runs)
        expansion = sum(each.expansion.rate for each in compared) / len(runs)
        rows.append((world, row, len(runs), problems, pass_1, reached, float(low), float(high), expansion))
    columns = ["world", "row", "seeds", "problems", "pass_1", "reach", "reach_low", "reach_high", "expansion"]
    return pd.DataFrame(rows, columns=columns)


def beside_frozen(outcomes: pd.DataFrame, k: int) -> pd.DataFrame:
    """Reach of each row beside fresh draws of its world's frozen base, problem by problem.

    Returns:
        world, row, runs, problems, reached and base_reached (mean number of problems), difference of their shares with
        low and high (`difference_over_runs`), and pass_1.
    """
    import numpy as np
    import pandas as pd

    from mathb_kit.statistics import difference_over_runs, estimate_pass_at_k, reach

    problems = sorted(outcomes.loc[outcomes["row"] == BASE, "problem"].unique())

    def reached(rows: pd.DataFrame) -> np.ndarray:
        solved = [reach(run, k) for _, run in rows.groupby("seed")]
        return np.array([[float(problem in each) for problem in problems] for each in solved])

    rows = []
    for (world, row), table in outcomes[outcomes["row"] != BASE].groupby(["world", "row"], sort=False):
        drawn = outcomes[(outcomes["world"] == world) & (outcomes["row"] == BASE) & (outcomes["seed"] > 0)]
        values, base = reached(table), reached(drawn)
        pass_1 = estimate_pass_at_k(table, [1])["estimate"].mean()
        means = values.sum(1).mean(), base.sum(1).mean()
        rows.append((world, row, len(values), len(problems), *means, *difference_over_runs(values, base), pass_1))
    columns = ["world", "row", "runs", "problems", "reached", "base_reached", "difference", "low", "high", "pass_1"]
    return pd.DataFrame(rows, columns=columns)


def _evaluate(board: Scoreboard, folder: Path, draw: str) -> Evaluation:
    return evaluate(get_model(folder), many_step_problems(board.composition), board.plan, draw=draw)


def _problem(number: int, sums: Sums) -> Problem:
    return Problem(_SET, f"{number:03d}", sums.statement, str(sums.gold), {"steps": len(sums.terms)})


def _packed(values: list[int]) -> int:
    packed = 0
    for value in values:
        packed = 10**_BLOCK * packed + value
    return packed
