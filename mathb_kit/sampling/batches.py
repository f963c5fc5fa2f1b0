"""Which attempts are decoded side by side, each with its own uniform numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from mathb_kit.sampling.engine import Chunk

# Uniform numbers are drawn for this many tokens at a time: long limits do not reserve memory for noise never used.
_NOISE_BLOCK = 64


class Piece(NamedTuple):
    """Attempts ``start`` to ``stop - 1`` of a chunk, counted within it, and the token ids of its prompt."""

    chunk: Chunk
    prompt: list[int]
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start


Batch = list[Piece]


def whole(chunk: Chunk, prompt: list[int]) -> Piece:
    return Piece(chunk, prompt, 0, chunk.size)


def count_rows(batch: Iterable[Piece]) -> int:
    return sum(piece.rows for piece in batch)


def take_rows(pieces: Iterator[Piece], rows: int) -> Batch:
    """Pieces until they have ``rows`` (at least one, if any is left)."""
    taken, total = [], 0
    for piece in pieces:
        taken.append(piece)
        total += piece.rows
        if total >= rows:
            break
    return taken


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """The first and the second half of a batch's rows; a chunk in the middle is parted."""
    left = count_rows(batch) // 2
    first, second = [], []
    for piece in batch:
        cut = min(max(left, 0), piece.rows)
        left -= piece.rows
        if cut:
            first.append(piece._replace(stop=piece.start + cut))
        if cut < piece.rows:
            second.append(piece._replace(start=piece.start + cut))
    return first, second


class ChunkNoise:
    """Uniform numbers of a batch: each chunk's from its own generator, so neighbours never matter."""

    def __init__(self, batch: Batch, max_tokens: int) -> None:
        self._generators = [np.random.Generator(np.random.Philox(piece.chunk.seed)) for piece in batch]
        self._batch = batch
        self._width = min(_NOISE_BLOCK, max_tokens)
        self._block = np.empty((0, 0))

    def at(self, step: int) -> np.ndarray:
        """One number in [0, 1) per attempt, shape (rows,), for token ``step``; steps come in order."""
        if step % self._width == 0:
            self._block = np.concatenate(
                [
                    generator.random((self._width, piece.chunk.size))[:, piece.start : piece.stop]
                    for generator, piece in zip(self._generators, self._batch)
                ],
                axis=1,
            )
        return self._block[step % self._width]
