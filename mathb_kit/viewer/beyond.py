"""What a checkpoint reaches beyond its base, for a table of many: with its interval, and beside the base's own null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mathb_kit.errors import MathbError
from mathb_kit.judging.judgement import judge_outcomes, nothing_solved
from mathb_kit.plan import Plan
from mathb_kit.statistics import expansion_by_half_draws
from mathb_kit.viewer.numbers import Cell, cells, outcomes_of
from mathb_kit.viewer.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Beyond:
    """Share of what the base misses that the tuned model reaches.

    Attributes:
        base: label of the base.
        k: attempts allowed to each.
        reached: problems reached of those missed, where these are counts and not expectations; else None.
        missed: problems that the base missed; in expectation over its attempts where ``reached`` is None.
        rate, low, high: the share, with its 95 % interval over problems.
        null: the same share for the base itself, drawn again; NaN where there is no such draw.
        how: what kind of comparison this is.
    """

    base: str
    k: int
    reached: int | None
    missed: float
    rate: float
    low: float
    high: float
    null: float
    how: str


SELECTED = "problems that the base had left unsolved when the set was made; null: the base drawn again"
HALVES = "k attempts of the base miss, k others are its null, in expectation over all splits of one draw"


def beyond_base(snapshot: Snapshot, cell: Cell) -> Beyond | str:
    """What the model of a cell reaches beyond its base, or why that cannot be told."""
    return snapshot.keep(("beyond", cell), lambda: _beyond(snapshot, cell))


def base_cell(snapshot: Snapshot, cell: Cell) -> Cell | None:
    """The same draw and set of the model's base, asked alike where it was asked in several ways; None: not there."""
    description = snapshot.models.get(cell.model, {})
    if not (base := description.get("base")):
        return None
    keys = [key for key, other in snapshot.models.items() if base in (other.get("name"), other.get("source"))]
    tried = {other.model for other in cells(snapshot) if other._replace(model=cell.model) == cell}
    keys = [key for key in keys if key in tried]
    asked = ("sampling", "prompt", "user", "system", "dtype")

    def unlike(key: str) -> int:
        return sum(snapshot.models[key].get(name) != description.get(name) for name in asked)

    return cell._replace(model=min(keys, key=lambda key: (unlike(key), key))) if keys else None


def _beyond(snapshot: Snapshot, cell: Cell) -> Beyond | str:
    base = base_cell(snapshot, cell)
    if base is None:
        name = snapshot.models.get(cell.model, {}).get("base")
        return f"its base {name} has no such draw" if name else "no base on record"
    tuned_outcomes, base_outcomes = outcomes_of(snapshot, cell), outcomes_of(snapshot, base)
    if tuned_outcomes is None or base_outcomes is None:
        return "not graded"
    try:
        return _compared(snapshot, (cell, tuned_outcomes), (base, base_outcomes))
    except MathbError as error:
        return str(error)


def _compared(
    snapshot: Snapshot, tuned: tuple[Cell, pd.DataFrame], base: tuple[Cell, pd.DataFrame]
) -> Beyond | str:
    (cell, tuned_outcomes), (base_of, base_outcomes) = tuned, base
    label, name = snapshot.label(base_of.model), snapshot.models[base_of.model].get("name", "")
    k_tuned, k_base = (Plan.parse(rows["plan"].iloc[0]).n_max for rows in (tuned_outcomes, base_outcomes))
    problems = snapshot.sets.get(cell.set)
    if problems is not None and problems.selected_in and problems.is_sieved_with(name):
        keys = [problem.key for problem in problems.unsolved_by(name)]
        k = min(k_tuned, k_base, problems.selected_in)
        missing = set(keys) - (set(tuned_outcomes["problem"]) & set(base_outcomes["problem"]))
        if missing:
            return f"{len(missing):,} of the {len(keys):,} it left unsolved were not tried"
        names = (snapshot.label(cell.model), label, cell.set)
        selection = nothing_solved(keys, base_of.model, problems.selected_in)
        judged = judge_outcomes(names, tuned_outcomes, [base_outcomes], selection, k)
        rate, null = judged.comparison.expansion, judged.null.expansion
        return Beyond(label, k, rate.count, rate.of, rate.rate, rate.low, rate.high, null.rate, SELECTED)
    k = min(k_tuned, k_base // 2)
    if not k:
        return "the base has one attempt at a problem, and its null needs two"
    shared = set(tuned_outcomes["problem"]) & set(base_outcomes["problem"])
    both = [rows[rows["problem"].isin(shared)] for rows in (base_outcomes, tuned_outcomes)]
    if not shared:
        return "no problem in common with its base"
    row = expansion_by_half_draws(*both, [k]).iloc[0]
    return Beyond(label, k, None, row["missed"], row["tuned"], row["tuned_low"], row["tuned_high"], row["null"], HALVES)
