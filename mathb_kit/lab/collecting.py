"""The rollout batch of one step: which problems are tried, from what, what is sampled again, and what is paid."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mathb_kit.grading import Grader
from mathb_kit.lab.objectives import Objective
from mathb_kit.lab.practice import Practice
from mathb_kit.lab.prompts import written_solutions
from mathb_kit.lab.rollouts import Rollouts, graded, sample_rollouts, solution_rollouts, summary
from mathb_kit.lab.settings import TrainingSettings
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling.engine import chunk_seed

if TYPE_CHECKING:
    from mathb_kit.sampling.transformers_engine import TransformersEngine

_ROUNDS = 3  # of dynamic sampling in one step; what is mixed by then is trained on


class Clock:
    """Seconds that pass in named parts of a step."""

    def __init__(self) -> None:
        self.seconds = {"sampling": 0.0, "grading": 0.0, "update": 0.0}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[part] = round(self.seconds[part] + time.perf_counter() - started, 4)


@dataclass(frozen=True)
class Collected:
    """A rollout batch.

    Attributes:
        rollouts: what is learnt from; its rewards are what attempts are paid.
        row: what the log says of everything that was sampled.
        tokens: sampled, whatever became of them.
    """

    rollouts: Rollouts
    row: dict[str, Any]
    tokens: int


@dataclass(eq=False)
class Collector:
    """Collects the batches of a run.

    Args:
        engine: samples from the policy as it is.
        problems: to train on.
        objective: whose dynamic sampling, practice or written solutions these are.
        settings: of the run.

    Attributes:
        solved: right attempts so far by problem key, for rules that ask for it; part of a run's state.
    """

    engine: TransformersEngine
    problems: list[Problem]
    objective: Objective
    settings: TrainingSettings
    solved: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.practice = self.objective.practice or Practice()
        self.solutions = written_solutions(self.problems) if self.objective.supervised else {}

    def collect(self, step: int, spent: float, rng: random.Random, grader: Grader, clock: Clock) -> Collected:
        """The batch of a step.

        Args:
            step: from 1.
            spent: share of the budget spent before it.
            rng: of the step; draws the problems.
            grader: of the attempts.
            clock: takes the time of sampling and of grading.
        """
        count, group = self.settings.prompts, self.settings.group
        if self.objective.supervised:
            rollouts = solution_rollouts(self.engine, rng.sample(self.problems, count * group), self.solutions)
            row = summary([rollouts]) | {"reward": None, "mixed": 0}  # nothing was tried
            return Collected(rollouts, row, rollouts.tokens)
        rounds: list[Rollouts] = []
        given_tokens = 0

        def attempts(problems: list[Problem], number: int, text: Callable[[Problem], str] | None) -> Rollouts:
            nonlocal given_tokens
            given = {p.key: text(p) for p in problems} if text else {}
            with clock("sampling"):
                fresh = sample_rollouts(self.engine, problems, group, lambda p: self._seed(p, step, number), given)
            with clock("grading"):
                rounds.append(graded(fresh, self.engine, grader))
            given_tokens += sum(self._tokens_added(p, given[p.key]) for p in problems if given.get(p.key))
            return rounds[-1]

        given = self.practice.given
        start = (lambda problem: given(problem, spent, rng)) if given else None
        useful: Rollouts | None = None
        for number in range(_ROUNDS if self.objective.resample else 1):
            fresh = attempts(rng.sample(self.problems, count), number, start)
            if self.objective.resample:
                # Only mixed groups have a gradient under a group baseline, so more is drawn until a batch of them is
                # full; whatever was drawn in vain counts as sampled, else budgets could not be compared.
                mixed = fresh.only(fresh.mixed_groups())
                useful = useful + mixed if useful else mixed
                if len(useful.problems) >= count:
                    break
        rollouts = rounds[-1]
        if useful and useful.problems:
            rollouts = useful.only(range(min(count, len(useful.problems))))
        if self.practice.hint and (failed := rollouts.failed_groups()):
            rest = rollouts.only([place for place in range(len(rollouts.problems)) if place not in failed])
            rollouts = rest + attempts([rollouts.problems[place] for place in failed], _ROUNDS, self.practice.hint)
        row = summary(rounds)
        if self.practice.given or self.practice.hint:
            row["given_tokens"] = given_tokens
        return Collected(self._paid(rollouts, spent), row, sum(each.tokens for each in rounds))

    def _paid(self, rollouts: Rollouts, spent: float) -> Rollouts:
        """The same attempts with what they are paid: their verdicts, unless the practice has a rule."""
        practice, rewards = self.practice, rollouts.rewards
        if practice.credit and spent < practice.credit_share:
            texts = self.engine.tokenizer.batch_decode(rollouts.completions, skip_special_tokens=True)
            rewards = [practice.credit(rollouts.problems[g], text) for g, text in zip(rollouts.groups, texts)]
        if practice.gate:
            keys = [problem.key for problem in rollouts.problems]
            # A group without contrast has no gradient under a group baseline, and the others keep their weight.
            shut = {place for place, key in enumerate(keys) if not practice.gate(self.solved.get(key, 0))}
            for place, reward in zip(rollouts.groups, rollouts.rewards):
                self.solved[keys[place]] = self.solved.get(keys[place], 0) + int(reward)
            rewards = [0.0 if place in shut else reward for place, reward in zip(rollouts.groups, rewards)]
        return replace(rollouts, rewards=rewards)

    def _tokens_added(self, problem: Problem, text: str) -> int:
        prompt = self.engine.model.render(problem.statement)
        return len(self.engine.encode(prompt + text)) - len(self.engine.encode(prompt))

    def _seed(self, problem: Problem, step: int, number: int) -> int:
        return chunk_seed(self.settings.seed, "lab", problem.key, f"rollout-{number}", step)
