"""What surrounds a training loop that somebody writes by hand: sampling, verdicts, log-probabilities.

    bench = Workbench.of("mini-base-1")
    tried = bench.attempts(problems, group=16, seed=1)
    loss = -(tried.rewards[:, None] * bench.log_probs(tried) * tried.mask).mean()

The trainer (`mathb_kit.lab.trainer`) does the same with budgets, resuming, and memory that is bounded by a batch.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mathb_kit.grading import Grader
from mathb_kit.lab.objectives.batch import kl_estimate
from mathb_kit.lab.rollouts import Rollouts, graded, sample_rollouts, summary
from mathb_kit.lab.scoring import completion_mask, tabulate, token_log_probs
from mathb_kit.lab.trainer import rollout_engine
from mathb_kit.models.model import Model
from mathb_kit.models.registry import get_model
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling.engine import chunk_seed
from mathb_kit.sampling.transformers_engine import TransformersEngine, load_checkpoint

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Tried:
    """Graded attempts as tensors; rows are attempts, groups together.

    Attributes:
        rollouts: the attempts as token ids.
        rewards: 1 for a correct attempt, else 0, shape (rows,).
        groups: number of each attempt's problem, shape (rows,).
        mask: 1 on sampled tokens, 0 on padding, shape (rows, tokens).
    """

    rollouts: Rollouts
    rewards: Tensor
    groups: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Workbench:
    """A network to train by hand, and the network as it was.

    Attributes:
        engine: samples from the network in training, in whatever state it is.
        base: a copy of the network as it was, never changed.
        grader: one for all batches; its workers end with it.
    """

    engine: TransformersEngine
    base: PreTrainedModel
    grader: Grader = field(default_factory=Grader)

    @classmethod
    def of(cls, model: str | Model = "mini-base-1") -> Workbench:
        """Load a model whose activations fit into memory for a whole batch: there is no dividing here.

        Raises:
            MathbError: no such model.
        """
        model = model if isinstance(model, Model) else get_model(model)
        network, tokenizer = load_checkpoint(model)
        engine = rollout_engine(model, (network.float(), tokenizer), model.sampling.max_tokens)
        return cls(engine, copy.deepcopy(network).requires_grad_(False))

    @property
    def network(self) -> PreTrainedModel:
        """The network in training; an optimiser takes its ``parameters()``."""
        return self.engine.network

    def attempts(self, problems: Sequence[Problem], group: int, seed: int) -> Tried:
        """``group`` attempts at each problem, sampled at temperature 1 and graded; the same seed gives the same."""
        import torch

        drawn = sample_rollouts(self.engine, problems, group, lambda p: chunk_seed(seed, "by hand", p.key, "lab", 0))
        rollouts = graded(drawn, self.engine, self.grader)
        mask = completion_mask(rollouts, str(self.network.device))
        groups = torch.tensor(rollouts.groups, device=mask.device)
        return Tried(rollouts, mask.new_tensor(rollouts.rewards), groups, mask)

    def log_probs(self, tried: Tried) -> Tensor:
        """Log-probability of each sampled token under the network as it is, with gradient, shape (rows, tokens)."""
        (values,) = token_log_probs(self.network, tried.rollouts, range(len(tried.rewards)))
        return values * tried.mask

    def report(self, step: int, tried: Tried) -> dict[str, Any]:
        """A step's row, named as in the trainer's log: reward, mixed, groups, length, entropy and kl to the base (nats
        per token).

        Asked for before the update: the estimate of the distance holds on tokens that this very network sampled.
        """
        rows = range(len(tried.rewards))
        now, entropies = tabulate(self.network, tried.rollouts, rows, entropy=True)
        (base,) = tabulate(self.base, tried.rollouts, rows)
        tokens = tried.mask.sum()
        kl = (kl_estimate(now, base) * tried.mask).sum() / tokens
        entropy = (entropies * tried.mask).sum() / tokens
        return {"step": step, **summary([tried.rollouts]), "entropy": float(entropy), "kl": float(kl)}

    def reached(self, problems: Sequence[Problem], attempts: int = 16) -> int:
        """How many of the problems at least one of so many attempts solves; the same noise at every call."""
        tried = self.attempts(problems, attempts, seed=0)
        return len(set(tried.groups[tried.rewards > 0].tolist()))
