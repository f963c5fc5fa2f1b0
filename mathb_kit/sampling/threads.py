"""Pieces of work on small matrices, side by side in threads, with the same results whatever their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_MOST_THREADS = 8  # a thread holds the interpreter for a part of each step, so that many more would only queue


def in_threads(work: Callable[[Item, Event], Made], items: Iterable[Item]) -> Iterator[tuple[Item, Made]]:
    """Each item, in order, with what ``work`` makes of it; as many at once as torch may use threads.

    Operations on small matrices gain nothing from a second thread, two items side by side do: torch leaves the
    interpreter to others while it computes. Each item is worked on by one thread, so that no result hangs on how many
    there are. The event tells ``work`` that nobody waits for its result any more.
    """
    import torch

    before = torch.get_num_threads()
    threads = min(before, _MOST_THREADS)
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    ahead: deque[tuple[Item, Future[Made]]] = deque()
    abandoned = Event()
    try:
        for item in items:
            ahead.append((item, pool.submit(work, item, abandoned)))
            if len(ahead) > 2 * threads:
                item, result = ahead.popleft()
                yield item, result.result()
        while ahead:
            item, result = ahead.popleft()
            yield item, result.result()
    finally:
        abandoned.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)
