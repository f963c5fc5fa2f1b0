"""Where a completion ends because of its text."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class StopStrings:
    """Looks for stop strings in sampled tokens; text is decoded only for rows whose last token may complete one."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: tuple[str, ...]) -> None:
        self._tokenizer, self._stop = tokenizer, stop
        self._tail = max(len(s.encode()) for s in stop) + 1  # a token has at least one byte of it

    def found(self, tokens: np.ndarray) -> np.ndarray:
        """Whether each row's latest text holds a stop string; tokens have the shape (rows, sampled so far)."""
        found = np.zeros(len(tokens), dtype=bool)
        rows = np.flatnonzero(self._may_complete[tokens[:, -1]])
        if len(rows):
            tails = self._tokenizer.batch_decode(tokens[rows, -self._tail :])
            found[rows] = [any(s in text for s in self._stop) for text in tails]
        return found

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
