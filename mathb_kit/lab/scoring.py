"""Token log-probabilities, entropies and hidden states of rollouts under a network, in batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mathb_kit.lab.logits import token_scores
from mathb_kit.lab.packing import can_pack, pack, packed_batches
from mathb_kit.lab.rollouts import Rollouts, padded_batches
from mathb_kit.lab.small_scoring import small_batches, small_log_probs
from mathb_kit.sampling.threads import in_threads
from mathb_kit.sampling.weights import is_small_llama

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

# Tokens (padding included) that go through the network at once: bounds memory; on processors it also keeps a tiny
# network near the cache and leaves something for a second thread.
_TOKENS_AT_ONCE = 1536
_TOKENS_AT_ONCE_ON_GPU = 8192
# Activations and logits of a batch of a large network; by the network alone, not by what is free at the time, so that
# a run taken up elsewhere cuts its batches, hence rounds, as before.
_BYTES_AT_ONCE = 1 << 29
_BYTES_AT_ONCE_ON_GPU = 8 << 30

Made = TypeVar("Made")
Scored = tuple[list[int], "list[Tensor]"]
"""Attempts of a batch, and their log-probabilities (and entropies), perhaps with the graph that made them."""


def completion_mask(rollouts: Rollouts, device: str = "cpu") -> Tensor:
    """1 on sampled tokens, 0 after them, shape (attempts, longest completion)."""
    import torch

    lengths = torch.tensor([len(completion) for completion in rollouts.completions], device=device)
    return (torch.arange(int(lengths.max()), device=device) < lengths[:, None]).float()


def tokens_at_once(network: PreTrainedModel) -> int:
    """Tokens that may go through a network at once, in training."""
    config, on_cpu = network.config.get_text_config(), network.device.type == "cpu"
    # Kept for the backward pass, by rule of thumb: some 16 states and 6 of the wide ones in every layer, and of the
    # vocabulary the logits, their probabilities and their gradient in 32 bits.
    wide = getattr(config, "intermediate_size", 4 * config.hidden_size)
    layer = (16 * config.hidden_size + 6 * wide) * network.dtype.itemsize
    token = config.num_hidden_layers * layer + 3 * 4 * config.vocab_size
    fitting = (_BYTES_AT_ONCE if on_cpu else _BYTES_AT_ONCE_ON_GPU) // token
    return max(1, min(fitting, _TOKENS_AT_ONCE if on_cpu else _TOKENS_AT_ONCE_ON_GPU))


def batches(rollouts: Rollouts, rows: Sequence[int], network: PreTrainedModel) -> Iterator[list[int]]:
    """The rows, sorted by length and cut into batches that fit."""
    most = tokens_at_once(network)
    length = {row: len(rollouts.prompts[row]) + len(rollouts.completions[row]) for row in rows}
    return padded_batches(sorted(rows, key=length.__getitem__), length.__getitem__, most)


def each_batch(
    network: PreTrainedModel, rollouts: Rollouts, rows: Sequence[int], work: Callable[[list[int]], Made]
) -> Iterator[tuple[list[int], Made]]:
    """Every batch of these rows, in order, with what ``work`` makes of it; on processors side by side in threads."""
    if is_small_llama(network):
        pieces = small_batches(rollouts, rows)
    elif can_pack(network):
        pieces = packed_batches(rollouts, rows, tokens_at_once(network))
    else:
        pieces = batches(rollouts, rows, network)
    if network.device.type == "cpu":
        return in_threads(lambda batch, _: work(batch), pieces)
    return ((batch, work(batch)) for batch in pieces)


def token_log_probs(
    network: PreTrainedModel, rollouts: Rollouts, rows: Sequence[int], entropy: bool = False
) -> list[Tensor]:
    """Log-probabilities of the sampled tokens of some attempts, and with ``entropy`` the entropies (nats) there.

    Returns:
        Tensors of shape (rows, longest completion of these rows); what stands at padding means nothing.
    """
    import torch

    if is_small_llama(network):
        return small_log_probs(network, rollouts, rows, entropy)
    if can_pack(network):
        row = pack(rollouts, rows, network)
        logits = network(
            input_ids=row.ids, attention_mask=row.mask, position_ids=row.positions, logits_to_keep=row.before,
            use_cache=False,
        ).logits  # fmt: skip
        lines = [value.split(row.lengths) for value in token_scores(logits[0].float(), row.tokens, entropy)]
        return [torch.nn.utils.rnn.pad_sequence(line, batch_first=True) for line in lines]
    ids, starts = _padded(rollouts, rows, network.device)
    first = int(starts.min()) - 1
    kept = torch.arange(first, ids.shape[1] - 1, device=ids.device)
    logits = network(input_ids=ids[:, :-1], logits_to_keep=kept, use_cache=False).logits.float()
    targets = ids[:, first + 1 :]
    places = _places(rollouts, rows, starts - 1 - first, targets.shape[1])
    values = token_scores(logits.flatten(0, 1), targets.flatten(), entropy)
    return [value.view(targets.shape).gather(1, places) for value in values]


def tabulate(network: PreTrainedModel, rollouts: Rollouts, rows: Sequence[int], entropy: bool = False) -> list[Tensor]:
    """`token_log_probs` without gradient, tables for all attempts (attempts, longest completion), 0 where not asked."""
    import torch

    def score_batch(batch: list[int]) -> list[Tensor]:
        with torch.no_grad():  # holds for one thread only
            return token_log_probs(network, rollouts, batch, entropy)

    return as_tables(each_batch(network, rollouts, rows, score_batch), rollouts, 1 + entropy, str(network.device))


def as_tables(scored: Iterable[Scored], rollouts: Rollouts, count: int, device: str) -> list[Tensor]:
    """``count`` tables for all attempts (attempts, longest completion) from scored batches, 0 elsewhere; no graph."""
    import torch

    mask = completion_mask(rollouts, device)
    tables = [torch.zeros_like(mask) for _ in range(count)]
    for batch, scores in scored:
        for table, values in zip(tables, scores):
            table[batch, : values.shape[1]] = values.detach()
    return [table * mask for table in tables]


def hidden_states(backbone: PreTrainedModel, rollouts: Rollouts, rows: Sequence[int], sees_token: bool) -> Tensor:
    """Last hidden states (rows, longest completion of these, width): at each sampled token with ``sees_token``, else
    where it was predicted."""
    ids, starts = _padded(rollouts, rows, backbone.device)
    states = backbone(input_ids=ids, use_cache=False).last_hidden_state
    places = _places(rollouts, rows, starts - 1 + sees_token, ids.shape[1])
    return states.gather(1, places[..., None].expand(-1, -1, states.shape[-1]))


def _padded(rollouts: Rollouts, rows: Sequence[int], device) -> tuple[Tensor, Tensor]:
    """Prompt and completion right-padded (a causal network never looks at padding then), and the prompts' lengths."""
    import torch

    texts = [rollouts.prompts[row] + rollouts.completions[row] for row in rows]
    ids = np.zeros((len(rows), max(map(len, texts))), dtype=np.int64)
    for line, text in zip(ids, texts):
        line[: len(text)] = text
    starts = torch.tensor([len(rollouts.prompts[row]) for row in rows], device=device)
    return torch.from_numpy(ids).to(device), starts


def _places(rollouts: Rollouts, rows: Sequence[int], firsts: Tensor, width: int) -> Tensor:
    """Columns of each row's completion, counted from ``firsts``; those of padding are clamped into the table."""
    import torch

    longest = max(len(rollouts.completions[row]) for row in rows)
    return (firsts[:, None] + torch.arange(longest, device=firsts.device)).clamp(max=width - 1)
