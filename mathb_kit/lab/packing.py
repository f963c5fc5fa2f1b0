"""Attempts at the same problem in one row of tokens, their prompt read once: how large networks score rollouts.

A row holds prompts, each followed by its completions. A mask lets a token see its own completion up to itself and its
own prompt, and positions go on from the prompt for every completion, so the numbers are those of attempts one by one,
up to rounding. With 8 attempts of 30 tokens at a prompt of 70 that is 310 tokens instead of 800, and no padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mathb_kit.lab.rollouts import Rollouts

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


class Packed(NamedTuple):
    """One row of tokens.

    Attributes:
        ids, positions: of all tokens, shape (1, length).
        mask: what is added to the scores of attention, shape (1, 1, length, length).
        before: places in the row whose logits tell the sampled tokens, shape (sampled tokens,).
        tokens: those sampled tokens, attempt after attempt.
        lengths: sampled tokens of each attempt.
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor
    before: Tensor
    tokens: Tensor
    lengths: list[int]


def can_pack(network: PreTrainedModel) -> bool:
    """Whether a row of this network may hold several attempts: full attention by a mask, positions by number."""
    from mathb_kit.sampling.weights import is_small, shares_prefixes

    return (
        shares_prefixes(network)
        and not is_small(network)  # there, many short rows at once are faster
        and network.config._attn_implementation in ("sdpa", "eager")
    )


def packed_batches(rollouts: Rollouts, rows: Sequence[int], most: int) -> Iterator[list[int]]:
    """The rows, whole groups together as long as no more than ``most`` tokens stand in one row of tokens.

    A group that is longer than that by itself is cut, and its prompt stands in every part.
    """
    batch: list[int] = []
    size = 0
    for _, group in groupby(sorted(rows, key=rollouts.groups.__getitem__), rollouts.groups.__getitem__):
        attempts = list(group)
        prompt = len(rollouts.prompts[attempts[0]])
        if batch and size + prompt + sum(len(rollouts.completions[row]) for row in attempts) > most:
            yield batch
            batch, size = [], 0
        size += prompt
        for row in attempts:
            own = len(rollouts.completions[row])
            if batch and size + own > most:
                yield batch
                batch, size = [], prompt
            batch.append(row)
            size += own
    if batch:
        yield batch


def pack(rollouts: Rollouts, rows: Sequence[int], network: PreTrainedModel) -> Packed:
    """These attempts as one row; attempts of a group must stand together."""
    import torch

    ids, positions, owners, parts, before, tokens = [], [], [], [], [], []
    prompt_at, group = 0, None
    for number, row in enumerate(rows):
        prompt, completion = rollouts.prompts[row], rollouts.completions[row]
        if rollouts.groups[row] != group:
            prompt_at, group = len(ids), rollouts.groups[row]
            ids += prompt
            positions += range(len(prompt))
            owners += [group] * len(prompt)
            parts += [-1] * len(prompt)
        # The prompt's last token tells the first of every completion, so its logits are asked for more than once.
        before += [prompt_at + len(prompt) - 1, *range(len(ids), len(ids) + len(completion) - 1)]
        tokens += completion
        ids += completion
        positions += range(len(prompt), len(prompt) + len(completion))
        owners += [group] * len(completion)
        parts += [number] * len(completion)
    owner, part, place = np.array(owners), np.array(parts), np.arange(len(ids))
    own_text = (part == -1) | (part[:, None] == part)
    seen = (place[:, None] >= place) & (owner[:, None] == owner) & own_text
    hidden = torch.from_numpy(~seen).to(network.device)
    mask = torch.zeros(hidden.shape, dtype=network.dtype, device=network.device)
    mask = mask.masked_fill(hidden, torch.finfo(network.dtype).min)
    as_tensor = [torch.tensor(values, device=network.device) for values in (ids, positions, before, tokens)]
    lengths = [len(rollouts.completions[row]) for row in rows]
    return Packed(as_tensor[0][None], as_tensor[1][None], mask[None, None], *as_tensor[2:], lengths)
