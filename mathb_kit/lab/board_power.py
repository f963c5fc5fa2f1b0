"""What a scoreboard can see, before anything is sampled: by the planner of the statistics, from a pilot of the base.

The pilot (``pilot.csv``, made by ``bench/pilot.py``) are attempts of the base at other problems of the same levels;
from its success rates follows how many held-out problems a reference draw leaves unsolved (D), what fresh draws of the
base reach of them, and which gain in Expansion the exact test shows with so many runs beside so many draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.lab.board import HeldOut, Scoreboard, draw_problems
from mathb_kit.models import get_model
from mathb_kit.problems import load_problems
from mathb_kit.statistics.redraw_power import RedrawDesign, detectable_expansion, expansion_power, problems_needed
from mathb_kit.statistics.success_rates import SuccessRates, chances_within, fit_success_rates

if TYPE_CHECKING:
    import pandas as pd

PILOT = Path(__file__).with_name("pilot.csv")
GAIN = 0.05
_COPIES = 10
_PILOT_SEED = 107


@dataclass(frozen=True)
class BoardPower:
    """What a board's design shows.

    Attributes:
        problems: held out.
        unsolved: how many of them the reference draw is expected to leave unsolved (D).
        frozen: share of D that a fresh draw of the base reaches.
        power: chance that the exact test shows a gain of ``GAIN`` of D.
        shows: gain, as a share of D, that shows with 80 % power; NaN where none does.
        one_run: the same for a row of one run.
        needed: size of D at which ``GAIN`` shows with 80 %.
    """

    problems: int
    unsolved: int
    frozen: float
    power: float
    shows: float
    one_run: float
    needed: int


def board_power(board: Scoreboard, pilot: pd.DataFrame | None = None) -> BoardPower:
    """The power of a board's design.

    Args:
        board: declares held-out problems, k, seeds and draws.
        pilot: one row per problem with level, n and c; the committed one by default.
    """
    k = board.plan.n_max
    rates = held_out_rates(board, read_pilot() if pilot is None else pilot)
    left = 1 - float(chances_within(rates.rates, [k])[0] @ rates.weights)
    on_d = rates.given(k, 0)
    unsolved = max(1, round(left * len(board.problems)))
    frozen = float(chances_within(on_d.rates, [k])[0] @ on_d.weights)
    design = RedrawDesign(k, unsolved, board.null_draws, len(board.seeds))
    single = RedrawDesign(k, unsolved, board.null_draws, 1)
    return BoardPower(
        len(board.problems), unsolved, frozen, expansion_power(on_d, design, GAIN),
        detectable_expansion(on_d, design), detectable_expansion(on_d, single), problems_needed(on_d, design, GAIN),
    )  # fmt: skip


def held_out_rates(board: Scoreboard, pilot: pd.DataFrame) -> SuccessRates:
    """Success rates of the base on the held-out problems: each level's as the pilot found them, mixed as declared.

    Raises:
        MathbError: a level that the pilot does not have.
    """
    import pandas as pd

    parts = []
    for level, count in board.held_out.levels.items():
        rows = pilot[pilot["level"] == level]
        if rows.empty:
            raise MathbError(f"The pilot of the scoreboard has no problem of level {level}; leave that level out.")
        # As many rows of each level as its share asks for; a pilot's problems stand for many.
        parts.append(rows.iloc[np.arange(_COPIES * count) % len(rows)])
    return fit_success_rates(pd.concat(parts)[["n", "c"]], refits=0)


def make_pilot(board: Scoreboard, each: int) -> pd.DataFrame:
    """Try the base at problems of the board's levels that are none of its own, ``each`` of a family and level.

    Returns:
        problem, level, family, n, c.
    """
    import pandas as pd

    wanted = HeldOut(seed=_PILOT_SEED, levels=dict.fromkeys(board.held_out.levels, each))
    taken = {problem.statement for problem in [*board.problems, *load_problems(board.on)]}
    problems = draw_problems("mini-board-pilot", wanted, taken)
    outcomes = evaluate(get_model(board.base), problems, board.plan, draw="pilot").outcomes
    about = pd.DataFrame([(p.key, p.meta["level"], p.meta["family"]) for p in problems],
                         columns=["problem", "level", "family"])  # fmt: skip
    table = about.merge(outcomes[["problem", "n", "c"]], on="problem")
    return table.assign(problem=table["problem"].str.extract(r"/(\d+)", expand=False))


def read_pilot(file: Path = PILOT) -> pd.DataFrame:
    """The committed pilot: problem, level, family, n, c."""
    import pandas as pd

    return pd.read_csv(file, dtype={"problem": str})
