"""The viewer as a server for one person: this machine only, a secret in the address, nothing that writes.

Who is answered is `mathb_kit.viewer.guard`'s matter; nothing that a model wrote can run (`mathb_kit.report.html`, and
the policy there).
"""

from __future__ import annotations

import errno
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from mathb_kit.errors import MathbError
from mathb_kit.report.html import own_text
from mathb_kit.store import Store
from mathb_kit.viewer.comparison import chosen, comparison, to_csv
from mathb_kit.viewer.guard import HOST, Guard
from mathb_kit.viewer.numbers import Cell, cells, numbers_of
from mathb_kit.viewer.pages import Missing, Pages, parted
from mathb_kit.viewer.reading import Choice, Wanted
from mathb_kit.viewer.sets import ProblemSets
from mathb_kit.viewer.snapshot import Snapshot, store_of, take_snapshot

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_OFTEN = 5.0  # a store that grows is read anew at most this often, and for at most a tenth of the time


def serve(
    of: Path | None = None, *, port: int | None = None, browser: bool = True, problems: Sequence[Path] = ()
) -> None:
    """Serve a store until Ctrl-C, and say where.

    Args:
        of: the store or the runs folder around it; the common one by default.
        port: of this machine; a free one by default.
        browser: open it there.
        problems: files of problem sets that have no registered name.

    Raises:
        MathbError: no store or an empty one, a port that is taken, or a file that is no problem set.
    """
    import uvicorn

    store = store_of(of)
    with closing(Current(store, ProblemSets(problems, store.root.parent))) as current, _listening(port) as listener:
        if current.snapshot().is_empty:
            raise MathbError(
                f"The store {store.root} is empty, so there is nothing to view; sample something first (mathb evaluate "
                "mini-base-1 --on mini-math --attempts 16), or name the folder of other runs (mathb view FOLDER)."
            )
        number, token = listener.getsockname()[1], secrets.token_urlsafe(24)
        address = f"http://{HOST}:{number}/?token={token}"
        config = uvicorn.Config(
            application(current.snapshot, token, number), log_level="critical", access_log=False, lifespan="off",
            ws="none", server_header=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        print(f"{address}\nCtrl-C ends it.", flush=True)
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            pass
    print(file=sys.stderr)


class Current:
    """The latest snapshot of a store: taken anew when files were added, in whoever's request finds out.

    Args:
        store: the store.
        sets: the problems.
    """

    def __init__(self, store: Store, sets: ProblemSets) -> None:
        self.store, self.sets = store, sets
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._files: frozenset[str] = frozenset()
        self._looked, self._cost = 0.0, 0.0
        self._closed = threading.Event()
        self._preparing: list[threading.Thread] = []

    def snapshot(self) -> Snapshot:
        """See the class."""
        with self._lock:
            now = time.monotonic()
            if self._snapshot is None or now - self._looked > max(_OFTEN, 10 * self._cost):
                files = self._listed()
                if self._snapshot is None or files != self._files:
                    self._snapshot = take_snapshot(self.store, self.sets)
                    self._files, self._cost = files, time.monotonic() - now
                    # The overview waits for these numbers, and nobody else has to.
                    thread = threading.Thread(target=self._prepare, args=(self._snapshot,), daemon=True)
                    self._preparing = [*(each for each in self._preparing if each.is_alive()), thread]
                    thread.start()
                self._looked = time.monotonic()
            return self._snapshot

    def close(self) -> None:
        """Wait for the numbers at hand: a thread that the end of Python meets in C++ would take it down aloud."""
        self._closed.set()
        for thread in self._preparing:
            thread.join()

    def _prepare(self, snapshot: Snapshot) -> None:
        for cell in cells(snapshot):
            if self._closed.is_set():
                return
            numbers_of(snapshot, cell)

    def _listed(self) -> frozenset[str]:
        return frozenset(str(path) for path in self.store.root.rglob("*") if path.suffix in (".parquet", ".json"))


def link(page: str, /, **parameters: object) -> str:
    """The address of a page, relative to every other; what is empty is left out."""
    given = {name: value for name, value in parameters.items() if value not in ("", None, False)}
    return ("." if page == "overview" else page) + (f"?{urlencode(given)}" if given else "")


def style_sheet() -> str:
    """The style sheet of all pages."""
    return own_text("page.css") + Path(__file__).with_name("view.css").read_text(encoding="utf-8")


def script() -> str:
    """The script of all pages."""
    return own_text("page.js") + Path(__file__).with_name("view.js").read_text(encoding="utf-8")


def application(snapshot: Callable[[], Snapshot], token: str, port: int) -> Starlette:
    """The ASGI application.

    Args:
        snapshot: gives what the pages are about, at each request.
        token: who has it is answered.
        port: names the cookie, so that two viewers do not disturb each other.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import HTMLResponse, PlainTextResponse
    from starlette.routing import Route

    def page(make: Callable[[Pages, _Asked], str]) -> Callable[[Request], Response]:
        def answer(request: Request, error: Exception | None = None) -> Response:
            try:
                pages = Pages(snapshot(), link)
            except MathbError as fault:  # there is nothing that a page could be about
                return PlainTextResponse(f"{fault}\n", 503)
            try:
                return HTMLResponse(make(pages, _Asked(request.query_params)))
            except Missing as error:
                return HTMLResponse(pages.fault(str(error), "There is no such page"), 404)
            except MathbError as error:
                return HTMLResponse(pages.fault(str(error)), 500)

        return answer

    def csv(request: Request) -> Response:
        asked = _Asked(request.query_params)
        try:
            now = snapshot()
            name, draw = chosen(now, asked.text("set"), asked.text("draw"))
            table = comparison(now, name, draw, asked.number("k", 1))
        except MathbError as error:
            return PlainTextResponse(f"{error}\n", 404)
        disposition = {"Content-Disposition": 'attachment; filename="comparison.csv"'}
        return PlainTextResponse(to_csv(table), media_type="text/csv", headers=disposition)

    def unforeseen(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"A fault that nobody foresaw: {type(error).__name__}. Please tell us.\n", 500)

    def fixed(text: str, kind: str) -> Callable[[Request], Response]:
        return lambda request: PlainTextResponse(text, media_type=kind)

    routes = {
        "/": page(lambda pages, asked: pages.overview()),
        "/problems": page(lambda pages, asked: pages.problems(asked.cell(), asked.choice())),
        "/problem": page(
            lambda pages, asked: pages.problem(
                asked.cell(), asked.text("problem"), asked.choice(turned=False), asked.wanted()
            )
        ),
        "/search": page(lambda pages, asked: pages.search(asked.cell(), asked.wanted())),
        "/attempt": page(
            lambda pages, asked: pages.attempt(asked.cell(), asked.text("problem"), asked.number("index", 0))
        ),
        "/beside": page(_beside),
        "/compare": page(
            lambda pages, asked: pages.compare(asked.text("set"), asked.text("draw"), asked.number("k", 0))
        ),
        "/compare.csv": csv,
        "/runs": page(lambda pages, asked: pages.runs()),
        "/run": page(lambda pages, asked: pages.run(asked.text("run"))),
        "/view.css": fixed(style_sheet(), "text/css"),
        "/view.js": fixed(script(), "text/javascript"),
    }
    guard = Middleware(Guard, token=token, cookie=f"mathb-view-{port}")
    return Starlette(
        routes=[Route(path, endpoint, methods=["GET"]) for path, endpoint in routes.items()], middleware=[guard],
        exception_handlers={404: page(_no_such_page), Exception: unforeseen},
    )  # fmt: skip


class _Asked:
    """What the address of a request says."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def text(self, name: str) -> str:
        return self.values.get(name, "")

    def number(self, name: str, default: int) -> int:
        text = self.text(name)
        if text and not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Missing(f"{name} must be a whole number, not {text[:40]!r}.")
        return int(text or default)

    def cell(self) -> Cell:
        return Cell(self.text("model"), self.text("draw"), self.text("set"))

    def choice(self, turned: bool = True) -> Choice:
        return Choice(
            self.text("show"), self.text("sort") or "place", bool(self.text("down")), self.text("q"),
            self.number("page", 1) if turned else 1, self.text("where"),
        )  # fmt: skip

    def wanted(self) -> Wanted:
        return Wanted(
            self.text("verdict"), bool(self.text("truncated")), self.values.get("answer"), self.text("text"),
            self.number("page", 1), self.text("with"),
        )  # fmt: skip


def _beside(pages: Pages, asked: _Asked) -> str:
    key = asked.text("problem")
    sides = (parted(asked.text(side), key) for side in ("left", "right"))
    return pages.beside(key, *sides, page=max(1, asked.number("page", 1)), verdict=asked.text("verdict"))


def _no_such_page(pages: Pages, asked: _Asked) -> str:
    raise Missing("This address leads to nothing.")


def _listening(port: int | None) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port or 0))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise MathbError(f"Port {port} is taken; name another (--port), or leave it out for a free one.") from None
        if error.errno == errno.EACCES:
            raise MathbError(f"Port {port} may not be used; name one above 1023 (--port).") from None
        raise
    return listener
