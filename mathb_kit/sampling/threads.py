"""Pieces of work on small matrices, side by side in threads, with the same results whatever their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

MOST_THREADS = 8  # a thread holds the interpreter for a part of each step, so that many more would only queue
_WAIT = 0.5  # seconds between two calls of ``while_waiting``


def in_threads(
    work: Callable[[Item, Event], Made],
    items: Iterable[Item],
    workers: int | None = None,
    while_waiting: Callable[[], None] | None = None,
) -> Iterator[tuple[Item, Made]]:
    """Each item, in order, with what ``work`` makes of it; as many at once as torch may use threads.

    Operations on small matrices gain nothing from a second thread, two items side by side do: torch leaves the
    interpreter to others while it computes. Each item is worked on by one thread, so that no result hangs on how many
    there are; with fewer ``workers`` torch's threads are shared out among them. The event tells ``work`` that nobody
    waits for its result any more. ``while_waiting`` is called now and then in the caller's own thread.
    """
    import torch

    before = torch.get_num_threads()
    threads = min(workers or before, MOST_THREADS)
    each = max(1, before // workers) if workers else 1
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(each,))
    ahead: deque[tuple[Item, Future[Made]]] = deque()
    abandoned = Event()

    def oldest() -> tuple[Item, Made]:
        item, result = ahead.popleft()
        while while_waiting and not wait([result], timeout=_WAIT).done:
            while_waiting()
        return item, result.result()

    try:
        for item in items:
            ahead.append((item, pool.submit(work, item, abandoned)))
            if len(ahead) > 2 * threads:
                yield oldest()
        while ahead:
            yield oldest()
    finally:
        abandoned.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)
