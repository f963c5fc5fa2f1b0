"""One progress bar over everything that an evaluation samples, round after round."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mathb_kit.progress import Pace, Progress, progress
from mathb_kit.sampling.engine import CommittingEngine, Engine


class Watch:
    """A context manager whose bar appears with the first attempt that the store lacks.

    The bar counts attempts, of which ``most`` are expected at most, and shows tokens per second: of an engine with
    ``on_tokens`` while a batch is under way, of any other as chunks are finished.

    Args:
        label: what is sampled.
        most: attempts of all rounds, if no problem stops early.
    """

    def __init__(self, label: str, most: int) -> None:
        self._label, self._most = label, most
        self._there = 0
        self._bar: Progress | None = None
        self._open = ExitStack()
        self._live = False  # whether the engine reports its tokens itself
        self._tokens = Pace()
        self._speed = self._remark = ""

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def found(self, attempts: int) -> None:
        """So many more were in the store."""
        self._there += attempts
        if self._bar:
            self._bar.found(attempts)

    def begin(self, engine: Engine | CommittingEngine) -> None:
        """Something is missing: the bar appears, if it is not there yet, and the engine is opened."""
        if self._bar is None:
            self._bar = self._open.enter_context(progress(self._most, self._label, "attempts", initial=self._there))
        if not isinstance(engine, CommittingEngine):
            engine.describe()
        self._tokens.resume()  # to load weights, or to grade between two rounds, is no waiting for tokens

    def expect(self, most: int, remark: str = "") -> None:
        """Less can come than was thought; ``remark`` stands behind the numbers from now on."""
        self._most, self._remark = most, remark or self._remark
        self._show()

    def finished(self, attempts: int, tokens: int) -> None:
        """So many attempts are committed, with so many tokens."""
        if not self._live:
            self._count(tokens)
        if self._bar:
            self._bar.update(attempts)

    @contextmanager
    def following(self, engine: Engine | CommittingEngine) -> Iterator[None]:
        """Hear of the engine's tokens, unless somebody else does."""
        if getattr(engine, "on_tokens", self) is not None:
            yield
            return
        engine.on_tokens = self._report
        try:
            yield
        finally:
            engine.on_tokens = None

    def _report(self, tokens: int) -> None:
        self._live = True
        self._count(tokens)

    def _count(self, tokens: int) -> None:
        self._tokens.add(tokens)
        rate = self._tokens.per_second()
        self._speed = f"{rate:,.0f} tokens/s" if rate else ""
        self._show()

    def _show(self) -> None:
        if self._bar:
            self._bar.show(", ".join(filter(None, [self._speed, self._remark])), self._most)
