"""One look for every figure: colour-blind safe, readable in grey, byte-stable on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.csv_files import write_csv
from mathb_kit.plots.looks import FAULT, INK, NEUTRAL, PALETTE, look_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

__all__ = [
    "BOLD", "FAULT", "INK", "NEUTRAL", "PALETTE", "WIDTH", "figure_style", "look_of", "name_rows", "percent_axis",
    "power_of_two_axis", "power_of_two_ticks", "round_ticks", "save_figure", "title_of",
]  # fmt: skip

# Inches of every figure, so that one size of type is one size on the page: at 900 pixels 11 points are 15 pixels.
WIDTH = 9.0
_DPI = 200
_TEXT, BOLD = "Source Sans Pro", "Source Sans Pro Semibold"
# Points: of a figure's title and subtitle.
_TITLE, _SUBTITLE = 15, 10.5
_PAD = 3  # points between a figure's upper edge and its title, as constrained layout has it


@contextmanager
def figure_style() -> Iterator[None]:
    """Context in which figures are made."""
    import matplotlib
    import seaborn

    _own_fonts()
    # The typeface lies beside this file, and for signs that it lacks matplotlib's own: the same bytes on every machine.
    extra = {
        "font.family": [_TEXT, "DejaVu Sans"],
        "font.size": 11,
        "figure.dpi": 110,
        "savefig.dpi": _DPI,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "0.35",
        "axes.linewidth": 0.9,
        "axes.titlesize": 12,
        "axes.labelsize": 11.5,
        "axes.titlelocation": "left",
        "figure.titlesize": _TITLE,
        "xtick.labelsize": 11,
        "ytick.labelsize": 11,
        "xtick.color": "0.35",
        "ytick.color": "0.35",
        "xtick.labelcolor": "0.15",
        "ytick.labelcolor": "0.15",
        "xtick.major.size": 4,
        "ytick.major.size": 4,
        "grid.color": "0.88",
        "hatch.linewidth": 0.7,
        "legend.frameon": False,
        "legend.fontsize": 11,
        "legend.title_fontsize": 11,
        "pdf.fonttype": 42,
        "svg.hashsalt": "mathb",
    }
    with matplotlib.rc_context():
        seaborn.set_theme(context="notebook", style="ticks", palette="colorblind", rc=extra)
        yield
        interactive = matplotlib.is_interactive()
    # A notebook's backend loads with the first figure and turns this on; without it later cells show no figure.
    matplotlib.interactive(interactive)


def title_of(figure: Figure, title: str) -> None:
    """The figure's title above its left edge: its first line bold, what follows small; nothing for an empty one.

    Both are wrapped to the figure's width; the layout leaves room for them.
    """
    if not title:
        return
    finding, _, about = title.partition("\n")
    room = 72 * 0.985 * figure.get_figwidth()
    lines, small = _wrapped(finding, BOLD, _TITLE, room), _wrapped(about, _TEXT, _SUBTITLE, room)
    # One text holds both, so that the layout makes room: below the title blank lines, over which the subtitle stands.
    blank = -(-len(small) * _SUBTITLE // _TITLE) if small else 0
    text = "\n".join([*lines, *[" "] * int(blank)])
    figure.suptitle(text, x=0.006, ha="left", fontfamily=[BOLD, "DejaVu Sans"], linespacing=1.2)
    if small:
        top = _PAD + 1.2 * _TITLE * len(lines)
        figure.text(
            0.006, 1 - top / 72 / figure.get_figheight(), "\n".join(small), fontsize=_SUBTITLE, color="0.3", ha="left",
            va="top", linespacing=1.2, in_layout=False,
        )  # fmt: skip


def _wrapped(text: str, family: str, size: float, room: float) -> list[str]:
    """Lines of the text that are no wider than ``room`` points, but for single words that are."""
    from matplotlib.font_manager import findfont, get_font

    font, lines = get_font(findfont(family)), []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        font.set_size(size, 72)
        font.set_text(longer)
        if lines and font.get_width_height()[0] / 64 <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@cache
def _own_fonts() -> None:
    """Make matplotlib find the typeface beside this file, before one of the same name that the machine has."""
    from matplotlib.font_manager import fontManager

    for path in sorted((Path(__file__).parent / "fonts").glob("*.ttf")):
        fontManager.addfont(path)
        fontManager.ttflist.insert(0, fontManager.ttflist.pop())


def power_of_two_ticks(ks: Sequence[int], most: int = 8) -> list[int]:
    """Powers of two from the smallest to the largest of ``ks``: both ends, and so many between that ``most`` stand.

    An axis from 1 to 1,024 keeps every second one (1, 4, ..., 1,024), an axis from 1 to 512 says 1, 8, 32, 128, 512.
    """
    first = (int(min(ks)) - 1).bit_length()
    last = max(int(max(ks)).bit_length() - 1, first)
    step = -(-(last - first + 1) // most)
    kept = list(range(last, first - 1, -step))[::-1]
    return [2**power for power in ([first, *kept[1:]] if len(kept) > 1 else kept)]


def power_of_two_axis(axis: Axes, ks: Sequence[int], label: str = "k (attempts per problem)", most: int = 8) -> None:
    """A logarithmic k axis, labelled at powers of two; powers between the labels have a small tick."""
    from matplotlib.ticker import FixedFormatter, FixedLocator

    ticks = power_of_two_ticks(ks, most)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_major_formatter(FixedFormatter([f"{k:,}" for k in ticks]))
    every = power_of_two_ticks(ks, most=64)
    axis.xaxis.set_minor_locator(FixedLocator([k for k in every if k not in ticks]))
    axis.xaxis.set_minor_formatter(FixedFormatter([]))
    room = max((max(ks) / min(ks)) ** 0.03, 1.05)
    axis.set_xlim(min(ks) / room, max(ks) * room)
    axis.set_xlabel(label)


def round_ticks(most: int = 5, integer: bool = False) -> MaxNLocator:
    """A locator for at most so many steps between round numbers: never 0.15 or 0.45."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most, steps=(1, 2, 5, 10) if integer else (1, 2, 2.5, 5, 10), integer=integer)


