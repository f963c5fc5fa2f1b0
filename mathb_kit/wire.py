"""One HTTP exchange that ends within its seconds, wherever it waits: httpx's own limits start anew with every read."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass
from functools import cache

import httpx

LARGEST = 1 << 29  # bytes of a reply: beyond it is no completion, or a chunk that nobody should ask for at once
_LARGEST_ERROR = 4096  # bytes of an error's body that are read


class Lost(Exception):
    """No reply came; the message says why, e.g. "connection lost (Connection refused)"."""


@dataclass(frozen=True)
class Reply:
    """Status and its reason, the Retry-After header if there is one, and the body: at most a little over `LARGEST`."""

    status: int
    reason: str
    retry_after: str | None
    content: bytes


def exchange(request: httpx.Request, seconds: float) -> Reply:
    """Send a request and read the reply; redirects are not followed: a key would go to another address.

    Raises:
        Lost: no connection, a connection that broke, or more than ``seconds`` from the first byte out to the last in.
    """
    loop, client = _sender(os.getpid())
    reply = asyncio.run_coroutine_threadsafe(_exchange(client, request, seconds), loop)
    try:
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
    retry_after = response.headers.get("Retry-After")
    return Reply(response.status_code, response.reason_phrase, retry_after, b"".join(parts))
