"""The study's three questions, answered in sentences from what was sampled: nothing here is written down beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from mathb_kit.construction import retested
from mathb_kit.evaluation import Evaluation
from mathb_kit.judgement import judge
from mathb_kit.profiles import Profile
from mathb_kit.statistics import gains_sentence, pass_at_k_curve


@dataclass(frozen=True)
class Finding:
    """One question of the study: its answer, the figure that shows it, and the table behind the answer."""

    question: str
    sentences: tuple[str, ...]
    figure: str
    table: pd.DataFrame


def findings(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation]) -> list[Finding]:
    """What the study found, as far as it asked and sampled.

    Args:
        study: the profile.
        evaluations: by (model, set), as `study_evaluations` gives them.
    """
    questions = (_saturation, _left_unsolved, _expansion)
    return [found for ask in questions if (found := ask(study, evaluations))]


def _saturation(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation]) -> Finding | None:
    k = max(study.ks)
    tried = [(base, name) for name in study.sets for base in study.bases if (base, name) in evaluations]
    if not tried:
        return None
    curves = pass_at_k_curve(pd.concat([evaluations[pair].outcomes for pair in tried]), [1, k], by=["set", "name"])
    sentences = []
    for name, rows in curves.groupby("set", sort=False):
        one, last = rows.loc[rows["k"] == 1, "estimate"], rows.loc[rows["k"] == k, "estimate"]
        sentences.append(
            f"On {name} the base models solve {_range(one)} of the problems with one attempt and {_range(last)} with "
            f"{k:,}."
        )
    return Finding("Do base models saturate ordinary sets?", tuple(sentences), "01_base_saturation", curves)


def _left_unsolved(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation]) -> Finding | None:
    bases = [base for base in study.bases if (base, study.hard_set) in evaluations]
    if not bases:
        return None
    k, problems = max(study.ks), study.problems(study.hard_set)
    table = retested(problems, bases, {base: evaluations[base, study.hard_set].outcomes for base in bases}, k)
    sentences = [
        f"{row.model} had left {row.selected} problems of {study.hard_set} unsolved; a fresh draw of {k:,} attempts "
        f"solves {row.solved} of them ({row.share:.1%}, {row.low:.1%} to {row.high:.1%})."
        for row in table.itertuples()
    ]
    return Finding("What is left after the sieve, and is it impossible?", tuple(sentences), "02_funnel", table)


def _expansion(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation]) -> Finding | None:
    hard, k = study.hard_set, max(study.ks)
    sentences, frames = [], []
    for tuned, base in study.tuned.items():
        if (tuned, hard) not in evaluations or (base, hard) not in evaluations:
            continue
        judgement = judge(evaluations[tuned, hard], evaluations[base, hard], study.problems(hard), k)
        gained = gains_sentence(judgement.gains()).split(";")[0]
        sentences.append(f"{judgement.sentence} Problem by problem: {gained}.")
        frame = judgement.to_frame()
        frames.append(frame[frame["metric"] == "expansion"])
    if not frames:
        return None
    table = pd.concat(frames, ignore_index=True).drop_duplicates().drop(columns=["metric"])
    return Finding("Do tuned models reach what their base does not?", tuple(sentences), "03_expansion", table)


def _range(values: pd.Series) -> str:
    low, high = f"{values.min():.0%}", f"{values.max():.0%}"
    return low if low == high else f"{low} to {high}"
