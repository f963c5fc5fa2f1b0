"""Work on many items at once, in threads that a caller may walk away from."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD = "mathb-side-by-side"
"""Name of the threads."""

_WAIT = 0.5  # seconds between two calls of ``while_waiting``
_here = threading.local()


def side_by_side(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    most: int,
    while_waiting: Callable[[], None] | None = None,
) -> Iterator[tuple[Item, Result]]:
    """Yield (item, ``work(item)``) in order of completion, ``most`` at a time.

    Items are drawn as there is room for them. An error in ``work`` is raised here. When the caller stops early, work
    under way is abandoned, which it sees by `abandoned`. ``while_waiting`` is called now and then in the caller's own
    thread.
    """
    waiting, finished = queue.SimpleQueue(), queue.SimpleQueue()
    over = threading.Event()

    def serve() -> None:
        _here.over = over
        while (task := waiting.get()) is not None and not over.is_set():
            try:
                finished.put((task[0], work(task[0]), None))
            except BaseException as error:
                finished.put((task[0], None, error))

    threads, under_way = 0, 0
    source = iter(items)
    try:
        while True:
            # As many again wait in line, so that no thread idles while the caller is busy with a result.
            while under_way < 2 * most and (item := next(source, source)) is not source:
                if threads < most:
                    # Daemons: Ctrl-C must not wait for replies that are minutes away.
                    threading.Thread(target=serve, name=THREAD, daemon=True).start()
                    threads += 1
                waiting.put((item,))
                under_way += 1
            if not under_way:
                return
            item, result, error = _next(finished, while_waiting)
            under_way -= 1
            if error is not None:
                raise error
            yield item, result
    finally:
        over.set()
        for _ in range(threads):
            waiting.put(None)


def _next(finished: queue.SimpleQueue, while_waiting: Callable[[], None] | None) -> Any:
    while while_waiting:
        try:
            return finished.get(timeout=_WAIT)
        except queue.Empty:
            while_waiting()
    return finished.get()


def abandoned() -> threading.Event:
    """Set once the caller of `side_by_side` has left the work of this thread; never set outside of such work."""
    return getattr(_here, "over", None) or threading.Event()
