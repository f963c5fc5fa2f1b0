"""The pilot of the scoreboard: the base at other problems of its levels, from which its power is foreseen.

    python bench/pilot.py [--each 16]

Writes ``mathb_kit/lab/pilot.csv``. Half a minute on one core. Nothing tuned is looked at, and no held-out problem.
"""

from __future__ import annotations

import argparse

from mathb_kit.csv_files import write_csv
from mathb_kit.lab.board import load_scoreboard
from mathb_kit.lab.board_power import PILOT, make_pilot
from mathb_kit.sentences.scoreboard import board_power_sentence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--each", type=int, default=16, help="problems of each family and level")
    arguments = parser.parse_args()
    board = load_scoreboard()
    table = make_pilot(board, arguments.each)
    write_csv(table, PILOT)
    print(table.groupby("level")[["n", "c"]].sum())
    print(board_power_sentence(board))


if __name__ == "__main__":
    main()
