"""An API under one base address: which requests are tried again, when, and for how long."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from mathb_kit.api_key import KEY_VARIABLE, without_key
from mathb_kit.endpoint.one_try import BadReply, Failed, send
from mathb_kit.endpoint.reply_cache import ReplyCache
from mathb_kit.endpoint.side_by_side import Item, Result, abandoned, side_by_side
from mathb_kit.errors import MathbError
from mathb_kit.silence import Silence

_LONGEST_PAUSE = 60.0  # of our own; a server may ask for more
_LONGEST_RETRY_AFTER = 600.0  # a server that asks for more has run into a quota: to wait helps nobody
_TOTAL = 3.0  # times the limit of one try is the limit of all tries of a request, waits that the server asks for apart

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
        self.concurrency, self.tries, self.pause = concurrency, tries, pause
        self._cache = ReplyCache(cache, self.url) if cache else None
        self.traffic = Traffic()
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self._silence = Silence(self.url)

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
        cache = self._cache if keep else None
        if cache and (kept := cache.read(path, body)) is not None:
            try:
                result = read(kept)
            except BadReply:
                pass  # read more strictly than when it was kept: ask again
            else:
                self._count(cached=1)
                return result

        def read_and_keep(reply: Any) -> Result:
            result = read(reply)
            if cache and (keep is True or keep(result)):
                cache.keep(path, body, reply)
            return result

        return self._try(path, body, read_and_keep, tries or self.tries, within)

    def is_cached(self, path: str, body: dict[str, Any]) -> bool:
        """Whether the cache has the reply to a request."""
        return self._cache is not None and self._cache.holds(path, body)

    def map(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        while_waiting: Callable[[], None] | None = None,
    ) -> Iterator[tuple[Item, Result]]:
        """Yield (item, ``work(item)``) in order of completion, ``concurrency`` at a time.

        Items are drawn as there is room for them. An error in ``work`` is raised here. When the caller stops early,
        work under way is abandoned: what waits for another try is not sent again. ``while_waiting`` is called now and
        then in the caller's own thread.
        """
        return side_by_side(work, items, self.concurrency, while_waiting)

    def _try(
        self,
        path: str,
        body: dict[str, Any] | None,
        read: Callable[[Any], Result],
        tries: int,
        within: float | None,
    ) -> Result:
        over, address = abandoned(), urljoin(self.url + "/", path)
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
                    reply = send(address, body, min(self.seconds, left), lambda: self._silence.tell("no answer yet"))
                    result = read(reply)
                except (Failed, BadReply) as error:
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

    def _count(self, **increments: int) -> None:
        with self._lock:
            for name, increment in increments.items():
                setattr(self.traffic, name, getattr(self.traffic, name) + increment)


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
