"""The folder of one training run: its log, the state it resumes from, and in the end the checkpoint."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pickle
import socket
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError
from mathb_kit.settings import parse_json

if TYPE_CHECKING:
    import pandas as pd

# At most this share of the time goes into saving: a tiny model is saved nearly every step, a large one now and then.
_SAVING_SHARE = 0.05
_LOCK = ".lock"
_UNREADABLE = (
    zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError,
)  # fmt: skip
_REMEDY = "free space there and run the same call again: it goes on from the last state kept."


class RunFolder:
    """``log.jsonl`` (a row per step) and ``state.pt`` (written atomically, gone when the run is finished).

    Entered (``with folder:``) it is this process's alone, and its state and log are read.

    Args:
        path: the folder; made when it is entered.
        recipe: what the run does; a folder of another run is refused.
    """

    def __init__(self, path: Path, recipe: dict[str, Any]) -> None:
        self.path = path
        self.recipe = json.loads(json.dumps(recipe))
        self.state: dict[str, Any] | None = None
        self.rows: list[dict[str, Any]] = []

    def __enter__(self) -> RunFolder:
        """Lock and read the folder.

        Raises:
            MathbError: another process trains there; the state is damaged, of another run, or missing beside a log.
        """
        with _naming(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(self.path)
        try:
            self.finished()  # refuses another run's
            self.state = self._read_state()
            self.rows = self._read_log()
        except BaseException:
            self.__exit__()
            raise
        self._saved, self._cost = time.monotonic(), 0.0
        return self

    def __exit__(self, *_: object) -> None:
        (self.path / _LOCK).unlink(missing_ok=True)
        os.close(self._lock)

    @property
    def saved_step(self) -> int:
        """The step from which a new call would go on; 0 before the first save."""
        return self.state["step"] if self.state else 0

    def log(self, row: dict[str, Any]) -> None:
        """Append a step's row."""
        self.rows.append(row)
        with _naming(self.path), (self.path / "log.jsonl").open("a", encoding="utf-8") as stream:
            # JSON knows no NaN; in a table null is one again.
            known = {key: None if isinstance(one, float) and not isfinite(one) else one for key, one in row.items()}
            stream.write(json.dumps(known) + "\n")

    def save(self, state: dict[str, Any], last: bool = False) -> None:
        """Keep the state of a finished step (its ``step`` is in it), if it is time to or this is the last one."""
        if not last and self._cost > _SAVING_SHARE * (time.monotonic() - self._saved):
            return
        import torch

        started = time.monotonic()
        # Into memory first: torch's own writer turns a full disk into an error of its own that does not say so.
        buffer = io.BytesIO()
        torch.save({**state, "settings": self.recipe}, buffer)
        with _naming(self.path), (self.path / "log.jsonl").open("rb") as log:
            os.fsync(log.fileno())  # the state is on disk when it is renamed, so the rows that it counts must be, too
        with whole_file(self.path / "state.pt", _REMEDY) as stream:
            stream.write(buffer.getbuffer())
        self._saved = time.monotonic()
        self._cost = self._saved - started
        self.state = {"step": state["step"]}  # the tensors need not stay in memory

    def finished(self) -> bool:
        """Whether the checkpoint of this very run is complete.

        Raises:
            MathbError: it is another run's, or its recipe cannot be read.
        """
        recipe = read_recipe(self.path)
        if recipe is not None and recipe != self.recipe:
            raise MathbError(f"{self.path} holds the checkpoint of another run{_difference(recipe, self.recipe)}; "
                             "name another folder, or delete that one.")  # fmt: skip
        return recipe is not None

    def report(self) -> dict[str, Any]:
        """The record for provenance; the curve holds (step, mean reward, mixed groups, mean tokens)."""
        rows = self.rows
        last = [row["reward"] for row in rows[-20:] if row["reward"] is not None]  # none for written solutions
        seconds = {part: round(sum(row[part] for row in rows), 1) for part in ("sampling", "grading", "update")}
        return {
            "steps": len(rows),
            "sampled_tokens": rows[-1]["sampled_tokens"],
            "seconds": round(sum(seconds.values()), 1),
            "seconds_of": seconds,
            "final_reward": round(sum(last) / len(last), 4) if last else None,
            "curve": [(row["step"], row["reward"], row["mixed"], row["length"]) for row in rows],
        }

    def clean(self, keep_log: bool = True) -> None:
        """The checkpoint is complete: the state has done its work."""
        (self.path / "state.pt").unlink(missing_ok=True)
        if not keep_log:
            (self.path / "log.jsonl").unlink(missing_ok=True)

    def _read_state(self) -> dict[str, Any] | None:
        file = self.path / "state.pt"
        if not file.is_file():
            return None
        import torch

        try:
            # torch writes a zip archive with a checksum of every member, and reads it without looking at them.
            with zipfile.ZipFile(file) as archive:
                damaged = archive.testzip()
            if damaged:
                raise ValueError(f"wrong checksum of its member {damaged}")
            state = torch.load(file, map_location="cpu", weights_only=True)
            settings, step = state["settings"], state["step"]
        except _UNREADABLE as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise MathbError(f"{file} is damaged ({reason}); delete {self.path} to start anew.") from error
        if settings != self.recipe:
            raise MathbError(
                f"{self.path} holds an unfinished run{_difference(settings, self.recipe)}; give its "
                "settings to resume it, name another folder, or delete that one."
            )
        return state | {"step": int(step)}

    def _read_log(self) -> list[dict[str, Any]]:
        """Rows up to the saved step; what ran after it will run again."""
        file, step = self.path / "log.jsonl", self.saved_step
        lines = file.read_bytes().splitlines() if file.is_file() else []
        # The first step is always kept. Who was killed in it leaves one row and no state, and nothing is lost.
        if not self.state and len(lines) > 1:
            raise MathbError(f"{self.path} has a log of {len(lines)} steps and no state.pt to go on from; delete "
                             f"{self.path} to start anew.")  # fmt: skip
        try:
            rows = [json.loads(line) for line in lines[:step]]  # not `parse_json`: older logs may hold a NaN
        except ValueError as error:
            raise MathbError(f"{file} is damaged ({error}); delete {self.path} to start anew.") from error
        if len(rows) < step:
            raise MathbError(f"{file} has {len(rows)} steps and state.pt was kept after {step}; delete {self.path} to "
                             "start anew.")  # fmt: skip
        with whole_file(file, _REMEDY) as stream:
            stream.write(b"".join(line + b"\n" for line in lines[:step]))
        return rows