def percent_axis(axis: Axes, which: str = "x") -> None:
    """Shares as percentages on the x or y axis."""
    (axis.xaxis if which == "x" else axis.yaxis).set_major_formatter(lambda value, _: f"{100 * value:g} %")


def name_rows(axis: Axes, names: Sequence[str], **text: Any) -> None:
    """The rows 0, 1, ... of an axis downwards, each by its name; ``text`` is how names are set."""
    axis.set_yticks(range(len(names)), names, **text)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)


def save_figure(figure: Figure, data: pd.DataFrame, folder: Path | str, name: str, caption: str = "") -> Path:
    """Write ``name.png``, ``name.pdf`` and the data behind them as ``name.csv`` (and ``name.txt``, the caption).

    The files hold no date and no version, so an identical rerun gives identical bytes, whether or not the figure was
    shown before. Returns the PNG's path.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with figure_style():
        _settle(figure)
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    write_csv(data, folder / f"{name}.csv", float_format="%.6g")
    if caption:
        (folder / f"{name}.txt").write_text(caption.strip() + "\n", encoding="utf-8")
    return folder / f"{name}.png"


def _settle(figure: Figure) -> None:
    """Draw until nothing moves any more: each layout goes on from the one before it and moves a little less."""
    places: list[tuple[float, ...]] = []
    for _ in range(10):
        before, places = places, []
        figure.draw_without_rendering()
        places = [axis.get_position().bounds for axis in figure.axes]
        moved = [abs(a - b) for one, other in zip(before, places) for a, b in zip(one, other)]
        if before and max(moved, default=0.0) < 1e-13:
            return
