"""What the driver asks of an engine, and nothing more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from mathb_kit.errors import MathbError
from mathb_kit.models.model import Model

if TYPE_CHECKING:
    from mathb_kit.store.draw import StoredDraw


def chunk_seed(run_seed: int, model_key: str, problem_key: str, draw: str, first: int) -> int:
    """63-bit seed of one chunk: a hash of its identity, never a counter.

    vLLM seeds the children of one request with seed, seed + 1, ...: consecutive chunk seeds would overlap, and one
    seed for many prompts would repeat the noise. Hashed seeds do neither (up to a birthday chance near 1e-9 a run).
    """
    text = "\x1f".join((str(run_seed), model_key, problem_key, draw, str(first)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class Chunk:
    """A block of attempts at one problem that is sampled, stored and resumed as a whole.

    Attempts have the indices ``first`` to ``first + size - 1``. ``prompt`` is the rendered text.
    """

    problem_key: str
    prompt: str
    first: int
    size: int
    seed: int


@dataclass(frozen=True)
class Completion:
    """One sampled text (prompt excluded), its number of sampled tokens and why it ended.

    ``finish``: ``stop`` (end token or stop string), ``length`` (token limit), ``cut`` (the engine gave up on it).
    """

    text: str
    tokens: int
    finish: str


class Committed(NamedTuple):
    """Attempts that came into the store: how many, their sampled tokens, and how many of them were truncated or cut."""

    attempts: int
    tokens: int
    truncated: int
    cut: int

    @classmethod
    def of(cls, completions: Sequence[Completion]) -> Committed:
        """The counts of some completions."""
        ends = [completion.finish for completion in completions]
        tokens = sum(completion.tokens for completion in completions)
        return cls(len(ends), tokens, ends.count("length"), ends.count("cut"))


class Engine(Protocol):
    """Turns chunks into completions.

    One that has an attribute ``on_tokens`` (None, or a function of a number of new tokens) calls it now and then while
    chunks are under way, in the thread that iterates over `sample`.
    """

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        """Yield each chunk once with its ``chunk.size`` completions, in any order, as soon as it is finished.

        A chunk's completions are a function of the chunk alone, up to floating-point differences between batches.
        ``chunks`` may be long: draw from it as capacity allows.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Provenance: engine name, versions, device, dtype."""
        ...


class TokenCount:
    """Part of an engine that works in threads: counts tokens there, and tells them in the caller's own.

    Attributes:
        tokens_sampled: tokens since the engine was made, those of unfinished attempts included.
        on_tokens: called with the number of new ones every second or so, in the thread that iterates over ``sample``.
    """

    def __init__(self) -> None:
        self.tokens_sampled = self._tokens_told = 0
        self.on_tokens: Callable[[int], None] | None = None
        self._counting = Lock()

    def count_tokens(self, tokens: int) -> None:
        """So many more, from any thread."""
        with self._counting:
            self.tokens_sampled += tokens

    def tell_tokens(self) -> None:
        """Those that were not told yet."""
        new = self.tokens_sampled - self._tokens_told
        self._tokens_told += new
        if new and self.on_tokens:
            self.on_tokens(new)


class NotStored(MathbError):
    """Attempts are missing, and nothing may be sampled."""


class StoredOnly:
    """Takes the place of an engine where nothing may be sampled."""

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        raise NotStored("Attempts are missing in the store.")

    def describe(self) -> dict[str, Any]:
        raise NotStored("Attempts are missing in the store.")


@runtime_checkable
class CommittingEngine(Protocol):
    """An engine whose workers commit what they sample, each by `mathb_kit.sampling.driver.commit_chunks`."""

    def commit(self, chunks: Sequence[Chunk], draw: StoredDraw) -> Iterator[Committed]:
        """Bring all chunks into the draw's store; yield the counts in parts, for a progress bar."""
        ...


EngineFactory = Callable[[Model], Engine | CommittingEngine]
"""Makes the engine of any model, e.g. of each of the two that are compared."""
