"""Outcome-reward RL: sample with our engine, grade with our grader, update with GRPO.

Left out on purpose, next to larger trainers: a KL term and a reference model (the trust interval alone holds the
policy), a value network (the group is the baseline), and any reward but the grader's verdict.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mathb_kit.grading import Grader, extract
from mathb_kit.lab.objectives import group_advantages, grpo_loss
from mathb_kit.models.model import Model
from mathb_kit.problems.problem import Problem
from mathb_kit.progress import progress
from mathb_kit.sampling.engine import Chunk, chunk_seed
from mathb_kit.sampling.transformers_engine import TransformersEngine

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class GRPOSettings:
    """Settings of one GRPO run.

    Attributes:
        steps: rollout batches.
        prompts: problems per rollout batch.
        group: attempts per problem.
        updates: optimiser steps per rollout batch; with one, the clipping would never act.
        learning_rate: of AdamW, constant after ten warm-up steps.
        clip: half-width of the trust interval of the probability ratio.
        seed: of the problem order, the shuffles and the sampling.
    """

    steps: int = 240
    prompts: int = 32
    group: int = 16
    updates: int = 2
    learning_rate: float = 5e-4
    clip: float = 0.2
    seed: int = 0


@dataclass(frozen=True)
class GRPORecord:
    """What a run leaves behind for provenance; the curve holds (step, mean reward, mixed groups, mean tokens)."""

    steps: int
    sampled_tokens: int
    seconds: float
    final_reward: float
    curve: tuple[tuple[int, float, int, float], ...]


def train_grpo(
    model: Model,
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase],
    problems: Sequence[Problem],
    settings: GRPOSettings,
) -> GRPORecord:
    """Train the network in place on the verdicts of its own attempts; the last step's weights are the result.

    Args:
        model: prompt and sampling settings of the policy (its name and source only label the run).
        loaded: network and tokenizer.
        problems: training prompts with golds.
        settings: see `GRPOSettings`.
    """
    import torch

    network, tokenizer = loaded
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    engine = TransformersEngine(model, loaded=loaded)
    golds = {problem.key: problem.gold for problem in problems}
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda update: min(1.0, (update + 1) / 10))
    started, sampled, curve = time.perf_counter(), 0, []
    with Grader() as grader, progress(settings.steps, f"GRPO on {model.name}", "steps") as bar:
        for step in range(1, settings.steps + 1):
            chunks = [
                Chunk(problem.key, model.render(problem.statement), 0, settings.group,
                      chunk_seed(settings.seed, model.name, problem.key, "grpo", step))
                for problem in rng.sample(list(problems), settings.prompts)
            ]  # fmt: skip
            finished = list(engine.sample_tokens(chunks))
            rewards = torch.tensor(_rewards(grader, engine, golds, finished)).view(-1, settings.group)
            ids, mask = _token_table([(engine.encode(chunk.prompt), rows) for chunk, rows, _ in finished], tokenizer)
            _update(network, optimizer, schedule, ids, mask, group_advantages(rewards).flatten(), settings, rng)
            sampled += int(mask.sum())
            mixed = int(((rewards.mean(1) > 0) & (rewards.mean(1) < 1)).sum())
            curve.append((step, round(float(rewards.mean()), 4), mixed, round(float(mask.sum(1).mean()), 2)))
            bar.update(1)
            bar.note(f"reward {curve[-1][1]:.3f}, {mixed} mixed groups")
    network.eval()
    last = float(np.mean([reward for _, reward, _, _ in curve[-20:]]))
    return GRPORecord(settings.steps, sampled, round(time.perf_counter() - started, 1), round(last, 4), tuple(curve))


def _rewards(grader: Grader, engine: TransformersEngine, golds: dict[str, str], finished) -> list[float]:
    """1 for a correct attempt, else 0, in the order of the chunks' rows."""
    import pandas as pd

    table = pd.DataFrame(
        [
            (golds[chunk.problem_key], extract(text).answer)
            for chunk, rows, _ in finished
            for text in engine.tokenizer.batch_decode(rows, skip_special_tokens=True)
        ],
        columns=["gold", "answer"],
    )
    return (grader.grade_answers(table)["verdict"] == "correct").astype(float).tolist()


def _token_table(
    rollouts: list[tuple[list[int], list[list[int]]]], tokenizer: PreTrainedTokenizerBase
) -> tuple[Tensor, Tensor]:
    """Right-padded ids (attempts, length) and the mask of sampled tokens (attempts, length - 1)."""
    import torch

    rows = [(len(prompt), [*prompt, *row]) for prompt, attempts in rollouts for row in attempts]
    length = max(len(ids) for _, ids in rows)
    table = np.full((len(rows), length), tokenizer.pad_token_id)
    mask = np.zeros((len(rows), length - 1), dtype=np.float32)
    for i, (start, ids) in enumerate(rows):
        table[i, : len(ids)] = ids
        mask[i, start - 1 : len(ids) - 1] = 1
    return torch.from_numpy(table), torch.from_numpy(mask)


def token_log_probs(network: PreTrainedModel, ids: Tensor) -> Tensor:
    """Log-probability of each token given those before it, shape (rows, length - 1)."""
    import torch

    logits = network(input_ids=ids[:, :-1]).logits
    return -torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(
        len(ids), -1
    )


def _update(network, optimizer, schedule, ids, mask, advantages, settings: GRPOSettings, rng: random.Random) -> None:
    """The rollout batch in ``updates`` minibatches; attempts without advantage carry no gradient and are left out."""
    import torch

    useful = [i for i, advantage in enumerate(advantages.tolist()) if advantage != 0]
    if not useful:
        return
    rng.shuffle(useful)
    network.train()
    with torch.no_grad():
        old = torch.cat([token_log_probs(network, ids[part]) for part in _split(useful, 4)])
    place = {row: i for i, row in enumerate(useful)}
    for part in _split(useful, settings.updates):
        log_probs, old_log_probs = token_log_probs(network, ids[part]), old[[place[i] for i in part]]
        loss = grpo_loss(log_probs, old_log_probs, advantages[part], mask[part], settings.clip)
        # Every minibatch weighs by its share of all rollouts, those without advantage included.
        (loss * (len(part) * settings.updates / len(advantages))).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    network.eval()


def _split(items: list[int], parts: int) -> list[list[int]]:
    return [part.tolist() for part in np.array_split(np.array(items), min(parts, len(items)))]
