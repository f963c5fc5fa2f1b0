"""The scoreboard: RL objectives from one base, with the same budget of sampled tokens, judged by what they reach.

Every objective tries the same learning rates once; validation problems split from the training set choose. Then it runs
under several seeds, and the last checkpoint meets problems held out from everything before. `mathb_kit.lab.scores` says
what came out of it.

Matched pass@1 needs no checkpoints along the way: learning rates are constant and every random choice is a function of
seed and step, so a run of fewer steps *is* the beginning of the longer one. Each run is repeated up to the step at
which its validation first gained the declared share of what the yardstick gains in the end, and judged there again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.lab.many import train_all
from mathb_kit.lab.prompts import training_problems
from mathb_kit.lab.run import Run
from mathb_kit.lab.run_folder import read_log
from mathb_kit.lab.settings import TrainingSettings, split_problems
from mathb_kit.models import get_model
from mathb_kit.places import run_root
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, load_problems, write_problems
from mathb_kit.settings import Name, Settings, did_you_mean, only_fields_of, read_toml

if TYPE_CHECKING:
    import pandas as pd

_FILE = Path(__file__).with_name("scoreboard.toml")
_LAST = 3  # validations averaged at the end of a run
_FILTER_ATTEMPTS, _FILTER_BELOW = 16, 0.8


class BoardRow(Settings):
    """A line of the board: an objective, with a base, updates per step and queries of its own if any."""

    objective: str
    base: str | None = None
    updates: int | None = None
    queries: Literal["all", "filtered"] = "all"
    opt_in: bool = False


class CompositionSettings(Settings):
    """Settings of the positive control, see `mathb_kit.lab.composition`."""

    rows: tuple[str, ...]
    seeds: tuple[int, ...]
    parts: int
    trained_on: tuple[int, ...]
    careful: float
    steps: int
    batch: int
    training_problems: int
    held_out: int
    tokens: int
    learning_rate: float


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
    tuning_seed: int
    validate_every: int
    matched_share: float
    held_out: dict[str, int]
    plan: Annotated[Plan, only_fields_of(Plan)]
    null_draws: int
    beside: tuple[str, ...]
    default_rows: tuple[str, ...]
    rows: dict[str, BoardRow]
    composition: CompositionSettings
    cost: BoardCost

    @property
    def folder(self) -> Path:
        """Where training runs and the result go: ``runs/scoreboard`` or ``runs/scoreboard-quick``."""
        return run_root(self.name)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """The held-out problems, spread evenly over their sets."""
        chosen: list[Problem] = []
        for name, count in self.held_out.items():
            there = load_problems(name)
            if there.is_sieved_with(self.base):
                there = there.unsolved_by(self.base)
            if count > len(there):
                raise MathbError(f"The scoreboard asks for {count} problems of {name}, which has {len(there)} to give.")
            chosen += [there[i * len(there) // count] for i in range(count)]
        return tuple(chosen)

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


def load_scoreboard(quick: bool = False) -> Scoreboard:
    """The declared scoreboard; ``quick`` is the small one whose numbers mean nothing."""
    table = read_toml(_FILE)
    small = table.pop("quick")
    if quick:
        merged = {name: {**table[name], **small[name]} for name in ("composition", "cost")}
        table |= {**small, **merged}
    table.setdefault("default_rows", [name for name, row in table["rows"].items() if not row.get("opt_in")])
    return Scoreboard.parse({"name": "scoreboard-quick" if quick else "scoreboard", **table}, _FILE.name)


@dataclass
class Bench:
    """One working day at the scoreboard: what was trained, and what failed.

    Attributes:
        board: the declared settings.
        rows: the rows worked on.
        failures: folder of a training run to what it said.
    """

    board: Scoreboard
    rows: dict[str, BoardRow]
    failures: dict[str, str]

    def train(self, runs: Mapping[Any, Run]) -> dict[Any, Path]:
        """Make the checkpoints; a run that fails (say, diverges) is noted and left out, the others go on."""
        train_all(list(runs.values()), failures=self.failures)
        return {key: run.folder for key, run in runs.items() if str(run.folder) not in self.failures}

    def tried(self) -> pd.DataFrame:
        """Every learning rate of every row: row, learning_rate, seed, validation (NaN: failed), chosen."""
        import pandas as pd

        board = self.board
        runs = {
            (name, rate): self.run(name, rate, board.tuning_seed, board.tokens)
            for name in self.rows
            for rate in board.learning_rates
        }
        done = self.train(runs)
        table = pd.DataFrame(list(runs), columns=["row", "learning_rate"]).assign(seed=board.tuning_seed)
        table["validation"] = [final_validation(done[key]) if key in done else float("nan") for key in runs]
        best = table.dropna().groupby("row")["validation"].idxmax()
        return table.assign(chosen=table.index.isin(best))

    def final(self, rates: Mapping[str, float]) -> dict[tuple[str, int], Path]:
        """The runs that count, by (row, seed)."""
        return self.train(
            {(row, seed): self.run(row, rate, seed, self.board.tokens) for row, rate in rates.items()
             for seed in self.board.seeds}
        )  # fmt: skip

    def matched(
        self, rates: Mapping[str, float], final: Mapping[tuple[str, int], Path], level: float
    ) -> dict[tuple[str, int], Path]:
        """The same runs, stopped where their validation first reaches ``level``; none for a run that never does."""
        runs = {}
        for (row, seed), folder in final.items():
            if self.board.base_of(row) != self.board.base:
                continue
            log = read_log(folder).dropna(subset="validation")
            passed = log.loc[log["validation"] >= level, "step"]
            if len(passed):
                runs[row, seed] = self.run(row, rates[row], seed, steps=int(passed.iloc[0]))
        return self.train(runs)

    def matched_level(self, final: Mapping[tuple[str, int], Path]) -> float:
        """The validation reward at which rows are compared."""
        board = self.board
        ends = [final_validation(folder) for (row, _), folder in final.items() if row == board.yardstick]
        if not ends:
            raise MathbError(f"Every run of {board.yardstick} failed, so nothing can be matched with it.")
        _, held_out = self._divided()
        start = evaluate(get_model(board.base), held_out, Plan.fixed(16), draw="validation").outcomes
        before = start["c"].sum() / start["n"].sum()
        return float(before + board.matched_share * (sum(ends) / len(ends) - before))

    def run(self, row: str, rate: float, seed: int, tokens: int | None = None, steps: int | None = None) -> Run:
        """One training run of a row."""
        board = self.board
        on, spent = self._queries(row)
        if tokens is not None:
            tokens -= spent
            if tokens < board.tokens / 4:
                raise MathbError(
                    f"Filtering the queries of row {row} takes {spent:,} of {board.tokens:,} tokens; give more "
                    f"tokens in {_FILE.name}, or leave the row out."
                )
        size = f"{steps}-steps" if tokens is None else f"{tokens}-tokens"
        settings = TrainingSettings(
            steps=steps, tokens=tokens, prompts=board.prompts, group=board.group, updates=board.rows[row].updates,
            learning_rate=rate, seed=seed, validate=board.validate_every,
        )  # fmt: skip
        return Run(
            board.rows[row].objective, board.base_of(row), settings, on,
            folder=board.folder / "runs" / f"{row}-{rate:g}-{seed}-{size}",
            validate_on=board.on if on != board.on else None,  # what validation says is compared between rows
        )  # fmt: skip

    def _queries(self, row: str) -> tuple[str, int]:
        """What a row trains on, and the tokens sampled to find that out.

        Filtered are as many training problems, spread evenly, as half of the budget pays attempts for.
        """
        board = self.board
        if board.rows[row].queries == "all":
            return board.on, 0
        base = board.base_of(row)
        problems, _ = self._divided()
        paid = int(board.tokens / 2 / (_FILTER_ATTEMPTS * board.cost.tokens_per_attempt))
        count = min(paid, len(problems))
        problems = [problems[i * len(problems) // count] for i in range(count)]
        tried = evaluate(get_model(base), problems, Plan.fixed(_FILTER_ATTEMPTS), draw="filter").outcomes
        kept = set(tried.loc[tried["c"] < _FILTER_BELOW * tried["n"], "problem"])
        path = board.folder / f"{board.on}-{count}-filtered-by-{base}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_problems([problem for problem in problems if problem.key in kept], path)
        return str(path), int(tried["tokens"].sum())

    def _divided(self) -> tuple[list[Problem], list[Problem]]:
        """Problems that runs train on and validate on."""
        problems, _ = training_problems(self.board.on)
        return split_problems(problems) if self.board.validate_every else (problems, [])


def final_validation(folder: Path) -> float:
    """Mean of a run's last validations.

    Raises:
        MathbError: the run was over before its first one.
    """
    log = read_log(folder)
    if "validation" not in log:
        raise MathbError(f"{folder} ended after {len(log)} steps without a validation; lower validate_every.")
    return float(log["validation"].dropna().tail(_LAST).mean())


def evaluate_held_out(board: Scoreboard, model: str | Path, draw: str = "main") -> Evaluation:
    """A model on the held-out problems."""
    return evaluate(get_model(model), board.problems, board.plan, draw=draw)
