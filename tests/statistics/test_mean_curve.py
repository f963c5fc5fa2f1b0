"""The interval of a mean over few hard problems: where it is widened, where not, and where a word is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mathb_kit.statistics import mean_interval, pass_at_k_curve
from mathb_kit.statistics.beta_grid import BetaGrid
from mathb_kit.statistics.intervals import MEAN


def outcomes(c, n: int = 64) -> pd.DataFrame:
    problems = [f"p{i}" for i in range(len(c))]
    return pd.DataFrame({"model": "m", "problem": problems, "draw": "d", "n": n, "c": c, "plan": f"fixed {n}"})


HARD = [0] * 11 + [1, 2, 6]


def test_the_long_end_is_the_wider_of_two_and_the_short_end_is_left_alone():
    table = outcomes(HARD)
    row = pass_at_k_curve(table, [1]).iloc[0]
    values, counts = np.unique(np.array(HARD) / 64, return_counts=True)
    low, high = mean_interval(values[:, None], counts)
    grid = BetaGrid.of(table)
    means, weights = grid.pass_at_k(1).ravel(), grid.weights.ravel()
    order = np.argsort(means)
    end = means[order][np.searchsorted(np.cumsum(weights[order]), 0.975)]
    assert row["high"] == pytest.approx(max(high[0], end)) and row["low"] == pytest.approx(low[0])
    mirrored = pass_at_k_curve(outcomes([64 - c for c in HARD]), [1]).iloc[0]
    assert mirrored["low"] < 1 - high[0] and mirrored["high"] == pytest.approx(1 - low[0], abs=1e-9)


def test_whether_each_was_solved_keeps_its_exact_interval():
    row = pass_at_k_curve(outcomes(HARD), [64]).iloc[0]
    low, high = mean_interval(np.array([[0.0], [1.0]]), np.array([11, 3]))
    assert (row["low"], row["high"]) == pytest.approx((low[0], high[0]))
    assert row["interval"] == MEAN


def test_few_hard_problems_are_said_to_be_and_many_or_middling_ones_are_not():
    few, middling = outcomes(HARD), outcomes([10, 30, 20, 40, 5, 60] * 3)
    said = {name: pass_at_k_curve(each, [1])["interval"].item() for name, each in
            (("few", few), ("middling", middling), ("many", outcomes(HARD * 4)))}  # fmt: skip
    assert [name for name, each in said.items() if each != MEAN] == ["few"]


def test_all_hard_sets_of_fifteen_are_covered_where_the_values_alone_are_not_enough():
    truth, runs, hits = np.random.default_rng(9).beta(0.2, 60, 2_000_000).mean(), 120, [0, 0]
    for run in range(runs):
        rng = np.random.default_rng(run)
        c = rng.binomial(1024, rng.beta(0.2, 60, 15))
        if not c.any():
            continue
        row = pass_at_k_curve(outcomes(c, 1024), [1]).iloc[0]
        values, counts = np.unique(c / 1024, return_counts=True)
        alone = mean_interval(values[:, None], counts)[1][0]
        hits[0] += row["low"] <= truth <= row["high"]
        hits[1] += truth <= alone
    assert hits[0] / runs >= 0.92 and hits[0] >= hits[1]
