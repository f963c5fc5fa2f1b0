"""Figures of the RL lab: the scoreboard, and what a single run does."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

from mathb_kit.lab.board import load_scoreboard
from mathb_kit.plots.cells import draw_cells
from mathb_kit.plots.labels import label_ends
from mathb_kit.plots.style import NEUTRAL, WIDTH, figure_style, look_of, name_rows, round_ticks, title_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANELS = {
    "pass_1": "pass@1: gain", "reach": "reach: gain", "expansion": "Expansion", "shrinkage": "Shrinkage",
}  # fmt: skip
_HOLLOW = "stopped at matched pass@1"
_CELLS = 6  # of the plane, side by side
_FAINT = {"linestyle": "", "marker": "o", "markersize": 3, "color": "0.72", "zorder": 1}


def _looks(rows: Iterable[str]) -> dict[str, dict[str, Any]]:
    """One look per objective in every figure: by its place among the rows that the scoreboard declares."""
    return look_of(list(dict.fromkeys(rows)), among=list(load_scoreboard().rows))


def plot_scores(final: pd.DataFrame, matched: pd.DataFrame | None = None, *, title: str = "") -> Figure:
    """Every row's scores with their intervals, a panel each; a dashed line is the frozen base.

    What only stands beside the objectives (``Scoreboard.beside``) has scales of its own below.

    Args:
        final: of `mathb_kit.lab.scores.score_table`.
        matched: the same at matched pass@1, drawn hollow below.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    names, looks = list(final["row"]), _looks(final["row"])
    controls = [name for name in names if name in load_scoreboard().beside]
    parts = [part for part in ([name for name in names if name not in controls], controls) if part]
    with figure_style():
        figure, grid = plt.subplots(
            len(parts), len(_PANELS), figsize=(WIDTH, 0.46 * len(names) + 2.1 + 0.5 * (len(parts) - 1)), squeeze=False,
            height_ratios=[max(1.1, len(part)) for part in parts], layout="constrained",
        )  # fmt: skip
        for line, part in zip(grid, parts):
            for axis, what in zip(line, _PANELS):
                for table, shift, hollow in ((final, -0.14, False), (matched, 0.2, True)):
                    shown = [] if table is None else table[table["row"].isin(part)].to_dict("records")
                    for row in shown:
                        _score(axis, row, what, part.index(row["row"]) + shift, looks[row["row"]], hollow)
                null = final[f"{what}_null"].iloc[0] if f"{what}_null" in final else 0.0
                axis.axvline(null, color="0.35", linewidth=1.1, linestyle=(0, (4, 3)), zorder=1)
                axis.xaxis.set_major_locator(round_ticks(3))
                axis.xaxis.set_major_formatter("{x:g}")
                name_rows(axis, part if what == next(iter(_PANELS)) else [""] * len(part))
                axis.grid(axis="x")
        for axis, label in zip(grid[0], _PANELS.values()):
            axis.set_title(label)
        for axis in grid[-1]:
            axis.set_xlabel("share of problems")
        keys = [Line2D([], [], color="0.35", linestyle=(0, (4, 3)), label="a frozen base, drawn again")]
        if matched is not None:
            keys += [
                Line2D([], [], color="0.35", marker="o", label="the last checkpoint"),
                Line2D([], [], color="0.35", marker="o", markerfacecolor="white", linewidth=1.2, label=_HOLLOW),
            ]
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
        title_of(figure, title)
    return figure


def _score(
    axis: Axes, row: dict[str, Any], what: str, height: float, look: dict[str, Any], hollow: bool
) -> None:
    value = row[what]
    around = [[max(0.0, value - row[f"{what}_low"])], [max(0.0, row[f"{what}_high"] - value)]]
    axis.errorbar(
        value, height, xerr=around, color=look["color"], marker=look["marker"], markersize=6,
        markerfacecolor="white" if hollow else look["color"], linewidth=1.2 if hollow else 1.9, clip_on=False,
    )  # fmt: skip


