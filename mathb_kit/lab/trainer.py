"""Outcome-reward RL in one file: sample with our engine, grade with our grader, update the policy, repeat.

    from mathb_kit.lab.trainer import train
    train("grpo", "mini-base-1", steps=200, to="runs/lab/my-grpo")

Every random choice of a step is a function of (seed, step), so a run that was killed goes on where it was kept and ends
with the same weights. Rollouts are sampled at temperature 1 from the whole distribution, whatever the model's own
settings: the policy that is updated is the policy that sampled. Left out on purpose, next to larger trainers: a value
network (the group is the baseline), rewards but the grader's verdict, more than one device.

The log has a row per step: reward (mean over all attempts sampled), mixed (groups with right and wrong attempts),
groups, entropy and kl (to the base), both in nats per token over what is learnt from, so under dynamic sampling over
mixed groups; length (tokens per attempt), truncated (share), trained (attempts with gradient), loss, gradient (norm
before clipping), sampled_tokens (so far), sampling, grading, update (seconds of this step), reward_model_loss and
validation where they apply. Distillation samples nothing: its reward and kl are empty, its tokens the solutions'.
"""

from __future__ import annotations

import copy
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.grading import Grader
from mathb_kit.lab.checkpoints import usage_of, write_checkpoint
from mathb_kit.lab.objectives import Batch, Objective, get_objective
from mathb_kit.lab.objectives.batch import kl_estimate
from mathb_kit.lab.objectives.oreal import keep_pairs
from mathb_kit.lab.prompts import training_problems, written_solutions
from mathb_kit.lab.rollouts import Rollouts, graded, sample_rollouts, solution_rollouts, summary
from mathb_kit.lab.run_folder import RunFolder
from mathb_kit.lab.scoring import completion_mask, tabulate
from mathb_kit.lab.settings import Settings
from mathb_kit.lab.token_reward import TokenRewardModel
from mathb_kit.lab.update import Diverged, Policy
from mathb_kit.models.model import Model
from mathb_kit.models.registry import get_model
from mathb_kit.places import runs_root
from mathb_kit.problems.problem import Problem
from mathb_kit.progress import progress
from mathb_kit.sampling.engine import chunk_seed
from mathb_kit.sampling.transformers_engine import TransformersEngine, load_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_ROUNDS = 3  # of dynamic sampling in one step; what is mixed by then is trained on
_PATIENCE = 20  # steps in a row without any gradient before a run gives up


def train(
    objective: str | Objective = "grpo",
    base: str | os.PathLike[str] | Model = "mini-base-1",
    *,
    steps: int | None = None,
    tokens: int | None = None,
    on: str | os.PathLike[str] | Sequence[Problem] = "mini-train",
    to: str | os.PathLike[str] | None = None,
    seed: int = 0,
    prompts: int = 16,
    group: int = 8,
    updates: int | None = None,
    learning_rate: float | None = None,
    max_tokens: int | None = None,
    validate: int = 0,
    validate_on: str | os.PathLike[str] | Sequence[Problem] | None = None,
    device: str | None = None,
) -> Path:
    """Train a model on the verdicts of its own attempts; a call that was stopped goes on where it was kept.

    Args:
        objective: a name (see `mathb_kit.lab.objectives.OBJECTIVES`), or an `Objective` of your own.
        base: where to start: a model's name or folder; any causal LM in Hugging Face format.
        steps: rollout batches; 200 where neither ``steps`` nor ``tokens`` is given.
        tokens: budget in sampled tokens instead, or as well.
        on: training problems: a set that no evaluation uses, a file, or problems.
        to: the folder of the run and its checkpoint; ``runs/lab/<objective>-<base>-<seed>`` by default.
        seed: of everything random.
        prompts: problems per step.
        group: attempts per problem.
        updates: optimiser steps per rollout batch; the objective's own by default.
        learning_rate: 3e-4 by default for models below 10^7 parameters, else 1e-6.
        max_tokens: token limit of an attempt; the model's own by default.
        validate: see `Settings`.
        validate_on: the training problems whose every tenth validates and is left out of training; ``on`` by default.
        device: ``cpu``, ``cuda``; a GPU if there is one.

    Returns:
        The folder, an ordinary checkpoint (`get_model` reads it), with ``log.jsonl`` beside it.

    Raises:
        MathbError: bad settings, an evaluation set as training set, divergence, no gradient for many steps, a full
            disk; what was kept is named, and the same call resumes from it.
    """
    objective = get_objective(objective) if isinstance(objective, str) else objective
    model = base if isinstance(base, Model) else get_model(base)
    problems, source = training_problems(on)
    network, tokenizer = load_checkpoint(replace(model, dtype="float32"))
    if learning_rate is None:
        learning_rate = 3e-4 if network.num_parameters() < 1e7 else 1e-6
    settings = Settings(
        200 if steps is None and tokens is None else steps, prompts, group, updates or objective.updates, learning_rate,
        max_tokens or model.sampling.max_tokens, tokens, seed, validate,
    )  # fmt: skip
    held_out = None
    if validate_on is not None:
        pool, validated = training_problems(validate_on)
        held_out = settings.divide(pool, objective.supervised)[1]
    recipe = {
        "kind": "rl", "objective": objective.name, "coefficients": objective.coefficients(), "base": model.name,
        "base_key": model.key(), "on": source, "training": asdict(settings),
    }  # fmt: skip
    if held_out is not None:
        recipe["validate_on"] = validated
    folder = RunFolder(Path(to) if to else runs_root() / "lab" / f"{objective.name}-{model.name}-{seed}", recipe)
    if not folder.finished():
        record = fit((network, tokenizer), model, problems, objective, settings, folder, device, held_out)
        write_checkpoint(folder.path, network, tokenizer, usage_of(model, model.name, [source]), recipe, record)
        folder.close()
    return folder.path


