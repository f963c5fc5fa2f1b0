"""One try of a JSON request: what came, or whether another try may mend it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from mathb_kit import wire
from mathb_kit.api_key import KEY_VARIABLE, read_key, without_key
from mathb_kit.errors import MathbError

_RETRIED = {408, 409, 425, 429}  # and every 5xx: another try may succeed


class BadReply(Exception):
    """A reply that is not what was asked for; another try may bring a good one."""


class Failed(Exception):
    """A try that another one may mend; ``retry_after``: seconds that the server asks to wait, 0 if it does not."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def send(address: str, body: dict[str, Any] | None, seconds: float, meanwhile: Callable[[], object]) -> Any:
    """The JSON that answers a POST of ``body``, or a GET where it is None; the key goes along, if there is one.

    Args:
        address: where to.
        body: JSON-ready.
        seconds: from the first byte out to the last in.
        meanwhile: called now and then while nothing has come.

    Raises:
        Failed: a lost connection, a time-out, a status 408, 409, 425, 429 or 5xx, or a reply that is no JSON.
        BadReply: an error under status 200.
        MathbError: any other status, or a reply beyond all measure.
    """
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
        reply = wire.exchange(request, seconds, meanwhile)
    except wire.Lost as error:
        raise Failed(str(error)) from None
    if 200 <= reply.status < 300:
        return _answer(address, reply)
    refusal = f"HTTP {reply.status} ({without_key(reply.message or reply.reason)[:300]})"
    if reply.status in _RETRIED or reply.status >= 500:
        raise Failed(refusal, reply.retry_after)
    raise MathbError(f"{address} refuses a request: {refusal}{_remedy(reply.status)}.")


def _answer(address: str, reply: wire.Reply) -> Any:
    if len(reply.content) > wire.LARGEST:
        raise MathbError(f"{address} sent more than {wire.LARGEST >> 20} MiB; ask for fewer attempts at once.")
    try:
        answer = json.loads(reply.content)
    except (ValueError, RecursionError):
        raise Failed("a reply that is not JSON") from None
    if isinstance(answer, dict) and answer.get("error") and not answer.get("choices"):
        raise BadReply(f"HTTP {reply.status} with an error ({without_key(reply.message)[:300]})")
    return answer


def _remedy(status: int) -> str:
    if status in (401, 403):
        return f"; set {KEY_VARIABLE} to a key that it accepts"
    if 300 <= status < 400 or status in (404, 405):
        return "; check the address and the model's name"
    return "; change the request's settings or leave the problem out"