def plot_plane(runs: pd.DataFrame, *, k: int, title: str = "") -> Figure:
    """A cell for every row, with its runs and their mean: pass@1 across, reach upwards; hollow where stopped at matched
    pass@1.

    The grey field reaches from the lowest to the highest draw of the base, faint marks are the other rows' means. What
    only stands beside the objectives lies beyond these axes and is named below them.

    Args:
        runs: of `mathb_kit.lab.scores.by_run`.
        k: attempts behind ``reach``.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    base, trained = runs[runs["stage"] == "base"], runs[runs["stage"].isin(["final", "matched"])]
    declared = {row: place for place, row in enumerate(load_scoreboard().rows)}
    looks = _looks(sorted(trained["row"].unique(), key=lambda row: declared.get(row, len(declared))))
    means = trained[trained["stage"] == "final"].groupby("row", sort=False)[["pass_1", "reach"]].mean()
    columns = max(1, min(_CELLS, -(-len(looks) // 2)))  # two lines of cells: the words beside them need the room
    lines = -(-len(looks) // columns)
    with figure_style():
        figure, axes = plt.subplots(
            lines, columns, figsize=(WIDTH, 1.5 * lines + 1.6), sharex=True, sharey=True, squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for axis, (row, look) in zip(axes.flat, looks.items()):
            axis.set_title(fill(row, 18), fontsize=9.5, loc="left")
            if len(base):
                low, high = base[["pass_1", "reach"]].min(), base[["pass_1", "reach"]].max()
                axis.axhspan(low["reach"], high["reach"], color=NEUTRAL, alpha=0.16, linewidth=0, zorder=0)
                axis.axvspan(low["pass_1"], high["pass_1"], color=NEUTRAL, alpha=0.16, linewidth=0, zorder=0)
                _marks(axis, base[["pass_1", "reach"]].mean().to_frame().T, _look_of_null(base), markersize=6)
            others = means.drop(index=row, errors="ignore")
            axis.plot(others["pass_1"], others["reach"], **_FAINT)
            here = trained[trained["row"] == row]
            _marks(axis, here[here["stage"] == "final"], {**look, "marker": "o"}, markersize=3.5, alpha=0.7)
            for stage, points in here.groupby("stage", sort=False):
                mean = points[["pass_1", "reach"]].mean().to_frame().T
                _marks(axis, mean, look, markersize=9, hollow=stage == "matched")
            axis.xaxis.set_major_locator(round_ticks(3))
            axis.yaxis.set_major_locator(round_ticks(4))
            axis.grid()
        for axis in axes.flat[len(looks) :]:
            axis.set_visible(False)
        for axis in axes.flat[max(0, len(looks) - columns) : len(looks)]:
            axis.xaxis.set_tick_params(labelbottom=True)
        words = f"reach: share solved in {k:,} attempts (up: wider)"
        figure.supylabel(words if lines > 2 else fill(words, 28))
        keys = [Line2D([], [], linestyle="", marker="o", markersize=3.5, color="0.2", label="a run")]
        keys += [Line2D([], [], linestyle="", marker="o", markersize=9, color="0.2", label="mean of its runs")]
        if (runs["stage"] == "matched").any():
            keys.append(Line2D([], [], linestyle="", marker="o", markersize=9, color="0.2", markerfacecolor="white",
                               label=f"mean, {_HOLLOW}"))  # fmt: skip
        if len(base):
            look = _look_of_null(base)
            keys.append(Line2D([], [], linestyle="", marker=look["marker"], color=look["color"], markersize=6,
                               label=f"{base['row'].iloc[0]}, re-drawn"))  # fmt: skip
        if len(means) > 1:
            keys.append(Line2D([], [], **_FAINT, label="the other rows"))
        # As the legend's title: it would lie upon a label of the whole figure.
        label = "\n".join(["pass@1 on the held-out problems (to the right: sharper)", *_beyond(runs)])
        figure.legend(handles=keys, loc="outside lower center", ncols=3, title=label)
        title_of(figure, title)
    return figure


def _beyond(runs: pd.DataFrame) -> list[str]:
    """What lies beyond the axes, with its place, as a line of text."""
    beside = runs[runs["stage"] == "beside"].groupby("row", sort=False)[["pass_1", "reach"]].mean()
    if not len(beside):
        return []
    places = [f"{row} ({mean.pass_1:.2f}, {mean.reach:.2f})" for row, mean in zip(beside.index, beside.itertuples())]
    return [f"beyond these axes: {', '.join(places)}"]


def _look_of_null(base: pd.DataFrame) -> dict[str, Any]:
    name = f"{base['row'].iloc[0]}, re-drawn"
    return look_of([name])[name]


def _marks(
    axis: Axes, points: pd.DataFrame, look: dict[str, Any], *, markersize: float, hollow: bool = False,
    alpha: float = 1.0,
) -> None:
    axis.plot(
        points["pass_1"], points["reach"], marker=look["marker"], markersize=markersize, color=look["color"],
        linestyle="", zorder=3, alpha=alpha, markerfacecolor="white" if hollow else look["color"],
        markeredgecolor=look["color"] if hollow else "white", markeredgewidth=1.2 if hollow else 0.5,
    )  # fmt: skip


def plot_learning_rates(tried: pd.DataFrame, *, title: str = "") -> Figure:
    """Validation reward of every row at every learning rate, dark where it is high; the chosen one has a frame.

    Args:
        tried: of `mathb_kit.lab.tuning.by_rate`: columns row, learning_rate, validation, chosen.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    values, chosen = (
        tried.pivot(index="row", columns="learning_rate", values=column).reindex(tried["row"].unique())
        for column in ("validation", "chosen")
    )
    values.columns = [f"{rate:g}" for rate in values]
    texts = values.map(lambda value: "not tried" if value != value else f"{value:.2f}")
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 0.34 * len(values) + 1.5), layout="constrained")
        draw_cells(axis, values, texts, low=0.0, high=float(values.max().max()))
        for row, column in zip(*chosen.eq(True).to_numpy().nonzero()):  # NaN: not tried
            axis.add_patch(
                plt.Rectangle((column - 0.47, row - 0.42), 0.94, 0.84, fill=False, edgecolor="black", linewidth=2)
            )
        axis.set_xlabel("learning rate")
        axis.xaxis.set_label_position("top")
        title_of(figure, title)
    return figure


