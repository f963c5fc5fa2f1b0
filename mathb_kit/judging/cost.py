"""What a judgement may sample at most, before anything is sampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mathb_kit.judging.selection import selection_by_column
from mathb_kit.models import Model, Pair
from mathb_kit.plan import Plan
from mathb_kit.problems import ProblemSet


class Step(NamedTuple):
    """One model's attempts for one purpose: the most that there can be, whatever the store has of them."""

    model: str
    what_for: str
    attempts: int
    tokens: int


def steps_at_most(
    pair: Pair,
    on: ProblemSet,
    plan: Plan,
    *,
    ordinary: Sequence[ProblemSet] = (),
    redraws: int = 1,
    arms: Sequence[Model] = (),
) -> list[Step]:
    """The steps of `mathb_kit.judging.judge_checkpoint` with these arguments, and of `elicit` with these models.

    A plan may stop sooner, and where the base itself chooses the problems, those that it solves are left out later on.
    """
    base, tuned = pair.base, pair.tuned

    def step(model: Model, what_for: str, problems: int, draws: int = 1) -> Step:
        attempts = problems * plan.n_max * draws
        return Step(model.name, what_for, attempts, attempts * model.sampling.max_tokens)

    chosen = selection_by_column(on, pair, plan.n_max) is not None
    left = len(on.unsolved_by(base.name)) if chosen else len(on)
    steps = [] if chosen else [step(base, "to choose the problems", left)]
    steps += [step(base, "drawn again", left, redraws), step(tuned, "on the same problems", left)]
    steps += [step(model, f"on {each.name}", len(each)) for each in ordinary for model in (base, tuned)]
    return steps + [step(model, "asked otherwise", left) for model in arms]
