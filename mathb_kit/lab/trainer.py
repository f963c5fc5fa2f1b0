"""Outcome-reward RL in one file: sample with our engine, grade with our grader, update the policy, repeat.

Every random choice of a step is a function of (seed, step), so a run that was killed goes on where it was kept and ends
with the same weights. Rollouts are sampled at temperature 1 from the whole distribution, whatever the model's own
settings: the policy that is updated is the policy that sampled. Left out on purpose, next to larger trainers: a value
network (the group is the baseline), rewards but the grader's verdict, more than one device.

The log has a row per step: reward (mean over all attempts sampled), mixed (groups with right and wrong attempts),
groups, entropy and kl (to the base, or to what it was reset to), both in nats per token over what is learnt from, so
under dynamic sampling over mixed groups; length (tokens per attempt), truncated (share), trained (attempts with
gradient), loss, gradient (norm before clipping), sampled_tokens (so far), sampling, grading, update (seconds of this
step), reward_model_loss and validation where they apply, and of this step's text by others given_tokens (that attempts
went on from, once a group) and teacher_tokens (scored by a teacher). Distillation samples nothing: its reward and kl
are empty, its tokens the solutions'.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.grading import Grader
from mathb_kit.lab.collecting import Clock, Collector
from mathb_kit.lab.lora import Start, trained_part
from mathb_kit.lab.objectives import Batch, Objective
from mathb_kit.lab.objectives.batch import kl_estimate
from mathb_kit.lab.objectives.oreal import keep_pairs
from mathb_kit.lab.rollouts import Rollouts, graded, sample_rollouts
from mathb_kit.lab.run_folder import RunFolder
from mathb_kit.lab.scoring import completion_mask, tabulate
from mathb_kit.lab.settings import TrainingSettings
from mathb_kit.lab.token_reward import TokenRewardModel
from mathb_kit.lab.update import Diverged, Policy
from mathb_kit.models.model import Model
from mathb_kit.problems.problem import Problem
from mathb_kit.progress import progress
from mathb_kit.sampling.engine import chunk_seed
from mathb_kit.sampling.transformers_engine import TransformersEngine

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_PATIENCE = 20  # steps in a row without any gradient before a run gives up


def rollout_engine(
    model: Model,
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase],
    max_tokens: int,
    device: str | None = None,
) -> TransformersEngine:
    """The engine that samples from the network in training, in the state in which it is at the time.

    Args:
        model: says how the network is prompted.
        loaded: the network that will be trained, in 32 bit or with an adapter that is, and its tokenizer.
        max_tokens: token limit of an attempt.
        device: ``cpu``, ``cuda``; a GPU if there is one.
    """
    # Nothing is cut off and nothing sharpened: where the sampler is not the policy itself, every ratio and every
    # gradient estimate of the objectives is biased.
    free = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "max_tokens": max_tokens}
    return TransformersEngine(model.with_sampling(**free), device=device, loaded=loaded)


@dataclass(eq=False)
class Training:
    """The moving parts of a run: policy, base, optimiser, reward model, counters.

    Args:
        engine: of `rollout_engine`; its network is trained in place, from the folder's state if it has one.
        problems: to train on.
        held_out: to validate on, where ``settings`` ask for it.
        objective: what is optimised.
        settings: with updates, learning rate and token limit given.
        folder: entered, so that no other process trains there.
        checkpointing: whether activations are computed again in the backward pass.
        teacher: the objective's, with the policy's tokenizer, on its device.
        watch: called with each step's row of the log.
    """

    engine: TransformersEngine
    problems: list[Problem]
    held_out: list[Problem]
    objective: Objective
    settings: TrainingSettings
    folder: RunFolder
    checkpointing: bool = False
    teacher: PreTrainedModel | None = None
    watch: Callable[[dict[str, Any]], None] | None = None

    def __post_init__(self) -> None:
        self.network = self.engine.network
        # Before a state is loaded: the distance from the base is that from where the run began, not from where it is
        # taken up again.
        self.reference = Start(self.network)
        self.policy = Policy(self.network, self.objective, self.settings.learning_rate, self.checkpointing)
        self.reward_model = None
        if settings := self.objective.token_reward:
            self.reward_model = TokenRewardModel(self.network, settings, self.settings.learning_rate)
        self.collector = Collector(self.engine, self.problems, self.objective, self.settings)
        self.sampled, self.idle = 0, 0
        if state := self.folder.state:
            self.policy.load(state["policy"])
            self.sampled, self.idle = state["sampled"], state["idle"]
            self.collector.solved = state.get("solved", {})
            if state.get("reference"):
                self.reference.load(state["reference"])
            if self.reward_model:
                self.reward_model.load(state["reward_model"])

    def fit(self) -> dict[str, Any]:
        """Train to the end of the budget; returns what training reports.

        Raises:
            MathbError: divergence, no gradient for many steps, a full disk.
        """
        settings, folder = self.settings, self.folder
        step, unit = folder.saved_step, "steps" if settings.steps else "sampled tokens"
        done = step if settings.steps else self.sampled
        with Grader() as grader, progress(settings.steps or settings.tokens, self.objective.name, unit, done) as bar:
            while not self.over(step):
                step += 1
                before = self.sampled
                try:
                    row = self.step(step, grader)
                except KeyboardInterrupt:
                    bar.note(f"Stopped in step {step}; the same call goes on after step {folder.saved_step}.")
                    raise
                # The log first: a row without its state is cut off and made again, a state without its row is lost.
                folder.log(row)
                if self.watch:
                    self.watch(row)
                folder.save(self.state(step), last=self.over(step))
                bar.update(1 if settings.steps else self.sampled - before)
                if step == 1 or step % 20 == 0 or self.over(step):
                    bar.note(_note(step, row))
        return folder.report()

    def over(self, step: int) -> bool:
        """Whether the budget is spent after this step."""
        steps, tokens = self.settings.steps, self.settings.tokens
        return (steps is not None and step >= steps) or (tokens is not None and self.sampled >= tokens)

    def spent(self, step: int) -> float:
        """Share of the budget spent before this step: of its tokens where it has some, else of its steps."""
        if self.settings.tokens:
            return self.sampled / self.settings.tokens
        return (step - 1) / self.settings.steps

    def state(self, step: int) -> dict[str, Any]:
        """All that the next step hangs on, but for its noise, which is a function of seed and step."""
        return {
            "step": step,
            "sampled": self.sampled,
            "idle": self.idle,
            "solved": self.collector.solved,
            "reference": self.reference.state() if self.objective.reference_reset else None,
            "policy": self.policy.state(),
            "reward_model": self.reward_model.state() if self.reward_model else None,
        }

    def step(self, step: int, grader: Grader) -> dict[str, Any]:
        """One rollout batch and its updates; returns the log's row."""
        rng, clock = random.Random(self._seed("order", step)), Clock()
        collected = self.collector.collect(step, self.spent(step), rng, grader, clock)
        self.sampled += collected.tokens
        row = collected.row
        try:
            with clock("update"):
                row |= self._learn(step, collected.rollouts, rng)
        except Diverged as what:
            raise MathbError(
                f"The {what} is no longer a number, so training has diverged in step {step}; {self._kept()} Start "
                f"again with a smaller learning rate (now {self.settings.learning_rate:g}) in another folder."
            ) from what
        if self.settings.validate and step % self.settings.validate == 0:
            row["validation"] = self._validate(grader)
        if self.objective.reference_reset and step % self.objective.reference_reset == 0:
            self.reference.load(trained_part(self.network))
        self._complain_without_gradient(step, row)
        return {"step": step, **row, "sampled_tokens": self.sampled, **clock.seconds}

    def _learn(self, step: int, rollouts: Rollouts, rng: random.Random) -> dict[str, Any]:
        """Update policy and reward model on a rollout batch."""
        import torch

        everything = list(range(len(rollouts.groups)))
        # Scored again although the sampler knew these probabilities: it works in batches of other shapes and rounds
        # differently, and a ratio must be exactly 1 where the policy has not moved yet.
        old, entropies = tabulate(self.network, rollouts, everything, entropy=True)
        mask = completion_mask(rollouts, str(self.network.device))
        # For the log one attempt per group says enough about the distance from the base; of texts that the policy did
        # not sample it says nothing.
        rows = [] if self.objective.supervised else [rollouts.groups.index(g) for g in set(rollouts.groups)]
        rows = everything if self.objective.reference else rows
        with self.reference.network() as network:
            (base,) = tabulate(network, rollouts, rows)
        distance = (kl_estimate(old[rows], base[rows]) * mask[rows]).sum() / mask[rows].sum()
        teacher = tabulate(self.teacher, rollouts, everything)[0] if self.teacher else None
        entropy = (entropies * mask).sum() / mask.sum()
        batch = Batch(
            old, old, mask.new_tensor(rollouts.rewards), mask, torch.tensor(rollouts.groups, device=mask.device),
            base if self.objective.reference else None, entropies, teacher_log_probs=teacher,
            max_tokens=self.settings.max_tokens,
        )  # fmt: skip
        frozen, kept = False, []
        if self.reward_model:
            frozen = step <= self.objective.token_reward.warm_up
            generator = torch.Generator().manual_seed(self._seed("pairs", step))
            pairs = keep_pairs(batch.rewards, batch.groups, generator)
            # The policy learns from scores that the reward model gave *before* it sees these outcomes (its update is
            # below): afterwards they would tell it the verdict of the very attempt that they weigh.
            kept = pairs.nonzero()[:, 0].tolist()
            batch = replace(batch, kept=pairs, token_scores=self.reward_model.scores(rollouts, kept))
        row = {"entropy": round(float(entropy), 5), "kl": round(float(distance), 5)}
        if self.teacher:
            row["teacher_tokens"] = rollouts.tokens
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
        # Step 0 in the seed whatever the step: two validations differ by the policy alone.
        tried = sample_rollouts(self.engine, self.held_out, 4, lambda problem: self._seed(problem.key, 0))
        rewards = graded(tried, self.engine, grader).rewards
        return round(sum(rewards) / len(rewards), 4)

    def _seed(self, what: str, step: int, number: int = 0) -> int:
        return chunk_seed(self.settings.seed, "lab", what, f"rollout-{number}", step)

    def _complain_without_gradient(self, step: int, row: dict[str, Any]) -> None:
        if self.collector.practice.gate:
            return  # where nothing teaches any more, that is the rule's doing
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


def _note(step: int, row: dict[str, Any]) -> str:
    shown = {name: row[name] for name in ("reward", "entropy", "kl", "loss") if row[name] is not None}
    return (
        f"step {step}: {', '.join(f'{name} {value:.3f}' for name, value in shown.items())}, "
        f"length {row['length']:.1f}, {row['mixed']} of {row['groups']} groups mixed"
    )