def plot_training(logs: dict[str, pd.DataFrame], *, title: str = "") -> Figure:
    """Reward, entropy, KL and length of runs against sampled tokens.

    Args:
        logs: name of a run to its log (`mathb_kit.lab.run_folder.read_log`).
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    panels = {
        "reward": "mean reward", "entropy": "entropy (nats per token)", "kl": "KL to the base (nats per token)",
        "length": "tokens per attempt",
    }  # fmt: skip
    with figure_style():
        figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.4), sharex=True, layout="constrained")
        ends = {}
        for axis, (column, label) in zip(axes.flat, panels.items()):
            ends[axis] = {}
            for name, look in _looks(logs).items():
                smooth = logs[name][column].astype(float).rolling(5, min_periods=1, center=True).mean()
                tokens = logs[name]["sampled_tokens"] / 1000
                every = max(1, len(smooth) // 8)
                axis.plot(tokens, smooth, linewidth=1.7, markersize=5.5, markevery=every, **look)
                if smooth.notna().any():
                    last = smooth.last_valid_index()
                    ends[axis][name] = (tokens[last], smooth[last], look["color"])
            axis.set_title(label)
            axis.xaxis.set_major_locator(round_ticks(5))
            axis.yaxis.set_major_locator(round_ticks(5))
            axis.xaxis.set_major_formatter("{x:,.0f}")
            axis.grid()
        for axis in axes[1]:
            axis.set_xlabel("sampled tokens (thousands)")
        title_of(figure, title)
        if len(logs) > 1:
            label_ends(ends)
    return figure


def plot_token_credit(credit: pd.DataFrame, *, title: str = "") -> Figure:
    """Completions as strips of tokens: light where OREAL would clone, dark where it would push off.

    Args:
        credit: columns attempt, correct, place, token, weight (-1 to 1), of a few attempts.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    attempts = list(dict.fromkeys(credit["attempt"]))
    longest = int(credit["place"].max()) + 1
    # Its lightness rises all the way, so that the sign is there in grey, too; 0 is a grey.
    colours, scale = plt.colormaps["cividis"], Normalize(-1, 1)
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 0.5 * len(attempts) + 1.3), layout="constrained")
        # Letters as large as the tokens leave room for.
        size, letters = (8.5, 2) if longest > 32 else (9, 3)
        for line, attempt in enumerate(attempts):
            for row in credit[credit["attempt"] == attempt].itertuples():
                axis.add_patch(plt.Rectangle((row.place, -line - 0.4), 1, 0.8, color=colours(scale(row.weight)), lw=0))
                shown = row.token.strip().replace("\\", "").replace("$", "") or "·"
                axis.text(row.place + 0.5, -line, shown[:letters], ha="center", va="center", fontsize=size,
                          color="white" if row.weight < 0.1 else "black")  # fmt: skip
        right = [bool(credit.loc[credit["attempt"] == attempt, "correct"].iloc[0]) for attempt in attempts]
        axis.set_yticks([-line for line in range(len(attempts))], ["right" if each else "wrong" for each in right])
        axis.set_xlim(0, longest)
        axis.set_ylim(-len(attempts) + 0.4, 0.6)
        axis.set_xlabel("place of the token in the attempt")
        axis.tick_params(axis="y", length=0)
        axis.spines[:].set_visible(False)
        bar = figure.colorbar(ScalarMappable(scale, colours), ax=axis, fraction=0.03, ticks=(-1, 0, 1))
        bar.set_ticklabels(["\u22121: pushed off", "0", "+1: cloned"])
        title_of(figure, title)
    return figure
