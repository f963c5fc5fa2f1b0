"""Who may ask the viewer's server, and what its pages may load.

Whoever can open a connection to this machine could ask; whoever knows the secret is answered. The address that is
printed has it; the browser then keeps it as a cookie that no other site's page can send along, and a name other than
this machine's in the request (a rebound one) is refused. Only GET and HEAD exist. Pages may load style and script from
here and nothing from elsewhere.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")
# Nothing but our own style and script; no frame, no form to elsewhere, no style in an element.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store", "X-Frame-Options": "DENY",
}  # fmt: skip
_NO_TOKEN = "Open the address that mathb view printed: it has a secret, and this one does not.\n"


class Guard:
    """Refuses what does not come from the person who started the server; every answer has the headers."""

    def __init__(self, app: Any, token: str, cookie: str) -> None:
        self.app, self.token, self.cookie = app, token, cookie

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.requests import Request

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
            await send(message)

        answer = self._refusal(Request(scope)) if scope["type"] == "http" else None
        await (answer or self.app)(scope, receive, with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to what does not get a page; None for what does."""
        from starlette.responses import HTMLResponse, PlainTextResponse

        if _host_of(request.headers.get("host", "")) not in _NAMES:
            return PlainTextResponse("This address is not of this machine.\n", 421)
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("This server only shows.\n", 405, headers={"Allow": "GET, HEAD"})
        if (given := request.query_params.get("token")) is not None:
            if not secrets.compare_digest(given.encode(), self.token.encode()):
                return PlainTextResponse(_NO_TOKEN, 403)
            # Not a redirect: the browser sends a strict cookie only where a page of ours leads on.
            left = {name: value for name, value in request.query_params.items() if name != "token"}
            answer = HTMLResponse("<!doctype html><title>mathb</title>", headers={"Refresh": f"0; url={_here(left)}"})
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
            return answer
        # Pages of other servers on this machine count as the same site: what they load would bring the cookie.
        apart = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if apart and request.headers.get("sec-fetch-mode") != "navigate":
            return PlainTextResponse("Only pages of this server may ask.\n", 403)
        if not secrets.compare_digest(request.cookies.get(self.cookie, "").encode(), self.token.encode()):
            return PlainTextResponse(_NO_TOKEN, 403)
        return None


def _here(parameters: dict[str, str]) -> str:
    return f"?{urlencode(parameters)}" if parameters else "./"


def _host_of(header: str) -> str:
    return header.rpartition(":")[0] if ":" in header else header
