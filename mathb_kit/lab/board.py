"""The scoreboard as it is declared: rows, budgets, seeds, held-out problems. ``scoreboard.toml`` explains each."""

from __future__ import annotations

import random
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, get_args

from mathb_kit.errors import MathbError
from mathb_kit.miniature.generator import FAMILIES, draw_exercise
from mathb_kit.miniature.sets import HARD_GOLD, evaluation_statements
from mathb_kit.places import run_root
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, load_problems
from mathb_kit.settings import Name, Settings, did_you_mean, only_fields_of, read_toml

FILE = Path(__file__).with_name("scoreboard.toml")
Size = Literal["full", "quick", "long"]
"""Which of the declared boards; what another than the full one changes stands in a table of its name."""


class BoardRow(Settings):
    """A line of the board: an objective, with a base, batch and queries of its own if any.

    ``queries``: all training problems; ``filtered`` or ``hard``: those that the initial policy does not solve too often
    (`_FILTERS`), its attempts paid from the budget; ``teacher``: all, with a teacher's right attempts as solutions.
    ``paper`` is the batch of the paper: problems x attempts, optimiser steps; empty where it was not at hand.
    """

    objective: str
    base: str | None = None
    prompts: int | None = None
    group: int | None = None
    updates: int | None = None
    queries: Literal["all", "filtered", "hard", "teacher"] = "all"
    teacher: str | None = None
    paper: str = ""
    opt_in: bool = False


class CompositionWorld(Settings):
    """How often the base saw steps chained (share of solutions of two steps and more), and the budget of a run."""

    chained: float
    tokens: int


class CompositionSettings(Settings):
    """Settings of the positive control, see `mathb_kit.lab.composition`."""

    rows: tuple[str, ...]
    seeds: tuple[int, ...]
    prompts: int
    group: int
    parts: int
    trained_on: tuple[int, ...]
    careful: float
    steps: int
    batch: int
    training_problems: int
    held_out: int
    learning_rate: float
    worlds: dict[str, CompositionWorld]


class HeldOut(Settings):
    """The held-out problems: the seed of their drawing, and how many of each family at each level."""

    seed: int
    levels: dict[int, int]


class BoardCost(Settings):
    """Assumptions behind the price."""

    on: str
    training_tokens_per_second: float
    tokens_per_second: float
    tokens_per_attempt: float
    plan_share: float
    flat_minutes: float
    origin: str


class Scoreboard(Settings):
    """Everything declared beforehand; each field is explained in ``scoreboard.toml``."""

    name: Name
    about: str
    base: str
    yardstick: str
    on: str
    seeds: tuple[int, ...]
    tokens: int
    prompts: int
    group: int
    learning_rates: tuple[float, ...]
    rate_limits: tuple[float, float]
    tuning_seeds: tuple[int, ...]
    validate_every: int
    matched_share: float
    matched_seeds: tuple[int, ...]
    held_out: HeldOut
    plan: Annotated[Plan, only_fields_of(Plan)]
    null_draws: int
    beside: tuple[str, ...]
    default_rows: tuple[str, ...]
    rows: dict[str, BoardRow]
    composition: CompositionSettings
    cost: BoardCost

    @property
    def folder(self) -> Path:
        """Where training runs and the result go: ``runs/scoreboard``, ``runs/scoreboard-long`` and so on."""
        return run_root(self.name)

    @property
    def counts(self) -> bool:
        """Whether its numbers mean something; the quick one's do not."""
        return self.name != "scoreboard-quick"

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """The held-out problems, in no shipped set and in no other board's training, with golds beyond guessing."""
        taken = evaluation_statements() | {problem.statement for problem in load_problems(self.on)}
        return draw_problems("mini-board", self.held_out, taken)

    def rows_of(self, only: Collection[str] = ()) -> dict[str, BoardRow]:
        """The rows to run: those named, ``all``, or the default ones; the yardstick is always among them.

        Raises:
            MathbError: there is no row of that name.
        """
        names = set(self.rows) if "all" in only else set(only or self.default_rows) | {self.yardstick}
        if unknown := sorted(names - set(self.rows)):
            raise MathbError(
                f"The scoreboard has no row {unknown[0]!r}{did_you_mean(unknown[0], self.rows)}; it has "
                f"{', '.join(self.rows)}, and all."
            )
        return {name: row for name, row in self.rows.items() if name in names}

    def base_of(self, row: str) -> str:
        """The initial policy of a row, or of a model that stands beside the rows."""
        return (self.rows[row].base if row in self.rows else None) or self.base


def draw_problems(name: str, wanted: HeldOut, taken: Collection[str]) -> tuple[Problem, ...]:
    """Problems of the miniature's generator, each statement once and none of ``taken``, with golds beyond guessing."""
    rng = random.Random(wanted.seed)
    drawn: dict[str, Problem] = {}
    for level, count in wanted.levels.items():
        for family in FAMILIES:
            enough = len(drawn) + count
            while len(drawn) < enough:
                exercise = draw_exercise(rng, family, level)
                if exercise.statement not in taken and exercise.gold >= HARD_GOLD:
                    drawn.setdefault(exercise.statement, Problem(
                        name, f"{len(drawn):03d}", exercise.statement, str(exercise.gold),
                        {"family": family, "level": level},
                    ))  # fmt: skip
    return tuple(drawn.values())


def load_scoreboard(size: Size = "full") -> Scoreboard:
    """A declared scoreboard: the full one, ``long`` (few rows, a budget to the end of the yardstick's learning), or
    ``quick``, the small one whose numbers mean nothing.

    Raises:
        MathbError: no board of that size.
    """
    sizes = get_args(Size)
    if size not in sizes:
        raise MathbError(f"There is no {size} scoreboard{did_you_mean(size, sizes)}; there are {', '.join(sizes)}.")
    table = read_toml(FILE)
    others = {name: table.pop(name) for name in sizes if name != "full"}
    changed = others.get(size, {})
    table |= {name: {**table[name], **new} if name in ("composition", "cost") else new for name, new in changed.items()}
    table.setdefault("default_rows", [name for name, row in table["rows"].items() if not row.get("opt_in")])
    return Scoreboard.parse({"name": "scoreboard" if size == "full" else f"scoreboard-{size}", **table}, FILE.name)
