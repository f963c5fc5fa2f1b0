"""Reading a scoreboard: what its comparisons can bear, and a row for an objective of your own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mathb_kit.lab.objectives import Objective
from mathb_kit.lab.result import Result, keyed, mode_shares, run_row
from mathb_kit.lab.run import train
from mathb_kit.lab.scoreboard import evaluate_held_out
from mathb_kit.lab.scores import by_run, score_table
from mathb_kit.statistics.intervals import clopper_pearson

QUESTIONS = {"pass_1": "pass@1", "expansion": "Expansion", "shrinkage": "Shrinkage"}
"""What every row is asked beside a frozen base: column of `score_table` to its name."""


def comparisons(result: Result, stage: str = "final") -> pd.DataFrame:
    """Every row beside a frozen base on three questions, and how much each verdict can bear.

    Returns:
        row, question, seeds, k, difference, low, high; ``word``: what the interval says; ``word_all``: what is left of
        it when all comparisons of the board are to be right at once (`simultaneous_factor`); ``word_seeds``: what the
        runs alone say, on these very problems (Welch's t; empty where there is one run or no spread); ``shows_half``
        and ``shows_mostly``: the effect that such an interval leaves out 0 for in one of two boards, and in four of
        five (`visible_effect`).
    """
    table, runs = score_table(result, stage), by_run(result)
    widen, rows = simultaneous_factor(len(table) * len(QUESTIONS)), []
    for line in table.to_dict("records"):
        ours = runs[(runs["row"] == line["row"]) & runs["stage"].isin([stage, "beside"])]
        base = runs[(runs["row"] == result.board.base_of(line["row"])) & (runs["stage"] == "base") & (runs["seed"] > 0)]
        for column, question in QUESTIONS.items():
            of = column if column == "pass_1" else f"{column}_beyond"
            value, low, high = line[of], line[f"{of}_low"], line[f"{of}_high"]
            shown = visible_effect(line["problems"] if column != "pass_1" else None, value, (high - low) / 2)
            rows.append({
                "row": line["row"], "question": question, "seeds": line["seeds"], "k": result.board.plan.n_max,
                "difference": value, "low": low, "high": high, "word": compared(low, high),
                "word_all": compared(value - widen * (value - low), value + widen * (high - value)),
                "word_seeds": _word_of_runs(ours[column].to_numpy(), base[column].to_numpy()),
                "shows_half": shown[0], "shows_mostly": shown[1],
            })  # fmt: skip
    return pd.DataFrame(rows)


def visible_effect(problems: int | None, value: float, half: float) -> tuple[float, float]:
    """Effects that an interval over problems leaves out 0 for in one board of two, and in four of five.

    An effect widens the interval that is to show it: that of a row that differs from a frozen base in d of the problems
    has a variance of d (1 - d) / problems more than that of one that does not. So the effect solves d = 1.96 times the
    error with it, plus 0.84 errors of the runs for four of five. (Without that term +3 problems seemed to show in one
    board of two, where simulated boards of 60 problems show them in one of eight.)

    Args:
        problems: of the board, for questions on which a problem counts or does not; None for a mean of rates, where
            nobody knows how many problems an effect is spread over, so that it is 1.96 and 2.80 errors as they are.
        value: the difference that was seen.
        half: half the width of its interval.
    """
    from scipy.optimize import brentq

    error = half / 1.96
    if problems is None:
        return half, 2.80 * error
    alone = np.sqrt(max(0.0, error**2 - abs(value) * (1 - abs(value)) / problems))

    def effect(power: float) -> float:
        def lacks(d: float) -> float:
            return d - 1.96 * np.sqrt(alone**2 + d * (1 - d) / problems) - power * alone

        return float(brentq(lacks, 1e-9, 1.0)) if lacks(1.0) > 0 else 1.0

    return effect(0.0), effect(0.84)


def simultaneous_factor(count: int) -> float:
    """How much wider so many 95 % intervals must be for all to hold at once (Bonferroni, normal)."""
    from scipy.stats import norm

    return float(norm.isf(0.025 / count) / norm.isf(0.025))


def few_runs_factor(runs: int) -> float:
    """How much too narrow a percentile bootstrap over so few runs is, were runs the only thing that varies.

    It resamples with the spread of the sample, a factor sqrt((n-1)/n) too small, and reads off what is a normal
    quantile, where Student's t with n-1 degrees of freedom is due. Infinite for one run: it says nothing of others.
    """
    from scipy.stats import norm, t

    return float(np.sqrt(runs / (runs - 1)) * t.isf(0.025, runs - 1) / norm.isf(0.025)) if runs > 1 else float("inf")


def smallest_visible(problems: int, null: float) -> int:
    """The fewest of so many problems whose Clopper-Pearson interval lies above a rate; more than all if none does."""
    lows = clopper_pearson(np.arange(problems + 1), problems)[0]
    return int(np.argmax(lows > null)) if (lows > null).any() else problems + 1


def with_objective(
    result: Result, objective: Objective, *, learning_rate: float = 1e-3, seed: int = 1, **choices: Any
) -> Result:
    """The scoreboard with one more row: an objective of your own, under one seed and a learning rate that nobody tuned.

    Nothing is saved. A finished run of the very same loss is read, a changed loss is trained anew.

    Args:
        result: a scoreboard; its budget, problems and base are used.
        objective: e.g. ``Objective("mine", loss)``.
        learning_rate: of the run.
        seed: of the run.
        choices: further arguments of `mathb_kit.lab.run.train`, e.g. ``prompts`` and ``group``.
    """
    board = result.board
    text = "\n".join(str(each) for each in (_code(objective.loss), objective, learning_rate, sorted(choices.items())))
    stem = f"own-{objective.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}-{seed}"
    options = {"prompts": board.prompts, "group": board.group, "validate": board.validate_every} | choices
    folder: Path = train(
        objective, board.base, tokens=board.tokens, on=board.on, to=board.folder / "runs" / stem, seed=seed,
        learning_rate=learning_rate, **options,
    )  # fmt: skip
    evaluation = evaluate_held_out(board, folder)
    more = {
        "outcomes": keyed(evaluation.outcomes, objective.name, "final", seed),
        "modes": keyed(mode_shares(evaluation, board.plan.rounds[0]), objective.name, "final", seed),
        "runs": pd.DataFrame([run_row(board, objective.name, "final", seed, folder)]),
    }
    tables = {}
    for name, table in more.items():
        others = getattr(result, name)
        tables[name] = pd.concat([others[others["row"] != objective.name], table], ignore_index=True)
    return replace(result, **tables)


def compared(low: float, high: float) -> str:
    """What an interval of a difference says."""
    return "more than" if low > 0 else "less than" if high < 0 else "not told apart from"


def _word_of_runs(ours: np.ndarray, theirs: np.ndarray) -> str:
    """By Welch's interval; nothing where runs are single or all alike."""
    from scipy.stats import t

    if min(len(ours), len(theirs)) < 2 or max(np.ptp(ours), np.ptp(theirs)) < 1e-9:
        return ""
    # Not by scipy's own test, which warns where one side is all alike, as counts of few problems often are.
    parts = np.array([each.var(ddof=1) / len(each) for each in (ours, theirs)])
    freedom = parts.sum() ** 2 / (parts**2 / [len(ours) - 1, len(theirs) - 1]).sum()
    margin = t.isf(0.025, freedom) * np.sqrt(parts.sum())
    difference = ours.mean() - theirs.mean()
    return compared(difference - margin, difference + margin)


def _code(loss: Any) -> str:
    """Something that changes with what a loss computes: its byte code and constants, a partial's arguments with it."""
    keywords = getattr(loss, "keywords", {})
    code = getattr(getattr(loss, "func", loss), "__code__", None)
    return f"{keywords} {code.co_code!r} {code.co_names} {code.co_consts}" if code else repr(loss)
