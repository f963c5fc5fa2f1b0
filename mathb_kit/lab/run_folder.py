"""The folder of one training run: its log, the state it resumes from, and in the end the checkpoint."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.store.shards import write_atomically

if TYPE_CHECKING:
    import pandas as pd

# At most this share of the time goes into saving: a tiny model is saved nearly every step, a large one now and then.
_SAVING_SHARE = 0.05


class RunFolder:
    """``log.jsonl`` (a row per step) and ``state.pt`` (written atomically, gone when the run is finished).

    Args:
        path: the folder; made if missing.
        settings: what the run does; a folder of another run is refused.

    Raises:
        MathbError: the folder holds a run with other settings, or an unreadable state.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings = json.loads(json.dumps(settings))
        self.state = self._read_state()
        self.rows = self._read_log(None if self.finished() else self.saved_step)
        self._saved = time.monotonic()
        self._cost = 0.0

    @property
    def saved_step(self) -> int:
        """The step from which a new call would go on; 0 before the first save."""
        return self.state["step"] if self.state else 0

    def log(self, row: dict[str, Any]) -> None:
        """Append a step's row."""
        self.rows.append(row)
        self._guarded(lambda: self._append(json.dumps(row) + "\n"))

    def save(self, state: dict[str, Any], last: bool = False) -> None:
        """Keep the state of a finished step (its ``step`` is in it), if it is time to or this is the last one."""
        if not last and self._cost > _SAVING_SHARE * (time.monotonic() - self._saved):
            return
        import torch

        started = time.monotonic()
        # Into memory first: torch's own writer turns a full disk into an error of its own that does not say so.
        buffer = io.BytesIO()
        torch.save({**state, "settings": self.settings}, buffer)
        write_atomically(self.path / "state.pt", lambda stream: stream.write(buffer.getbuffer()))
        self._saved = time.monotonic()
        self._cost = self._saved - started
        self.state = {"step": state["step"]}  # the tensors need not stay in memory

    def finished(self) -> bool:
        """Whether the checkpoint of this very run is complete."""
        recipe = self.path / "recipe.json"  # written last
        if not recipe.is_file():
            return False
        there = json.loads(recipe.read_text(encoding="utf-8")).get("recipe")
        if there != self.settings:
            raise MathbError(f"{self.path} holds the checkpoint of another run{_difference(there, self.settings)}; "
                             "name another folder, or delete that one.")  # fmt: skip
        return True

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

    def close(self, keep_log: bool = True) -> None:
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
            state = torch.load(file, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise MathbError(f"{file} cannot be read ({reason}); delete it to start anew.") from error
        if state["settings"] != self.settings:
            raise MathbError(
                f"{self.path} holds an unfinished run{_difference(state['settings'], self.settings)}; give its "
                "settings to resume it, name another folder, or delete that one."
            )
        return state

    def _read_log(self, step: int | None) -> list[dict[str, Any]]:
        """Rows up to the saved step, since what ran after it will run again; all rows (None) of a finished run."""
        file = self.path / "log.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines()[:step] if file.is_file() else []
        self._guarded(lambda: self.path.mkdir(parents=True, exist_ok=True))
        write_atomically(file, lambda stream: stream.write("".join(f"{line}\n" for line in lines).encode()))
        return [json.loads(line) for line in lines]

    def _append(self, line: str) -> None:
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line)

    def _guarded(self, write) -> None:
        try:
            write()
        except OSError as error:
            raise MathbError(
                f"Cannot write to {self.path} ({error.strerror or error}); free space there and run the same call "
                "again: it goes on from the last state kept."
            ) from error


def read_log(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """The log of a run as a table, a row per step; see `mathb_kit.lab.trainer` for its columns.

    Raises:
        MathbError: no log there.
    """
    import pandas as pd

    file = Path(folder) / "log.jsonl"
    if not file.is_file():
        raise MathbError(f"{folder} has no log.jsonl; name the folder of a training run.")
    return pd.DataFrame([json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()])


def _difference(there: Any, here: dict[str, Any]) -> str:
    """`` (seed 1 there, 2 here)`` for the first setting that differs."""
    if not isinstance(there, dict):
        return ""
    for name, value in here.items():
        if (other := there.get(name)) != value:
            nested = isinstance(value, dict) and _difference(other, value)
            return nested or f" ({name} {other!r} there, {value!r} here)"
    return ""
