"""Log-probabilities of rollouts under a small Llama, each prompt read once for all attempts that share it.

Large networks have `mathb_kit.lab.packing`. At the miniature's size a prompt is as long as an attempt and 8 or 16
attempts share it, so that most of what the network's own forward computes are copies of prompts, and padding. Here only
tokens that count go through the matrices, packed side by side; attention alone works on padded tables. Numbers and
gradients are the network's own up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mathb_kit.lab.logits import token_scores
from mathb_kit.lab.rollouts import Rollouts, padded_batches

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import LlamaForCausalLM

_TOKENS_AT_ONCE = 2048  # of attempts, padding included: near the processor's cache, and some batches for every thread


def small_batches(rollouts: Rollouts, rows: Sequence[int]) -> Iterator[list[int]]:
    """The rows, sorted by the length of their completions and cut into batches."""
    ordered = sorted(rows, key=lambda row: (len(rollouts.completions[row]), rollouts.groups[row]))
    return padded_batches(ordered, lambda row: len(rollouts.completions[row]), _TOKENS_AT_ONCE)


def small_log_probs(
    network: LlamaForCausalLM, rollouts: Rollouts, rows: Sequence[int], entropy: bool = False
) -> list[Tensor]:
    """As `mathb_kit.lab.scoring.token_log_probs`; 0 at padding.

    Args:
        network: one that `mathb_kit.sampling.weights.is_small_llama` accepts.
        rollouts: attempts as token ids.
        rows: the attempts to score.
        entropy: whether entropies are wanted, too.
    """
    import torch
    import torch.nn.functional as F

    packed = _pack(rollouts, rows)
    config, body = network.config, network.model
    size, heads, kv_heads = body.layers[0].self_attn.head_dim, config.num_attention_heads, config.num_key_value_heads
    state = body.embed_tokens(packed.ids)
    cosine, sine = (part[0][:, None] for part in body.rotary_emb(state[None], packed.positions[None]))
    for number, layer in enumerate(body.layers):
        attention, mlp = layer.self_attn, layer.mlp
        into = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
        qkv = F.linear(_norm(state, layer.input_layernorm), into).view(len(state), heads + 2 * kv_heads, size)
        turned = qkv[:, : heads + kv_heads]
        left, right = turned.chunk(2, -1)
        turned = turned * cosine + torch.cat([-right, left], -1) * sine
        queries, keys, values = turned[:, :heads], turned[:, heads:], qkv[:, heads + kv_heads :]
        last = number + 1 == len(body.layers)
        attended = packed.attend(queries, keys, values, last)
        if last:  # nobody reads the prompts' states any more
            state = state[packed.prompt_tokens :]
        state = state + F.linear(attended.flatten(1), attention.o_proj.weight)
        normed = _norm(state, layer.post_attention_layernorm)
        gate, up = F.linear(normed, torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])).chunk(2, -1)
        state = state + F.linear(F.silu(gate) * up, mlp.down_proj.weight)
    logits = F.linear(_norm(state, body.norm), network.lm_head.weight)
    table = torch.zeros(packed.filled.shape)
    return [table.masked_scatter(packed.filled, each) for each in token_scores(logits, packed.targets, entropy)]


@dataclass(frozen=True)
class _Packed:
    """Tokens side by side: of each prompt all but its last one, then of each attempt that one and all but its own last.

    Attributes:
        ids, positions: of all tokens, shape (tokens,).
        prompt_tokens: how many belong to prompts; they come first.
        targets: the sampled tokens, what the attempts' tokens predict.
        prompt_at, attempt_at: which packed token stands where in the padded tables (prompts, longest) and (attempts,
            longest), and 0 where none does.
        prompt_filled, filled: where one does.
        prompt_of: each attempt's prompt.
    """

    ids: Tensor
    positions: Tensor
    prompt_tokens: int
    targets: Tensor
    prompt_at: Tensor
    prompt_filled: Tensor
    attempt_at: Tensor
    filled: Tensor
    prompt_of: Tensor

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, attempts_only: bool) -> Tensor:
        """Attention of every token over what stands before it, packed again: (tokens, heads, head size).

        Args:
            queries, keys, values: packed, (tokens, heads or kv heads, head size).
            attempts_only: leave the prompts' tokens out.
        """
        import torch
        from torch.nn.functional import scaled_dot_product_attention as attention

        def padded(packed: Tensor, at: Tensor) -> Tensor:
            """(tables, heads, longest, head size)."""
            return packed.index_select(0, at.flatten()).view(*at.shape, *packed.shape[1:]).transpose(1, 2)

        prompt_keys, prompt_values = padded(keys, self.prompt_at), padded(values, self.prompt_at)
        longest = self.attempt_at.shape[1]
        own = torch.ones(longest, longest, dtype=torch.bool).tril().expand(len(self.attempt_at), 1, -1, -1)
        before = self.prompt_filled[self.prompt_of][:, None, None].expand(-1, 1, longest, -1)
        seen = attention(
            padded(queries, self.attempt_at),
            torch.cat([prompt_keys[self.prompt_of], padded(keys, self.attempt_at)], 2),
            torch.cat([prompt_values[self.prompt_of], padded(values, self.attempt_at)], 2),
            attn_mask=torch.cat([before, own], -1), enable_gqa=True,
        ).transpose(1, 2)[self.filled]  # fmt: skip
        if attempts_only:
            return seen
        # Padding comes after a prompt's tokens, and none of them looks ahead.
        read = attention(padded(queries, self.prompt_at), prompt_keys, prompt_values, is_causal=True, enable_gqa=True)
        return torch.cat([read.transpose(1, 2)[self.prompt_filled], seen])


def _norm(state: Tensor, norm: torch.nn.Module) -> Tensor:
    import torch.nn.functional as F

    return F.rms_norm(state, (state.shape[-1],), norm.weight, norm.variance_epsilon)


def _pack(rollouts: Rollouts, rows: Sequence[int]) -> _Packed:
    import torch

    place: dict[tuple[int, ...], int] = {}
    prompt_of = [place.setdefault(tuple(rollouts.prompts[row]), len(place)) for row in rows]
    prompts = list(place)
    read = [list(prompt[:-1]) for prompt in prompts]
    tried = [[rollouts.prompts[row][-1], *rollouts.completions[row][:-1]] for row in rows]
    starts = [0] * len(read) + [len(rollouts.prompts[row]) - 1 for row in rows]
    positions = [np.arange(start, start + len(text)) for start, text in zip(starts, read + tried)]
    prompt_tokens = sum(map(len, read))
    prompt_at, prompt_filled = _table(list(map(len, read)), 0)
    attempt_at, filled = _table(list(map(len, tried)), prompt_tokens)
    return _Packed(
        torch.tensor([token for text in read + tried for token in text]), torch.from_numpy(np.concatenate(positions)),
        prompt_tokens, torch.tensor([token for row in rows for token in rollouts.completions[row]]), prompt_at,
        prompt_filled, attempt_at, filled, torch.tensor(prompt_of),
    )  # fmt: skip


def _table(lengths: list[int], first: int) -> tuple[Tensor, Tensor]:
    """Where packed tokens, from number ``first`` on, stand in a right-padded table, and which cells are taken."""
    import torch

    taken = np.arange(max(1, *lengths)) < np.array(lengths)[:, None]
    at = np.zeros(taken.shape, dtype=np.int64)
    at[taken] = np.arange(first, first + sum(lengths))
    return torch.from_numpy(at), torch.from_numpy(taken)
