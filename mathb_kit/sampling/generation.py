"""One batch from its prompts to finished rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import torch

from mathb_kit.models.model import Sampling
from mathb_kit.sampling.batches import Batch, ChunkNoise
from mathb_kit.sampling.choice import TokenChoice
from mathb_kit.sampling.decoding import NetworkDecoding, read_prompts
from mathb_kit.sampling.shared_prefix import SharedPrefixDecoding
from mathb_kit.sampling.weights import Weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Rows are dropped when at least this share of the batch has finished: dropping copies the cache once.
_DROP_SHARE = 0.1

Rows = tuple[list[list[int]], list[str]]
"""Token ids (end token included) and the reason for ending (``stop`` or ``length``), one per attempt."""


@dataclass(frozen=True)
class Setup:
    """What all batches of a call have in common.

    Attributes:
        network: reads the prompts, and goes on where there are no ``weights``.
        weights: decode instead of the network's own forward.
        settings: of sampling; stop strings are looked for by ``stops``.
        ends: token ids that end a row.
        stops: likewise texts.
        pad: token id to the left of shorter prompts; the network does not see it.
    """

    network: PreTrainedModel
    weights: Weights | None
    settings: Sampling
    ends: Sequence[int]
    stops: StopStrings | None
    pad: int


@torch.inference_mode()
def generate(setup: Setup, batch: Batch, count: Callable[[int], None], abandoned: Event) -> Rows:
    """Sample all rows of a batch, in the order of its pieces.

    Args:
        setup: of the call.
        batch: pieces, those of a prompt side by side.
        count: gets at every step the number of tokens sampled.
        abandoned: once set, the next token is the last, and what there is is returned.
    """
    network, settings = setup.network, setup.settings
    numbers: dict[tuple[int, ...], int] = {}
    prompts = [numbers.setdefault(tuple(piece.prompt), len(numbers)) for piece in batch]
    prefix = read_prompts(network, [list(prompt) for prompt in numbers], setup.pad)
    device = prefix.logits.device
    prompt_of = torch.from_numpy(np.repeat(prompts, [piece.rows for piece in batch])).to(device)
    logits = prefix.logits[prompt_of]
    if setup.weights is None:
        decoding = NetworkDecoding(network, prefix, prompt_of)
    else:
        decoding = SharedPrefixDecoding(setup.weights, prefix, prompt_of)
    del prefix
    choose, noise = TokenChoice(settings), ChunkNoise(batch, settings.max_tokens)
    total = len(prompt_of)
    tokens = np.zeros((total, settings.max_tokens), dtype=np.int32)
    lengths = np.full(total, settings.max_tokens)
    reasons = np.full(total, "length", dtype=object)
    alive = np.arange(total)
    is_end = np.zeros(logits.shape[-1], dtype=bool)
    is_end[list(setup.ends)] = True
    for step in range(settings.max_tokens):
        chosen = choose(logits, torch.from_numpy(noise.at(step)[alive]).to(device))
        tokens[alive, step] = chosen.cpu().numpy()
        ended = is_end[tokens[alive, step]]
        if setup.stops:
            ended |= setup.stops.complete(tokens[alive, : step + 1])
        unfinished = lengths[alive] == settings.max_tokens
        count(int(unfinished.sum()))
        newly = alive[ended & unfinished]
        lengths[newly], reasons[newly] = step + 1, "stop"
        over = lengths[alive] <= step + 1
        if over.all() or abandoned.is_set():
            break
        if over.mean() >= _DROP_SHARE:
            keep = torch.from_numpy(np.flatnonzero(~over)).to(device)
            decoding.keep(keep)
            chosen, alive = chosen[keep], alive[~over]
        logits = decoding.step(chosen)
    return [row[:length].tolist() for row, length in zip(tokens, lengths)], reasons.tolist()


class StopStrings:
    """Looks for stop strings in sampled tokens; text is decoded only for rows whose last token may complete one."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: tuple[str, ...]) -> None:
        self._tokenizer, self._stop = tokenizer, stop
        self._tail = max(len(s.encode()) for s in stop) + 1  # a token has at least one byte of it

    def complete(self, tokens: np.ndarray) -> np.ndarray:
        """Whether each row's latest text holds a stop string; tokens have the shape (rows, sampled so far)."""
        complete = np.zeros(len(tokens), dtype=bool)
        rows = np.flatnonzero(self._may_complete[tokens[:, -1]])
        if len(rows):
            tails = self._tokenizer.batch_decode(tokens[rows, -self._tail :])
            complete[rows] = [any(s in text for s in self._stop) for text in tails]
        return complete

    @cached_property
    def _may_complete(self) -> np.ndarray:
        """Which tokens hold the last character of a stop string, or a part of a character.

        A blank at a token's start is not always in its own text, hence not at the end of a stop string either.
        """
        last = {s[-1] for s in self._stop}
        if " " in last:
            return np.ones(len(self._tokenizer) + _UNNAMED, dtype=bool)
        texts = self._tokenizer.batch_decode([[token] for token in range(len(self._tokenizer))])
        named = [not last.isdisjoint(text) or "\ufffd" in text for text in texts]
        return np.array(named + [False] * _UNNAMED)


_UNNAMED = 4096  # networks have more tokens than their tokenizers, up to a round number
