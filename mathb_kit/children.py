"""Child processes that talk JSON lines: a start that is waited for, deadlines, an orderly end and a forced one.

What a child is started with is the caller's matter (interpreter, environment, limits); how it lives and ends is told
here. Its first line is ``{"ready": ...}``, and the end of its input ends it, so that none outlives its parent.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

_LAST_SECONDS = 10.0  # between the end of a child's output and its own


class Died(Exception):
    """The child's output has ended; the message says how: ``exit status 1``, ``killed by SIGABRT``.

    Attributes:
        code: exit status, or minus the number of the signal.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}")
        self.code = code


class NotReady(Exception):
    """The child did not start; the message is the last line of what it wrote to stderr, or that it took too long."""


class Child:
    """A child process in a session of its own: Ctrl-C goes to the parent alone, and the end takes all that it started.

    It ends with `end`, with this object or with the interpreter. A forked copy of the parent ends nothing.

    Args:
        command: program and arguments.
        environment: all of its variables.
        folder: where it runs; here by default.
        log: file that gets its stderr. Without one stderr is kept for the error of a child that does not start.
        patience: seconds that it has to end by itself once its input has ended; then its process group is killed.

    Raises:
        OSError: the program cannot be run.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: str | Path | None = None,
        log: Path | None = None,
        patience: float = 0.0,
    ) -> None:
        self._stderr = log.open("w+b") if log else tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                command,
                bufsize=0,  # reads and writes are ours: a deadline must hold within a line, too
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        except OSError:
            self._stderr.close()
            raise
        self.output = self.process.stdout
        self.end = weakref.finalize(self, _end, self.process, self._stderr, patience, os.getpid())
        self._lines: deque[bytes] = deque()
        self._begun = bytearray()  # a line whose rest has not come yet

    @property
    def alive(self) -> bool:
        return self.end.alive and self.process.poll() is None

    def send(self, message: Any) -> None:
        """Write one line. To a child that died this does nothing: `receive` finds the end of its output."""
        unsent = memoryview(json.dumps(message).encode() + b"\n")
        try:
            while unsent:
                unsent = unsent[self.process.stdin.write(unsent) :]
        except BrokenPipeError:
            pass
        except BaseException:  # Ctrl-C within a line: the rest of it must not be read as a message
            self.end()
            raise

    def receive(self, seconds: float | None = None) -> Any:
        """The next line. Ctrl-C while waiting for it costs nothing; within it, it ends the child.

        Args:
            seconds: how long to wait; for ever by default. With 0, only what is here already.

        Raises:
            Died: the output has ended; a line that was cut short does not count.
            TimeoutError: no whole line in time.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while not self._lines:
            if not wait([self.output], None if until is None else max(0.0, until - time.monotonic())):
                raise TimeoutError
            try:
                part = os.read(self.output.fileno(), 1 << 16)
                first, *others = part.split(b"\n")
                self._begun += first
                for other in others:
                    self._lines.append(bytes(self._begun))
                    self._begun = bytearray(other)
            except BaseException:
                self.end()
                raise
            if not part:
                raise Died(self._code())
        return json.loads(self._lines.popleft())

    def _code(self) -> int:
        try:
            return self.process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:  # it closed its output and lives on
            self.end()
            return self.process.returncode

    def ready(self, seconds: float | None = None) -> Any:
        """What the child says of itself once it has started.

        Raises:
            NotReady: it died, or said something else.
            TimeoutError: no line in time.
        """
        try:
            return self.receive(seconds)["ready"]
        except (Died, ValueError, TypeError, KeyError):
            self._stderr.seek(0)
            lines = self._stderr.read().decode(errors="replace").strip().splitlines()
            raise NotReady(lines[-1].strip() if lines else "no message") from None


def wait_for_any(children: Iterable[Child], seconds: float) -> None:
    """Wait until one of the children has written something or died, at most ``seconds``."""
    children = list(children)
    if not any(child._lines for child in children):
        wait([child.output for child in children], max(0.0, seconds))


def _end(process: subprocess.Popen[bytes], stderr: Any, patience: float, owner: int) -> None:
    """Let a child end by itself, then make sure that nothing of its process group is left."""
    if os.getpid() != owner:
        return
    process.stdin.close()
    if patience:
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    process.stdout.close()
    stderr.close()
