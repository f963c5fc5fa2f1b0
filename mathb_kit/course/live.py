"""Curves of a training that redraw while it runs.

In a notebook one picture is replaced by the next, so that a page made of the executed notebook holds the last one.
Outside of one (a script, a log) nothing is drawn until somebody asks for `LiveCurves.figure`.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mathb_kit.plots.style import INK, NEUTRAL, WIDTH, figure_style, round_ticks, title_of

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import DisplayHandle
    from matplotlib.figure import Figure

# Column of the log, what its panel is called; a panel is drawn where the log has the column.
PANELS = {
    "reward": "mean reward",
    "mixed": "share of groups that are mixed",
    "entropy": "entropy (nats per token)",
    "kl": "KL to the base (nats per token)",
    "reached": "probe problems reached",
}
_SHARE = 0.1  # of the time at most goes into drawing
_SMOOTH = 5  # steps of the running mean


class LiveCurves:
    """The log of a training that somebody watches, row by row.

        with LiveCurves("GRPO by hand") as live:
            for step in range(1, 61):
                ...
                live.add({"step": step, "reward": 0.4, "mixed": 5, "groups": 8, "entropy": 0.2, "kl": 0.01})

    Args:
        title: above the picture.
        seconds: at least so long between two drawings.
    """

    def __init__(self, title: str = "", *, seconds: float = 1.0) -> None:
        self.title, self.seconds = title, seconds
        self.rows: list[dict[str, Any]] = []
        self._handle: DisplayHandle | None = None
        self._drawn, self._cost = 0.0, 0.0

    def __enter__(self) -> LiveCurves:
        return self

    def __exit__(self, *_: object) -> None:
        if self.rows:
            self._draw()

    def add(self, row: Mapping[str, Any]) -> None:
        """A step's row, named as in the trainer's log; a column may be missing, or be there now and then."""
        self.rows.append(dict(row))
        if time.monotonic() - self._drawn >= max(self.seconds, self._cost / _SHARE):
            self._draw()

    @property
    def log(self) -> pd.DataFrame:
        """All rows so far."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def figure(self) -> Figure:
        """The curves so far."""
        return plot_live(self.log, title=self.title)

    def _draw(self) -> None:
        if not _in_notebook():
            return
        from IPython.display import Image, display

        started, figure, stream = time.monotonic(), self.figure(), io.BytesIO()
        with figure_style():
            figure.savefig(stream, format="png", dpi=150, metadata={"Software": None})
        picture = Image(stream.getvalue(), width=int(96 * figure.get_figwidth()), alt=self._sentence())
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)
        self._drawn = time.monotonic()
        self._cost = self._drawn - started

    def _sentence(self) -> str:
        last = self.log.ffill().iloc[-1]
        values = ", ".join(f"{label} {last[name]:.3g}" for name, label in PANELS.items() if name in last)
        return f"{self.title or 'Training'} after step {last['step']:.0f}: {values}."


def plot_live(log: pd.DataFrame, *, title: str = "") -> Figure:
    """A panel for each of `PANELS` that the log has, against the step: every step as a dot, running means as a line.

    Args:
        log: columns step and some of reward, mixed (with groups), entropy, kl, reached (with probes).
        title: of the figure.
    """
    from matplotlib.figure import Figure

    shown = [name for name in PANELS if name in log and log[name].notna().any()]
    with figure_style():
        figure = Figure(figsize=(WIDTH, 2.5 * -(-len(shown) // 3) + 0.5), layout="constrained")
        axes = [*figure.subplots(-(-len(shown) // 3), min(3, len(shown)), squeeze=False, sharex=True).flat]
        for axis, name in zip(axes, shown):
            known = log.dropna(subset=name)
            values = known[name].astype(float)
            if name == "mixed":
                values = values / known["groups"]
            steps = known["step"]
            if name == "reached":  # few values, each of its own
                axis.step(steps, values, where="post", color=INK, linewidth=2)
                axis.plot(steps, values, linestyle="", marker="o", markersize=4, color=INK)
                axis.set_ylim(-0.3, int(known["probes"].iloc[-1]) + 0.3)
                axis.yaxis.set_major_locator(round_ticks(5, integer=True))
            else:
                axis.plot(steps, values, linestyle="", marker="o", markersize=3, color=NEUTRAL, alpha=0.45)
                axis.plot(steps, values.rolling(_SMOOTH, min_periods=1).mean(), color=INK, linewidth=2)
                axis.set_ylim(*((-0.03, 1.03) if name in ("reward", "mixed") else (min(0.0, values.min()), None)))
                axis.yaxis.set_major_locator(round_ticks(4))
            axis.xaxis.set_major_locator(round_ticks(4, integer=True))
            axis.set_title(PANELS[name])
            axis.grid()
        for axis in axes[len(shown) :]:
            axis.axis("off")
        for axis in axes[max(0, len(shown) - 3) : len(shown)]:
            axis.set_xlabel("step")
            axis.tick_params(labelbottom=True)
        title_of(figure, title)
    return figure


def _in_notebook() -> bool:
    """Whether a front end shows pictures: a kernel, not a terminal."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")
