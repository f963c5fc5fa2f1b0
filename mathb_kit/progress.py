"""One progress display for everything that takes long: a bar in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

from mathb_kit.errors import MathbError

# Where nobody can see a bar move (papermill, CI, a pipe): seconds between lines, and the shortest job that gets one.
_LINE_EVERY = 10.0
_WORTH_A_LINE = 2.0


class Progress(Protocol):
    """What `progress` yields."""

    def update(self, n: int = 1) -> None:
        """``n`` more units are done."""
        ...

    def note(self, text: str) -> None:
        """Show one line of text without breaking the display."""
        ...


@contextmanager
def progress(total: int | None, label: str, unit: str = "attempts", initial: int = 0) -> Iterator[Progress]:
    """Show how far a job is, its rate and the time left, on stderr.

    A terminal gets a bar; anything else gets a plain line at most every 10 s, and one at the end if the job took more
    than 2 s. ``MATHB_PROGRESS=bar``, ``plain`` or ``off`` overrides.

    Args:
        total: units in the whole job, or None where unknown.
        label: what is being done.
        unit: what is counted, in the plural.
        initial: units done before this run; they count as done but not towards the rate.

    Raises:
        MathbError: ``MATHB_PROGRESS`` has another value.
    """
    mode = os.environ.get("MATHB_PROGRESS") or ("bar" if sys.stderr.isatty() else "plain")
    if mode == "bar":
        with _Bar(total, label, unit, initial) as bar:
            yield bar
    elif mode == "plain":
        lines = _Lines(total, label, unit, initial)
        try:
            yield lines
        finally:
            lines.close()
    elif mode == "off":
        yield _Silent()
    else:
        raise MathbError(f"MATHB_PROGRESS must be bar, plain or off, not {mode!r}.")


def clock(seconds: float) -> str:
    """Minutes and seconds, e.g. ``4:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class _Silent:
    def update(self, n: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class _Bar(tqdm):
    def __init__(self, total: int | None, label: str, unit: str, initial: int) -> None:
        # leave=None: only the outermost of nested bars stays on the screen. Little smoothing, because chunks finish
        # in bursts and the time left would jump.
        super().__init__(
            total=total, desc=label, unit=f" {unit}", initial=initial, leave=None, smoothing=0.05, dynamic_ncols=True
        )

    def note(self, text: str) -> None:
        self.write(text, file=sys.stderr)


class _Lines:
    def __init__(self, total: int | None, label: str, unit: str, initial: int) -> None:
        self.total, self.label, self.unit, self.initial = total, label, unit, initial
        self.done = initial
        self.started = self.last_line = time.monotonic()

    def update(self, n: int = 1) -> None:
        self.done += n
        if time.monotonic() - self.last_line >= _LINE_EVERY:
            self._line(left=True)

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if time.monotonic() - self.started > _WORTH_A_LINE:
            self._line(left=False)

    def _line(self, left: bool) -> None:
        self.last_line = time.monotonic()
        seconds = self.last_line - self.started
        rate = (self.done - self.initial) / seconds if seconds > 0 else 0.0
        count = f"{self.done:,}" + (f" of {self.total:,}" if self.total is not None else "")
        text = f"{self.label}: {count} {self.unit}, {rate:,.1f}/s, {tqdm.format_interval(seconds)}"
        if left and self.total is not None and rate > 0:
            text += f", {tqdm.format_interval((self.total - self.done) / rate)} left"
        self.note(text)
