"""Which attempts are decoded side by side: as many as fit into memory, each with its own uniform numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mathb_kit.sampling.engine import Chunk

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

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


_SHARE = 0.6  # of what is free: the rest is for other programs, activations and pieces that no longer fit together


def rows_that_fit(network: PreTrainedModel, places: int, workers: int, copies: int = 1) -> int:
    """Rows for which keys and values of ``places`` tokens and the tables over the vocabulary fit; at least 1.

    Args:
        network: where its weights are now; they count as taken.
        places: tokens that a row itself keeps.
        workers: batches side by side.
        copies: of all keys and values, at the worst moment.
    """
    import torch

    config = network.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    cache = 2 * config.num_hidden_layers * heads * size * network.dtype.itemsize * places * copies
    # Logits, probabilities in single precision, and twice that where a filter falls back to a full sort of some rows.
    tables = config.vocab_size * (network.dtype.itemsize + 3 * torch.float32.itemsize)
    return max(1, int(_SHARE * free_bytes(network.device) / workers / (cache + tables)))


def free_bytes(device: torch.device) -> float:
    """Memory that can still be taken; infinite where the system does not say."""
    import torch

    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    numbers = [float("inf")]
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        numbers += [1024.0 * int(line.split()[1]) for line in meminfo.open() if line.startswith("MemAvailable:")]
    limit, used = (Path("/sys/fs/cgroup", name) for name in ("memory.max", "memory.current"))
    if limit.is_file() and used.is_file() and (most := limit.read_text().strip()) != "max":
        numbers.append(float(most) - float(used.read_text()))  # a container's own limit
    return min(numbers)


def is_out_of_memory(error: BaseException) -> bool:
    """torch raises a class of its own on a GPU, and a plain RuntimeError on the CPU."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error) for words in ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED"))
