"""What tells sharpening from expansion, as tables for pages, terminals and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathb_kit.report.html import PageTable
from mathb_kit.report.records import json_ready
from mathb_kit.sentences import intervals_of, k_text
from mathb_kit.sentences.formats import signed_points

if TYPE_CHECKING:
    import pandas as pd

    from mathb_kit.judging import Separation


def separation_record(apart: Separation) -> dict[str, Any]:
    """Everything as JSON-ready values; a k below 1 is 0, one beyond the attempts "beyond"."""
    equivalents = apart.equivalents.astype(object).mask(apart.equivalents == float("inf"), "beyond")
    null = apart.sharpening
    return {
        "sharpening": None if null is None else {"explains": null.explains, **json_ready(null)},
        "scaled_on": apart.scaled_on,
        "from_zero": dict(zip(("never_solved_by_base", "gained"), apart.from_zero)),
        "support": json_ready(apart.support),
        "base_equivalent_k": json_ready(equivalents),
        "answers": None if apart.spread is None else json_ready(apart.spread),
    }


def separation_tables(apart: Separation) -> list[PageTable]:
    """Attempts by their worth, what became of the base's reach, and the spread of answers."""
    tables = [
        PageTable.of(
            worth_table(apart),
            f"What k attempts of {apart.tuned} are worth in attempts of the base; points: tuned minus base for as many "
            f"tokens; 95 %, {intervals_of(apart.equivalents)}",
        )
    ]
    if len(apart.support):
        caption = "The base's reach: kept, lost, new or in neither, in expectation; 95 %"
        tables.append(PageTable.of(support_table(apart), f"{caption}, {intervals_of(apart.support)}"))
    if apart.spread is not None:
        caption = f"Spread of the answers in the first round; paired difference: 95 %, {intervals_of(apart.spread)}"
        tables.append(PageTable.of(apart.spread.drop(columns="interval"), caption))
    return tables


def worth_table(apart: Separation) -> pd.DataFrame:
    """``base_equivalent_k`` in words: at which k the base solves as much, and what it solves for as many tokens.

    Columns without a value, and the set where there is one only, are left out.
    """
    import pandas as pd

    rows = []
    for row in apart.equivalents.itertuples():
        ends = f"({k_text(row.low, row.n)} to {k_text(row.high, row.n)})"
        matched = row.base_at_matched == row.base_at_matched
        rows.append(
            {
                "set": row.set, "k": row.k, "solves": f"{100 * row.tuned:.1f} %",
                "as the base at k": f"{k_text(row.base_k, row.n)} {ends}",
                "same tokens: k": k_text(row.matched_k, row.n) if matched else None,
                "points": signed_points(row.difference, row.difference_low, row.difference_high) if matched else None,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    return table if table["set"].nunique() > 1 else table.drop(columns="set")


def support_table(apart: Separation) -> pd.DataFrame:
    """``support_dynamics`` with intervals in words."""
    table = apart.support[["set", "k", "who"]].copy()
    for name in ("preserved", "shrunk", "expanded", "out"):
        table[name] = apart.support[name].map("{:.1f}".format)
    for name in ("SRR", "NDR", "SDS", "NSCR"):
        ends = apart.support[[name, f"{name}_low", f"{name}_high"]].itertuples(index=False, name=None)
        table[name] = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in ends]
    return table
