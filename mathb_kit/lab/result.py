"""The result of the scoreboard: run it, keep it, read it again; `mathb_kit.lab.scores` judges it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mathb_kit.csv_files import as_written, write_csv
from mathb_kit.evaluation import Evaluation
from mathb_kit.lab.board import Scoreboard, Size, load_scoreboard
from mathb_kit.lab.composition import run_composition
from mathb_kit.lab.run_folder import read_log, read_recipe
from mathb_kit.lab.scoreboard import Bench, evaluate_held_out, final_validation
from mathb_kit.lab.tuning import tune, write_tuned
from mathb_kit.miniature import mode_of
from mathb_kit.places import figures_root
from mathb_kit.provenance import provenance
from mathb_kit.settings import read_json
from mathb_kit.verdicts import Verdict

REFERENCE = "selection"
_TABLES = ("outcomes", "runs", "tried", "modes", "composition", "failures")


@dataclass(frozen=True, eq=False)  # each its own, so that tables made from it can be kept
class Result:
    """The tables of a scoreboard.

    Attributes:
        board: the declared settings.
        outcomes: row, stage (``base``: draws of a base, the reference first; ``final``; ``matched``; ``beside``), seed,
            and an outcome's columns: one line per problem.
        runs: row, stage, seed, base, learning_rate, steps, sampled_tokens, others_tokens (that somebody else wrote or
            scored: hints, prefixes, a teacher's, solutions), seconds, validation, entropy, kl.
        tried: every run tried: row, learning_rate, seed, validation, chosen; `mathb_kit.lab.tuning.by_rate` sums it up.
        modes: row, stage, seed, mode, share, correct_share in the first attempts at the held-out problems.
        composition: outcomes of the positive control: row, seed, and an outcome's columns.
        failures: run, said: training runs that ended without a checkpoint.
        matched_level: validation reward at which rows are matched.
    """

    board: Scoreboard
    outcomes: pd.DataFrame
    runs: pd.DataFrame
    tried: pd.DataFrame
    modes: pd.DataFrame
    composition: pd.DataFrame
    failures: pd.DataFrame
    matched_level: float

    @property
    def figures(self) -> Path:
        """Where its figures go: ``figures/<board>/`` of the checkout for the default rows of a board that counts."""
        declared = set(self.tried["row"]) == set(self.board.default_rows)
        return figures_root(self.board.name, committed=declared and self.board.counts)

    def save(self) -> Path:
        """Write every table as CSV, and the settings with provenance; returns the folder."""
        folder = self.board.folder / "result"
        folder.mkdir(parents=True, exist_ok=True)
        for name in _TABLES:
            write_csv(getattr(self, name), folder / f"{name}.csv")
        report = {
            "settings": self.board.model_dump(mode="json"), "matched_level": self.matched_level,
            "provenance": provenance(),
        }  # fmt: skip
        (folder / "result.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        return folder


def read_result(board: Scoreboard) -> Result | None:
    """The saved result of a board with these very settings, if there is one."""
    folder = board.folder / "result"
    if not (folder / "result.json").is_file():
        return None
    report = read_json(folder / "result.json", f"delete {folder}; it is made anew")
    if report["settings"] != board.model_dump(mode="json"):
        return None
    tables = {name: _read(folder / f"{name}.csv") for name in _TABLES}
    return Result(board, **tables, matched_level=report["matched_level"])


def run_scoreboard(board: Scoreboard, only: Collection[str] = ()) -> Result:
    """Tune, train, evaluate and save; whatever is there already is not done again.

    Rows of earlier calls with the same settings stay in the result.

    Args:
        board: from `load_scoreboard`.
        only: names of rows, or ``all``; the default rows if empty.

    Raises:
        MathbError: no such row, or nothing that could be compared.
    """
    bench = Bench(board, board.rows_of(only), {})
    tried = tune(bench)
    rates = tried[tried["chosen"]].groupby("row")["learning_rate"].first().to_dict()
    final = bench.final(rates)
    level = bench.matched_level(final)
    stages = {"final": final, "matched": bench.matched(rates, final, level)}
    outcomes, runs, modes = [], [], []
    for row, stage, seed, evaluation in _evaluations(board, bench.rows, stages):
        outcomes.append(keyed(evaluation.outcomes, row, stage, seed))
        modes.append(keyed(mode_shares(evaluation, board.plan.rounds[0]), row, stage, seed))
    for stage, folders in stages.items():
        runs += [run_row(board, row, stage, seed, folder) for (row, seed), folder in folders.items()]
    composition = run_composition(bench)
    failures = pd.DataFrame(list(bench.failures.items()), columns=["run", "said"])
    result = Result(
        board, pd.concat(outcomes, ignore_index=True), pd.DataFrame(runs), tried, pd.concat(modes, ignore_index=True),
        composition, failures, level,
    )  # fmt: skip
    result = _with_earlier_rows(result, read_result(board))
    write_tuned(bench, tried, result.save() / "tuned.csv")
    return result


def finished_or_quick(size: Size = "full", only: Collection[str] = ()) -> Result:
    """The scoreboard of that size where one was finished, else the quick one, run now if need be (some minutes)."""
    if size != "quick" and (result := read_result(load_scoreboard(size))):
        return result
    board = load_scoreboard("quick")
    return read_result(board) or run_scoreboard(board, only)


def keyed(table: pd.DataFrame, row: str, stage: str, seed: int) -> pd.DataFrame:
    """A table of one evaluation with its place on the board."""
    table = table.drop(columns="name")
    return pd.DataFrame({"row": row, "stage": stage, "seed": seed}, index=table.index).join(table)


def run_row(board: Scoreboard, row: str, stage: str, seed: int, folder: Path) -> dict[str, object]:
    """The line of a training run in ``Result.runs``."""
    log = read_log(folder)
    last = log[["sampled_tokens", "entropy", "kl"]].astype(float).iloc[-1]  # distillation has no entropy of attempts
    return {
        "row": row, "stage": stage, "seed": seed, "base": board.base_of(row),
        "learning_rate": read_recipe(folder)["training"]["learning_rate"],
        "steps": len(log), "sampled_tokens": int(last["sampled_tokens"]), "others_tokens": others_tokens(log),
        "seconds": round(float(log[["sampling", "grading", "update"]].to_numpy().sum()), 1),
        "validation": final_validation(folder), "entropy": float(last["entropy"]), "kl": float(last["kl"]),
    }  # fmt: skip


def others_tokens(log: pd.DataFrame) -> int:
    """Tokens of a run that its policy did not write, or that somebody else scored; of supervised training, all."""
    if log["reward"].isna().all():
        return int(log["sampled_tokens"].iloc[-1])
    return int(sum(log[name].sum() for name in ("given_tokens", "teacher_tokens") if name in log))


def _evaluations(
    board: Scoreboard, rows: Collection[str], stages: dict[str, dict[tuple[str, int], Path]]
) -> Iterator[tuple[str, str, int, Evaluation]]:
    """(row, stage, seed, evaluation): the bases' draws first."""
    for base in dict.fromkeys([board.base, *map(board.base_of, rows)]):
        for number in range(board.null_draws + 1):
            draw = f"null-{number}" if number else REFERENCE
            yield base, "base", number, evaluate_held_out(board, base, draw)
    for name in board.beside:
        yield name, "beside", 0, evaluate_held_out(board, name)
    for stage, folders in stages.items():
        for (row, seed), folder in folders.items():
            yield row, stage, seed, evaluate_held_out(board, folder)


def _with_earlier_rows(new: Result, old: Result | None) -> Result:
    """The new result and the rows that only an earlier one has."""
    if old is None:
        return new
    tables = {}
    for name in ("outcomes", "runs", "tried", "modes"):
        ours, theirs = getattr(new, name), getattr(old, name)
        tables[name] = pd.concat([ours, theirs[~theirs["row"].isin(set(ours["row"]))]], ignore_index=True)
    rest = {name: getattr(new, name) for name in ("composition", "failures", "matched_level")}
    return Result(new.board, **tables, **rest)


def _read(path: Path) -> pd.DataFrame:
    table = as_written(pd.read_csv(path, dtype={"model": str, "grader": str}))
    if "first_correct" in table:
        table["first_correct"] = table["first_correct"].astype("Int64")
    return table


def mode_shares(evaluation: Evaluation, attempts: int = 16) -> pd.DataFrame:
    """Solution modes of the first attempts at every problem (as many at each, so that none weighs more).

    Args:
        evaluation: an evaluation on a miniature set.
        attempts: attempts per problem looked at; every problem has them after the plan's first round.

    Returns:
        name, mode, share, correct_share (both of all attempts looked at), in the order of the modes' shares.
    """
    table = evaluation.first_attempts(attempts)
    table = table.assign(mode=table["text"].map(mode_of), correct=table["verdict"] == Verdict.CORRECT)
    shares = table.groupby("mode").agg(share=("mode", "size"), correct_share=("correct", "sum")) / len(table)
    shares.insert(0, "name", evaluation.model.name)
    return shares.reset_index().sort_values("mode", ignore_index=True)[["name", "mode", "share", "correct_share"]]
