"""One JSON request over HTTP, tried once; what may pass is told from what is the request's own fault."""

from __future__ import annotations

import email.utils
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Any

from mathb_kit.errors import MathbError

KEY_VARIABLE = "MATHB_API_KEY"

_RETRIED = {408, 409, 425, 429}  # and every 5xx: another try may succeed


class Failed(Exception):
    """A try that another one may mend; ``retry_after``: seconds that the server asks to wait, 0 if it does not."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Address:
    """The base address of an API, and how requests below it are sent.

    Args:
        url: e.g. ``http://localhost:8000/v1``; ``/v1`` is added to one without a path.
        seconds: time limit of a request.

    Raises:
        MathbError: an address that is none.
    """

    def __init__(self, url: str, seconds: float) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise MathbError(
                f"An endpoint needs an address like http://localhost:8000/v1; a key goes into {KEY_VARIABLE}, never "
                "into the address."
            )
        self.url = url.rstrip("/") + ("/v1" if parts.path in ("", "/") else "")
        self.seconds = seconds
        self._open = urllib.request.build_opener(_NoRedirect).open

    def send(self, path: str, body: dict[str, Any] | None) -> Any:
        """The JSON that answers a POST of ``body``, or a GET where it is None.

        Raises:
            Failed: a lost connection, a time-out, a status 408, 409, 425, 429 or 5xx, or a reply that is no JSON.
            MathbError: any other status.
        """
        address = urllib.parse.urljoin(self.url + "/", path)
        request = urllib.request.Request(
            address,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "mathb_kit"},
        )
        if key := _key():
            request.add_unredirected_header("Authorization", f"Bearer {key}")
        deadline = time.monotonic() + self.seconds
        try:
            with self._open(request, timeout=self.seconds) as response:
                # In parts: the socket's own limit starts anew with every byte of a reply that trickles in.
                content = b""
                while part := response.read1(1 << 16):
                    content += part
                    if time.monotonic() > deadline:
                        raise TimeoutError
        except urllib.error.HTTPError as error:
            said = _message(error, key)
            if error.code in _RETRIED or error.code >= 500:
                raise Failed(f"HTTP {error.code} {said}", _retry_after(error.headers.get("Retry-After"))) from None
            raise MathbError(f"{address} refuses a request: HTTP {error.code} {said}{_remedy(error.code)}.") from None
        except TimeoutError:
            raise Failed(f"no reply within {self.seconds:g} s") from None
        except urllib.error.URLError as error:
            timed_out = isinstance(error.reason, TimeoutError)
            raise Failed(f"no reply within {self.seconds:g} s" if timed_out else str(error.reason)) from None
        except (OSError, HTTPException) as error:
            raise Failed(f"connection lost ({type(error).__name__})") from None
        try:
            return json.loads(content)
        except ValueError:
            raise Failed("a reply that is not JSON") from None


def _key() -> str:
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not (key.isascii() and key.isprintable()):  # the error of the standard library would quote it
        raise MathbError(f"{KEY_VARIABLE} holds characters that no key has; set it again.")
    return key


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, and the key would go to another address."""

    def redirect_request(self, *args: Any) -> None:
        return None


def _retry_after(value: str | None) -> float:
    """Seconds that a Retry-After header asks for: a number of them, or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return 0.0
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _message(error: urllib.error.HTTPError, key: str) -> str:
    """What the server says about an error, shortened; servers may quote the key, so it is struck out."""
    try:
        text = error.read(4096).decode(errors="replace")
    except (OSError, HTTPException):
        text = ""
    try:
        reply = json.loads(text)
        fault = reply.get("error", reply) if isinstance(reply, dict) else reply
        text = str(fault.get("message", fault)) if isinstance(fault, dict) else str(fault)
    except ValueError:
        pass
    text = " ".join(text.replace(key, "***").split() if key else text.split())
    return f"({text[:300]})" if text else f"({error.reason})"


def _remedy(status: int) -> str:
    if status in (401, 403):
        return f"; set {KEY_VARIABLE} to a key that it accepts"
    if status in (301, 302, 303, 307, 308, 404, 405):
        return "; check the address and the model's name"
    return "; change the request's settings or leave the problem out"
