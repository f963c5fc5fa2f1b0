"""Learning rates of the scoreboard: a grid that is widened while the best lies at an edge, on validation alone.

What was chosen is frozen in ``tuned.csv`` beside this file with every number that it came from. A frozen rate holds for
the very settings that it was tuned under (`Bench.tuning_key`); rows whose settings changed are tuned anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mathb_kit.csv_files import write_csv
from mathb_kit.lab.board import Scoreboard
from mathb_kit.lab.scoreboard import Bench, final_validation

if TYPE_CHECKING:
    import pandas as pd

FROZEN = Path(__file__).with_name("tuned.csv")
COLUMNS = ["key", "row", "learning_rate", "seed", "validation", "chosen"]


def tune(bench: Bench) -> pd.DataFrame:
    """Every learning rate of every row under every tuning seed, frozen ones read and the others run.

    A rate's validation is the mean over the seeds of a run's last validations; a rate at which a run failed is no
    choice. While the best rate of a row is the smallest or the largest tried, the next one beyond it is tried, too, by
    the grid's own ratio, up to the board's ``rate_limits``.

    Returns:
        row, learning_rate, seed, validation (NaN: failed), chosen (the row's best rate, on all its seeds).
    """
    import pandas as pd

    board, frozen = bench.board, read_frozen()
    keys = {row: bench.tuning_key(row) for row in bench.rows}
    known = {row: table for row, key in keys.items() if len(table := frozen[frozen["key"] == key])}
    grids = {row: sorted(board.learning_rates) for row in bench.rows if row not in known}
    tables: dict[str, pd.DataFrame] = {}
    waiting = set(grids)
    while waiting:
        runs = {
            (row, rate, seed): bench.run(row, rate, seed)
            for row in grids if row in waiting for rate in grids[row] for seed in board.tuning_seeds
        }  # fmt: skip
        done = bench.train(runs)
        for row in list(waiting):
            lines = [(*key, final_validation(done[key]) if key in done else float("nan")) for key in runs
                     if key[0] == row]  # fmt: skip
            tables[row] = with_choice(pd.DataFrame(lines, columns=["row", "learning_rate", "seed", "validation"]))
            further = beyond(grids[row], best_rate(tables[row]), board.rate_limits)
            if further is None:
                waiting.discard(row)
            else:
                grids[row] = sorted([*grids[row], further])
    tables |= {row: table.drop(columns="key") for row, table in known.items()}
    return pd.concat([tables[row] for row in bench.rows], ignore_index=True)


def beyond(grid: list[float], best: float | None, limits: tuple[float, float]) -> float | None:
    """The rate to try next: one step of the grid past its edge, where the best lies there; None where none is needed,
    allowed or left to hope for (all failed: then the next smaller one)."""
    low, high = min(grid), max(grid)
    # Steps of the grid need not be alike; the nearest one goes on.
    if best is None or best == low:
        ratio = sorted(grid)[1] / low if len(grid) > 1 else 3.0
        further = float(f"{low / ratio:.2g}")
        return further if further >= limits[0] * (1 - 1e-9) else None
    if best == high:
        further = float(f"{high * high / sorted(grid)[-2]:.2g}")
        return further if further <= limits[1] * (1 + 1e-9) else None
    return None


def by_rate(tried: pd.DataFrame) -> pd.DataFrame:
    """Seeds together: row, learning_rate, seeds, validation (their mean; NaN where a run failed), lowest, highest,
    chosen, edge (chosen, and the smallest or largest tried)."""
    grouped = tried.groupby(["row", "learning_rate"], sort=False)
    table = grouped.agg(seeds=("seed", "size"), validation=("validation", lambda v: v.mean(skipna=False)),
                        lowest=("validation", "min"), highest=("validation", "max"),
                        chosen=("chosen", "all")).reset_index()  # fmt: skip
    rates = table.groupby("row")["learning_rate"]
    ends = (table["learning_rate"] == rates.transform("min")) | (table["learning_rate"] == rates.transform("max"))
    return table.assign(edge=table["chosen"] & ends)


def best_rate(tried: pd.DataFrame) -> float | None:
    """The rate of one row with the best mean validation; None where a run failed at every rate."""
    means = tried.groupby("learning_rate")["validation"].apply(lambda v: v.mean(skipna=False)).dropna()
    return float(means.idxmax()) if len(means) else None


def with_choice(tried: pd.DataFrame) -> pd.DataFrame:
    """The same table of one row with ``chosen``."""
    return tried.assign(chosen=tried["learning_rate"] == best_rate(tried))


def read_frozen(file: Path = FROZEN) -> pd.DataFrame:
    """What was tuned and frozen, with its keys; empty where nothing was."""
    import pandas as pd

    if not file.is_file():
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(file, dtype={"key": str}).astype({"chosen": bool})


def write_tuned(bench: Bench, tried: pd.DataFrame, file: Path) -> Path:
    """Write what was tuned in the form of ``tuned.csv``, so that it can be frozen there."""
    keyed = tried.assign(key=tried["row"].map({row: bench.tuning_key(row) for row in bench.rows}))
    write_csv(keyed[COLUMNS], file)
    return file


def not_frozen(bench: Bench) -> list[str]:
    """Rows that have to be tuned first."""
    frozen = set(read_frozen()["key"])
    return [row for row in bench.rows if bench.tuning_key(row) not in frozen]


def at_limit(tried: pd.DataFrame, board: Scoreboard) -> list[str]:
    """A sentence for every row whose choice lies at an edge that the limits did not let it leave."""
    table = by_rate(tried)
    return [
        f"The best rate of {line.row} ({line.learning_rate:g}) lies at the edge of what was tried, where the limits "
        f"{board.rate_limits[0]:g} to {board.rate_limits[1]:g} end the search: a better one may lie beyond."
        for line in table[table["edge"]].itertuples()
    ]