def read_recipe(folder: Path) -> dict[str, Any] | None:
    """The recipe of a finished checkpoint, which is written last; None where none is finished.

    Raises:
        MathbError: the file there is no recipe.
    """
    file = folder / "recipe.json"
    if not file.is_file():
        return None
    try:
        recipe = parse_json(file.read_bytes())["recipe"]
        if not isinstance(recipe, dict):
            raise TypeError("its recipe is no table")
    except (ValueError, KeyError, TypeError) as error:
        reason = "it has no recipe" if isinstance(error, KeyError) else error
        raise MathbError(f"{file} cannot be read ({reason}); delete it and run the same call again.") from error
    return recipe


def read_log(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """The log of a run as a table, a row per step; see `mathb_kit.lab.trainer` for its columns.

    Raises:
        MathbError: no log there.
    """
    import pandas as pd

    file = Path(folder) / "log.jsonl"
    if not file.is_file():
        raise MathbError(f"{folder} has no log.jsonl; name the folder of a training run.")
    try:
        return pd.DataFrame([json.loads(line) for line in file.read_bytes().splitlines()])
    except ValueError as error:
        raise MathbError(f"{file} is damaged ({error}); it is the log of a training run.") from error


def _difference(there: Any, here: dict[str, Any]) -> str:
    """`` (seed 1 there, 2 here)`` for the first setting that differs."""
    if not isinstance(there, dict):
        return ""
    for name, value in here.items():
        if (other := there.get(name)) != value:
            nested = isinstance(value, dict) and _difference(other, value)
            return nested or f" ({name} {other!r} there, {value!r} here)"
    return ""


def _lock(folder: Path) -> int:
    """The descriptor of the folder's lock, which the system gives back when it is closed or its process ends, so that
    a dead process locks nothing.

    Raises:
        MathbError: another run holds it; the sentence names the holder.
    """
    while True:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 200).decode(errors="replace").strip() or "another process"
            os.close(lock)
            raise MathbError(
                f"{folder} is in use: {holder} trains there; wait for it, or name another folder."
            ) from None
        # Its last holder may have removed the file between the two calls; then this is a lock on nothing.
        if _is_open(lock, folder / _LOCK):
            break
        os.close(lock)
    os.truncate(lock, 0)
    os.write(lock, f"process {os.getpid()} on {socket.gethostname()}".encode())
    return lock


def _is_open(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MathbError(f"Cannot write to {folder} ({error.strerror or error}); {_REMEDY}") from error
