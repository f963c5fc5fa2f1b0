"""How numbers are written in sentences, and where a notebook shows them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def percent(share: float) -> str:
    """``48 %``; with a decimal near the ends, where a percent is much."""
    if 0 < share < 0.0005:
        return "below 0.1 %"
    return f"{100 * share:.{1 if 0 < share < 0.1 or 0.9 < share < 0.9995 else 0}f} %"


def percent_with_interval(share: float, low: float, high: float) -> str:
    """``9.7 % (2.0 to 25.8)``: a share with its interval."""
    return f"{100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def signed_with_interval(value: float, low: float, high: float, *, digits: int = 3) -> str:
    """``+0.125 [-0.010, +0.260]``: a difference with its interval."""
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def points_with_interval(value: float, low: float, high: float) -> str:
    """``+6.5 points (-6.7 to +19.6)``: a difference of shares with its interval."""
    return f"{100 * value:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"


def signed_points(value: float, low: float, high: float) -> str:
    """``+6.5 (-6.7 to +19.6)``: the same in a column of points."""
    return f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def intervals_of(table: pd.DataFrame) -> str:
    """Names of a table's intervals, each with its remarks: where they are about some of its rows, about how many."""
    names = table["interval"].dropna().str.partition("; ")
    kinds = []
    for kind, rows in names.groupby(0, sort=False):
        kinds.append(kind)
        for remark, count in rows[2][rows[2] != ""].value_counts(sort=False).items():
            kinds[-1] += f"; {'' if count == len(rows) else f'at {count} of {len(rows)} points '}{remark}"
    return " and ".join(kinds)


def remark_of(interval: str) -> str:
    """What stands behind an interval's name, as it goes into a sentence: ``; a few problems carry ...``, mostly ""."""
    _, mark, remark = interval.partition("; ")
    return mark + remark


def percent_range(shares: pd.Series) -> str:
    """Lowest to highest of some shares, or the one that all are."""
    low, high = percent(shares.min()), percent(shares.max())
    return low if low == high else f"{low} to {high}"


def named_counts(names: Collection[str], counts: Collection[int]) -> str:
    """``3 for a, 1 for b``."""
    return ", ".join(f"{count:,} for {name}" for name, count in zip(names, counts))


def you_should_see(*sentences: str) -> None:
    """Show the sentences under the heading that every notebook uses; several lines become a list."""
    from IPython.display import Markdown, display

    lines = "\n".join(sentences).replace("$", r"\$").split("\n")  # two dollars would be read as a formula
    text = lines[0] if len(lines) == 1 else "\n\n" + "\n".join(f"- {line}" for line in lines)
    display(Markdown(f"**What you should see.** {text}"))