def fit(
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase],
    model: Model,
    problems: Sequence[Problem],
    objective: Objective,
    settings: Settings,
    folder: RunFolder,
    device: str | None = None,
    held_out: Sequence[Problem] | None = None,
) -> dict[str, Any]:
    """Train the network in place, from the folder's state if it has one; returns what training reports."""
    run = _Run(loaded, model, problems, objective, settings, folder, device, held_out)
    step, unit = folder.saved_step, "steps" if settings.steps else "sampled tokens"
    done = step if settings.steps else run.sampled
    with Grader() as grader, progress(settings.steps or settings.tokens, objective.name, unit, done) as bar:
        while not run.over(step):
            step += 1
            before = run.sampled
            try:
                row = run.step(step, grader)
            except KeyboardInterrupt:
                bar.note(f"Stopped in step {step}; the same call goes on after step {folder.saved_step}.")
                raise
            folder.log(row)
            folder.save(run.state(step), last=run.over(step))
            bar.update(1 if settings.steps else run.sampled - before)
            if step == 1 or step % 20 == 0 or run.over(step):
                shown = {name: row[name] for name in ("reward", "entropy", "kl", "loss") if row[name] is not None}
                bar.note(
                    f"step {step}: {', '.join(f'{name} {value:.3f}' for name, value in shown.items())}, "
                    f"length {row['length']:.1f}, {row['mixed']} of {row['groups']} groups mixed"
                )
    return folder.report()


