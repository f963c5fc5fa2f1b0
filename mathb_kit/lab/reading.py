"""Reading a scoreboard: its verdicts in sentences, what they can bear, and a row for an objective of your own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mathb_kit.lab.composition import BASE
from mathb_kit.lab.modes import mode_shares
from mathb_kit.lab.objectives import Objective
from mathb_kit.lab.result import Result, keyed, run_row
from mathb_kit.lab.run import train
from mathb_kit.lab.scoreboard import evaluate_held_out
from mathb_kit.lab.scores import against_yardstick, by_run, score_table
from mathb_kit.statistics import difference_over_runs, estimate_pass_at_k, reach
from mathb_kit.statistics.intervals import clopper_pearson

QUESTIONS = {"pass_1": "pass@1", "expansion": "Expansion", "shrinkage": "Shrinkage"}
"""What every row is asked beside a frozen base: column of `score_table` to its name."""


def sentences(result: Result, stage: str = "final") -> list[str]:
    """One sentence per row: what it gained at one attempt, what it reaches beyond a frozen base, what it lost.

    "More than" and "less than" are said only where the interval of the difference leaves out 0. Every row has three
    such chances to be wrong one time in twenty, so among eight rows one false word is to be expected.
    """
    lines = []
    for row in score_table(result, stage).to_dict("records"):
        gain = f"{row['pass_1']:+.3f} [{row['pass_1_low']:+.3f}, {row['pass_1_high']:+.3f}]"
        parts = []
        for what in ("expansion", "shrinkage"):
            count, null = (row[key] * row["problems"] for key in (what, f"{what}_null"))
            beyond = _word(row[f"{what}_beyond_low"], row[f"{what}_beyond_high"])
            parts.append(f"{what.capitalize()} {count:.1f} of {row['problems']}, {beyond} a frozen base ({null:.1f})")
        lines.append(f"{row['row']} ({row['seeds']} runs): pass@1 {gain}; {'; '.join(parts)}.")
    return lines


def yardstick_sentence(result: Result, row: str, stage: str = "final") -> str:
    """Whether a row reaches more than the yardstick, in words."""
    table = against_yardstick(result, stage).set_index("row")
    if row not in table.index:
        return f"{row} has no run at stage {stage!r}."
    line: dict[str, Any] = table.loc[row].to_dict()
    lines = [
        f"{label} {line[what]:+.3f} [{line[f'{what}_low']:+.3f}, {line[f'{what}_high']:+.3f}]"
        for what, label in (("reach", f"reach at k = {result.board.plan.n_max:,}"), ("pass_1", "pass@1"))
    ]
    word = _word(line["reach_low"], line["reach_high"])
    yardstick = result.board.yardstick
    return f"Reach of {row} ({stage}): {word} {yardstick}. Differences from {yardstick}: {'; '.join(lines)}."


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
                "difference": value, "low": low, "high": high, "word": _word(low, high),
                "word_all": _word(value - widen * (value - low), value + widen * (high - value)),
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


def limits(result: Result, stage: str = "final") -> list[str]:
    """What this board could not have seen, computed from its problems, seeds and draws alone."""
    table, runs = score_table(result, stage), by_run(result)
    problems, seeds = len(result.board.problems), len(result.board.seeds)
    draws = runs[(runs["row"] == result.board.base) & (runs["stage"] == "base")]
    known = round(draws.loc[draws["seed"] == 0, "reach"].iloc[0] * problems)
    fresh = (draws.loc[draws["seed"] > 0, "expansion"] * problems).round()
    null = fresh.mean() / problems
    least, most = fresh.min(), fresh.max()
    lines = [
        f"Room: the reference draw of {result.board.base} reaches {known} of {problems} problems, so nobody can expand "
        f"by more than {problems - known} or shrink by more than {known}.",
        f"The null is a draw, too: fresh draws of the same frozen model expand by {least:.0f}"
        + (f" to {most:.0f}" if most > least else "")
        + f" problems, {fresh.mean():.1f} on average. All rows share the one reference draw and its luck.",
        f"Problems: even if that null were known, the Clopper-Pearson interval of an Expansion leaves it out only from "
        f"{smallest_visible(problems, null)} of {problems} problems on; more seeds do not change that.",
    ]
    shows = comparisons(result, stage).groupby("question", sort=False)[["shows_half", "shows_mostly"]].median()
    for column, question in QUESTIONS.items():
        half, mostly = shows.loc[question]
        unit = "" if column == "pass_1" else f" ({half * problems:.1f} and {mostly * problems:.1f} problems)"
        lines.append(f"{question}: in the middle of the rows, an effect of {half:.3f} would show in one such board of "
                    f"two, one of {mostly:.3f} in four of five{unit}.")  # fmt: skip
    factor = few_runs_factor(seeds)
    lines.append(
        f"Seeds: a bootstrap over {seeds} runs is too narrow; were seeds all that varies, its interval would have to "
        f"be {factor:.1f} times as wide."
        if seeds > 1
        else "Seeds: with one run of each row nothing is known of what another seed would do."
    )
    count = len(table) * len(QUESTIONS)
    lines.append(
        f"Comparisons: {len(table)} rows and {len(QUESTIONS)} questions are {count} words; if no row differed from a "
        f"frozen base, {0.05 * count:.1f} of them would be wrong on average. For all to be right at once, intervals "
        f"would have to be {simultaneous_factor(count):.1f} times as wide."
    )
    return lines


def verdicts_sentence(result: Result, stage: str = "final") -> str:
    """Which words of the board stand, and which of them are left when all are to be right at once, and over seeds."""
    table = comparisons(result, stage)
    apart = table[table["word"] != _word(-1, 1)]
    if apart.empty:
        return f"None of {len(table)} comparisons with a frozen base is told apart."
    over_seeds = apart["word_seeds"].where(apart["word_seeds"] != "", apart["word"])
    firm = apart[(apart["word_all"] == apart["word"]) & (over_seeds == apart["word"])]
    named = [f"{line['question']} of {line['row']} ({line['word'].split()[0]})" for line in firm.to_dict("records")]
    left = f"these are left: {'; '.join(named)}" if named else "none is left"
    return (
        f"{len(apart)} of {len(table)} comparisons say more or less than a frozen base. If all are to be right at "
        f"once, and the runs alone, where there are several, are to say the same, {left}."
    )


def matched_sentence(result: Result) -> str:
    """How many runs of each row got to the matched level."""
    final, matched = (score_table(result, stage) for stage in ("final", "matched"))
    got = {} if matched.empty else matched.set_index("row")["seeds"].to_dict()
    trained = final[~final["row"].isin(result.board.beside)]
    lines = [f"{row} {got.get(row, 0)} of {seeds}" for row, seeds in zip(trained["row"], trained["seeds"])]
    return f"Runs that reached validation reward {result.matched_level:.3f}: {', '.join(lines)}."


def distillation_sentence(result: Result) -> str:
    """Whether distillation within the budget can serve as the upper end of the scale."""
    board, table = result.board, score_table(result).set_index("row")
    rows = [row for row in table.index if row in board.rows and board.rows[row].objective == "distillation"]
    top = [name for name in board.beside if name in table.index]
    if not rows or not top:
        return "This board has no distillation beside a model that was distilled with more tokens."
    row, name = rows[0], top[0]
    lines = []
    for each in (row, name):
        line = table.loc[each]
        beyond = _word(line["expansion_beyond_low"], line["expansion_beyond_high"])
        count = line["expansion"] * line["problems"]
        gain = f"pass@1 {line['pass_1']:+.3f}"
        lines.append(f"Expansion {count:.1f} of {line['problems']}, {beyond} a frozen base, {gain}")
    return (
        f"{row}, with the budget of everybody ({board.tokens:,} tokens): {lines[0]}. {name}, distilled with far more: "
        f"{lines[1]}. The latter is the upper end of the scale; what the former lacks, it may lack for want of tokens."
    )


def composition_sentences(result: Result) -> list[str]:
    """Whether RL expands in the world that was made for it, row by row, beside the fresh draws of its base."""
    k, table = result.board.plan.n_max, result.composition
    problems = sorted(table.loc[table["row"] == BASE, "problem"].unique())

    def reached(rows: pd.DataFrame) -> np.ndarray:
        solved = [reach(run, k) for _, run in rows.groupby("seed")]
        return np.array([[float(problem in each) for problem in problems] for each in solved])

    base = reached(table[(table["row"] == BASE) & (table["seed"] > 0)])
    lines = []
    for row in [row for row in table["row"].unique() if row != BASE]:
        ours = table[table["row"] == row]
        values = reached(ours)
        value, low, high = difference_over_runs(values, base)
        pass_1 = estimate_pass_at_k(ours, [1])["estimate"].mean()
        lines.append(
            f"{row} ({len(values)} runs) reaches {values.sum(1).mean():.1f} of {len(problems)} problems of "
            f"{result.board.composition.parts} steps, a frozen base {base.sum(1).mean():.1f}: {_word(low, high)} it, "
            f"{value:+.2f} [{low:+.2f}, {high:+.2f}] of all; pass@1 {pass_1:.4f}."
        )
    return lines


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


def _word(low: float, high: float) -> str:
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
    return _word(difference - margin, difference + margin)


def _code(loss: Any) -> str:
    """Something that changes with what a loss computes: its byte code and constants, a partial's arguments with it."""
    keywords = getattr(loss, "keywords", {})
    code = getattr(getattr(loss, "func", loss), "__code__", None)
    return f"{keywords} {code.co_code!r} {code.co_names} {code.co_consts}" if code else repr(loss)
