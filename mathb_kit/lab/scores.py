"""What came out of the scoreboard: every row judged beside a frozen base.

Expansion and Shrinkage are the paper's, on all held-out problems and against one draw of the base (draw ``selection``):
problems that a run reaches in k attempts and that draw does not, and the other way round. Fresh draws of the base,
held against the same draw, are the null: what a model that did not learn anything shows.

Whether a row expands is asked of the problems that the reference draw left unsolved (D), by the exact test of
`mathb_kit.statistics.redraws`: if training changed nothing, runs and fresh draws reach them alike. That is the question
`mathb_kit.lab.board_power` plans for. The intervals (bootstrap over problems and runs) say how large a difference may
be, for other problems and seeds; they are the more cautious of the two.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.lab.result import Result
from mathb_kit.statistics import difference_over_runs, estimate_pass_at_k, reach
from mathb_kit.statistics.intervals import clopper_pearson
from mathb_kit.statistics.redraws import exchangeable_test

STAGES = ("final", "matched")
INTERVAL = "bootstrap over problems and seeds, percentiles"


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
        two also the null's rate, the difference from it with an interval, and ``_p`` of the exact test, on the problems
        that the reference draw left unsolved or solved.
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
        known = _known(arms["reference"], result)
        for what, at in (("expansion", ~known), ("shrinkage", known)):
            row[f"{what}_p"] = exchangeable_test(ours["reach"][:, at], base["reach"][:, at])
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


def _known(reference: pd.DataFrame, result: Result) -> np.ndarray:
    """Which problems, in `_matrices`' order, the reference draw solves."""
    solved = reach(reference, result.board.plan.n_max)
    return np.array([problem in solved for problem in sorted(reference["problem"])])


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