class _Run:
    """The moving parts: policy, base, optimiser, reward model, counters."""

    def __init__(self, loaded, model, problems, objective, settings, folder, device, held_out=None) -> None:
        if held_out is None:
            self.problems, self.held_out = settings.divide(problems, objective.supervised)
        else:
            kept_out = {problem.statement for problem in held_out}
            rest = [problem for problem in problems if problem.statement not in kept_out]
            self.problems, _ = replace(settings, validate=0).divide(rest, objective.supervised)
            self.held_out = list(held_out)
        self.network, self.objective, self.settings, self.folder = loaded[0], objective, settings, folder
        free = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "max_tokens": settings.max_tokens}
        self.engine = TransformersEngine(model.with_sampling(**free), device=device, loaded=loaded)
        self.reference = copy.deepcopy(self.network).requires_grad_(False)
        self.policy = Policy(self.network, objective, settings.learning_rate)
        self.reward_model = None
        if objective.token_reward:
            self.reward_model = TokenRewardModel(self.network, objective.token_reward, settings.learning_rate)
        self.solutions = written_solutions(self.problems) if objective.supervised else {}
        self.sampled, self.idle = 0, 0
        if state := folder.state:
            self.policy.load(state["policy"])
            self.sampled, self.idle = state["sampled"], state["idle"]
            if self.reward_model:
                self.reward_model.load(state["reward_model"])

    def over(self, step: int) -> bool:
        """Whether the budget is spent after this step."""
        steps, tokens = self.settings.steps, self.settings.tokens
        return (steps is not None and step >= steps) or (tokens is not None and self.sampled >= tokens)

    def state(self, step: int) -> dict[str, Any]:
        return {
            "step": step,
            "sampled": self.sampled,
            "idle": self.idle,
            "policy": self.policy.state(),
            "reward_model": self.reward_model.state() if self.reward_model else None,
        }

    def step(self, step: int, grader: Grader) -> dict[str, Any]:
        """One rollout batch and its updates; returns the log's row."""
        rng, clock = random.Random(self._seed("order", step)), _Clock()
        rollouts, row = self._collect(step, rng, grader, clock)
        try:
            with clock("update"):
                row |= self._learn(step, rollouts, rng)
        except Diverged as what:
            raise MathbError(
                f"The {what} is no longer a number, so training has diverged in step {step}; {self._kept()} Start "
                f"again with a smaller learning rate (now {self.settings.learning_rate:g}) in another folder."
            ) from what
        if self.settings.validate and step % self.settings.validate == 0:
            row["validation"] = self._validate(grader)
        self._complain_without_gradient(step, row)
        return {"step": step, **row, "sampled_tokens": self.sampled, **clock.seconds}

    def _collect(self, step: int, rng: random.Random, grader: Grader, clock: _Clock) -> tuple[Rollouts, dict[str, Any]]:
        """The rollouts to learn from, and what the log says of all that were sampled."""
        count, group = self.settings.prompts, self.settings.group
        if self.objective.supervised:
            rollouts = solution_rollouts(self.engine, rng.sample(self.problems, count * group), self.solutions)
            self.sampled += rollouts.tokens
            return rollouts, summary([rollouts]) | {"reward": None, "mixed": 0}  # nothing was tried
        rounds: list[Rollouts] = []
        useful: Rollouts | None = None
        for number in range(_ROUNDS if self.objective.resample else 1):
            with clock("sampling"):
                drawn = rng.sample(self.problems, count)
                fresh = sample_rollouts(self.engine, drawn, group, lambda p: self._seed(p.key, step, number))  # noqa: B023
            with clock("grading"):
                rounds.append(graded(fresh, self.engine, grader))
            if self.objective.resample:
                mixed = rounds[-1].only(rounds[-1].mixed_groups())
                useful = useful + mixed if useful else mixed
                if len(useful.problems) >= count:
                    break
        self.sampled += sum(rollouts.tokens for rollouts in rounds)
        if useful is None or not useful.problems:
            return rounds[-1], summary(rounds)
        return useful.only(range(min(count, len(useful.problems)))), summary(rounds)

    def _learn(self, step: int, rollouts: Rollouts, rng: random.Random) -> dict[str, Any]:
        """Update policy and reward model on a rollout batch."""
        import torch

        everything = list(range(len(rollouts.groups)))
        old, entropies = tabulate(self.network, rollouts, everything, entropy=True)
        mask = completion_mask(rollouts, str(self.network.device))
        # For the log one attempt per group says enough about the distance from the base.
        rows = everything if self.objective.reference else [rollouts.groups.index(g) for g in set(rollouts.groups)]
        (base,) = tabulate(self.reference, rollouts, rows)
        distance = (kl_estimate(old[rows], base[rows]) * mask[rows]).sum() / mask[rows].sum()
        entropy = (entropies * mask).sum() / mask.sum()
        batch = Batch(
            old, old, mask.new_tensor(rollouts.rewards), mask, torch.tensor(rollouts.groups, device=mask.device),
            base if self.objective.reference else None, entropies, max_tokens=self.settings.max_tokens,
        )  # fmt: skip
        frozen, kept = False, []
        if self.reward_model:
            frozen = step <= self.objective.token_reward.warm_up
            generator = torch.Generator().manual_seed(self._seed("pairs", step))
            pairs = keep_pairs(batch.rewards, batch.groups, generator)
            kept = pairs.nonzero()[:, 0].tolist()
            batch = replace(batch, kept=pairs, token_scores=self.reward_model.scores(rollouts, kept))
        row = {"entropy": round(float(entropy), 5), "kl": round(float(distance), 5)}
        if self.objective.supervised:
            row["kl"] = None  # the estimate holds on sampled tokens only
        if frozen:
            row |= {"trained": 0, "loss": 0.0, "gradient": 0.0}
        else:
            row |= self.policy.learn(batch, rollouts, self.settings.updates, rng)
        if kept:
            row["reward_model_loss"] = round(self.reward_model.update(rollouts, kept), 5)
        return row

    def _validate(self, grader: Grader) -> float:
        """Mean reward of four attempts at each held-out problem, with the same noise every time."""
        tried = sample_rollouts(self.engine, self.held_out, 4, lambda problem: self._seed(problem.key, 0))
        rewards = graded(tried, self.engine, grader).rewards
        return round(sum(rewards) / len(rewards), 4)

    def _seed(self, what: str, step: int, number: int = 0) -> int:
        return chunk_seed(self.settings.seed, "lab", what, f"rollout-{number}", step)

    def _complain_without_gradient(self, step: int, row: dict[str, Any]) -> None:
        self.idle = 0 if row["trained"] or "reward_model_loss" in row else self.idle + 1
        if self.idle == _PATIENCE:
            why = {0.0: "every attempt is wrong", 1.0: "every attempt is right"}
            raise MathbError(
                f"No attempt had a gradient in the {_PATIENCE} steps up to {step}: "
                f"{why.get(row['reward'], 'no group has both right and wrong attempts')}; {self._kept()} Try problems "
                "that the model solves now and then, larger groups, or another objective."
            )

    def _kept(self) -> str:
        return f"the state after step {self.folder.saved_step} is kept in {self.folder.path}."


class _Clock:
    """Seconds that pass in named parts of a step."""

    def __init__(self) -> None:
        self.seconds = {"sampling": 0.0, "grading": 0.0, "update": 0.0}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[part] = round(self.seconds[part] + time.perf_counter() - started, 4)
