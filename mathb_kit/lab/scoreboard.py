"""The scoreboard: RL objectives from one base, with the same budget of sampled tokens, judged by what they reach.

Every row tries learning rates on a grid that is widened until the best lies inside it, under seeds of its own;
validation problems split from the training set choose (`mathb_kit.lab.tuning`, frozen in ``tuned.csv``). Then it runs
under several seeds, and the last checkpoint meets problems held out from everything before. `mathb_kit.lab.scores` says
what came out of it, `mathb_kit.lab.board_power` beforehand what could.

Matched pass@1 needs no checkpoints along the way: learning rates are constant and every random choice is a function of
seed and step, so a run of fewer steps *is* the beginning of the longer one. Runs are repeated up to the step at which
their validation first gained the declared share of what the yardstick gains in the end, and judged there again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.lab.board import FILE, BoardRow, Scoreboard
from mathb_kit.lab.many import train_all
from mathb_kit.lab.prompts import training_problems
from mathb_kit.lab.run import Run
from mathb_kit.lab.run_folder import read_log
from mathb_kit.lab.settings import TrainingSettings, split_problems
from mathb_kit.lab.way_up import export_solutions
from mathb_kit.models import get_model
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, write_problems

_LAST = 3  # validations averaged at the end of a run
# Attempts of the initial policy per query, and the share of right ones from which a query is left out. OREAL's filter;
# and "hard", where one right attempt is too many: POPE asks 128 times, which would cost more than all training here.
_FILTERS = {"filtered": (16, 0.8), "hard": (8, 1e-9)}


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
    _asked: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)

    def train(self, runs: Mapping[Any, Run]) -> dict[Any, Path]:
        """Make the checkpoints; a run that fails (say, diverges) is noted and left out, the others go on."""
        train_all([run for run in runs.values() if str(run.folder) not in self.failures], failures=self.failures)
        return {key: run.folder for key, run in runs.items() if str(run.folder) not in self.failures}

    def final(self, rates: Mapping[str, float]) -> dict[tuple[str, int], Path]:
        """The runs that count, by (row, seed)."""
        return self.train(
            {(row, seed): self.run(row, rate, seed) for row, rate in rates.items()
             for seed in self.board.seeds}
        )  # fmt: skip

    def matched(
        self, rates: Mapping[str, float], final: Mapping[tuple[str, int], Path], level: float
    ) -> dict[tuple[str, int], Path]:
        """The same runs, stopped where their validation first reaches ``level``; none for a run that never does."""
        runs = {}
        for (row, seed), folder in final.items():
            if self.board.base_of(row) != self.board.base or seed not in self.board.matched_seeds:
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

    def run(self, row: str, rate: float, seed: int, steps: int | None = None) -> Run:
        """One training run of a row: to the end of the budget, or of so many steps on the way there.

        Its folder is named by everything that its weights hang on, so that no changed setting meets another's run.
        """
        board = self.board
        if row not in self._asked:
            self._asked[row] = self._queries(row)
        on, spent = self._asked[row]
        tokens = board.tokens - spent
        if tokens < board.tokens / 4:
            raise MathbError(
                f"Filtering the queries of row {row} takes {spent:,} of {board.tokens:,} tokens; give more tokens in "
                f"{FILE.name}, or leave the row out."
            )
        run = self._run(row, rate, seed, on, tokens, steps)
        return replace(run, folder=board.folder / "runs" / f"{row}-{rate:g}-{seed}-{run.key()}")

    def tuning_key(self, row: str) -> str:
        """A hash of all that a row's validation hangs on but its rate, found without sampling anything: what a frozen
        rate holds for."""
        board, chosen = self.board, self.board.rows[row]
        run = self._run(row, 1.0, 0, board.on, board.tokens)
        known = [run.key(), chosen.queries, chosen.teacher, list(board.tuning_seeds), board.cost.tokens_per_attempt]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:12]

    def _run(self, row: str, rate: float, seed: int, on: str, tokens: int, steps: int | None = None) -> Run:
        board, chosen = self.board, self.board.rows[row]
        settings = TrainingSettings(
            steps=steps, tokens=tokens, prompts=chosen.prompts or board.prompts, group=chosen.group or board.group,
            updates=chosen.updates, learning_rate=rate, seed=seed, validate=board.validate_every,
        )  # fmt: skip
        # What validation says is compared between rows, so its problems are the same.
        validate_on = board.on if on != board.on else None
        return Run(chosen.objective, board.base_of(row), settings, on, board.folder, validate_on)

    def _queries(self, row: str) -> tuple[str, int]:
        """What a row trains on, and the tokens sampled by its initial policy to find that out.

        Filtered are as many training problems, spread evenly, as half of the budget pays attempts for.
        """
        board, chosen = self.board, self.board.rows[row]
        if chosen.queries == "all":
            return board.on, 0
        problems, _ = self._divided()
        if chosen.queries == "teacher":
            return str(self._taught(chosen.teacher or board.beside[0], problems)), 0
        attempts, below = _FILTERS[chosen.queries]
        base = board.base_of(row)
        paid = int(board.tokens / 2 / (attempts * board.cost.tokens_per_attempt))
        count = min(paid, len(problems))
        problems = [problems[i * len(problems) // count] for i in range(count)]
        tried = evaluate(get_model(base), problems, Plan.fixed(attempts), draw="filter").outcomes
        kept = set(tried.loc[tried["c"] < below * tried["n"], "problem"])
        path = self._file(f"{board.on}-{count}-{chosen.queries}-by-{base}.jsonl")
        write_problems([problem for problem in problems if problem.key in kept], path)
        return str(path), int(tried["tokens"].sum())

    def _taught(self, teacher: str, problems: list[Problem]) -> Path:
        """The training problems with a teacher's first right attempt of four at each; those that it fails are left out.

        Its tokens are not the row's: the row learns from the solutions that are left, and those count.
        """
        model = get_model(teacher)
        path = self._file(f"{self.board.on}-by-{teacher}-{model.key()[:8]}.jsonl")
        if not path.is_file():
            answers = evaluate(model, problems, Plan.fixed(4), draw="teaching")
            half = path.with_suffix(".part")  # a file that is there is whole
            half.unlink(missing_ok=True)
            export_solutions(answers, problems, half, most=1)
            half.rename(path)
        return path

    def _file(self, name: str) -> Path:
        self.board.folder.mkdir(parents=True, exist_ok=True)
        return self.board.folder / name

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
