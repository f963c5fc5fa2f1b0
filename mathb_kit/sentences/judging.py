"""What a tuned model reaches beside its base and a re-drawn base, as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mathb_kit.sentences.formats import percent_with_interval, points_with_interval
from mathb_kit.statistics import Rate, ReachComparison, RedrawTest, beside_redraws
from mathb_kit.statistics.gains import POWER

if TYPE_CHECKING:
    from mathb_kit.judging import CheckpointJudgement, Judgement
    from mathb_kit.results import StudyResults


def judgement_sentence(judgement: Judgement) -> str:
    """The verdict on a tuned model, as a plain sentence."""
    k, verdict = judgement.comparison.k, verdict_sentence(judgement.comparison, *judgement.nulls)
    return f"{judgement.tuned} on what {judgement.base} did not solve of {judgement.on}, k = {k:,}: {verdict}."


def checkpoint_sentences(judged: CheckpointJudgement) -> tuple[str, str]:
    """The verdict on the set, and on its problems one by one."""
    return judgement_sentence(judged.judgement), f"Problem by problem: {gains_sentence(judged.gains)}."


def verdict_sentence(comparison: ReachComparison, *nulls: ReachComparison) -> str:
    """The tuned model's reach beside that of re-drawn bases, the difference, and whether the two can be told apart.

    Where they cannot (at 5 %), the sentence says what could have been: how many problems reached only with tuning would
    have been needed.

    Args:
        comparison: base against tuned.
        nulls: the same base draw against fresh draws of the base, on the same D and k.

    Raises:
        MathbError: comparisons that do not belong together, or a null that re-uses the draw that chose D.
    """
    test = beside_redraws([comparison], nulls)
    if not comparison.problems:
        return "there is nothing to reach: the problem set is empty"
    outcome = "not distinguishable"
    if test.distinguishable:
        outcome = f"distinguishable, {'more' if test.more else 'fewer'}"
    detectable = "" if test.distinguishable else f"; {_detectable(test)}"
    if test.redraws == 1:
        null = f"a re-drawn base reaches {reach_with_interval(nulls[0].tuned_reach)}"
        how, by = "exact McNemar test", "the re-drawn base"
    else:
        null = f"{test.redraws} draws of the frozen base reach {mean_count(test)}"
        how, by = f"exact test against {test.redraws} re-draws", "re-draws"
    return (
        f"reached {reach_with_interval(comparison.tuned_reach)}; {null}; tuned minus re-drawn "
        f"{points_with_interval(test.difference, test.low, test.high)}: {outcome} "
        f"({how}, {test.only_tuned} problems only with tuning and {test.only_redrawn} only by {by}, p = {test.p:.2g}"
        f"{detectable}; 95 % intervals: problems as a sample, {comparison.method} and for the difference t)"
    )


def seeds_sentence(name: str, test: RedrawTest) -> str:
    """Seeds of one recipe at once: their mean reach beside that of the re-draws, for these seeds and for others."""
    outcome = "not distinguishable from a frozen base"
    if test.distinguishable:
        outcome = "more than a frozen base" if test.more else "less than a frozen base"
    return (
        f"{name}, {test.seeds} seeds: {test.tuned:.1f} of {test.of} reached on average, {mean_count(test)} by the "
        f"frozen base; tuned minus re-drawn {points_with_interval(test.difference, test.low, test.high)} for these "
        f"seeds, {100 * test.seeds_low:+.1f} to {100 * test.seeds_high:+.1f} for other seeds of the recipe: {outcome} "
        f"(exact test of all draws, p = {test.p:.2g}; 95 % intervals, problems as a sample)."
    )


def power_sentences(power: pd.DataFrame) -> list[str]:
    """What each comparison could have seen: its chances for some gains (``StudyResults.power``)."""
    lines = []
    for who, rows in power.groupby("who", sort=False):
        at = rows.set_index("expansion")["power"]
        shown = [f"{100 * gain:.0f} points in {100 * at[gain]:.0f} %" for gain in (0.05, 0.1, 0.2) if at.notna()[gain]]
        lines.append(f"Could have been seen with {who}: a gain in Expansion of {', of '.join(shown)} of such studies.")
    return lines


def beside_redrawn_sentences(results: StudyResults) -> list[str]:
    """Of every tuned model, of every recipe's seeds at once, and what each comparison could have seen."""
    models = [judgement_sentence(judgement) for judgement in results.judgements.values()]
    recipes = [seeds_sentence(name, test) for name, test in results.seeds.items()]
    return [*models, *recipes, *power_sentences(results.power)]


def gains_sentence(table: pd.DataFrame) -> str:
    """How many problems were gained and lost, and what gain would have shown where the base did worst.

    Args:
        table: from ``gains_by_problem``.
    """
    tests = " or ".join(table["test"].unique())
    counts = (
        f"{int(table['gained'].sum())} of {len(table)} problems gained and {int(table['lost'].sum())} lost "
        f"({tests}, Benjamini-Hochberg over problems)"
    )
    worst = table.loc[(table["base_c"] / table["base_n"]).idxmin()]
    seen = f"against {worst['base_c']:,} of {worst['base_n']:,} by the base"
    if pd.isna(worst["detectable_c"]):
        return f"{counts}; {seen} no result would have shown a gain"
    return (
        f"{counts}; {seen} the lowest rate named a gain would be {worst['detectable_c']:,} of "
        f"{worst['detectable_n']:,}, and with {100 * POWER:.0f} % power a gain shows from a success rate of "
        f"{100 * worst['detectable_rate']:.2g} %"
    )


def at_least_sentence(table: pd.DataFrame) -> str:
    """Reach by one correct attempt and by the most that can be asked for (tuned_model, m, of, tuned, base)."""
    top, counts = table["m"].max(), []
    for name, rows in table.groupby("tuned_model", sort=False):
        ms = rows.set_index("m")[["tuned", "base", "of"]]
        counts.append(
            f"{name} {ms['tuned'][1]} and {ms['tuned'][top]} of {ms['of'][1]} (re-drawn base {ms['base'][1]} and "
            f"{ms['base'][top]})"
        )
    return f"Reached with at least 1 and at least {top} correct attempts: {'; '.join(counts)}."


def reach_with_interval(rate: Rate) -> str:
    """``3 of 31, 9.7 % (2.0 to 25.8)``."""
    return f"{rate.count} of {rate.of}, {percent_with_interval(rate.rate, rate.low, rate.high)}"


def mean_count(test: RedrawTest) -> str:
    """``2``, or the mean of several draws: ``5.25 on average of 4 draws``."""
    return f"{test.redrawn:g}" if test.redraws == 1 else f"{test.redrawn:.4g} on average of {test.redraws} draws"


def _detectable(test: RedrawTest) -> str:
    beyond = "" if test.possible else ", which this set is too small for"
    return f"{test.needed} only with tuning would have been needed beside these {test.only_redrawn}{beyond}"
