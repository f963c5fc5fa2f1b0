"""One progress display for everything that takes long: a bar in a terminal, one line that is redrawn in a notebook,
plain lines now and then in logs, pipes and CI."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from tqdm import tqdm

from mathb_kit.errors import MathbError

# Where nobody can see a bar move (papermill, CI, a pipe): seconds between lines, and the shortest job that gets one.
_LINE_EVERY = 10.0
_WORTH_A_LINE = 2.0
_REDRAW_EVERY = 0.5  # seconds, in a notebook: every redrawing is a message to the browser
_NOTES_KEPT = 20
_TRUST_AFTER = 5.0  # seconds from the first finished unit until its rate says anything about the time left
_LATELY = 60.0  # seconds that a rate is about, and how many of the longest waits it takes in where these are longer
_WAITS = 4


class Progress(Protocol):
    """What `progress` yields."""

    def update(self, n: int = 1) -> None:
        """``n`` more units are done."""
        ...

    def found(self, n: int) -> None:
        """``n`` more units turn out to be done already; they do not count towards the rate."""
        ...

    def show(self, remark: str, total: int | None = None) -> None:
        """Put a remark behind the numbers and, if given, another total."""
        ...

    def note(self, text: str) -> None:
        """Show one line of text without breaking the display."""
        ...


class Pace:
    """Units per second of late, waits included.

    What is asked for side by side is answered in bursts, and within one, or from its first answer on, a rate says
    nothing. So it is over the last minute, or over several of the longest waits where these are longer.
    """

    def __init__(self) -> None:
        self._marks = deque([(time.monotonic(), 0)])  # when there were so many, half a second apart or more
        self._longest = 0.0

    def add(self, n: int) -> None:
        """``n`` more are there."""
        now, there = time.monotonic(), self._marks[-1][1] + n
        self._longest = max(self._longest, now - self._marks[-1][0])
        if len(self._marks) > 1 and now - self._marks[-2][0] < 0.5:
            self._marks.pop()
        self._marks.append((now, there))
        while self._marks[1][0] <= now - max(_LATELY, _WAITS * self._longest):
            self._marks.popleft()

    def resume(self) -> None:
        """Nothing was waited for since the last ones came."""
        pause = time.monotonic() - self._marks[-1][0]
        self._marks = deque((at + pause, n) for at, n in self._marks)

    def per_second(self) -> float:
        """The rate now; 0 before there is any."""
        (since, before), (_, there) = self._marks[0], self._marks[-1]
        seconds = time.monotonic() - since
        return (there - before) / seconds if seconds > 0 else 0.0


@contextmanager
def progress(total: int | None, label: str, unit: str = "attempts", initial: int = 0) -> Iterator[Progress]:
    """Show how far a job is, its rate and the time left, on stderr.

    A terminal gets a bar; a notebook that somebody looks at gets one output that is redrawn in place, if the job
    takes more than 2 s; anything else (a pipe, a log, CI, a terminal that cannot move its cursor, a notebook that
    is only recorded) gets a plain line at most every 10 s, and one at the end if the job took more than 2 s. No
    time left is shown before 5 s have passed since the first unit. Nothing is coloured, and only a bar uses
    carriage returns. ``MATHB_PROGRESS=bar``, ``plain`` or ``off`` overrides.

    Args:
        total: units in the whole job, or None where unknown.
        label: what is being done.
        unit: what is counted, in the plural.
        initial: units done before this run; they count as done but not towards the rate.

    Raises:
        MathbError: ``MATHB_PROGRESS`` has another value.
    """
    mode = os.environ.get("MATHB_PROGRESS") or ("bar" if _somebody_looks() else "plain")
    if mode == "bar" and not _in_notebook():
        with _Bar(total, label, unit, initial) as bar:
            yield bar
    elif mode in ("bar", "plain"):
        lines = (_Redrawn if mode == "bar" else _Lines)(total, label, unit, initial)
        try:
            yield lines
        finally:
            lines.close()
    elif mode == "off":
        yield _Silent()
    else:
        raise MathbError(f"MATHB_PROGRESS must be bar, plain or off, not {mode!r}.")


@contextmanager
def without_weight_bars() -> Iterator[None]:
    """Without transformers' own bars over the tensors of a checkpoint; the hub's bars over downloads stay."""
    from transformers.utils import logging

    if not hasattr(logging, "set_tqdm_hook"):  # transformers 5.0 has one switch for all bars
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            if shown:
                logging.enable_progress_bar()
        return
    before = logging.set_tqdm_hook(lambda _, args, kwargs: logging.EmptyTqdm(*args, **kwargs))
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def clock(seconds: float) -> str:
    """Minutes and seconds, e.g. ``4:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _trusted(first_unit: float | None) -> bool:
    return first_unit is not None and time.monotonic() - first_unit >= _TRUST_AFTER


