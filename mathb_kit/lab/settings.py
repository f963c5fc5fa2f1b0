"""Settings of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mathb_kit.errors import MathbError
from mathb_kit.problems.problem import Problem

_HELD_OUT = 10  # every tenth problem validates, in runs that validate


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a run. What is None hangs on objective and base: `mathb_kit.lab.run.Run` fills it in.

    Attributes:
        steps: rollout batches, those of a reward model's warm-up included; where None, ``tokens`` alone ends the run,
            and where that is None, too, 200.
        prompts: problems per rollout batch.
        group: attempts per problem.
        updates: optimiser steps per rollout batch; the objective's own by default.
        learning_rate: of AdamW, constant after ten updates of warm-up; by default 3e-4 for models below 10^7
            parameters, else 1e-6.
        max_tokens: token limit of an attempt; the base's own by default.
        tokens: sampled tokens after which the run ends even if steps are left; everything sampled for training counts.
        seed: of the problem order, the sampling and the minibatches.
        validate: hold out every tenth problem and try it every so many steps; 0: never.
    """

    # Recipes and states on disk list the fields in this order.
    steps: int | None = None
    prompts: int = 16
    group: int = 8
    updates: int | None = None
    learning_rate: float | None = None
    max_tokens: int | None = None
    tokens: int | None = None
    seed: int = 0
    validate: int = 0

    def divide(self, problems: Sequence[Problem], supervised: bool) -> tuple[list[Problem], list[Problem]]:
        """Problems to train on and to validate on; settings that cannot work are refused before anything is sampled.

        Args:
            problems: all that there are.
            supervised: whether a step takes ``prompts`` times ``group`` problems with one solution each.

        Raises:
            MathbError: a setting out of range, or too few problems for a step.
        """
        for name in ("steps", "tokens", "prompts", "updates", "max_tokens"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise MathbError(f"{name} is {value}; it must be at least 1.")
        if self.group < 2 and not supervised:
            raise MathbError(f"group is {self.group}; attempts are judged against each other, so give at least 2.")
        if self.validate < 0:
            raise MathbError(f"validate is {self.validate}; it must be positive.")
        if self.learning_rate is not None and not 0 < self.learning_rate <= 1:
            raise MathbError(f"learning_rate is {self.learning_rate}; it must be positive and at most 1.")
        rest, held_out = split_problems(problems) if self.validate else (list(problems), [])
        asked = self.prompts * (self.group if supervised else 1)
        if asked > len(rest):
            raise MathbError(f"A step asks for {asked} problems and there are {len(rest)}; lower prompts or give more.")
        return rest, held_out


def split_problems(problems: Sequence[Problem]) -> tuple[list[Problem], list[Problem]]:
    """Problems to train on, and every tenth, held out, to validate on."""
    return [problem for i, problem in enumerate(problems) if i % _HELD_OUT], list(problems[::_HELD_OUT])
