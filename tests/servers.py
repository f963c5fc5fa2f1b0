"""A local completions server that does as it is told, for tests of the HTTP client and the server engine."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Mood = Callable[[dict[str, Any], int], str | dict[str, Any]]


class CompletionsServer:
    """Speaks enough of OpenAI's API; the text of attempt i of a request with seed s is ``seed <s + i>``.

    Args:
        mood: from (body, how often this body came before) to what happens: ``good`` or a fault, see `_Handler`; a dict
            is sent as the reply.
        owner: what the list of models says in ``owned_by``.
        well: requests for one token are answered well and are not among ``requests``; else they meet the mood, too.
    """

    def __init__(
        self, mood: Mood = lambda body, before: "good", owner: str = "somebody", well: bool = True
    ) -> None:
        self.mood, self.owner, self.well = mood, owner, well
        self.requests: list[dict[str, Any]] = []  # path, body, headers and time of all POSTs
        self.open = self.most_open = 0
        self.lock = threading.Lock()
        self.hangs: Callable[[], object] = lambda: None  # called once a reply will not go on
        self.over = threading.Event()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.owner = self
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self) -> CompletionsServer:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def bodies(self) -> list[dict[str, Any]]:
        return [request["body"] for request in self.requests]


def good_reply(body: dict[str, Any], count: int | None = None) -> dict[str, Any]:
    choices = [
        {"index": i, "text": f"seed {body['seed'] + i}", "finish_reason": "stop"} for i in range(count or body["n"])
    ]
    if "messages" in body:
        choices = [{"message": {"role": "assistant", "content": c.pop("text")}, **c} for c in choices]
    each = min(3, body.get("max_tokens", 3))
    usage = {"prompt_tokens": 10, "completion_tokens": each * len(choices)}
    return {"choices": choices[::-1], "usage": usage}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # the default of 5 refuses connections that the tests count


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        owner = self.server.owner
        if self.path == "/v1/models":
            self._json({"data": [{"id": "tiny", "owned_by": owner.owner}, {"id": "other", "owned_by": owner.owner}]})
        elif self.path == "/version":
            self._json({"version": "1.2.3"})
        else:
            self._json({"error": {"message": "no such page"}}, 404)

    def do_POST(self) -> None:
        owner: CompletionsServer = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if owner.well and body.get("max_tokens") == 1:
            self.counted = 0
            self._json(good_reply(body))
            return
        with owner.lock:
            before = Counter(map(str, owner.bodies()))[str(body)]
            request = {"path": self.path, "body": body, "headers": dict(self.headers), "time": time.monotonic()}
            owner.requests.append(request)
            owner.open += 1
            self.counted = 1
            owner.most_open = max(owner.most_open, owner.open)
        try:
            self._act(owner.mood(body, before), body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a client that ran out of patience
        finally:
            self._done()

    def _done(self) -> None:
        """Open no more; called before the reply leaves, because the client may send its next request at once."""
        with self.server.owner.lock:
            self.server.owner.open -= self.counted
            self.counted = 0

    def _act(self, act: str | dict[str, Any], body: dict[str, Any]) -> None:
        if not isinstance(act, str):
            self._json(act)
            return
        match act.split():
            case ["good"]:
                self._json(good_reply(body))
            case ["answers", *words]:
                reply = good_reply(body, 1)
                reply["choices"][0]["message"]["content"] = " ".join(words)
                self._json(reply)
            case ["slow", seconds]:
                time.sleep(float(seconds))
                self._json(good_reply(body))
            case ["hang", where]:  # without end, though bytes go on to come
                if where != "before":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                if where == "body":
                    self.wfile.write(b"Content-Length: 1000000\r\n\r\n")
                drop = {"before": b"", "headers": b"X: 1\r\n", "body": b" "}[where]
                self.wfile.write(3 * drop)
                self.server.owner.hangs()
                while not self.server.owner.over.wait(0.01):
                    self.wfile.write(drop)
                self.close_connection = True
            case ["endless"]:
                self.send_response(200)
                self.end_headers()
                while True:
                    self.wfile.write(b" " * (1 << 16))
            case ["says", *words]:
                self._json({"error": {"message": " ".join(words)}}, 400)
            case ["cut"]:  # before the reply
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            case ["torn"]:  # in the middle of it
                content = json.dumps(good_reply(body)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            case ["status", code, *after]:
                headers = {"Retry-After": " ".join(after)} if after else {}
                said = f"it is {code}; your key was {self.headers['Authorization']}"
                self._json({"error": {"message": said}}, int(code), headers)
            case ["redirect", address]:
                self._json({}, 307, {"Location": address})
            case ["html"]:
                self._send(b"<html>Gateway</html>", 200, {"Content-Type": "text/html"})
            case ["fewer", count]:
                self._json(good_reply(body, min(int(count), body["n"])))
            case ["more"]:
                self._json(good_reply(body, body["n"] + 1))
            case ["none"]:
                self._json({"choices": []})
            case ["unfinished"]:
                reply = good_reply(body)
                reply["choices"][-1]["finish_reason"] = None
                self._json(reply)
            case _:
                raise AssertionError(act)

    def _json(self, reply: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(reply).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    counted = 0  # this request, in the server's count of open ones

    def _send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self._done()
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