def _somebody_looks() -> bool:
    if _in_notebook():
        return os.environ.get("MATHB_WIDGETS") != "off"
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


class _Silent:
    def update(self, n: int = 1) -> None:
        pass

    def found(self, n: int) -> None:
        pass

    def show(self, remark: str, total: int | None = None) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class _Bar(tqdm):
    def __init__(self, total: int | None, label: str, unit: str, initial: int) -> None:
        self._first_unit: float | None = None
        self._pace = Pace()
        # leave=None: only the outermost of nested bars stays on the screen.
        super().__init__(total=total, desc=label, unit=f" {unit}", initial=initial, leave=None, dynamic_ncols=True)

    def update(self, n: int = 1) -> bool | None:
        if self._first_unit is None:
            self._first_unit = time.monotonic()
        self._pace.add(n)
        return super().update(n)

    def found(self, n: int) -> None:
        self.initial, self.n, self.last_print_n = self.initial + n, self.n + n, self.last_print_n + n
        self.refresh()

    def show(self, remark: str, total: int | None = None) -> None:
        self.total = self.total if total is None else total
        self.set_postfix_str(remark)

    @property
    def format_dict(self) -> dict[str, Any]:
        numbers = super().format_dict
        if numbers["rate"] is not None:  # else, at the end too, it is that of the whole time
            numbers["rate"] = self._pace.per_second()  # tqdm's own forgets a wait over a burst
        if self.total is not None and not _trusted(self._first_unit):
            numbers["bar_format"] = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}, {rate_fmt}{postfix}]"
        return numbers

    def note(self, text: str) -> None:
        self.write(text, file=sys.stderr)


class _Lines:
    def __init__(self, total: int | None, label: str, unit: str, initial: int) -> None:
        self.total, self.label, self.unit, self.initial = total, label, unit, initial
        self.done = initial
        self.remark = ""
        self.started = self.last_line = time.monotonic()
        self._first_unit: float | None = None
        self._pace = Pace()

    def update(self, n: int = 1) -> None:
        if self._first_unit is None:
            self._first_unit = time.monotonic()
        self._pace.add(n)
        self.done += n
        self._tick()

    def found(self, n: int) -> None:
        self.initial, self.done = self.initial + n, self.done + n

    def show(self, remark: str, total: int | None = None) -> None:
        self.remark, self.total = remark, self.total if total is None else total
        self._tick()

    def _tick(self) -> None:
        if time.monotonic() - self.last_line >= _LINE_EVERY:
            self.last_line = time.monotonic()
            self.note(self.text(left=True))

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if time.monotonic() - self.started > _WORTH_A_LINE:
            self.note(self.text(left=False))

    def text(self, left: bool) -> str:
        seconds = time.monotonic() - self.started
        whole = (self.done - self.initial) / seconds if seconds > 0 else 0.0
        rate = self._pace.per_second() if left else whole
        count = f"{self.done:,}" + (f" of {self.total:,}" if self.total is not None else "")
        text = f"{self.label}: {count} {self.unit}, {rate:,.1f}/s, {tqdm.format_interval(seconds)}"
        if left and self.total is not None and rate > 0 and _trusted(self._first_unit):
            text += f", {tqdm.format_interval((self.total - self.done) / rate)} left"
        return f"{text}, {self.remark}" if self.remark else text


class _Redrawn(_Lines):
    """The same line with a bar under a notebook's cell, redrawn in place; nested jobs share the outermost's output."""

    running: list[_Redrawn] = []  # outermost first

    def __init__(self, total: int | None, label: str, unit: str, initial: int) -> None:
        super().__init__(total, label, unit, initial)
        self.display_id, self.notes = "", []
        self.running.append(self)

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self.last_line >= _REDRAW_EVERY and now - self.running[0].started > _WORTH_A_LINE:
            self._draw_all()

    def note(self, text: str) -> None:
        self.running[0].notes.append(text)
        self._draw_all()

    def close(self) -> None:
        self.running.remove(self)
        if not self.running and (self.display_id or time.monotonic() - self.started > _WORTH_A_LINE):
            self._draw([self.text(left=False)])

    def _draw_all(self) -> None:
        for job in self.running:
            job.last_line = time.monotonic()
        self.running[0]._draw([job._bar() + job.text(left=True) for job in self.running])

    def _bar(self) -> str:
        full = min(20, 20 * self.done // self.total) if self.total else 0
        return "█" * full + "░" * (20 - full) + " " if self.total else ""

    def _draw(self, lines: list[str]) -> None:
        from IPython.display import display

        known, self.display_id = bool(self.display_id), self.display_id or f"mathb-{uuid.uuid4().hex}"
        content = {"text/plain": "\n".join([*self.notes[-_NOTES_KEPT:], *lines])}
        display(content, raw=True, display_id=self.display_id, update=known)
