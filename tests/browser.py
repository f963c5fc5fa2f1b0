"""A headless Chromium, driven over its DevTools protocol, and a JupyterLab server, both ended with their block."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from websocket import WebSocketTimeoutException, create_connection

T = TypeVar("T")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_TOKEN = "test"


def wait_for(ask: Callable[[], T], what: str, seconds: float = 60) -> T:
    """The first true answer of ``ask``; AssertionError, telling the last answer, after ``seconds``."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}; the last answer was {answer!r}"
        time.sleep(0.1)
    return answer


class Browser:
    """One page of Chromium.

    Attributes:
        requests: addresses of everything that pages asked for, ``data:`` and ``blob:`` left out.
        complaints: errors on the console and exceptions that no script caught.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = (1400, 1600)) -> None:
        self.folder, self.size = folder, size
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._sent, self._loaded = 0, False

    def __enter__(self) -> Browser:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = _start(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--remote-debugging-port=0", f"--user-data-dir={self.folder}/profile",
             f"--window-size={self.size[0]},{self.size[1]}", "about:blank"],
            self.folder / "chromium.log", {"HOME": str(self.folder)},
        )  # fmt: skip
        try:
            port = wait_for(self._port, "Chromium to start")
            tabs = wait_for(lambda: _json(f"http://127.0.0.1:{port}/json"), "a page")
            page = next(tab for tab in tabs if tab["type"] == "page")
            self._socket = create_connection(page["webSocketDebuggerUrl"], suppress_origin=True, timeout=60)
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.call(f"{domain}.enable")
            self.call("Emulation.setFocusEmulationEnabled", enabled=True)  # as the window in front
        except BaseException:
            end(self._process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        end(self._process)

    def open(self, address: str) -> None:
        """Go to an address and wait until all of it is loaded."""
        self._loaded = False
        self.call("Page.navigate", url=address)
        wait_for(lambda: self.run("document.readyState === 'complete'") and self._loaded, address)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise."""
        reply = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in reply:
            told = reply["exceptionDetails"]
            raise AssertionError(f"{script}: {told.get('exception', {}).get('description', told['text'])}")
        return reply["result"].get("value")

    def wait(self, script: str, seconds: float = 60) -> Any:
        """The first true value of a JavaScript expression."""
        return wait_for(lambda: self.run(script), script, seconds)

    def key(self, name: str, code: int) -> None:
        """Press and release a key of the keyboard, as a person would: what has the focus gets it."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)

    def click(self, element: str) -> None:
        """Click the middle of the element that a JavaScript expression finds."""
        self.run(f"{element}.scrollIntoView({{block: 'nearest'}})")
        box = self.run(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({element}.getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def screenshot(self, name: str) -> Path:
        path = self.folder / f"{name}.png"
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
        return path

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A method of the DevTools protocol; events that come meanwhile are kept."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            try:
                message = json.loads(self._socket.recv())
            except WebSocketTimeoutException as error:
                raise AssertionError(f"Chromium does not answer {method}") from error
            if message.get("id") == self._sent:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self._note(message.get("method", ""), message.get("params", {}))

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event == "Network.requestWillBeSent":
            if not told["request"]["url"].startswith(("data:", "blob:")):
                self.requests.append(told["request"]["url"])
        elif event == "Network.webSocketCreated":
            self.requests.append(told["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.complaints.append(str(told["args"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")

    def _port(self) -> str:
        assert self._process.poll() is None, (self.folder / "chromium.log").read_text()
        file = self.folder / "profile" / "DevToolsActivePort"
        return file.read_text().partition("\n")[0] if file.is_file() else ""


class JupyterLab:
    """A server of the running interpreter's JupyterLab that knows nothing of the user's home.

    Args:
        root: the folder it shows.
        home: an empty folder, for its settings, log and run-time files.
        environment: more environment variables, which kernels inherit.
    """

    def __init__(self, root: Path, home: Path, environment: dict[str, str]) -> None:
        self.root, self.home, self.environment = root, home, environment

    def __enter__(self) -> JupyterLab:
        folders = {
            name: str(self.home / name.lower())
            for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
                         "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
        }  # fmt: skip
        for folder in folders.values():
            Path(folder).mkdir(parents=True)
        settings = Path(folders["JUPYTERLAB_SETTINGS_DIR"], "@jupyterlab", "apputils-extension")
        settings.mkdir(parents=True)
        no_news = json.dumps({"fetchNews": "false", "checkForUpdates": False})
        (settings / "notification.jupyterlab-settings").write_text(no_news)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._process = _start(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
             f"--ServerApp.root_dir={self.root}", f"--IdentityProvider.token={_TOKEN}",
             "--LabApp.expose_app_in_browser=True"],
            self.home / "jupyterlab.log", folders | self.environment,
        )  # fmt: skip
        try:
            # Where another program took the port meanwhile, the server took the next one.
            self.url = wait_for(lambda: self._url(Path(folders["JUPYTER_RUNTIME_DIR"])), "JupyterLab to start", 120)
        except BaseException:
            end(self._process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process)

    def address(self, page: str = "lab") -> str:
        return f"{self.url}{page}?token={_TOKEN}"

    def _url(self, folder: Path) -> str:
        assert self._process.poll() is None, (self.home / "jupyterlab.log").read_text()
        for file in folder.glob("jpserver-*.json"):
            try:
                url = json.loads(file.read_text())["url"]
                _json(f"{url}api/status?token={_TOKEN}")
            except (ValueError, OSError):  # half written, or not listening yet
                return ""
            return url
        return ""


def _start(command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen:
    with open(log, "wb") as stream:
        return subprocess.Popen(
            command, stdout=stream, stderr=stream, env={**os.environ, **environment}, start_new_session=True
        )


def end(process: subprocess.Popen) -> None:
    """End a process politely, then it and all that it has started by force."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as reply:
        return json.load(reply)
