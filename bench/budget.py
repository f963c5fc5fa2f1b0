"""Whether the scoreboard's budget is where its yardstick has learnt what it can: validation far beyond that budget.

    python bench/budget.py [--tokens 2400000] [--seeds 1 2]

Trains the yardstick at its frozen rate, with the board's batch and problems, and writes ``bench/budget.csv``: one row
per validation (problems that it does not train on, four attempts each), seeds side by side. Minutes of a core a seed.
Held-out problems play no part.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from mathb_kit.csv_files import write_csv
from mathb_kit.lab.board import load_scoreboard
from mathb_kit.lab.many import train_all
from mathb_kit.lab.run_folder import read_log
from mathb_kit.lab.scoreboard import Bench
from mathb_kit.lab.tuning import best_rate, read_frozen
from mathb_kit.places import lab_root


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=2_400_000, help="budget of a run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    board = load_scoreboard()
    frozen, bench = read_frozen(), Bench(board, board.rows_of([board.yardstick]), {})
    rate = best_rate(frozen[frozen["key"] == bench.tuning_key(board.yardstick)])
    runs = []
    for seed in options.seeds:
        run = bench.run(board.yardstick, rate, seed)
        run = replace(run, settings=replace(run.settings, tokens=options.tokens))
        runs.append(replace(run, folder=lab_root() / "budget" / f"{board.yardstick}-{seed}-{run.key()}"))
    tables = [read_log(path).dropna(subset="validation") for path in train_all(runs)]
    table = pd.DataFrame({
        "step": tables[0]["step"], "sampled_tokens": tables[0]["sampled_tokens"],
        **{f"validation_{seed}": log.set_index("step")["validation"].reindex(tables[0]["step"]).to_numpy()
           for seed, log in zip(options.seeds, tables)},
    })  # fmt: skip
    table["validation"] = table.filter(like="validation_").mean(axis=1)
    write_csv(table, Path(__file__).with_name("budget.csv"))
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
