"""One HTTP exchange that ends within its seconds, wherever it waits: httpx's own limits start anew with every read."""

from __future__ import annotations

import asyncio
import email.utils
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass
from functools import cache

import httpx

LARGEST = 1 << 29  # bytes of a reply: beyond it is no completion, or a chunk that nobody should ask for at once
_LARGEST_ERROR = 4096  # bytes of an error's body that are read
_TICK = 1.0  # seconds between two looks at a clock while waiting


class Lost(Exception):
    """No reply came; the message says why, e.g. "connection lost (Connection refused)"."""


@dataclass(frozen=True)
class Reply:
    """Status and its reason, seconds that a Retry-After header asks for, and the body (about `LARGEST` at most)."""

    status: int
    reason: str
    retry_after: float
    content: bytes

    @property
    def message(self) -> str:
        """What the server says about an error."""
        text = self.content.decode(errors="replace")
        try:
            reply = json.loads(text)
            fault = reply.get("error", reply) if isinstance(reply, dict) else reply
            text = str(fault.get("message", fault)) if isinstance(fault, dict) else str(fault)
        except (ValueError, RecursionError):
            pass
        return " ".join(text.split())


def exchange(request: httpx.Request, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> Reply:
    """Send a request and read the reply; redirects are not followed: a key would go to another address.

    Args:
        request: what to send.
        seconds: from the first byte out to the last in.
        meanwhile: called now and then while nothing has come.

    Raises:
        Lost: no connection, a connection that broke, or more than ``seconds``.
    """
    loop, client = _sender(os.getpid())
    reply = asyncio.run_coroutine_threadsafe(_exchange(client, request, seconds), loop)
    try:
        while not wait([reply], _TICK).done:
            meanwhile()
        return reply.result()
    except TimeoutError:
        raise Lost(f"no reply within {seconds:g} s") from None
    except httpx.HTTPError as error:
        cause: BaseException = error
        while deeper := cause.__cause__ or cause.__context__:  # what the system says lies deepest
            cause = deeper
        reason = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else type(error).__name__
        raise Lost(f"connection lost ({reason})") from None
    finally:
        reply.cancel()  # Ctrl-C while waiting


@cache
def _sender(process: int) -> tuple[asyncio.AbstractEventLoop, httpx.AsyncClient]:
    """A loop in a thread: only a coroutine can be stopped wherever it waits. One per process, as forks lose threads."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="mathb-http", daemon=True).start()
    # A connection serves one request, which takes seconds at least: none is found closed when it is used again.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return loop, httpx.AsyncClient(timeout=None, limits=limits)


async def _exchange(client: httpx.AsyncClient, request: httpx.Request, seconds: float) -> Reply:
    async with asyncio.timeout(seconds):
        response = await client.send(request, stream=True)
        try:
            parts, size = [], 0
            async for part in response.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > (LARGEST if response.is_success else _LARGEST_ERROR):
                    break
        finally:
            await response.aclose()
    wish = _seconds_of(response.headers.get("Retry-After"))
    return Reply(response.status_code, response.reason_phrase, wish, b"".join(parts))


def _seconds_of(retry_after: str | None) -> float:
    """Seconds that a Retry-After header asks for: a number of them, or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return 0.0
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
