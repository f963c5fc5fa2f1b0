"""Decoding on one copy of each prompt's keys and values, read once for all its rows, not once per row.

A row's own copy of the prompt's keys and values takes much of the time and most of the memory: it is read at every
token. Here attention over the prompt is one matrix product for all rows that share it (the decomposition of Hydragen,
arXiv 2402.05099). The numbers are the network's own up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from mathb_kit.sampling.decoding import Prefix
from mathb_kit.sampling.weights import Weights

_ROOM = 32  # token places added when a buffer is full


class SharedPrefixDecoding:
    """`mathb_kit.sampling.decoding.Decoding` with `Weights`; ``prompt_of`` must ascend.

    Scores over the prompt are computed for a table of (prompts, kv heads, seats), where the rows of a prompt take the
    seats; prompts with fewer rows than seats compute some for nothing.
    """

    def __init__(self, weights: Weights, prefix: Prefix, prompt_of: torch.Tensor) -> None:
        self._weights = weights
        order = slice(None) if weights.order is None else weights.order
        self._prefix = [
            (layer.keys[..., order].flatten(0, 1).mT.contiguous(), layer.values.flatten(0, 1).contiguous())
            for layer in prefix.cache.layers
        ]
        hidden = torch.zeros(prefix.mask.shape, dtype=weights.dtype, device=weights.device)
        hidden = hidden.masked_fill(prefix.mask == 0, -torch.inf)
        self._hidden = hidden.repeat_interleave(weights.kv_heads, 0)[:, None] if hidden.any() else None
        self._prompts, self._length = prefix.mask.shape
        self._prompt_of, self._positions = prompt_of, prefix.mask.sum(1)[prompt_of]
        # Keys and values of the sampled tokens: (2, rows, kv heads, places, head size), the first _used places filled.
        empty = torch.empty(2, len(prompt_of), weights.kv_heads, 0, weights.size, dtype=weights.dtype)
        self._used = 0
        self._buffers = [self._with_room(empty.to(weights.device)) for _ in range(weights.layers)]
        self._assign_seats()

    def keep(self, rows: torch.Tensor) -> None:
        self._prompt_of, self._positions = self._prompt_of[rows], self._positions[rows]
        self._replace_buffers(lambda filled: filled.index_select(1, rows))
        self._assign_seats()

    def _replace_buffers(self, change: Callable[[torch.Tensor], torch.Tensor] = lambda filled: filled) -> None:
        # Layer by layer: of all layers at once, the old and the new would need twice the memory.
        for layer, buffer in enumerate(self._buffers):
            self._buffers[layer] = self._with_room(change(buffer[..., : self._used, :]))

    def _with_room(self, filled: torch.Tensor) -> torch.Tensor:
        buffer = filled.new_zeros(*filled.shape[:3], self._used + _ROOM, filled.shape[-1])
        buffer[..., : self._used, :] = filled
        return buffer

    def _assign_seats(self) -> None:
        # A product of matrices wants as many rows for every prompt. Rows come and go, so each has a seat at its own
        # prompt's table, and two index lists translate at every layer: copying queries costs little, copying the
        # prompt's keys to every row is what this class is there to avoid.
        counts = torch.bincount(self._prompt_of, minlength=self._prompts)
        seat = torch.arange(len(self._prompt_of), device=counts.device) - (counts.cumsum(0) - counts)[self._prompt_of]
        self._seats, kv_heads = int(counts.max()), self._weights.kv_heads
        table_row = self._prompt_of[:, None] * kv_heads + torch.arange(kv_heads, device=counts.device)
        # Where (row, kv head) sits in the table, and who sits there; on an empty seat the first, for nothing.
        self._seat_of = (table_row * self._seats + seat[:, None]).flatten()
        self._sitting = torch.zeros(self._prompts * kv_heads * self._seats, dtype=torch.int64, device=counts.device)
        self._sitting[self._seat_of] = torch.arange(len(self._seat_of), device=counts.device)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        weights, rows, place = self._weights, len(tokens), self._used
        if place == self._buffers[0].shape[3]:
            self._replace_buffers()
        self._used += 1
        turn = weights.turn(self._positions)
        self._positions = self._positions + 1
        heads, kv_heads, size = weights.heads, weights.kv_heads, weights.size
        # Of matrices with gaps between them oneDNN, which multiplies in 16 bits, makes copies at every layer: with a
        # thousand tokens that took nine times as long as the products. So there the places still empty come along.
        places = self._used if weights.dtype == torch.float32 else self._buffers[0].shape[3]
        state = weights.embed(tokens)
        for layer, (prefix, buffer) in enumerate(zip(self._prefix, self._buffers)):
            qkv = weights.into_attention(layer, state, turn)
            buffer[..., place, :] = qkv[:, heads:].view(rows, 2, kv_heads, size).transpose(0, 1)
            queries = qkv[:, :heads].reshape(rows * kv_heads, heads // kv_heads, size)
            attended = self._attend(queries, *prefix, *buffer[..., :places, :].flatten(1, 2))
            state = weights.after_attention(layer, state, attended.view(rows, heads * size))
        return weights.logits(state)

    def _attend(self, queries, prefix_keys, prefix_values, keys, values) -> torch.Tensor:
        """One softmax over prompt and sampled tokens; queries and result (rows x kv heads, group, head size)."""
        entries, group, size = queries.shape
        scores = torch.bmm(self._to_table(queries), prefix_keys)
        if self._hidden is not None:
            scores += self._hidden
        scores = self._to_rows(scores, (entries, group, self._length))
        # The scores lie side by side before the softmax: two softmaxes, merged by their sums, would round differently
        # from the network's own attention.
        own = torch.bmm(queries, keys.mT)
        if keys.shape[1] > self._used:
            own[..., self._used :] = -torch.inf
        shares = torch.cat([scores, own], -1).softmax(-1)
        over_prefix = torch.bmm(self._to_table(shares[..., : self._length]), prefix_values)
        return torch.bmm(shares[..., self._length :], values).add_(self._to_rows(over_prefix, queries.shape))

    def _to_table(self, entries: torch.Tensor) -> torch.Tensor:
        """(rows x kv heads, group, ...) to (prompts x kv heads, seats x group, ...)."""
        seated = entries.reshape(len(entries), -1).index_select(0, self._sitting)
        return seated.view(self._prompts * self._weights.kv_heads, -1, entries.shape[-1])

    def _to_rows(self, table: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """The way back from `_to_table`."""
        return table.view(len(self._sitting), -1).index_select(0, self._seat_of).view(shape)
