"""How often a frozen model is called expanding, and whether power comes out as foreseen, by simulation.

    python bench/redraws.py [--runs 1000] [--csv redraws.csv]

Everything is simulated. Candidates get success rates from a world; one draw of 1,024 attempts selects D, at the size
asked for; then come R re-draws of the frozen base and S tuned draws, all of them judged as the package judges. In the
first part the tuned model is the frozen base itself: "called expanding" must not exceed 5 % (2.5 % is what a two-sided
test allows it on this side). "McNemar" is the same with the first re-draw alone. In the second part tuning makes a
share of D solvable: the share of runs in which it shows stands beside ``expansion_power``. Then the intervals of tuned
minus re-drawn: how often they contain the truth. For problems as a sample that is the mean over the world; seeds, where
there are three, differ from one another in how many problems they gain. Ten minutes on one core; ``bench/redraws.txt``
is what it prints.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from mathb_kit.statistics.redraw_power import RedrawDesign, expansion_power  # noqa: E402
from mathb_kit.statistics.redraws import difference_beside, exchangeable_test  # noqa: E402
from mathb_kit.statistics.success_rates import SuccessRates, beta_success_rates  # noqa: E402

K = 1024
SIZES, REDRAWS = (15, 26, 60, 115, 181), (1, 4, 9)
WORLDS: dict[str, SuccessRates] = {
    "Beta(0.3, 4), 20 % never": beta_success_rates(0.3, 4, 0.2),
    "Beta(0.2, 60)": beta_success_rates(0.2, 60),
    "90 % never, Beta(0.5, 200)": beta_success_rates(0.5, 200, 0.9),
}
Reach = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def selected(world: SuccessRates, size: int, rng: np.random.Generator) -> np.ndarray:
    """Chances of a fresh draw at the first ``size`` candidates that one draw leaves unsolved."""
    kept = np.empty(0)
    while len(kept) < size:
        rates = rng.choice(world.rates, 20 * size, p=world.weights)
        kept = np.concatenate([kept, rates[rng.random(len(rates)) < (1 - rates) ** K]])
    return 1 - (1 - kept[:size]) ** K


def drawn(chances: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    return rng.random((draws, len(chances))) < chances


def expanding(tuned: np.ndarray, redrawn: np.ndarray) -> bool:
    return exchangeable_test(tuned, redrawn) < 0.05 and tuned.mean() > redrawn.mean()


def frozen(runs: int) -> pd.DataFrame:
    rows = []
    for (name, world), size, redraws in product(WORLDS.items(), SIZES, REDRAWS):
        rng = np.random.default_rng([size, redraws, list(WORLDS).index(name)])
        called, mcnemar = 0, 0
        for _ in range(runs):
            chances = selected(world, size, rng)
            tuned, base = drawn(chances, 1, rng), drawn(chances, redraws, rng)
            called += expanding(tuned, base)
            mcnemar += expanding(tuned, base[:1])
        rows.append((name, size, redraws, called / runs, mcnemar / runs))
    return pd.DataFrame(rows, columns=["world", "D", "redraws", "called expanding", "McNemar"])


def power(runs: int) -> pd.DataFrame:
    rows = []
    for (name, world), size, (redraws, seeds, gain) in product(
        WORLDS.items(), (26, 60, 115), ((1, 1, 0.1), (4, 1, 0.1), (9, 1, 0.1), (4, 3, 0.05), (1, 1, 0.2), (4, 1, 0.2))
    ):
        rng = np.random.default_rng([size, redraws, seeds, round(100 * gain), list(WORLDS).index(name)])
        on_d = world.given(K, 0)
        share = gain / (1 - float((1 - (1 - on_d.rates) ** K) @ on_d.weights))
        seen = 0
        for _ in range(runs):
            chances = selected(world, size, rng)
            after = np.where(rng.random(size) < share, 1.0, chances)
            seen += expanding(drawn(after, seeds, rng), drawn(chances, redraws, rng))
        foreseen = expansion_power(on_d, RedrawDesign(K, size, redraws, seeds), gain)
        rows.append((name, size, redraws, seeds, gain, foreseen, seen / runs, foreseen - seen / runs))
    columns = ["world", "D", "redraws", "seeds", "gain", "foreseen", "measured", "difference"]
    return pd.DataFrame(rows, columns=columns)


def intervals(runs: int) -> pd.DataFrame:
    """Coverage of tuned minus re-drawn; of three seeds each gains its own share, spread evenly about the mean."""
    rows = []
    for (name, world), size, (redraws, seeds, gain) in product(
        WORLDS.items(), SIZES, ((1, 1, 0.0), (4, 1, 0.0), (4, 1, 0.1), (4, 3, 0.1))
    ):
        rng = np.random.default_rng([7, size, redraws, seeds, round(100 * gain), list(WORLDS).index(name)])
        on_d = world.given(K, 0)
        room = 1 - float((1 - (1 - on_d.rates) ** K) @ on_d.weights)
        inside, over, width, wide = 0, 0, 0.0, 0.0
        for _ in range(runs):
            chances = selected(world, size, rng)
            shares = np.clip(gain * (1 + rng.uniform(-0.8, 0.8, seeds)) / room, 0, 1) if seeds > 1 else [gain / room]
            gained = rng.random(size)  # the same order of problems for every seed
            after = np.array([np.where(gained < share, 1.0, chances) for share in shares])
            tuned = rng.random(after.shape) < after
            _, ends, ends_over = difference_beside(tuned, drawn(chances, redraws, rng))
            truth = float(np.mean(shares)) * room  # of these seeds
            inside += ends[0] <= truth <= ends[1]
            over += ends_over[0] <= gain <= ends_over[1]
            width, wide = width + (ends[1] - ends[0]) / runs, wide + (ends_over[1] - ends_over[0]) / runs
        seeds_say = (over / runs, wide) if seeds > 1 else (np.nan, np.nan)
        rows.append((name, size, redraws, seeds, gain, inside / runs, width, *seeds_say))
    columns = ["world", "D", "redraws", "seeds", "gain", "coverage", "width", "other seeds", "width "]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--csv", type=Path, help="write the tables here as well, one below the other")
    arguments = parser.parse_args()
    tables = {
        f"A frozen model called expanding, share of {arguments.runs:,} runs": frozen(arguments.runs),
        "Power: foreseen and measured": power(arguments.runs),
        "Tuned minus re-drawn: coverage of 95 % intervals, and their mean widths": intervals(arguments.runs),
    }
    for title, table in tables.items():
        print(f"\n{title}")
        print(table.to_string(index=False, float_format="{:.3f}".format, na_rep=""))
    calls, misses = (table for table in list(tables.values())[:2])
    print(f"\nlargest share called expanding: {calls['called expanding'].max():.3f}")
    print(f"largest distance of foreseen from measured power: {misses['difference'].abs().max():.3f}")
    if arguments.csv:
        pd.concat(tables.values()).to_csv(arguments.csv, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
