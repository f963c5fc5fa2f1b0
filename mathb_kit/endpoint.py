"""The project's only HTTP client: JSON requests, bounded in number, retried with back-off, kept in a reply cache."""

from __future__ import annotations

import gzip
import hashlib
import json
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from mathb_kit import wire
from mathb_kit.api_key import KEY_VARIABLE, read_key, without_key
from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError
from mathb_kit.silence import Silence

_RETRIED = {408, 409, 425, 429}  # and every 5xx: another try may succeed

_LONGEST_PAUSE = 60.0  # of our own; a server may ask for more
_LONGEST_RETRY_AFTER = 600.0  # a server that asks for more has run into a quota: to wait helps nobody
_TOTAL = 3.0  # times the limit of one try is the limit of all tries of a request, waits that the server asks for apart

Item = TypeVar("Item")
Result = TypeVar("Result")


class BadReply(Exception):
    """A reply that is not what was asked for; another try may bring a good one."""


class _Failed(Exception):
    """A try that another one may mend; ``retry_after``: seconds that the server asks to wait, 0 if it does not."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class GaveUp(Exception):
    """Every try of one request failed; the message says how the last one did."""


class UnreadableReply(GaveUp):
    """The last try of a request that failed was answered, by something else than what was asked for."""


@dataclass
class Traffic:
    """What went over the wire: requests sent (retries among them), replies taken from the cache instead, and the tokens
    that the server counted in what it sent."""

    requests: int = 0
    retries: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Endpoint:
    """An API under one base address, e.g. ``http://localhost:8000/v1``.

    A request is tried again after a lost connection, a time-out, a status 408, 409, 425, 429 or 5xx, and a reply that
    is no JSON, that holds an error under status 200, or that its reader refuses. Pauses double from ``pause`` to 60 s,
    with jitter; a ``Retry-After`` holds all requests back, not only the one that got it. Any other status is an error
    at once: the request is at fault. After 10 s without any answer stderr says what is waited for and why.

    The key, if one is needed, is read from ``MATHB_API_KEY``. It is sent to this address only and written nowhere.

    Args:
        url: the address; ``/v1`` is added to one without a path.
        concurrency: most requests under way at the same time.
        seconds: time limit of one try, from its first byte out to its last one in. All tries of a request together
            have three times as long; waits that the server asks for do not count, and are 10 minutes at most.
        tries: how often a request is tried.
        pause: seconds of the first pause.
        cache: folder that keeps replies, or None. A request that was answered before is not sent again, so its body
            must hold a seed if equal requests are to have different answers.

    Raises:
        MathbError: an address that is none.
    """

    def __init__(
        self,
        url: str,
        concurrency: int = 32,
        seconds: float = 600.0,
        tries: int = 6,
        pause: float = 1.0,
        cache: Path | None = None,
    ) -> None:
        self.url, self.seconds = _base_address(url), seconds
        self.concurrency, self.tries, self.pause, self.cache = concurrency, tries, pause, cache
        self.traffic = Traffic()
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self._silence = Silence(self.url)
        self._thread = threading.local()

    def get(self, path: str, within: float | None = None) -> Any:
        """JSON at a path below the address, or below the server's root if it begins with ``/``; never cached.

        Args:
            path: below the address.
            within: as for `post`.

        Raises:
            GaveUp: no try was answered.
            MathbError: the server refuses the request.
        """
        return self._try(path, None, lambda reply: reply, self.tries, within)

    def post(
        self,
        path: str,
        body: dict[str, Any],
        read: Callable[[Any], Result] = lambda reply: reply,
        tries: int | None = None,
        keep: bool | Callable[[Result], bool] = True,
        within: float | None = None,
    ) -> Result:
        """Send a JSON body and return what ``read`` makes of the reply.

        Args:
            path: below the address.
            body: JSON-ready.
            read: raises BadReply on a reply that is not what was asked for.
            tries: instead of the endpoint's.
            keep: whether the cache is asked and gets the reply; a function says of what was read whether it gets it.
            within: seconds for all tries together.

        Raises:
            GaveUp: no try was answered; UnreadableReply: the last one was, but not as asked.
            MathbError: the server refuses the request.
        """
        file = self._cache_file(path, body) if keep else None
        if file is not None and file.is_file():
            try:
                result = read(json.loads(gzip.decompress(file.read_bytes())))
            except (OSError, EOFError, ValueError, RecursionError, BadReply):
                pass  # damaged, or read more strictly than when it was kept: ask again
            else:
                self._count(cached=1)
                return result

        def read_and_keep(reply: Any) -> Result:
            result = read(reply)
            if file is not None and (keep is True or keep(result)):
                with whole_file(file, "free space there or move MATHB_RUNS.") as stream:
                    stream.write(gzip.compress(json.dumps(reply).encode(), mtime=0))
            return result

        return self._try(path, body, read_and_keep, tries or self.tries, within)

    def is_cached(self, path: str, body: dict[str, Any]) -> bool:
        """Whether the cache has the reply to a request."""
        file = self._cache_file(path, body)
        return file is not None and file.is_file()

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        """Yield (item, ``work(item)``) in order of completion, ``concurrency`` at a time.

        Items are drawn as there is room for them. An error in ``work`` is raised here. When the caller stops early,
        work under way is abandoned: what waits for another try is not sent again.
        """
        waiting, finished = queue.SimpleQueue(), queue.SimpleQueue()
        over = threading.Event()

        def serve() -> None:
            self._thread.over = over
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
                while under_way < 2 * self.concurrency and (item := next(source, source)) is not source:
                    if threads < self.concurrency:
                        # Daemons: Ctrl-C must not wait for replies that are minutes away.
                        threading.Thread(target=serve, daemon=True).start()
                        threads += 1
                    waiting.put((item,))
                    under_way += 1
                if not under_way:
                    return
                item, result, error = finished.get()
                under_way -= 1
                if error is not None:
                    raise error
                yield item, result
        finally:
            over.set()
            for _ in range(threads):
                waiting.put(None)

    def _try(
        self,
        path: str,
        body: dict[str, Any] | None,
        read: Callable[[Any], Result],
        tries: int,
        within: float | None,
    ) -> Result:
        over = getattr(self._thread, "over", None) or threading.Event()
        left = most = within or _TOTAL * self.seconds
        pause, failure = 0.0, None
        with self._silence:
            for attempt in range(tries):
                quiet = self._quiet_until - time.monotonic()
                wait = max(pause, quiet + self.pause * random.random() if quiet > 0 else 0.0)
                left -= min(wait, pause)
                if left <= 0:
                    raise _gave_up(failure, f"after {attempt} tries and more than {most:g} s")
                if wait:
                    why = failure or "the server asks all requests to wait"
                    self._silence.tell(without_key(f"{why}; the next try is in {wait:,.0f} s"), wait)
                if over.wait(wait):
                    raise GaveUp("abandoned")
                self._count(requests=1, retries=int(attempt > 0))
                began = time.monotonic()
                try:
                    reply = self._send(path, body, min(self.seconds, left))
                    result = read(reply)
                except (_Failed, BadReply) as error:
                    failure = error
                    left -= time.monotonic() - began
                    wish = getattr(error, "retry_after", 0.0)
                    if wish > _LONGEST_RETRY_AFTER:
                        raise _gave_up(
                            f"{error}; it asks to come back in {wish:,.0f} s, and {_LONGEST_RETRY_AFTER:g} s are "
                            "waited at most"
                        ) from None
                    self._quiet_until = max(self._quiet_until, time.monotonic() + wish)
                    pause = min(_LONGEST_PAUSE, self.pause * 2**attempt) * random.uniform(0.5, 1.0)
                else:
                    self._silence.broken()
                    usage = reply.get("usage") if isinstance(reply, dict) else None
                    counts = usage if isinstance(usage, dict) else {}
                    names = ("prompt_tokens", "completion_tokens")
                    self._count(**{name: counts[name] for name in names if isinstance(counts.get(name), int)})
                    return result
        raise _gave_up(failure, f"after {tries} tries")

    def _send(self, path: str, body: dict[str, Any] | None, seconds: float) -> Any:
        """The JSON that answers a POST of ``body``, or a GET where it is None; one try.

        Raises:
            _Failed: a lost connection, a time-out, a status 408, 409, 425, 429 or 5xx, or a reply that is no JSON.
            BadReply: an error under status 200.
            MathbError: any other status, or a reply beyond all measure.
        """
        address = urljoin(self.url + "/", path)
        headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "mathb_kit"}
        if key := read_key():
            headers["Authorization"] = f"Bearer {key}"
        request = httpx.Request(
            "GET" if body is None else "POST",
            address,
            headers={**headers, "Accept-Encoding": "identity"},
            content=None if body is None else json.dumps(body).encode(),
        )
        try:
            reply = wire.exchange(request, seconds, lambda: self._silence.tell("no answer yet"))
        except wire.Lost as error:
            raise _Failed(str(error)) from None
        if 200 <= reply.status < 300:
            if len(reply.content) > wire.LARGEST:
                raise MathbError(f"{address} sent more than {wire.LARGEST >> 20} MiB; ask for fewer attempts at once.")
            try:
                answer = json.loads(reply.content)
            except (ValueError, RecursionError):
                raise _Failed("a reply that is not JSON") from None
            if isinstance(answer, dict) and answer.get("error") and not answer.get("choices"):
                raise BadReply(f"HTTP {reply.status} with an error ({without_key(reply.message)[:300]})")
            return answer
        refusal = f"HTTP {reply.status} ({without_key(reply.message or reply.reason)[:300]})"
        if reply.status in _RETRIED or reply.status >= 500:
            raise _Failed(refusal, reply.retry_after)
        raise MathbError(f"{address} refuses a request: {refusal}{_remedy(reply.status)}.")

    def _count(self, **increments: int) -> None:
        with self._lock:
            for name, increment in increments.items():
                setattr(self.traffic, name, getattr(self.traffic, name) + increment)

    def _cache_file(self, path: str, body: dict[str, Any]) -> Path | None:
        if self.cache is None:
            return None
        name = hashlib.sha256(json.dumps([self.url, path, body], sort_keys=True).encode()).hexdigest()
        return self.cache / name[:2] / f"{name}.json.gz"


def _gave_up(failure: object, *how: str) -> GaveUp:
    kind = UnreadableReply if isinstance(failure, BadReply) else GaveUp
    return kind(without_key(", ".join([str(failure), *how])))


def _base_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0  # reading it checks the port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):  # e.g. an open bracket of IPv6
        whole = False
    if not whole or "@" in parts.netloc or parts.query:
        raise MathbError(
            f"An endpoint needs an address like http://localhost:8000/v1; a key goes into {KEY_VARIABLE}, never into "
            "the address."
        )
    plain = url.partition("#")[0].rstrip("?/")
    return plain + ("/v1" if parts.path in ("", "/") else "")


def _remedy(status: int) -> str:
    if status in (401, 403):
        return f"; set {KEY_VARIABLE} to a key that it accepts"
    if 300 <= status < 400 or status in (404, 405):
        return "; check the address and the model's name"
    return "; change the request's settings or leave the problem out"
