"""Many checkpoints on one set as a table, for the page and as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.errors import MathbError
from mathb_kit.statistics import pass_at_k_curve
from mathb_kit.viewer.beyond import Beyond, beyond_base
from mathb_kit.viewer.numbers import Cell, cells, numbers_of, outcomes_of
from mathb_kit.viewer.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd


def chosen(snapshot: Snapshot, name: str = "", draw: str = "") -> tuple[str, str]:
    """A set and a draw that the store has: those named, else the first set, and ``main`` where it is there.

    Raises:
        MathbError: no such set or draw.
    """
    there = cells(snapshot)
    sets = list(dict.fromkeys(cell.set for cell in there))
    if name and name not in sets:
        raise MathbError(f"The store has nothing on {name!r}; it has {', '.join(sets)}.")
    name = name or sets[0]
    draws = list(dict.fromkeys(cell.draw for cell in there if cell.set == name))
    if draw and draw not in draws:
        raise MathbError(f"The store has no draw {draw!r} on {name}; it has {', '.join(draws)}.")
    return name, draw or ("main" if "main" in draws else draws[0])


def ks_of(snapshot: Snapshot, name: str, draw: str) -> list[int]:
    """Powers of two, and the last attempt, up to what most of the models on a set can speak about."""
    plans = [numbers_of(snapshot, cell).plan for cell in cells(snapshot) if (cell.set, cell.draw) == (name, draw)]
    most = max((plan.n_max for plan in plans if plan), default=0)
    return sorted({*(2**i for i in range(1, most.bit_length()) if 2**i <= most), *([most] if most else [])})


def comparison(snapshot: Snapshot, name: str, draw: str, k: int) -> pd.DataFrame:
    """One row per model with this draw on a set.

    Returns:
        model, model_key, problems (tried), attempts, plan, pass_1, pass_1_low, pass_1_high, k, pass_k, pass_k_low,
        pass_k_high (NaN where the model's plan ends before k), reached (problems with a correct attempt), and of what
        it reaches beyond its base (`Beyond`): base, beyond_k, beyond_reached, beyond_missed, beyond, beyond_low,
        beyond_high, null, how (of the comparison, or why there is none).
    """
    return snapshot.keep(("comparison", name, draw, k), lambda: _comparison(snapshot, name, draw, k))


def _comparison(snapshot: Snapshot, name: str, draw: str, k: int) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for cell in (cell for cell in cells(snapshot) if (cell.set, cell.draw) == (name, draw)):
        numbers, outcomes = numbers_of(snapshot, cell), outcomes_of(snapshot, cell)
        row = {"model": snapshot.label(cell.model), "model_key": cell.model, "problems": numbers.problems,
               "attempts": numbers.attempts, "plan": str(numbers.plan or "")}  # fmt: skip
        if outcomes is not None:
            for which, point in zip(("1", "k"), pass_at_k_curve(outcomes, [1, k]).itertuples()):
                row |= {f"pass_{which}": point.estimate, f"pass_{which}_low": point.low,
                        f"pass_{which}_high": point.high}  # fmt: skip
        rows.append(row | {"k": k, "reached": numbers.solved} | _beyond_row(snapshot, cell))
    columns = [
        "model", "model_key", "problems", "attempts", "plan", "pass_1", "pass_1_low", "pass_1_high", "k", "pass_k",
        "pass_k_low", "pass_k_high", "reached", "base", "beyond_k", "beyond_reached", "beyond_missed", "beyond",
        "beyond_low", "beyond_high", "null", "how",
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=columns)


def _beyond_row(snapshot: Snapshot, cell: Cell) -> dict[str, object]:
    beyond = beyond_base(snapshot, cell)
    if not isinstance(beyond, Beyond):
        return {"base": snapshot.models.get(cell.model, {}).get("base") or "", "how": beyond}
    return {
        "base": beyond.base, "beyond_k": beyond.k, "beyond_reached": beyond.reached, "beyond_missed": beyond.missed,
        "beyond": beyond.rate, "beyond_low": beyond.low, "beyond_high": beyond.high, "null": beyond.null,
        "how": beyond.how,
    }  # fmt: skip


def to_csv(table: pd.DataFrame) -> str:
    """A table for a spreadsheet; a text that one would take for a formula is quoted as text."""
    safe = table.copy()
    for name in safe.columns[safe.map(lambda value: isinstance(value, str)).any().to_numpy()]:
        safe[name] = safe[name].map(lambda value: f"'{value}" if str(value).startswith(tuple("=+-@\t\r")) else value)
    return safe.to_csv(index=False, lineterminator="\n")
