"""What tells sharpening from expansion beyond one k.

A rescaled base, what became of the base's reach, how many attempts of the base a tuned model's are worth, gains from
nothing, and how its answers are spread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mathb_kit.judging.judgement import Judgement
from mathb_kit.outcomes import answer_counts
from mathb_kit.plan import Plan
from mathb_kit.statistics import (
    SharpeningNull,
    base_equivalent_k,
    rescaling_power,
    sharpening_null,
    sharpening_of_pair,
    spread_difference,
    support_dynamics,
)
from mathb_kit.statistics.adaptive import estimates_by_problem
from mathb_kit.statistics.arms import pooled

if TYPE_CHECKING:
    from mathb_kit.evaluation import Evaluation


@dataclass(frozen=True)
class Separation:
    """What tells sharpening from expansion.

    Attributes:
        tuned, base: names.
        sharpening: a rescaled base on what the base missed; None where the outcomes say nothing of it.
        scaled_on: the set whose pass@1 it was chosen by.
        support: by set, ``support_dynamics`` at half of the attempts and at all.
        equivalents: by set, ``base_equivalent_k`` at one attempt and at all.
        spread: by set, ``spread_difference`` of the first round's attempts; None without the attempts.
        from_zero: problems that the base solved in none of its attempts, and of these those gained by the exact test.
    """

    tuned: str
    base: str
    sharpening: SharpeningNull | None
    scaled_on: str
    support: pd.DataFrame
    equivalents: pd.DataFrame
    spread: pd.DataFrame | None
    from_zero: tuple[int, int]


def separation_of_pair(
    names: tuple[str, str], on: str, arms: tuple[Sequence[pd.DataFrame], pd.DataFrame], gains: pd.DataFrame
) -> Separation:
    """Of two models on problems that neither selected.

    Args:
        names: of base and tuned model.
        on: name of the set.
        arms: outcomes of the base, a draw each, and of the tuned model. All draws count at fixed n (``pooled``); under
            a plan that stops early all do for ``base_equivalent_k``, for the rest the first.
        gains: from ``gains_by_problem``.
    """
    (base, tuned), (draws, ours) = names, arms
    first = pooled(draws)[0], ours
    support, equivalents = _support(on, *first), _equivalents(on, *arms)
    return Separation(tuned, base, sharpening_of_pair(*first), on, support, equivalents, None, _from_zero(gains))


def separation_of_checkpoint(
    judgement: Judgement, ordinary: Mapping[str, tuple[Evaluation, Evaluation]], gains: pd.DataFrame
) -> Separation:
    """Of a checkpoint: reach on what the base left unsolved, the rest on the ordinary sets.

    There all problems were selected by the base, so that what became of its reach can only be asked on other sets.

    Args:
        judgement: of the checkpoint.
        ordinary: by name of a set, evaluations of base and tuned model.
        gains: from ``gains_by_problem``, on what the base left unsolved.
    """
    arms = {name: (base.outcomes, tuned.outcomes) for name, (base, tuned) in ordinary.items()}
    equivalents = [_equivalents(name, [base], tuned) for name, (base, tuned) in arms.items()]
    equivalents.append(_equivalents(judgement.on, judgement.redraws, judgement.tuned_outcomes))
    return Separation(
        judgement.tuned,
        judgement.base,
        _rescaled(judgement, next(iter(arms.values()), None)),
        next(iter(ordinary), ""),
        pd.concat([_support(name, *pair) for name, pair in arms.items()] or [pd.DataFrame()], ignore_index=True),
        pd.concat(equivalents, ignore_index=True),
        pd.concat([_spread(name, *pair) for name, pair in ordinary.items()], ignore_index=True) if ordinary else None,
        _from_zero(gains),
    )


def _rescaled(judgement: Judgement, arms: tuple[pd.DataFrame, pd.DataFrame] | None) -> SharpeningNull | None:
    """A base sharpened as much as the tuned model is on the first ordinary set, on what the base had left unsolved.

    Its success rates there are judged by all re-draws of the base together, none of which selected anything. That takes
    n and c alone, so that draws under a plan that stops early add up as well.
    """
    added = {"model": "first", "plan": "first", "n": "sum", "c": "sum"}
    redrawn = pd.concat(pooled(judgement.redraws)).groupby("problem", sort=False).agg(added).reset_index()
    if arms is None or not (redrawn["c"] > 0).any():
        return None
    power = rescaling_power(*arms)
    if np.isnan(power):
        return None
    firsts = [float(estimates_by_problem(each, [1]).mean()) for each in arms]
    reached = judgement.comparison.expansion.count
    return sharpening_null(redrawn, redrawn, reached, (power, *firsts), judgement.comparison.k)


def _support(name: str, base: pd.DataFrame, tuned: pd.DataFrame) -> pd.DataFrame:
    most = _most(base, tuned)
    return _named(name, support_dynamics(base, tuned, sorted({max(1, most // 2), most})))


def _equivalents(name: str, base: Sequence[pd.DataFrame], tuned: pd.DataFrame) -> pd.DataFrame:
    return _named(name, base_equivalent_k(base, tuned, sorted({1, _most(*base, tuned)})))


def _spread(name: str, base: Evaluation, tuned: Evaluation) -> pd.DataFrame:
    """Of the first round only: later ones are of the problems that it left open."""
    first = min(base.plan.rounds[0], tuned.plan.rounds[0])
    counts = []
    for each in (base, tuned):
        attempts = each.verdicts[each.verdicts["index"] < first]
        counts.append(answer_counts(attempts))
    return _named(name, spread_difference(*counts).assign(attempts=first))


def _from_zero(gains: pd.DataFrame) -> tuple[int, int]:
    never = gains["base_c"] == 0
    return int(never.sum()), int((never & gains["gained"]).sum())


def _named(name: str, table: pd.DataFrame) -> pd.DataFrame:
    table.insert(0, "set", name)
    return table


def _most(*arms: pd.DataFrame) -> int:
    return min(Plan.parse(text).n_max for outcomes in arms for text in outcomes["plan"].unique())
