"""Supervised training of a small Llama: the base models' pre-training, and distillation from written traces."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mathb_kit.progress import progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class SupervisedSettings:
    """Optimisation settings: Muon for matrices, AdamW for the rest, linear warm-up, cosine decay to zero.

    Muon learns this corpus in far fewer steps than AdamW alone; the trial is in ``recipes/tried.toml``.
    """

    steps: int
    batch: int = 128
    muon_learning_rate: float = 0.02
    adam_learning_rate: float = 0.004
    warm_up: int = 100
    seed: int = 0


@dataclass(frozen=True)
class TrainingRecord:
    """What a training run leaves behind for provenance (losses in nats per solution token)."""

    steps: int
    tokens: int
    seconds: float
    final_loss: float
    losses: tuple[tuple[int, float], ...]


def train_supervised(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    pairs: Iterator[tuple[str, str]],
    settings: SupervisedSettings,
) -> TrainingRecord:
    """Train in place on (statement, solution) pairs; only solution tokens and the end token carry loss."""
    import torch

    torch.manual_seed(settings.seed)
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    optimizers = [
        torch.optim.Muon(matrices, lr=settings.muon_learning_rate, weight_decay=0.01),
        torch.optim.AdamW(others, lr=settings.adam_learning_rate, weight_decay=0.0, betas=(0.9, 0.98)),
    ]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate_factor(step, settings))
        for optimizer in optimizers
    ]
    model.train()
    started, tokens, recent, losses = time.perf_counter(), 0, [], []
    with progress(settings.steps, "training", "steps") as bar:
        for step, batch in enumerate(itertools.islice(_bucketed(pairs, settings), settings.steps), start=1):
            ids, labels = _batch(tokenizer, batch)
            counted = labels[:, 1:] != -100
            hidden = model.model(input_ids=ids[:, :-1]).last_hidden_state[counted]
            loss = torch.nn.functional.cross_entropy(model.lm_head(hidden), labels[:, 1:][counted])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer, schedule in zip(optimizers, schedules):
                optimizer.step()
                schedule.step()
                optimizer.zero_grad(set_to_none=True)
            tokens += int(counted.sum())
            recent.append(float(loss.detach()))
            bar.update(1)
            if step % 250 == 0 or step == settings.steps:
                losses.append((step, round(float(np.mean(recent)), 5)))
                bar.note(f"loss {losses[-1][1]:.4f}")
                recent.clear()
    model.eval()
    seconds = time.perf_counter() - started
    return TrainingRecord(settings.steps, tokens, round(seconds, 1), losses[-1][1], tuple(losses))


def _learning_rate_factor(step: int, settings: SupervisedSettings) -> float:
    if step < settings.warm_up:
        return (step + 1) / settings.warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)))


def _bucketed(pairs: Iterator[tuple[str, str]], settings: SupervisedSettings) -> Iterator[list[tuple[str, str]]]:
    """Batches of similar length (a third less padding), in random order so that lengths do not drift."""
    rng = random.Random(settings.seed)
    while True:
        pool = sorted(itertools.islice(pairs, 16 * settings.batch), key=lambda pair: len(pair[0]) + len(pair[1]))
        batches = [pool[first : first + settings.batch] for first in range(0, len(pool), settings.batch)]
        rng.shuffle(batches)
        yield from batches


def _batch(tokenizer: PreTrainedTokenizerFast, pairs: list[tuple[str, str]]):
    """Right-padded ids and labels, both (batch, length); labels are -100 on prompts and padding."""
    import torch

    prompts = tokenizer([f"{statement}\n" for statement, _ in pairs])["input_ids"]
    solutions = tokenizer([solution for _, solution in pairs], add_special_tokens=False)["input_ids"]
    length = max(len(p) + len(s) + 1 for p, s in zip(prompts, solutions))
    ids = np.full((len(pairs), length), tokenizer.pad_token_id)
    labels = np.full((len(pairs), length), -100)
    for row, (prompt, solution) in enumerate(zip(prompts, solutions)):
        solution = [*solution, tokenizer.eos_token_id]
        end = len(prompt) + len(solution)
        ids[row, : len(prompt)] = prompt
        ids[row, len(prompt) : end] = labels[row, len(prompt) : end] = solution
    return torch.from_numpy(ids), torch.from_numpy(labels)
