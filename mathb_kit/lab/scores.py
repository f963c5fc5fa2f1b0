"""What came out of the scoreboard: run it, keep it, and judge every row beside a frozen base.

Expansion and Shrinkage are the paper's, on all held-out problems and against one draw of the base (draw ``selection``):
problems that a run reaches in k attempts and that draw does not, and the other way round. Fresh draws of the base,
held against the same draw, are the null: what a model that did not learn anything shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation
from mathb_kit.lab.composition import run_composition
from mathb_kit.lab.modes import mode_shares
from mathb_kit.lab.run_folder import read_log
from mathb_kit.lab.scoreboard import Bench, Scoreboard, evaluate_held_out, final_validation, load_scoreboard
from mathb_kit.provenance import checkout, provenance
from mathb_kit.statistics import difference_over_runs, estimate_pass_at_k, reach
from mathb_kit.statistics.intervals import clopper_pearson

REFERENCE = "selection"
STAGES = ("final", "matched")
INTERVAL = "bootstrap over problems and seeds, percentiles"
_TABLES = ("outcomes", "runs", "tried", "modes", "composition", "failures")


@dataclass(frozen=True, eq=False)  # each its own, so that tables made from it can be kept
class Result:
    """The tables of a scoreboard.

    Attributes:
        board: the declared settings.
        outcomes: row, stage (``base``: draws of a base, the reference first; ``final``; ``matched``; ``beside``), seed,
            and an outcome's columns: one line per problem.
        runs: row, stage, seed, base, learning_rate, steps, sampled_tokens, seconds, validation, entropy, kl.
        tried: every learning rate tried: row, learning_rate, seed, validation, chosen.
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
        """Where its figures go: ``figures/scoreboard/`` of the checkout for the default rows of the full board."""
        root, declared = checkout(), set(self.tried["row"]) == set(self.board.default_rows)
        return root / "figures" / "scoreboard" if root and declared and self.is_full else self.board.folder / "figures"

    @property
    def is_full(self) -> bool:
        """Whether this is the full board, not the quick one whose numbers mean nothing."""
        return self.board.name == "scoreboard"

    def save(self) -> Path:
        """Write every table as CSV, and the settings with provenance; returns the folder."""
        folder = self.board.folder / "result"
        folder.mkdir(parents=True, exist_ok=True)
        for name in _TABLES:
            getattr(self, name).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
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
    report = json.loads((folder / "result.json").read_text(encoding="utf-8"))
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
    tried = bench.tried()
    rates = tried[tried["chosen"]].set_index("row")["learning_rate"].to_dict()
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
    result.save()
    return result


def finished_or_quick(quick: bool = False, only: Collection[str] = ()) -> Result:
    """The full scoreboard where one was finished, else the quick one, run now if need be (some minutes)."""
    if not quick and (result := read_result(load_scoreboard())):
        return result
    board = load_scoreboard(quick=True)
    return read_result(board) or run_scoreboard(board, only)


