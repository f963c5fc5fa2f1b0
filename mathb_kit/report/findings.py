"""The study's three questions, answered in sentences from what was sampled: nothing here is written down beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mathb_kit.construction import retested
from mathb_kit.evaluation import Evaluation
from mathb_kit.judging import PERMUTED, UNIFORM, judge
from mathb_kit.profiles import Profile
from mathb_kit.sentences import gains_sentence, judgement_sentence, percent_with_interval, reach_with_interval
from mathb_kit.statistics import pass_at_k_curve


@dataclass(frozen=True)
class Finding:
    """One question of the study.

    Attributes:
        question: the question.
        sentences: its answer, with intervals.
        null: what would be seen if there were nothing to find.
        figure: name of the figure that shows it.
        table: the numbers behind it.
        asked_by: the paper's figure or table that asks the same, and the metrics of it that answer.
        more: the whole verdicts, where there are any.
    """

    question: str
    sentences: tuple[str, ...]
    null: str
    figure: str
    table: pd.DataFrame
    asked_by: tuple[str, ...]
    more: tuple[str, ...] = ()


def findings(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation], figures: Path) -> list[Finding]:
    """What the study found, as far as it asked and sampled.

    Args:
        study: the profile.
        evaluations: by (model, set), as `study_evaluations` gives them.
        figures: folder with the figures' tables: chance and the sieve's own attempts come from there.
    """
    asked = (_saturation(study, evaluations, figures), _left_unsolved(study, evaluations, figures),
             _expansion(study, evaluations))  # fmt: skip
    return [found for found in asked if found]


def _saturation(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation], figures: Path) -> Finding | None:
    k = max(study.ks)
    tried = [(base, name) for name in study.sets for base in study.bases if (base, name) in evaluations]
    if not tried:
        return None
    curves = pass_at_k_curve(pd.concat([evaluations[pair].outcomes for pair in tried]), [1, k], by=["set", "name"])
    sentences, who = [], "the base models solve" if len(study.bases) > 1 else f"{study.bases[0]} solves"
    for name, rows in curves.groupby("set", sort=False):
        one, last = (_lowest_to_highest(rows[rows["k"] == attempts]) for attempts in (1, k))
        sentences.append(
            f"On {name} {who} {one} of the problems with one attempt and {last} with {k:,}."
        )
    sentences[-1] += f" In brackets 95 % intervals ({curves['interval'].iloc[0]})."
    return Finding(
        "Do base models saturate ordinary sets?", tuple(sentences), _guessed(figures, k), "01_base_saturation", curves,
        ("Figure 1", "AIME 2024 pass@1024 (%)"),
    )  # fmt: skip


def _guessed(figures: Path, k: int) -> str:
    chance = _table(figures / "01_chance.csv")
    if chance is None or k not in set(chance["k"]):
        return f"Null: what guessing is worth is not known here; notebook 01 writes {figures.name}/01_chance.csv."
    uniform = chance[(chance["what"] == UNIFORM) & (chance["k"] == k)]
    told = " and ".join(f"{100 * row.estimate:.2g} % of {row.set}" for row in uniform.itertuples())
    own = chance[chance["what"] == PERMUTED]
    own = own[own["k"] == own["k"].max()]
    held = " and ".join(
        f"{percent_with_interval(row.estimate, row.low, row.high)} of {row.set}" for row in own.itertuples()
    )
    who = next(what for what in chance["what"] if what not in (UNIFORM, PERMUTED))
    return (
        f"Null, no mathematics: uniform guessing among the numbers with as many digits as the gold would solve {told} "
        f"with {k:,} attempts; {who}'s answers, held against the golds of other problems, {held} with "
        f"{own['k'].max():,}."
    )


def _left_unsolved(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation], figures: Path) -> Finding | None:
    bases = [base for base in study.bases if (base, study.hard_set) in evaluations]
    if not bases:
        return None
    k, problems = max(study.ks), study.problems(study.hard_set)
    table = retested(problems, bases, {base: evaluations[base, study.hard_set].outcomes for base in bases}, k)
    sentences = [
        f"{row.model} had left {row.selected} problems of {study.hard_set} unsolved; a fresh draw of {k:,} attempts "
        f"solves {row.solved} of them, {percent_with_interval(row.share, row.low, row.high)}."
        for row in table.itertuples()
    ]
    return Finding(
        "What is left after the sieve, and is it impossible?", tuple(sentences), _foreseen(figures, k), "02_funnel",
        table, ("Table 4", "problems", "unsolved"),
    )  # fmt: skip


def _foreseen(figures: Path, k: int) -> str:
    rows, half = _table(figures / "02_foreseen.csv"), f"{k // 2:,}"
    if rows is None or f"null at {half}" not in rows:
        return f"Null: what luck alone would do is not known here; notebook 02 writes {figures.name}/02_foreseen.csv."
    null = rows[["model", f"null at {half}", "null low", "null high"]].itertuples(index=False, name=None)
    told = ", ".join(f"{percent_with_interval(*rate)} for {name}" for name, *rate in null)
    foreseen = ", ".join(
        f"{row.predicted:.1f} ({row.low:.0f} to {row.high:.0f}) of the {row.selected} of {row.model}"
        for row in rows.itertuples()
    )
    return (
        f"Null, a frozen model and its luck, from the sieve's own attempts at all candidates: of what {half} attempts "
        f"miss, {half} more solve {told}. That foresees, of what the sieve left, {foreseen}."
    )


def _expansion(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation]) -> Finding | None:
    hard, k = study.hard_set, max(study.ks)
    sentences, nulls, more, frames = [], {}, [], []
    for tuned, base in study.tuned.items():
        if (tuned, hard) not in evaluations or (base, hard) not in evaluations:
            continue
        judgement = judge(evaluations[tuned, hard], evaluations[base, hard], study.problems(hard), k)
        gains, reached = judgement.gains(), reach_with_interval(judgement.comparison.tuned_reach)
        sentences.append(
            f"{tuned} reaches {reached}, of what {base} had left unsolved; "
            f"problem by problem, beside the re-drawn base: {gains['gained'].sum()} gained, {gains['lost'].sum()} lost."
        )
        nulls[base] = f"{reach_with_interval(judgement.null.tuned_reach)}, for {base}"
        more.append(f"{judgement_sentence(judgement)} Problem by problem: {gains_sentence(gains)}.")
        frame = judgement.to_frame()
        frames.append(frame[frame["metric"] == "expansion"])
    if not frames:
        return None
    table = pd.concat(frames, ignore_index=True).drop_duplicates().drop(columns=["metric"])
    null = f"Null: a fresh draw of {k:,} attempts by the frozen base reaches {' and '.join(nulls.values())}."
    return Finding(
        "Do tuned models reach what their base does not?", tuple(sentences), null, "03_expansion", table,
        ("Table 2", "expansion (%)"), tuple(more),
    )  # fmt: skip


def _table(path: Path) -> pd.DataFrame | None:
    return pd.read_csv(path) if path.is_file() else None


def _lowest_to_highest(rows: pd.DataFrame) -> str:
    ends = (rows.loc[rows["estimate"].idxmin()], rows.loc[rows["estimate"].idxmax()])
    told = dict.fromkeys(percent_with_interval(row["estimate"], row["low"], row["high"]) for row in ends)
    return " to ".join(told)
