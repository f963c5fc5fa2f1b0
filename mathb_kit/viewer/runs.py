"""Training runs of the lab, finished or going on, with their curves."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.lab.run_folder import read_log, read_recipe
from mathb_kit.viewer.sets import find_files

if TYPE_CHECKING:
    import pandas as pd

CURVES = {
    "reward": "mean over attempts", "validation": "mean over held-out problems", "entropy": "nats per token",
    "kl": "nats per token, to the base", "length": "tokens per attempt", "truncated": "share of attempts",
    "loss": "", "gradient": "norm before clipping",
}  # fmt: skip
_RECENT = 120.0  # seconds without a step after which a run is no longer called running
_LAST = 20  # steps whose mean reward is shown
_AVERAGED = 10  # values, for a curve through the noise


@dataclass(frozen=True)
class LoggedRun:
    """A folder with a training log.

    Attributes:
        name: its path under the runs folder.
        folder: the path.
    """

    name: str
    folder: Path

    @cached_property
    def log(self) -> pd.DataFrame | None:
        """One row per step; None where `fault` says why not."""
        return self._read[0]

    @property
    def fault(self) -> str:
        """One sentence where the log or the recipe cannot be read."""
        return self._read[1]

    @cached_property
    def recipe(self) -> dict[str, Any]:
        try:
            return read_recipe(self.folder) or {}
        except MathbError:
            return {}

    @cached_property
    def state(self) -> str:
        """finished, running or stopped."""
        if (self.folder / "recipe.json").is_file():
            return "finished"
        age = time.time() - (self.folder / "log.jsonl").stat().st_mtime
        return "running" if age < _RECENT else "stopped"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """name, objective, base, steps, tokens, reward (first step, last steps), state."""
        log = self.log
        told = {"objective": self.recipe.get("objective", ""), "base": str(self.recipe.get("base", "")),
                "steps": 0, "tokens": None, "first": None, "last": None}  # fmt: skip
        if log is not None and len(log):
            told |= {"steps": len(log)}
            if "sampled_tokens" in log:
                told["tokens"] = int(log["sampled_tokens"].iloc[-1])
            if "reward" in log and len(reward := log["reward"].dropna()):
                told |= {"first": float(reward.iloc[0]), "last": float(reward.tail(_LAST).mean())}
        return {"name": self.name, **told, "state": self.state}

    @cached_property
    def curves(self) -> list[Curve]:
        """What the log holds, as curves over steps."""
        log = self.log
        if log is None or "step" not in log:
            return []
        found = []
        for name, unit in CURVES.items():
            if name in log and log[name].notna().any():
                rows = log[["step", name]].dropna()
                found.append(Curve(name, unit, rows["step"].astype(float).tolist(), rows[name].astype(float).tolist()))
        return found

    @cached_property
    def _read(self) -> tuple[pd.DataFrame | None, str]:
        try:
            return _whole_lines(self.folder), ""
        except MathbError as error:
            return None, str(error)


def _whole_lines(folder: Path) -> pd.DataFrame:
    """`read_log`, without a last line that is being written."""
    import pandas as pd

    try:
        return read_log(folder)
    except MathbError:
        *lines, last = (folder / "log.jsonl").read_bytes().split(b"\n")
        if not last:
            raise
        try:
            return pd.DataFrame([json.loads(line) for line in lines])
        except ValueError as error:
            raise MathbError(f"{folder / 'log.jsonl'} is damaged ({error}).") from error


@dataclass(frozen=True)
class Curve:
    """A quantity over steps, and where its points lie in a picture.

    Attributes:
        name, unit: what it is.
        xs, ys: steps and values.
    """

    name: str
    unit: str
    xs: list[float]
    ys: list[float]

    WIDTH, HEIGHT = 360, 120

    @cached_property
    def _ends(self) -> tuple[float, float, float, float]:
        low, high = min(self.ys), max(self.ys)
        if self.name in ("reward", "validation", "truncated"):
            low, high = 0.0, high or 1.0
        return min(self.xs), max(self.xs), low, high if high > low else low + 1

    @property
    def labels(self) -> dict[str, str]:
        """Texts at the ends of the axes, and the last value."""
        left, right, low, high = self._ends
        return {"left": f"{left:,.0f}", "right": f"{right:,.0f}", "low": _short(low), "high": _short(high),
                "last": _short(self.ys[-1])}  # fmt: skip

    @property
    def points(self) -> str:
        """``x,y`` pairs of an SVG polyline; at most one per pixel, the mean of the steps there."""
        return self._points(self.ys)

    @property
    def trend(self) -> str:
        """Likewise the mean of each value with `averaged` - 1 before it; empty where these would be too few."""
        if self.averaged < 2:
            return ""
        sums = list(accumulate(self.ys, initial=0.0))
        firsts = [max(0, end - self.averaged) for end in range(1, len(sums))]
        return self._points([(sums[end] - sums[first]) / (end - first) for end, first in enumerate(firsts, 1)])

    @property
    def averaged(self) -> int:
        """Values that `trend` takes together."""
        return min(_AVERAGED, len(self.ys) // 4)

    def _points(self, ys: list[float]) -> str:
        left, right, low, high = self._ends
        columns: dict[int, list[float]] = {}
        for x, y in zip(self.xs, ys):
            at = 0 if right == left else round((x - left) / (right - left) * self.WIDTH)
            columns.setdefault(at, []).append(y)
        means = {at: sum(ys) / len(ys) for at, ys in columns.items()}
        return " ".join(f"{at},{self.HEIGHT * (1 - (y - low) / (high - low)):.1f}" for at, y in sorted(means.items()))


def _short(value: float) -> str:
    value += 0.0  # of a negative zero a plain one
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 10 and not math.isclose(value, round(value)) else f"{value:,.0f}"


def find_runs(root: Path) -> list[LoggedRun]:
    """Training runs under a runs folder, those with the latest step first."""
    folders = [path.parent for path in find_files(root, {"log.jsonl"})]
    dated = sorted(folders, key=lambda folder: (folder / "log.jsonl").stat().st_mtime, reverse=True)
    return [LoggedRun(folder.relative_to(root).as_posix(), folder) for folder in dated]
