"""Forecasts beyond the attempts made: the likelihood by scipy, the predictive by simulation, and what is not said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import beta, betabinom

from mathb_kit.errors import MathbError
from mathb_kit.statistics import pass_at_k_beyond
from mathb_kit.statistics.beta_grid import A, B, BetaGrid, Z, credible_means
from mathb_kit.statistics.beyond import MISSED, OPEN, UNCHECKED


def outcomes(c, n: int = 64, plan: str | None = None) -> pd.DataFrame:
    problems = [f"p{i}" for i in range(len(c))]
    return pd.DataFrame({"model": "m", "problem": problems, "draw": "d", "n": n, "c": c, "plan": plan or f"fixed {n}"})


def test_the_likelihood_is_that_of_a_zero_inflated_beta_binomial():
    c = np.array([0, 0, 0, 1, 5, 40])
    grid = BetaGrid.of(outcomes(c)).log_likelihood.reshape(len(Z), len(A), len(B))

    def log_likelihood(z: float, a: float, b: float) -> float:
        return float(np.log(np.where(c == 0, z, 0) + (1 - z) * betabinom.pmf(c, 64, a, b)).sum())

    chosen = [(0, 10, 20), (5, 12, 30), (20, 25, 10)]
    ours = [grid[i] for i in chosen]
    theirs = [log_likelihood(Z[i], A[j], B[k]) for i, j, k in chosen]
    assert np.diff(ours) == pytest.approx(np.diff(theirs))  # up to the constant of the orders of attempts


def test_what_is_newly_solved_is_the_integral_over_the_success_rates_of_the_unsolved():
    grid, (i, j, k) = BetaGrid(np.zeros((len(Z), len(A) * len(B)))), (4, 22, 24)
    z, a, b = Z[i], A[j], B[k]

    def failing(m: int) -> float:
        return z + (1 - z) * quad(lambda p: (1 - p) ** m * beta.pdf(p, a, b), 0, 1, limit=200)[0]

    expected = 1 - failing(640) / failing(64)
    assert grid.newly_solved(64, 640).reshape(len(Z), len(A), len(B))[i, j, k] == pytest.approx(expected, rel=1e-5)
    assert grid.pass_at_k(64).reshape(len(Z), len(A), len(B))[i, j, k] == pytest.approx(1 - failing(64), rel=1e-5)


def test_credible_ends_leave_a_fortieth_of_the_likelihood_on_either_side():
    c = np.array([0, 0, 0, 1, 5, 40])
    sets = np.stack([c, np.array([0, 0, 0, 0, 0, 1])])
    low, high = credible_means(np.full_like(sets, 64), sets, [1, 64], 0.95)
    for at, each in enumerate(sets):
        grid = BetaGrid.of(outcomes(each))
        for column, k in enumerate((1, 64)):
            means = grid.pass_at_k(k)
            assert grid.weights[means < low[at, column]].sum() < 0.025 <= grid.weights[means <= low[at, column]].sum()
            assert grid.weights[means < high[at, column]].sum() < 0.975 <= grid.weights[means <= high[at, column]].sum()


def test_the_interval_is_that_of_drawing_a_shape_and_then_the_unsolved_problems():
    c = np.random.default_rng(2).binomial(64, np.random.default_rng(1).beta(0.4, 4, 80))
    table = outcomes(c)
    row = pass_at_k_beyond(table, [640]).iloc[0]
    grid, rng, unsolved = BetaGrid.of(table), np.random.default_rng(0), int((c == 0).sum())
    drawn = rng.choice(grid.weights.size, 40_000, p=grid.weights.ravel())
    shares = 1 - (unsolved - rng.binomial(unsolved, grid.newly_solved(64, 640).ravel()[drawn])) / len(c)
    assert row["estimate"] == pytest.approx(shares.mean(), abs=0.002)
    assert [row["low"], row["high"]] == pytest.approx(np.quantile(shares, [0.025, 0.975]), abs=1.01 / len(c))
    assert row["solved"] == np.mean(c > 0) <= row["low"]


def test_forecasts_hold_what_comes_true_where_rates_follow_a_beta():
    held, runs = 0, 60
    for run in range(runs):
        rng = np.random.default_rng(run)
        rates = np.where(rng.random(60) < 0.2, 0, rng.beta(0.4, 6, 60))
        c = rng.binomial(64, rates)
        row = pass_at_k_beyond(outcomes(c), [640]).iloc[0]
        truth = np.mean((c > 0) | (rng.random(60) < 1 - (1 - rates) ** (640 - 64)))
        held += row["low"] - 1e-9 <= truth <= row["high"] + 1e-9
    assert held / runs >= 0.88


def test_more_attempts_never_solve_less_and_at_n_nothing_is_open():
    table = pass_at_k_beyond(outcomes([0] * 10 + [1] * 5 + [9] * 10), [64, 128, 640])
    assert table.loc[0, ["estimate", "low", "high", "npmle"]].tolist() == pytest.approx([0.6] * 4)
    for column in ("estimate", "low", "high", "npmle"):
        assert (np.diff(table[column]) >= 0).all()


def test_where_the_data_cannot_say_it_is_said():
    with pytest.raises(MathbError, match="Nothing was solved in 64 attempts"):
        pass_at_k_beyond(outcomes([0] * 30), [640])
    with pytest.raises(MathbError, match="speaks of k = 64 to 6,400, not of 6,401"):
        pass_at_k_beyond(outcomes([0, 3]), [6401])
    with pytest.raises(MathbError, match="end at 32 and 64"):
        pass_at_k_beyond(pd.concat([outcomes([1]), outcomes([1], 32)]), [64])
    one_of_many = pass_at_k_beyond(outcomes([0] * 29 + [1]), [6400])["flag"].item()
    assert one_of_many.startswith(OPEN)
    fine = [0] * 8 + [2, 5, 9, 17, 20, 33, 40, 50] * 3
    assert pass_at_k_beyond(outcomes(fine), [640])["flag"].item() == UNCHECKED  # it would be by 6 attempts
    assert pass_at_k_beyond(outcomes(fine, plan="16/64 stop 60"), [128])["flag"].item() == UNCHECKED


def test_a_shape_that_fails_where_it_can_be_checked_is_flagged():
    """Half of the problems are easy, half have one rate: from a sixteenth of the attempts the latter look hopeless."""
    rng = np.random.default_rng(0)
    c = np.concatenate([rng.binomial(640, 0.6, 100), rng.binomial(640, 0.012, 100)])
    assert pass_at_k_beyond(outcomes(c, 640), [6400])["flag"].item().startswith(MISSED)
