"""What curves and their intervals show, as sentences computed from the table that was drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from mathb_kit.sentences.formats import percent, percent_range

if TYPE_CHECKING:
    import pandas as pd

def ends_sentence(curves: pd.DataFrame, by: str, panel: str | None = None) -> str:
    """Both ends of every line (k, estimate); a line of text for each panel."""
    lines_of_text = []
    for prefix, rows in _panels(curves, panel):
        lines = {name: line.sort_values("k") for name, line in rows.groupby(by, sort=False)}
        spans = {name: f"k = {line['k'].iloc[0]:,} to {line['k'].iloc[-1]:,}" for name, line in lines.items()}
        alike = len(set(spans.values())) == 1
        ends = []
        for name, line in lines.items():
            first, last = percent(line["estimate"].iloc[0]), percent(line["estimate"].iloc[-1])
            moved = f"{first} to {last}" if first != last else f"stays at {first}"
            ends.append(f"{name} {moved}" + ("" if alike else f" ({spans[name]})"))
        lines_of_text.append(f"{prefix}{f'from {next(iter(spans.values()))}, ' if alike else ''}{'; '.join(ends)}.")
    return "\n".join(map(_capital, lines_of_text))


def last_step_sentence(curves: pd.DataFrame, by: str, panel: str | None = None) -> str:
    """What the last step of k still brings to the lines: whether they are flat at the end."""
    lines = []
    for prefix, rows in _panels(curves, panel):
        *_, before, last = sorted(rows["k"].unique())
        wide = rows.pivot(index=by, columns="k", values="estimate")
        gain = (wide[last] - wide[before]).dropna()
        most = f"at most {100 * gain.max():.1f} points ({gain.idxmax()})" if gain.max() > 0 else "nothing to anybody"
        lines.append(f"{prefix}the step from k = {before:,} to {last:,} still brings {most}.")
    return "\n".join(map(_capital, lines))


def widths_sentence(estimates: pd.DataFrame) -> str:
    """Mean width of the intervals of each question (low, high, interval)."""
    kinds = estimates["interval"].str.partition("; ")[0]
    widths = (estimates["high"] - estimates["low"]).groupby(kinds, sort=False).mean()
    means = "; ".join(f"{name}: {100 * width:.1f} points" for name, width in widths.items())
    return f"Mean width of the intervals: {means}."


def after_chance_sentence(left: pd.DataFrame) -> str:
    """What uniform guessing is worth at one k, and what of pass@k is left without it (set, chance, corrected)."""
    lines = []
    for name, rows in left.groupby("set", sort=False):
        if rows["chance"].isna().all():
            lines.append(f"On {name} no gold is a whole number, so what guessing is worth there is not known.")
            continue
        lines.append(
            f"On {name} uniform guessing at k = {rows['k'].iloc[0]:,} is worth {percent(rows['chance'].iloc[0])}; of "
            f"what it leaves, the models solve {percent_range(rows['corrected'])}."
        )
    return "\n".join(lines)


def steps_sentence(gains: pd.DataFrame) -> str:
    """What the first and the last step of attempts brought (k, gain)."""
    first, last = gains.iloc[0], gains.iloc[-1]
    if len(gains) == 1:
        return f"All {first['k']:,.0f} attempts together reach {percent(first['gain'])} of the set."
    return (
        f"The first {first['k']:,.0f} attempts reach {percent(first['gain'])} of the set; the last step, up to "
        f"{last['k']:,.0f}, adds {percent(last['gain'])}."
    )


def differences_sentence(differences: pd.DataFrame) -> str:
    """At which k the interval of a difference leaves out zero, and for whom (tuned, k, low, high)."""
    lines = []
    for k, rows in differences.groupby("k", sort=True):
        up, down = rows.loc[rows["low"] > 0, "tuned"], rows.loc[rows["high"] < 0, "tuned"]
        open_ = len(rows) - len(up) - len(down)
        parts = [f"{word} for {', '.join(names)}" for word, names in (("above 0", up), ("below 0", down)) if len(names)]
        parts += [f"around 0 for {'all' if open_ == len(rows) else f'{open_} of {len(rows)}'}"] if open_ else []
        lines.append(f"At k = {k:,} the interval lies {', '.join(parts)}.")
    return "\n".join(lines)


def _panels(curves: pd.DataFrame, panel: str | None) -> Iterator[tuple[str, pd.DataFrame]]:
    curves = curves.dropna(subset="estimate")
    yield from ((f"{value}: ", rows) for value, rows in curves.groupby(panel, sort=False)) if panel else [("", curves)]


def _capital(text: str) -> str:
    """For sentences that may begin with a name, which keeps its spelling."""
    return text[0].upper() + text[1:] if text.startswith(("from ", "the ")) else text
