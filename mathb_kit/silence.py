"""Words for those who wait: what is waited for and why, once nothing has been heard for a while."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

TELL_AFTER = 10.0  # seconds without an answer
_SOON = 5.0  # of a call from which no sign of life can come
_SELDOM = 300.0  # between two lines at most; the time between them doubles


class Silence:
    """How long nothing has been heard from ``whom``, told on stderr; many threads may wait at once.

    ``with silence:`` stands around a wait. Time in which nobody waits is no silence.
    """

    def __init__(self, whom: str) -> None:
        self.whom = whom
        self._lock = threading.Lock()
        self._waiting = 0
        self.broken()

    def __enter__(self) -> None:
        with self._lock:
            self._waiting += 1
            first = self._waiting == 1
        if first:
            self.broken()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._waiting -= 1

    def broken(self) -> None:
        """Something was heard."""
        with self._lock:
            self._since, self._due, self._step = time.monotonic(), TELL_AFTER, TELL_AFTER

    def tell(self, why: str, ahead: float = 0.0) -> None:
        """Say it, if the silence is long enough by now, or will be in ``ahead`` seconds that nobody can shorten."""
        with self._lock:
            silent = time.monotonic() - self._since
            if silent + ahead < self._due:
                return
            self._due = silent + ahead + self._step
            self._step = min(2 * self._step, _SELDOM)
            waiting = f"{self._waiting} requests wait" if self._waiting > 1 else "1 request waits"
        tqdm.write(f"{self.whom}: {why}; {waiting}, nothing came for {silent:.0f} s.", file=sys.stderr)


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Around a call that cannot be looked into: while it lasts, ``what`` is said on stderr, ever less often."""
    over = threading.Event()

    def tell() -> None:
        began, step = time.monotonic(), _SOON
        while not over.wait(step):
            silent = time.monotonic() - began
            tqdm.write(f"{what}; nothing came for {silent:.0f} s.", file=sys.stderr)
            step = min(silent, _SELDOM)

    watch = threading.Thread(target=tell, daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()  # no word about the wait comes after it
