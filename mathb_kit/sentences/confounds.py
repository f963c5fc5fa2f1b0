"""What a difference of pass@k may be made of, and what nobody can tell, as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mathb_kit.judging.confounds import GUESSING, SHARE, UNKNOWN

if TYPE_CHECKING:
    import pandas as pd


def confounds_sentence(table: pd.DataFrame) -> str:
    """The difference as judged, under each other reading, and which parts cannot be told (``confounds``)."""
    judged, *rest = table.to_dict("records")
    told = [row for row in rest if row["about"] not in (UNKNOWN, SHARE, GUESSING)]
    parts = [f"{row['part']} {_points(row)}{' (at most)' if 'at most' in row['about'] else ''}" for row in told]
    text = f"The difference of {judged['part'].removesuffix(' as judged')} is {_points(judged)} points as judged"
    text += f"; {', '.join(parts)}." if parts else "."
    if chances := [row for row in rest if row["about"] == GUESSING]:
        first, beyond = chances
        text += (
            f" Against other golds their own answers would score {100 * first['base']:.1f} and "
            f"{100 * first['tuned']:.1f} %; beyond that chance the difference is {_points(beyond)}."
        )
    if unknown := [row["part"] for row in rest if row["about"] == UNKNOWN]:
        text += f" What is known of these attempts does not tell: {', '.join(unknown)}."
    return text


def settings_sentence(base: Mapping[str, Any], tuned: Mapping[str, Any]) -> str:
    """Whether two models were asked alike, as far as anybody said."""
    if not base and not tuned:
        return "How the two were sampled is not told."
    names = list(dict.fromkeys([*base, *tuned]))
    differ = [name for name in names if base.get(name) != tuned.get(name)]
    alike = ", ".join(f"{name} {base[name]!s}" for name in names if name not in differ)
    if not differ:
        return f"Both were sampled alike, as far as told: {alike}."
    told = "; ".join(f"{name} {base.get(name, 'not told')!s} and {tuned.get(name, 'not told')!s}" for name in differ)
    return f"Base and tuned model were sampled differently: {told}{f'; alike: {alike}' if alike else ''}."


def _points(row: Mapping[str, Any]) -> str:
    return f"{100 * row['difference']:+.1f}"
