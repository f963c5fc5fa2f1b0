"""Worker processes for judging pairs that can be killed at any moment.

What is covered: a wall-clock limit per task (the clock starts when an idle worker gets it) and a memory limit per
worker, both ending in a kill and a fresh worker; an empty environment, no files written, no standard streams, a
session of its own so that Ctrl-C goes to the parent alone; a worker whose parent dies ends by itself. What is not
covered: a worker can still read files and use the network; nothing that math-verify does asks for either.

The workers are plain child processes that talk JSON lines over pipes. Process pools re-import the caller's main
module in each child, which breaks in scripts without a main guard, on stdin and in notebooks.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from importlib import import_module

from mathb_kit.children import Child, Died, NotReady, answer_lines, python_child, wait_for_any
from mathb_kit.errors import MathbError

TASK_SECONDS = 3.0  # a common pair takes milliseconds
MEMORY_BYTES = 768 << 20  # two workers and their parent stay below 2 GB
MAX_TASKS = 2000  # SymPy's caches grow; a worker is replaced after this many tasks
_START_SECONDS = 120.0  # importing SymPy on a cold, shared disk

_JUDGE = "mathb_kit.grading.judge:judge"

Judgement = tuple[bool | None, str]


class Workers:
    """A pool of at most ``count`` workers, started when there is something to judge.

    Safe to call from any thread; calls from several threads take turns.

    Args:
        count: by default one per core.
        seconds: wall-clock limit per pair.
        function: ``module:name`` of what judges a pair, imported in the workers alone.
    """

    def __init__(self, count: int | None = None, *, seconds: float = TASK_SECONDS, function: str = _JUDGE) -> None:
        self._count = count or _cores()
        self._seconds = seconds
        self._function = function
        self._pool: list[_Worker] = []
        self._owner = os.getpid()
        self._lock = threading.RLock()

    def judge(self, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[int, Judgement]]:
        """Yield (position in ``pairs``, (equal, rung)) in order of completion.

        ``equal`` is None where the pair could not be judged; the rung then says why: ``limit``, ``timeout`` (killed by
        the clock) or ``crash`` (died, for example out of memory).
        """
        with self._lock:
            if self._owner != os.getpid():  # forked: the pipes belong to the parent process
                self._pool, self._owner = [], os.getpid()
            try:
                yield from self._judge(pairs)
            except BaseException:
                self._end()
                raise

    def close(self) -> None:
        """End all workers. The pool can be used again, it then starts new ones."""
        with self._lock:
            if self._owner == os.getpid():
                self._end()

    def _end(self) -> None:
        while self._pool:
            self._pool.pop().end()

    def _judge(self, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[int, Judgement]]:
        tasks = enumerate(pairs)
        task = next(tasks, None)
        while True:
            for worker in [one for one in self._pool if one.idle and not one.alive]:
                self._pool.remove(worker)  # died while idle: no pair is to blame
                worker.end()
            for worker in self._pool:
                if task is not None and worker.idle:
                    worker.judge(*task, self._seconds)
                    task = next(tasks, None)
            if task is not None and len(self._pool) < self._count and not any(w.starting for w in self._pool):
                self._pool.append(_Worker(self._function))
            busy = [worker for worker in self._pool if not worker.idle]
            if task is None and not any(worker.position is not None for worker in busy):
                return
            wait_for_any(busy, min(worker.deadline for worker in busy) - time.monotonic())
            for worker in busy:
                if worker.starting:
                    worker.finish_start()
                elif judgement := worker.judgement():
                    position, worker.position = worker.position, None
                    if not worker.alive or worker.tasks >= MAX_TASKS:
                        self._pool.remove(worker)
                        worker.end()
                    yield position, judgement


class _Worker(Child):
    """One child process: starting, idle, or busy with the task at ``position``."""

    def __init__(self, function: str) -> None:
        super().__init__(*python_child("mathb_kit.grading.workers:serve", function))
        self.position: int | None = None
        self.starting = True
        self.deadline = time.monotonic() + _START_SECONDS
        self.tasks = 0

    @property
    def idle(self) -> bool:
        return self.position is None and not self.starting

    def judge(self, position: int, pair: tuple[str, str], seconds: float) -> None:
        self.position, self.tasks = position, self.tasks + 1
        self.deadline = time.monotonic() + seconds
        try:
            self.send([*pair, seconds], seconds)
        except TimeoutError:  # a stopped worker reads nothing; it was killed, and `judgement` says so
            pass

    def finish_start(self) -> None:
        try:
            self.ready(0)
            self.starting = False
        except NotReady as why:
            raise MathbError(
                f"The grading worker could not start; check that math-verify is installed ({why})."
            ) from None
        except TimeoutError:
            if time.monotonic() >= self.deadline:
                raise MathbError(
                    f"The grading worker did not start within {_START_SECONDS:.0f} s; is the disk very slow?"
                ) from None

    def judgement(self) -> Judgement | None:
        """What came of the task, None if nothing yet. A worker that failed at it is dead afterwards."""
        try:
            return tuple(self.receive(0))
        except Died as death:
            late = death.code == -signal.SIGALRM or time.monotonic() >= self.deadline
            return None, "timeout" if late else "crash"
        except TimeoutError:
            if time.monotonic() < self.deadline:
                return None
        self.end()
        return None, "timeout"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def serve(function: str) -> None:
    """The child's life."""
    module, _, name = function.partition(":")
    judge = getattr(import_module(module), name)

    def answer(message: tuple[str, str, float]) -> Judgement:
        try:
            return judge(*message[:2])
        except MemoryError:
            raise
        except Exception:  # whatever an odd expression brings SymPy to raise: reported, never taken for a verdict
            return None, "crash"

    answer_lines(answer, MEMORY_BYTES, lambda message: message[2])
