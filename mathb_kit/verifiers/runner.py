"""One verifier over many rows: a child process that is killed when a row takes too long, results kept row by row."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol, TextIO

from mathb_kit.children import Child, Died, NotReady
from mathb_kit.errors import MathbError
from mathb_kit.progress import progress
from mathb_kit.verdicts import Verdict

ROW_SECONDS = 35.0
"""Wall clock of one row; longer than the longest limit that a framework sets itself (verl's 30 s)."""

_START_SECONDS = 300.0  # importing torch and transformers from a cold, shared disk
ADAPTER = Path(__file__).with_name("adapter.py")

Result = dict[str, Any]
"""correct (True, False or None), error (None, ``hang``, ``died`` or what the framework raised) and seconds."""


class Verdicts(Protocol):
    """What gives verdicts: a child process, or a function of this process."""

    def ask(self, gold: str, completion: str) -> Result: ...

    def close(self) -> None: ...


def row_key(gold: str, completion: str) -> str:
    """Under which a row's result is kept: 16 hex digits of gold and completion."""
    text = f"{gold}\0{completion}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:16]


def read_results(path: Path) -> dict[str, Result]:
    """Results by row key. A last line that a kill cut short does not count."""
    results = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                result = json.loads(line)
                results[result.pop("row")] = result
    return results


def grade_rows(name: str, verdicts: Verdicts, rows: Iterable[tuple[str, str]], path: Path) -> dict[str, Result]:
    """Ask for every distinct (gold, completion) that ``path`` has no result of yet, and add the results to it.

    Args:
        name: for the progress display.
        verdicts: who decides; closed at the end.
        rows: (gold, completion).
        path: JSON lines; grows by a line per row, so an interrupted run goes on where it stopped.

    Returns:
        All results in ``path`` by row key.
    """
    results = read_results(path)
    missing = {key: row for row in rows if (key := row_key(*row)) not in results}
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _appended(path) as stream, progress(len(missing), name, "rows") as bar:
            for key, row in missing.items():
                results[key] = verdicts.ask(*row)
                stream.write(json.dumps({"row": key, **results[key]}) + "\n")
                stream.flush()
                bar.update(1)
    finally:
        verdicts.close()
    return results


def _appended(path: Path) -> TextIO:
    """The file, open at its end; a last line that was cut short goes first, or it would swallow the next one."""
    if path.is_file() and not (content := path.read_bytes()).endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])
    return path.open("a", encoding="utf-8")


class Adapter:
    """A framework's verdicts from ``adapter.py``, run by the framework's own Python.

    The child has an empty environment, a scratch folder for a home, and a process group of its own, which is killed
    with all that it started.

    Args:
        python: interpreter of the framework's environment.
        name: the verifier.
        seconds: wall clock of one row.
    """

    def __init__(self, python: Path | str, name: str, *, seconds: float = ROW_SECONDS, script: Path = ADAPTER) -> None:
        self._command = [str(python), "-P", "-s", "-B", str(script), name]
        self._name = name
        self._seconds = seconds
        self._child: Child | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="mathb-verifier-")

    def ask(self, gold: str, completion: str) -> Result:
        """The verdict on one row; a child that hangs or dies is replaced before the next one.

        Raises:
            MathbError: the framework does not load.
        """
        self._child = self._child or self._start()
        started = time.monotonic()
        try:
            self._child.send({"gold": gold, "completion": completion}, self._seconds)
            return self._child.receive(self._seconds)
        except (Died, TimeoutError) as failure:
            error = "died" if isinstance(failure, Died) else "hang"
        seconds = round(time.monotonic() - started, 6)
        self.close()
        return {"correct": None, "error": error, "seconds": seconds}

    def close(self) -> None:
        """End the child. Another question would start a new one."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _start(self) -> Child:
        home = self._scratch.name
        settings = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        settings |= {"HOME": home, "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        child = Child(self._command, settings, home)
        try:
            child.ready(_START_SECONDS)
        except (NotReady, TimeoutError) as failure:
            why = failure if isinstance(failure, NotReady) else f"not ready after {_START_SECONDS:.0f} s"
            child.end()
            raise MathbError(f"the verifier {self._name} does not load: {why}") from None
        return child


class OurGrader:
    """Our own grader in this process, through the same door as the others."""

    def __init__(self) -> None:
        from mathb_kit.grading import Grader

        self._grader = Grader(workers=1)
        self._grader.grade_all([("x^2", r"x\cdot x")])  # starts the worker: the first row must not pay for it

    def ask(self, gold: str, completion: str) -> Result:
        from mathb_kit.grading import extract

        started = time.perf_counter()
        answer = extract(completion).answer
        verdict = Verdict.NO_ANSWER if answer is None else self._grader.grade_all([(gold, answer)])[gold, answer][0]
        seconds = round(time.perf_counter() - started, 6)
        failed = verdict == Verdict.GRADER_FAILED
        return {"correct": None if failed else verdict == Verdict.CORRECT, "error": verdict if failed else None,
                "seconds": seconds}  # fmt: skip

    def close(self) -> None:
        self._grader.close()
