"""Worker processes for judging pairs that can be killed at any moment.

What is covered: a limit of processor time per task and of memory per worker, both ending in a fresh worker; a far
larger limit by the wall clock (which starts when an idle worker gets the task); an empty environment, no files written,
no standard streams, a session of its own so that Ctrl-C goes to the parent alone; a worker whose parent dies ends by
itself. What is not covered: a worker can still read files and use the network; nothing that math-verify does asks for
either.

Processor time, because a verdict is kept: whether a pair takes too long must be a property of the pair, and not of
what else the machine does. Where the machine is to blame all the same (a worker that was stopped or starved until the
wall clock's limit, or killed from outside) the rung says so, and nobody keeps the verdict.

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

TASK_SECONDS = 3.0  # of processor time; a common pair takes milliseconds
WALL = 100.0  # times as long by the wall clock: a worker that gets a hundredth of a processor still has its time
INTERRUPTED = "interrupted"
"""The rung of a pair whose worker was held up or killed by something else than the pair."""
MEMORY_BYTES = 768 << 20  # two workers and their parent stay below 2 GB
MAX_TASKS = 2000  # SymPy's caches grow; a worker is replaced after this many tasks
_START_SECONDS = 120.0  # importing SymPy on a cold, shared disk

# What a death by a signal says of the pair; nothing that a worker does to itself is a SIGKILL.
_DEATHS = {signal.SIGPROF: "timeout", signal.SIGALRM: INTERRUPTED, signal.SIGKILL: INTERRUPTED}

_JUDGE = "mathb_kit.grading.judge:judge"

Judgement = tuple[bool | None, str]


class Workers:
    """A pool of at most ``count`` workers, started when there is something to judge.

    Safe to call from any thread; calls from several threads take turns.

    Args:
        count: by default one per core.
        seconds: limit of processor time per pair.
        wall: limit by the wall clock; ``WALL`` times as long by default.
        function: ``module:name`` of what judges a pair, imported in the workers alone.
    """

    def __init__(
        self,
        count: int | None = None,
        *,
        seconds: float = TASK_SECONDS,
        wall: float | None = None,
        function: str = _JUDGE,
    ) -> None:
        self._count = count or _cores()
        self._limits = seconds, wall or WALL * seconds
        self._function = function
        self._pool: list[_Worker] = []
        self._owner = os.getpid()
        self._lock = threading.RLock()

    def judge(self, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[int, Judgement]]:
        """Yield (position in ``pairs``, (equal, rung)) in order of completion.

        ``equal`` is None where the pair could not be judged; the rung then says why: ``limit``, ``timeout`` (too
        much processor time), ``crash`` (died, for example out of memory) or `INTERRUPTED` (no fault of the pair).
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
                    worker.judge(*task, self._limits)
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

    def judge(self, position: int, pair: tuple[str, str], limits: tuple[float, float]) -> None:
        self.position, self.tasks = position, self.tasks + 1
        self.deadline = time.monotonic() + limits[1]
        try:
            self.send([*pair, *limits], limits[1])
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
            return None, _DEATHS.get(-death.code, "crash")
        except TimeoutError:
            if time.monotonic() < self.deadline:
                return None
        self.end()
        return None, INTERRUPTED


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def serve(function: str) -> None:
    """The child's life."""
    module, _, name = function.partition(":")
    judge = getattr(import_module(module), name)

    def answer(message: tuple[str, str, float, float]) -> Judgement:
        try:
            return judge(*message[:2])
        except MemoryError:
            raise
        except Exception:  # whatever an odd expression brings SymPy to raise: reported, never taken for a verdict
            return None, "crash"

    answer_lines(answer, MEMORY_BYTES, lambda message: message[3], lambda message: message[2])
