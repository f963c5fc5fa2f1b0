"""An engine without torch, for tests of everything around engines."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from mathb_kit.sampling import Chunk, Completion


class CoinEngine:
    r"""Answers ``\boxed{1}`` with probability ``chance``, else ``\boxed{0}``; a function of the chunk alone.

    Chunks come back in another order than they went in, as from a real engine. ``delay`` is in seconds per chunk.
    """

    def __init__(self, chance: float = 0.5, delay: float = 0.0) -> None:
        self.chance, self.delay = chance, delay

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        chunks = iter(chunks)
        while batch := list(islice(chunks, 3)):
            for chunk in reversed(batch):
                time.sleep(self.delay)
                yield chunk, toss(chunk, self.chance)

    def describe(self) -> dict[str, Any]:
        return {"engine": "coin"}


def toss(chunk: Chunk, chance: float = 0.5) -> list[Completion]:
    coin = random.Random(chunk.seed)
    completions = []
    for i in range(chunk.size):
        text = f"toss {i} of {chunk.seed}: \\boxed{{{int(coin.random() < chance)}}}"
        completions.append(Completion(text, coin.randint(1, 40), coin.choice(["stop", "stop", "length"])))
    return completions
