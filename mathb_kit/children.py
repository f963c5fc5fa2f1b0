"""Child processes that talk JSON lines: a start that is waited for, deadlines, an orderly end and a forced one.

What a child is started with is the caller's matter (interpreter, environment, limits); how it lives and ends is told
here. Its first line is ``{"ready": ...}``, and the end of its input ends it, so that none outlives its parent.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

_BOOT = (
    "import sys, json; from importlib import import_module; sys.path[:] = json.loads(sys.argv[1]);"
    " module, name = sys.argv[2].split(':'); getattr(import_module(module), name)(*sys.argv[3:])"
)
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
        os.set_blocking(self.process.stdin.fileno(), False)
        self.end = weakref.finalize(self, _end, self.process, self._stderr, patience, os.getpid())
        self._lines: deque[bytes] = deque()
        self._begun = bytearray()  # a line whose rest has not come yet

    @property
    def alive(self) -> bool:
        return self.end.alive and self.process.poll() is None

    def send(self, message: Any, seconds: float | None = None) -> None:
        """Write one line. To a child that died this does nothing: `receive` finds the end of its output.

        Args:
            message: what JSON knows.
            seconds: how long the child may take to read it; for ever by default. One that does not is killed.

        Raises:
            TimeoutError: the child read too slowly, for example because it was stopped.
        """
        unsent = memoryview(json.dumps(message).encode() + b"\n")
        until = None if seconds is None else time.monotonic() + seconds
        pipe = self.process.stdin.fileno()
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(pipe, selectors.EVENT_WRITE)
                while unsent:
                    if not selector.select(None if until is None else max(0.0, until - time.monotonic())):
                        os.killpg(self.process.pid, signal.SIGKILL)
                        raise TimeoutError
                    try:
                        unsent = unsent[os.write(pipe, unsent) :]
                    except BlockingIOError:
                        continue
        except BrokenPipeError:
            pass
        except TimeoutError:
            raise
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


def python_child(function: str, *arguments: str) -> tuple[list[str], dict[str, str], str]:
    """Of a child that calls ``module:name`` with these texts, by this interpreter and its paths: command, environment
    (an empty one) and folder.

    One hash seed for all: what a library does in the order of a set must not vary by child.
    """
    paths = json.dumps([os.path.abspath(entry) for entry in sys.path])
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    command = [sys.executable, "-P", "-s", "-B", "-c", _BOOT, paths, function, *arguments]
    return command, {"PYTHONHASHSEED": "0", **libraries}, "/"


def answer_lines(
    answer: Callable[[Any], Any],
    memory: int,
    seconds: Callable[[Any], float],
    processor: Callable[[Any], float] | None = None,
) -> None:
    """The life of such a child: one JSON line in, one out, until the parent closes the pipe.

    Nothing but these lines leaves it: it has no standard streams and writes no files. Should its parent be gone, nobody
    kills a busy child: it does so itself, a little after the time it has.

    Args:
        answer: what to say to a message.
        memory: bytes of address space; a child that wants more dies.
        seconds: the time that a message may take.
        processor: the seconds of processor time that it may take; SIGPROF ends the child then. However busy the
            machine is, what takes too long here is the same.
    """
    output = os.fdopen(os.dup(1), "w")
    output.write('{"ready": true}\n')
    output.flush()
    devnull = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(devnull, stream)
    limits = {resource.RLIMIT_AS: memory, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    for limit, value in limits.items():
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    for clock in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(clock, signal.SIG_DFL)
    for line in sys.stdin:
        message = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, seconds(message) + 1.0)
        signal.setitimer(signal.ITIMER_PROF, processor(message) if processor else 0.0)
        try:
            reply = answer(message)
        except MemoryError:  # what is left of the memory may not do for the next message
            os._exit(1)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        output.write(json.dumps(reply) + "\n")
        output.flush()


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
