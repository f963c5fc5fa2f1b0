"""Decoding a batch of rows one token at a time, after running each prompt once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from transformers import Cache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ROOM = 64  # token places added when a buffer is full
_TOKENS_AT_ONCE = 32_768  # of prompts, padding included


class _GrowingLayer(DynamicLayer):
    """A layer of the cache that writes in place; transformers' own copies itself at every token.

    Buffers have spare places: (rows, heads, places, head size).
    """

    _buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs):
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        old = self.get_seq_length()
        new = old + key_states.shape[-2]
        if self._buffers is None or self._buffers[0].shape[-2] < new:
            self._buffers = tuple(
                state.new_empty(*state.shape[:-2], new + _ROOM, state.shape[-1]) for state in (key_states, value_states)
            )
            if old:
                for buffer, kept in zip(self._buffers, (self.keys, self.values)):
                    buffer[..., :old, :] = kept
        for buffer, state in zip(self._buffers, (key_states, value_states)):
            buffer[..., old:new, :] = state
        self.keys, self.values = (buffer[..., :new, :] for buffer in self._buffers)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        super().batch_select_indices(indices)
        self._buffers = None


@dataclass(frozen=True)
class Prefix:
    """Left-padded prompts as the network has read them.

    Attributes:
        cache: keys and values, shape (prompts, heads, length, head size) in each layer.
        logits: of the first token, shape (prompts, vocabulary).
        mask: 1 for a prompt's tokens, 0 for padding, shape (prompts, length).
    """

    cache: Cache
    logits: torch.Tensor
    mask: torch.Tensor


def read_prompts(network: PreTrainedModel, prompts: list[list[int]], pad: int) -> Prefix:
    """Run the prompts (token ids) through the network, as many at once as the activations should have room for."""
    length = max(map(len, prompts))
    ids = np.full((len(prompts), length), pad)
    mask = np.zeros((len(prompts), length), dtype=np.int64)
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt) :], mask[row, length - len(prompt) :] = prompt, 1
    ids, mask = torch.from_numpy(ids).to(network.device), torch.from_numpy(mask).to(network.device)
    at_once = max(1, _TOKENS_AT_ONCE // length)
    parts = [_read(network, *part) for part in zip(ids.split(at_once), mask.split(at_once))]
    if len(parts) == 1:
        return Prefix(*parts[0], mask)
    cache = Cache(layer_class_to_replicate=_GrowingLayer)
    for number, layers in enumerate(zip(*(part.layers for part, _ in parts))):
        cache.update(torch.cat([layer.keys for layer in layers]), torch.cat([layer.values for layer in layers]), number)
    return Prefix(cache, torch.cat([logits for _, logits in parts]), mask)


def _read(network: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> tuple[Cache, torch.Tensor]:
    cache = Cache(layer_class_to_replicate=_GrowingLayer)
    logits = network(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    return cache, logits


class Decoding(Protocol):
    """The rows of one batch; row ``i`` goes on from prompt ``prompt_of[i]`` of the prefix it was made with."""

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token to every row, shape (rows,); the logits of the next, shape (rows, vocabulary)."""
        ...

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but these, given in ascending order."""
        ...


class NetworkDecoding:
    """`Decoding` by the network's own forward: any causal LM on any device."""

    def __init__(self, network: PreTrainedModel, prefix: Prefix, prompt_of: torch.Tensor) -> None:
        self._network = network
        self._cache = prefix.cache
        self._cache.batch_select_indices(prompt_of)
        self._mask = prefix.mask[prompt_of]
        self._padded = bool((self._mask == 0).any())
        self._positions = self._mask.sum(1, keepdim=True)

    def keep(self, rows: torch.Tensor) -> None:
        self._cache.batch_select_indices(rows)
        self._mask, self._positions = self._mask[rows], self._positions[rows]

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        if self._padded:
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(self._mask), 1)], 1)
        logits = self._network(
            input_ids=tokens[:, None],
            attention_mask=self._mask if self._padded else None,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
        ).logits[:, -1]
        self._positions = self._positions + 1
        return logits