def _made_once(make: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """For tables that take a second and that a reader of the board asks for again and again; each call gets a copy."""
    made = lru_cache(maxsize=8)(make)

    @wraps(make)
    def copied(*arguments: Any, **options: Any) -> pd.DataFrame:
        return made(*arguments, **options).copy()

    return copied


@_made_once
def score_table(result: Result, stage: str = "final") -> pd.DataFrame:
    """Every row beside the frozen base.

    Args:
        result: of `run_scoreboard`.
        stage: ``final`` (the same budget) or ``matched`` (the same validation reward).

    Returns:
        row, seeds, then for each of pass_1 and reach (gains over the fresh draws of the base), expansion and
        shrinkage (rates over all problems): its value, its interval (``_low``, ``_high``); for the last
        two also the null's rate and the difference from it with an interval.
    """
    rows = []
    for name, table in _runs_at(result, stage):
        arms = _arms(result, name)
        ours = _matrices(table, arms["reference"], result.board.plan.n_max)
        base = _matrices(arms["fresh"], arms["reference"], result.board.plan.n_max)
        row: dict[str, object] = {"row": name, "seeds": len(ours["reach"]), "problems": ours["reach"].shape[1]}
        for what in ("pass_1", "reach"):
            row |= _difference(what, ours[what], base[what])
        for what in ("expansion", "shrinkage"):
            rate, null = ours[what].mean(), base[what].mean()
            # Seeds meet the same problems, so they add no problems: the interval counts each problem once.
            low, high = clopper_pearson(rate * row["problems"], row["problems"])
            row |= {what: rate, f"{what}_low": float(low), f"{what}_high": float(high), f"{what}_null": null}
            row |= _difference(f"{what}_beyond", ours[what], base[what])
        rows.append(row)
    return pd.DataFrame(rows).assign(interval=INTERVAL)


def against_yardstick(result: Result, stage: str = "final") -> pd.DataFrame:
    """Every row minus the yardstick, paired by problem.

    Returns:
        row, seeds, then pass_1, reach, expansion and shrinkage: difference, ``_low``, ``_high``.
    """
    runs, k = dict(_runs_at(result, stage)), result.board.plan.n_max
    yardstick = result.board.yardstick
    if yardstick not in runs:
        raise MathbError(f"The scoreboard has no runs of {yardstick} at stage {stage!r} to compare with.")
    rows = []
    for name in runs:
        if name == yardstick or result.board.base_of(name) != result.board.base:
            continue
        reference = _arms(result, name)["reference"]
        ours, theirs = (_matrices(runs[each], reference, k) for each in (name, yardstick))
        row: dict[str, object] = {"row": name, "seeds": len(ours["reach"])}
        for what in ("pass_1", "reach", "expansion", "shrinkage"):
            row |= _difference(what, ours[what], theirs[what])
        rows.append(row)
    return pd.DataFrame(rows).assign(interval=INTERVAL)


@_made_once
def by_run(result: Result) -> pd.DataFrame:
    """One line per run and per draw of a base.

    Returns:
        row, stage, seed, pass_1, reach (share of problems reached in k attempts), expansion and shrinkage over the
        reference draw of its base (NaN for that draw itself).
    """
    k, rows = result.board.plan.n_max, []
    for (row, stage, seed), table in result.outcomes.groupby(["row", "stage", "seed"], sort=False):
        shown = _matrices(table, _arms(result, row)["reference"], k)
        means = {name: float(values.mean()) for name, values in shown.items()}
        if stage == "base" and seed == 0:
            means |= {"expansion": float("nan"), "shrinkage": float("nan")}
        rows.append({"row": row, "stage": stage, "seed": seed} | means)
    return pd.DataFrame(rows)


def _difference(name: str, ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """A difference of means and its interval, as columns of that name."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), difference_over_runs(ours, theirs)))


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
        "learning_rate": json.loads((folder / "recipe.json").read_text())["recipe"]["training"]["learning_rate"],
        "steps": len(log), "sampled_tokens": int(last["sampled_tokens"]),
        "seconds": round(float(log[["sampling", "grading", "update"]].to_numpy().sum()), 1),
        "validation": final_validation(folder), "entropy": float(last["entropy"]), "kl": float(last["kl"]),
    }  # fmt: skip


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


def _runs_at(result: Result, stage: str) -> list[tuple[str, pd.DataFrame]]:
    """(row, outcomes) at a stage, in the order of the board; what stands beside comes last."""
    if stage not in STAGES:
        raise MathbError(f"The scoreboard has the stages {', '.join(STAGES)}, not {stage!r}.")
    outcomes = result.outcomes[result.outcomes["stage"].isin([stage, *(["beside"] if stage == "final" else [])])]
    there = set(outcomes["row"])
    order = [*result.board.rows, *sorted(there - set(result.board.rows))]
    return [(name, outcomes[outcomes["row"] == name]) for name in order if name in there]


def _arms(result: Result, row: str) -> dict[str, pd.DataFrame]:
    """The reference draw and the fresh draws of a row's base; of a base, its own."""
    drawn = result.outcomes[result.outcomes["stage"] == "base"]
    base = row if row in set(drawn["row"]) else result.board.base_of(row)
    draws = drawn[drawn["row"] == base]
    return {"reference": draws[draws["seed"] == 0], "fresh": draws[draws["seed"] > 0]}


def _matrices(table: pd.DataFrame, reference: pd.DataFrame, k: int) -> dict[str, np.ndarray]:
    """Per run and problem: pass@1, and whether it is reached, newly reached, lost; each of shape (runs, problems)."""
    problems = sorted(reference["problem"])
    known = reach(reference, k)
    before = np.array([problem in known for problem in problems])
    pass_1, reached = [], []
    for _, run in table.groupby("seed", sort=True):
        estimates = estimate_pass_at_k(run, [1]).set_index("problem")["estimate"]
        solved = reach(run, k)
        pass_1.append([estimates[problem] for problem in problems])
        reached.append([problem in solved for problem in problems])
    after = np.array(reached)
    return {
        "pass_1": np.array(pass_1, dtype=float), "reach": after.astype(float),
        "expansion": (after & ~before).astype(float), "shrinkage": (~after & before).astype(float),
    }  # fmt: skip


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
    table = pd.read_csv(path, dtype={"model": str, "grader": str})
    if "first_correct" in table:
        table["first_correct"] = table["first_correct"].astype("Int64")
    return table
