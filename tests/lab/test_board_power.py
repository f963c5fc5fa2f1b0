"""The scoreboard's design, simulated: frozen rows are hardly ever called expanding, intervals cover, power is right."""

import numpy as np
import pandas as pd
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.lab import board_power
from mathb_kit.lab.board import load_scoreboard
from mathb_kit.lab.board_power import GAIN, held_out_rates, read_pilot
from mathb_kit.sentences.scoreboard import board_power_sentence
from mathb_kit.statistics import difference_over_runs
from mathb_kit.statistics.redraws import ALPHA, exchangeable_test

BOARD = load_scoreboard()


def simulated_board(rng, rates, gain=0.0, spread=0.0):
    """A row of the board beside its frozen base: p of the exact test, and Expansion beyond it with its interval.

    Problems have the pilot's success rates. Training makes a share ``gain`` of them solvable for certain, the same ones
    for every run, but a run has more or fewer of them: its share has a spread of ``spread`` times the gain.
    """
    chances = 1 - (1 - rng.choice(rates.rates, len(BOARD.problems), p=rates.weights)) ** BOARD.plan.n_max
    before = rng.random(len(chances)) < chances
    fresh = rng.random((BOARD.null_draws, len(chances))) < chances
    shares = gain * (1 + spread * rng.normal(size=(len(BOARD.seeds), 1)))
    ours = (rng.random((len(BOARD.seeds), len(chances))) < chances) | (rng.random(len(chances)) < shares)
    unsolved = ~before
    p = exchangeable_test(ours[:, unsolved], fresh[:, unsolved])
    beyond = difference_over_runs((ours & unsolved).astype(float), (fresh & unsolved).astype(float), resamples=400)
    return p, beyond


def outcome(boards, truth):
    expands = np.mean([p < ALPHA and beyond[0] > 0 for p, beyond in boards])
    covered = np.mean([low <= truth <= high for _, (_, low, high) in boards])
    return expands, covered


def truth_of(rates, gain):
    """What Expansion beyond the frozen base is on average: a problem is unsolved before and neither solved anyway."""
    chances = 1 - (1 - rates.rates) ** BOARD.plan.n_max
    return gain * float((1 - chances) ** 2 @ rates.weights)


@pytest.mark.parametrize(
    "count", [30, pytest.param(300, marks=pytest.mark.slow)], ids=["few boards", "many boards"]
)
def test_a_frozen_board_is_called_expanding_in_at_most_one_of_twenty_and_intervals_cover(count):
    rng, rates = np.random.default_rng(1), held_out_rates(BOARD, read_pilot())
    expands, covered = outcome([simulated_board(rng, rates) for _ in range(count)], 0.0)
    # Three standard errors of a count at 5 % for few boards; many must keep the promise as it stands.
    assert expands <= (0.05 if count > 100 else 0.05 + 3 * (0.05 * 0.95 / count) ** 0.5)
    assert covered >= (0.95 if count > 100 else 0.85)
    gain = 0.15
    expands, covered = outcome([simulated_board(rng, rates, gain, 0.4) for _ in range(count)], truth_of(rates, gain))
    assert expands > 0.9
    assert covered >= (0.92 if count > 100 else 0.8)


@pytest.mark.slow
def test_the_power_that_is_printed_is_that_of_simulated_boards():
    rng, rates = np.random.default_rng(2), held_out_rates(BOARD, read_pilot())
    told = board_power.board_power(BOARD)
    chances = 1 - (1 - rates.rates) ** BOARD.plan.n_max
    room = 1 - float(chances @ (rates.weights * (1 - chances))) / float((1 - chances) @ rates.weights)
    # The planner's gain is a share of D that is reached more: problems that a draw reaches anyway do not count.
    expands, _ = outcome([simulated_board(rng, rates, GAIN / room) for _ in range(200)], 0.0)
    assert expands == pytest.approx(told.power, abs=0.1)


def test_the_board_is_large_enough_and_says_what_it_cannot_see():
    told = board_power.board_power(BOARD)
    assert told.problems == len(BOARD.problems) >= 200 and told.unsolved < told.problems
    assert told.power >= 0.8 and told.shows <= GAIN + 0.005 and told.needed <= told.unsolved
    assert told.shows < told.one_run  # one run shows less than eight
    sentence = board_power_sentence(BOARD)
    assert f"{told.unsolved} unsolved" in sentence and "in 80 %" in sentence and "not told apart" in sentence


def test_a_pilot_stands_for_its_levels_in_the_shares_of_the_board():
    # Every problem of level 1 is always solved, every one of level 2 never.
    pilot = pd.DataFrame({"level": [1] * 50 + [2] * 50, "n": [64] * 100, "c": [64] * 50 + [0] * 50})
    held_out = BOARD.held_out.model_copy(update={"levels": {1: 3, 2: 1}})
    board = BOARD.model_copy(update={"held_out": held_out})
    rates = held_out_rates(board, pilot)
    assert rates.weights[rates.rates > 0.9].sum() == pytest.approx(0.75, abs=0.01)
    assert rates.weights[rates.rates < 0.01].sum() == pytest.approx(0.25, abs=0.01)
    with pytest.raises(MathbError, match="no problem of level 3"):
        held_out_rates(BOARD, pilot)
