"""A key-value cache that writes in place; transformers' own dynamic cache copies itself at every token."""

from __future__ import annotations

import torch
from transformers.cache_utils import DynamicLayer

_ROOM = 64  # token places added when a buffer is full


class GrowingLayer(DynamicLayer):
    """A dynamic cache layer backed by buffers with spare places, shape (rows, heads, places, head size)."""

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
