"""A scoreboard of RL objectives in sentences: what its rows reach, and what it could not have seen."""

from __future__ import annotations

from typing import Any

from mathb_kit.lab.board import Scoreboard
from mathb_kit.lab.board_power import GAIN, board_power
from mathb_kit.lab.composition import beside_frozen
from mathb_kit.lab.reading import (
    QUESTIONS,
    compared,
    comparisons,
    few_runs_factor,
    simultaneous_factor,
    smallest_visible,
)
from mathb_kit.lab.result import Result
from mathb_kit.lab.scores import against_yardstick, by_run, score_table
from mathb_kit.sentences.formats import percent, signed_with_interval
from mathb_kit.statistics.redraws import ALPHA

ENDS = ("", "_low", "_high")
"""Endings of the three columns of a value with its interval."""


def scoreboard_sentences(result: Result, stage: str = "final") -> list[str]:
    """One sentence per row: what it gained at one attempt, what it reaches beyond a frozen base, what it lost.

    "More than" and "less than" are said only where the interval of the difference leaves out 0. Every row has three
    such chances to be wrong one time in twenty, so among eight rows one false word is to be expected.
    """
    lines = []
    for row in score_table(result, stage).to_dict("records"):
        gain = signed_with_interval(*(row[f"pass_1{end}"] for end in ENDS))
        parts = []
        for what in ("expansion", "shrinkage"):
            count, null = (row[key] * row["problems"] for key in (what, f"{what}_null"))
            beyond = compared(row[f"{what}_beyond_low"], row[f"{what}_beyond_high"])
            parts.append(f"{what.capitalize()} {count:.1f} of {row['problems']}, {beyond} a frozen base ({null:.1f})")
        lines.append(f"{row['row']} ({row['seeds']} runs): pass@1 {gain}; {'; '.join(parts)}.")
    return lines


def board_power_sentence(board: Scoreboard) -> str:
    """What a board can show and what it cannot, from its design and the base's pilot, before anything is sampled."""
    power = board_power(board)
    seeds, draws = len(board.seeds), board.null_draws
    shows = (
        f"one of {percent(power.shows)} in 80 %, so that a method which gains less mostly stays among what is not told "
        "apart"
        if power.shows == power.shows
        else "and no gain that there is room for in 80 %"
    )
    alone = f"one of {percent(power.one_run)}" if power.one_run == power.one_run else "none"
    return (
        f"What can be seen: of {power.problems} held-out problems the base's first draw should leave {power.unsolved} "
        f"unsolved in {board.plan.n_max:,} attempts (D), and a fresh draw of it reach {percent(power.frozen)} of D. "
        f"{seeds} {_plural('run', seeds)} beside {draws} {_plural('draw', draws)} show an Expansion of {percent(GAIN)} "
        f"of D in {percent(power.power)} of such boards, {shows}. One run alone shows {alone}. {percent(GAIN)} would "
        f"need a D of {power.needed:,}."
    )


def expands_sentences(result: Result, stage: str = "final") -> list[str]:
    """For each row: what it gains at one attempt, whether it reaches beyond the frozen base, and what would have shown.

    "Reaches more" and "fewer" are said where the exact test on the problems that the reference draw left unsolved falls
    below 5 %; "for all rows at once" where it falls below 5 % over the number of rows (Bonferroni).
    """
    table, told = score_table(result, stage), comparisons(result, stage)
    shows = told[told["question"] == QUESTIONS["expansion"]].set_index("row")["shows_mostly"]
    lines = []
    for row in table.to_dict("records"):
        gain = signed_with_interval(*(row[f"pass_1{end}"] for end in ENDS))
        more, p = row["expansion_beyond"] > 0, row["expansion_p"]
        word = ("reaches more" if more else "reaches fewer") if p < ALPHA else "is not told apart from"
        firm = ", for all rows at once" if p < ALPHA / len(table) else ""
        of = "than a frozen base" if p < ALPHA else "a frozen base"
        beyond = signed_with_interval(*(row[f"expansion_beyond{end}"] for end in ENDS))
        lines.append(
            f"{row['row']} ({row['seeds']} {_plural('run', row['seeds'])}): pass@1 {gain}; beyond what one draw of the "
            f"base solves it {word} {of}{firm} (p = {p:.2g}, {beyond} of all problems); an interval like this one "
            f"leaves out 0 in four of five boards from {shows[row['row']]:.3f} on."
        )
    return lines


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def yardstick_sentence(result: Result, row: str, stage: str = "final") -> str:
    """Whether a row reaches more than the yardstick, in words."""
    table = against_yardstick(result, stage).set_index("row")
    if row not in table.index:
        return f"{row} has no run at stage {stage!r}."
    line: dict[str, Any] = table.loc[row].to_dict()
    lines = [
        f"{label} {signed_with_interval(*(line[what + end] for end in ENDS))}"
        for what, label in (("reach", f"reach at k = {result.board.plan.n_max:,}"), ("pass_1", "pass@1"))
    ]
    word = compared(line["reach_low"], line["reach_high"])
    yardstick = result.board.yardstick
    return f"Reach of {row} ({stage}): {word} {yardstick}. Differences from {yardstick}: {'; '.join(lines)}."


def limits_sentences(result: Result, stage: str = "final") -> list[str]:
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
    apart = table[table["word"] != compared(-1, 1)]
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
    """How many of the runs that are matched got to the level, row by row."""
    seeds = len(result.board.matched_seeds)
    final, matched = (score_table(result, stage) for stage in ("final", "matched"))
    got = {} if matched.empty else matched.set_index("row")["seeds"].to_dict()
    trained = final[~final["row"].isin(result.board.beside)]
    lines = [f"{row} {got.get(row, 0)} of {seeds}" for row in trained["row"]]
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
        beyond = compared(line["expansion_beyond_low"], line["expansion_beyond_high"])
        count = line["expansion"] * line["problems"]
        gain = f"pass@1 {line['pass_1']:+.3f}"
        lines.append(f"Expansion {count:.1f} of {line['problems']}, {beyond} a frozen base, {gain}")
    return (
        f"{row}, with the budget of everybody ({board.tokens:,} tokens): {lines[0]}. {name}, distilled with far more: "
        f"{lines[1]}. The latter is the upper end of the scale; what the former lacks, it may lack for want of tokens."
    )


def composition_sentences(result: Result) -> list[str]:
    """Whether RL expands in the world that was made for it, row by row, beside the fresh draws of its base."""
    table = beside_frozen(result.composition, result.board.plan.n_max)
    return [
        f"World {line.world}: {line.row} ({line.runs} runs) reaches {line.reached:.1f} of {line.problems} problems of "
        f"{result.board.composition.parts} steps, a frozen base {line.base_reached:.1f}: "
        f"{compared(line.low, line.high)} it, {signed_with_interval(line.difference, line.low, line.high, digits=2)} "
        f"of all; pass@1 {line.pass_1:.4f}."
        for line in table.itertuples()
    ]
