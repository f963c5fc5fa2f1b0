"""Names written at the ends of lines, in their colours and out of one another's way."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = 10.5  # points
_WIDEST = 24  # characters in a line
_ENDS_EARLY = 0.85  # of the axis' width: lines that end before are named at their ends


def label_ends(ends: Mapping[Axes, Mapping[str, tuple[float, float, Any]]]) -> None:
    """Write each line's name right of its axes, at the height where the line ends or as near as others allow.

    Of a line that ends well inside the axes the name stands at its end.

    Args:
        ends: for each axes of one figure: name of a line to x and y of its last point, and its colour.
    """
    for figure in {axis.figure for axis in ends}:
        figure.draw_without_rendering()  # so that the heights of the axes in points are known
    for axis, all_lines in ends.items():
        early = {name for name, (x, _, _) in all_lines.items() if _share_of_axis(axis, x) < _ENDS_EARLY}
        for name in early:
            _beside_its_end(axis, name, *all_lines[name])
        lines = {name: end for name, end in all_lines.items() if name not in early}
        height = axis.get_window_extent().height * 72 / axis.figure.dpi
        low, high = axis.get_ylim()
        names = sorted(reversed(lines), key=lambda name: lines[name][1])  # of equal ones, the first on top
        texts = [textwrap.fill(name, _WIDEST) for name in names]
        wanted = [height * (lines[name][1] - low) / (high - low) for name in names]
        tall = [1.2 * _SIZE * (1 + text.count("\n")) for text in texts]
        for name, text, height_here in zip(names, texts, spread(wanted, tall, height)):
            x, y, colour = lines[name]
            axis.annotate(
                text, (x, y), xytext=(1, height_here / height), textcoords=_beside(axis), va="center", fontsize=_SIZE,
                color=_readable(colour), annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8, "alpha": 0.7, "shrinkA": 1,
                            "shrinkB": 4, "relpos": (0, 0.5)},
            )  # fmt: skip


def _share_of_axis(axis: Axes, x: float) -> float:
    """Where x lies on the axis: 0 at its left end, 1 at its right one."""
    return float(axis.transAxes.inverted().transform(axis.transData.transform((x, axis.get_ylim()[0])))[0])


def _beside_its_end(axis: Axes, name: str, x: float, y: float, colour: Any) -> None:
    """A line that stops inside the axes has its name there: a leader to the edge would read as data."""
    from matplotlib.patheffects import withStroke

    low, high = axis.get_ylim()
    below = y - low > 0.12 * (high - low)
    axis.annotate(
        textwrap.fill(name, _WIDEST), (x, y), xytext=(7, -1 if below else 5), textcoords="offset points",
        va="top" if below else "bottom", fontsize=_SIZE, color=_readable(colour),
        path_effects=[withStroke(linewidth=3, foreground="white")], zorder=5,
    )  # fmt: skip


def spread(wanted: Sequence[float], heights: Sequence[float], top: float) -> list[float]:
    """Positions from 0 to ``top`` for things of these heights, in the given order, as near as can be to those wanted.

    Least squares under "no overlap": an isotonic regression, by pooling neighbours that would overlap (Ayer et al.
    1955). Things that do not fit at all stand closer than their heights.
    """
    if len(wanted) == 0:
        return []
    if sum(heights) > top:
        heights = [height * top / sum(heights) for height in heights]
    steps = [0.0]
    for below, above in zip(heights, heights[1:]):
        steps.append(steps[-1] + (below + above) / 2)
    pools: list[list[float]] = []  # each: sum, count
    for value in (want - step for want, step in zip(wanted, steps)):
        pools.append([value, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1] = [pools[-1][0] + total, pools[-1][1] + count]
    means = [total / count for total, count in pools for _ in range(int(count))]
    least, most = heights[0] / 2, top - heights[-1] / 2 - steps[-1]
    return [min(max(mean, least), most) + step for mean, step in zip(means, steps)]


def _beside(axis: Axes) -> Any:
    """Axes coordinates, shifted to the right by the width of a gap."""
    from matplotlib.transforms import ScaledTranslation

    return axis.transAxes + ScaledTranslation(12 / 72, 0, axis.figure.dpi_scale_trans)


def _readable(colour: Any) -> Any:
    """The colour, darkened where text in it would be too pale on white."""
    from matplotlib.colors import to_rgb

    rgb = to_rgb(colour)
    luminance = 0.2126 * rgb[0] ** 2.2 + 0.7152 * rgb[1] ** 2.2 + 0.0722 * rgb[2] ** 2.2
    # Contrast 4.5 to 1 against white (WCAG 2) is a relative luminance of 0.183.
    return rgb if luminance <= 0.183 else tuple(part * (0.183 / luminance) ** (1 / 2.2) for part in rgb)
