"""The study's three questions, answered in sentences from what was sampled: nothing here is written down beforehand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pandas as pd

from mathb_kit.judging import PERMUTED, UNIFORM, Judgement
from mathb_kit.results import StudyResults
from mathb_kit.sampling import NotStored
from mathb_kit.sentences import (
    gains_sentence,
    judgement_sentence,
    percent_with_interval,
    reach_with_interval,
    seeds_sentence,
    titles,
)
from mathb_kit.sentences.formats import intervals_of, points_with_interval


@dataclass(frozen=True)
class Finding:
    """One question of the study.

    Attributes:
        question: the question.
        conclusion: its answer in one line.
        sentences: the same with intervals.
        null: what would be seen if there were nothing to find.
        figure: name of the figure that shows it.
        table: the numbers behind it.
        asked_by: the paper's figure or table that asks the same, and the metrics of it that answer.
        more: the whole verdicts, where there are any.
    """

    question: str
    conclusion: str
    sentences: tuple[str, ...]
    null: str
    figure: str
    table: pd.DataFrame
    asked_by: tuple[str, ...]
    more: tuple[str, ...] = ()


def findings(results: StudyResults) -> list[Finding]:
    """The study's answers, as far as it asked and sampled."""
    answers = []
    for answer in (_saturation, _left_unsolved, _expansion):
        with suppress(NotStored):
            answers.append(answer(results))
    return answers


def _saturation(results: StudyResults) -> Finding:
    study, k, first = results.study, results.k, min(results.study.ks)
    ends = results.saturation[results.saturation["k"].isin([first, k])]
    curves = pd.concat([rows for _, rows in ends.groupby("set", sort=False)])  # set by set, as the sentences go
    few = "one attempt" if first == 1 else f"{first:,} attempts"
    sentences, who = [], "the base models solve" if len(study.bases) > 1 else f"{study.bases[0]} solves"
    for name, rows in curves.groupby("set", sort=False):
        one, last = (_lowest_to_highest(rows[rows["k"] == attempts]) for attempts in (first, k))
        sentences.append(f"On {name} {who} {one} of the problems with {few} and {last} with {k:,}.")
    sentences[-1] += f" In brackets 95 % intervals ({intervals_of(curves)})."
    return Finding(
        "Do base models saturate ordinary sets?", titles.finding_of(titles.saturation_title(results.saturation, "")),
        tuple(sentences), _guessed(results), "01_base_saturation", curves, ("Figure 1", "AIME 2024 pass@1024 (%)"),
    )  # fmt: skip


def _guessed(results: StudyResults) -> str:
    k = results.k
    try:
        chance = results.chance
    except NotStored:
        return "Null: what guessing is worth is not known here; notebook 01 samples the draw for it."
    uniform = chance[(chance["what"] == UNIFORM) & (chance["k"] == k)]
    if uniform.empty:
        return "Null: no gold is a whole number, so what guessing is worth is not known here."
    blind = " and ".join(f"{100 * row.estimate:.2g} % of {row.set}" for row in uniform.itertuples())
    said = (
        f"Null, no mathematics: uniform guessing among the numbers with as many digits as the gold would solve {blind} "
        f"with {k:,} attempts"
    )
    own = chance[chance["what"] == PERMUTED]
    if own.empty:
        return f"{said}."
    own = own[own["k"] == own["k"].max()]
    held = " and ".join(
        f"{percent_with_interval(row.estimate, row.low, row.high)} of {row.set}" for row in own.itertuples()
    )
    who = next(what for what in chance["what"] if what not in (UNIFORM, PERMUTED))
    return f"{said}; {who}'s answers, held against the golds of other problems, {held} with {own['k'].max():,}."


def _left_unsolved(results: StudyResults) -> Finding:
    hard, k, table = results.study.hard_set, results.k, results.retest
    sentences = [
        f"{row.model} had left {row.selected} problems of {hard} unsolved; a fresh draw of {k:,} attempts "
        f"solves {row.solved} of them, {percent_with_interval(row.share, row.low, row.high)}."
        for row in table.itertuples()
    ]
    return Finding(
        "What is left after the sieve, and is it impossible?", _solved_again(table), tuple(sentences),
        _foreseen(results), "02_funnel", table, ("Table 4", "problems", "unsolved"),
    )  # fmt: skip


def _solved_again(table: pd.DataFrame) -> str:
    """What fresh draws of the same frozen models solve of what they had left (selected, solved)."""
    if not table["solved"].any():
        return "A fresh draw of the same frozen models solves nothing of what they had left unsolved"
    counts = [f"{row.solved} of {row.selected}" for row in table.itertuples()]
    again = " and ".join([", ".join(counts[:-1]), counts[-1]] if len(counts) > 1 else counts)
    return f"Unsolved once is not impossible: fresh draws of the same frozen models solve {again} of what they had left"


def _foreseen(results: StudyResults) -> str:
    half = f"{results.k // 2:,}"
    try:
        rows = results.foreseen
    except NotStored:
        return "Null: what luck alone would do is not known here; notebook 02 samples the sieve's attempts."
    null = rows[["model", f"null at {half}", "null low", "null high"]].itertuples(index=False, name=None)
    more = ", ".join(f"{percent_with_interval(*rate)} for {name}" for name, *rate in null)
    foreseen = ", ".join(
        f"{row.predicted:.1f} ({row.low:.0f} to {row.high:.0f}) of the {row.selected} of {row.model}"
        for row in rows.itertuples()
    )
    return (
        f"Null, a frozen model and its luck, from the sieve's own attempts at all candidates: of what {half} attempts "
        f"miss, {half} more solve {more}. That foresees, of what the sieve left, {foreseen}."
    )


def _expansion(results: StudyResults) -> Finding:
    sentences, nulls, more = [], {}, []
    for tuned, judgement in results.judgements.items():
        base, gains, reached = judgement.base, results.gains[tuned], judgement.comparison.tuned_reach
        test = judgement.test
        sentences.append(
            f"{tuned} reaches {reach_with_interval(reached)}, of what {base} had left unsolved: tuned minus re-drawn "
            f"{points_with_interval(test.difference, test.low, test.high)}; problem by problem, beside the re-drawn "
            f"base: {gains['gained'].sum()} gained, {gains['lost'].sum()} lost."
        )
        nulls[base] = f"{_frozen_reach(judgement)}, for {base}"
        more.append(f"{judgement_sentence(judgement)} Problem by problem: {gains_sentence(gains)}.")
    sentences += [seeds_sentence(name, test) for name, test in results.seeds.items()]
    null = f"Null: a fresh draw of {results.k:,} attempts by the frozen base reaches {' and '.join(nulls.values())}."
    return Finding(
        "Do tuned models reach what their base does not?",
        titles.finding_of(titles.reached_title(results.beside_redrawn, "")), tuple(sentences), null, "03_expansion",
        results.reach, ("Table 2", "expansion (%)"), tuple(more),
    )  # fmt: skip


def _frozen_reach(judgement: Judgement) -> str:
    if len(judgement.nulls) == 1:
        return reach_with_interval(judgement.null.tuned_reach)
    counts = [len(each.tuned_reached) for each in judgement.nulls]
    return f"{', '.join(map(str, counts[:-1]))} and {counts[-1]} of {judgement.test.of} in {len(counts)} draws"


def _lowest_to_highest(rows: pd.DataFrame) -> str:
    ends = (rows.loc[rows["estimate"].idxmin()], rows.loc[rows["estimate"].idxmax()])
    shares = dict.fromkeys(percent_with_interval(row["estimate"], row["low"], row["high"]) for row in ends)
    return " to ".join(shares)
