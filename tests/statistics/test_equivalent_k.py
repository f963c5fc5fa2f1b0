"""How many attempts of the base a tuned model's are worth, by hand and against the paired difference itself."""

from __future__ import annotations

from math import comb, inf

import numpy as np
import pandas as pd
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics import base_equivalent_k, crossing_point, difference_interval, paired_difference


def arm(model: str, c, n: int = 8, **more) -> pd.DataFrame:
    problems = [f"p{i}" for i in range(len(c))]
    return pd.DataFrame(
        {"model": model, "problem": problems, "draw": "main", "n": n, "c": c, "plan": f"fixed {n}", **more}
    )


def within(n: int, c: int, k: int) -> float:
    return 1 - comb(n - c, k) / comb(n, k)


def test_what_one_attempt_is_worth_by_hand():
    """Everywhere 4 of 8: the base has 1/2 at k = 1 and 1 - 6/28 at k = 2, and the tuned model's 3/4 lies between."""
    row = base_equivalent_k(arm("b", [4] * 30), arm("t", [6] * 30), [1]).iloc[0]
    assert row["base_k"] == pytest.approx(2 ** ((0.75 - 0.5) / (within(8, 4, 2) - 0.5)))
    assert (row["tuned"], row["base"], row["n"]) == (0.75, 0.5, 8)


def test_draws_of_the_base_at_fixed_n_are_one_draw_of_all_their_attempts():
    rng = np.random.default_rng(3)
    first, second, tuned = (rng.binomial(8, 0.3, 30) for _ in range(3))
    draws = [arm("b", first, tokens=8), arm("b", second, tokens=24).assign(draw="again").sample(frac=1, random_state=0)]
    both, one = (base_equivalent_k(base, arm("t", tuned, tokens=16), [1, 8])
                 for base in (draws, arm("b", first + second, 16, tokens=32)))  # fmt: skip
    pd.testing.assert_frame_equal(both, one)
    assert both["n"].tolist() == [16, 16] and both["base"][1] == pytest.approx(
        np.mean([1 - comb(16 - c, 8) / comb(16, 8) for c in first + second])
    )


def test_draws_under_a_plan_that_stops_early_are_averaged_problem_by_problem():
    """Two problems, rounds of 4 and 8, stop 1: by hand 3 of 4 in the first round is pass@1 of 3/4."""
    plan = {"plan": str(Plan(rounds=(4, 8), stop=1, chunk=4)), "n": [4, 8]}
    draws = [arm("b", [3, 0]).assign(**plan), arm("b", [1, 0]).assign(draw="again", **plan)]
    row = base_equivalent_k(draws, arm("t", [4, 4]), [1]).iloc[0]
    assert row["base"] == pytest.approx((3 / 4 + 1 / 4) / 2 / 2) and row["n"] == 8


def test_what_the_attempts_do_not_reach_is_said_to_lie_outside():
    base = arm("b", [0] * 40 + [4] * 40)
    better, worse = arm("t", [8] * 80), arm("t", [0] * 79 + [1])
    assert base_equivalent_k(base, better, [1])[["base_k", "low", "high"]].to_numpy().tolist() == [[inf] * 3]
    assert base_equivalent_k(base, worse, [1])[["base_k", "low", "high"]].to_numpy().tolist() == [[0.0] * 3]
    few = base_equivalent_k(base.iloc[36:44], better.iloc[36:44], [1]).iloc[0]  # 4 of 8 problems may be bad luck
    assert few["base_k"] == inf and few["high"] == inf
    with pytest.raises(MathbError, match="k = 9 is beyond the tuned model's 8 attempts"):
        base_equivalent_k(base, better, [9])


def test_the_interval_holds_the_k_at_which_the_paired_difference_may_be_zero_and_no_others():
    rng = np.random.default_rng(1)
    rates = rng.beta(0.5, 2, 40)
    base, tuned = arm("b", rng.binomial(16, rates), 16), arm("t", rng.binomial(16, rates**0.7), 16)
    row = base_equivalent_k(base, tuned, [2]).iloc[0]
    value = np.array([within(16, c, 2) for c in tuned["c"]])
    for k in range(1, 17):  # all of them are in the grid
        change = value - np.array([within(16, c, k) for c in base["c"]])
        low, high = difference_interval(change[:, None], np.ones(40))
        assert (low[0] <= 0 <= high[0]) == (row["low"] <= k <= row["high"]), k
    assert row["low"] < row["base_k"] < row["high"]


def test_matched_tokens_give_the_base_more_of_its_shorter_attempts():
    base = arm("b", [2] * 10 + [8] * 10, tokens=80)
    tuned = arm("t", [4] * 20, tokens=240)  # 30 a piece beside 10
    row = base_equivalent_k(base, tuned, [2]).iloc[0]
    assert row["matched_k"] == pytest.approx(6)
    assert row["base_at_matched"] == pytest.approx((within(8, 2, 6) + 1) / 2)
    assert row["difference"] == pytest.approx(within(8, 4, 2) - row["base_at_matched"])
    beyond = base_equivalent_k(base, tuned, [4]).iloc[0]
    assert beyond["matched_k"] == pytest.approx(12) and np.isnan(beyond["base_at_matched"])


def test_under_an_adaptive_plan_every_problem_counts_once_in_the_length_of_attempts():
    plan = "8/32 stop 2"
    base = arm("b", [0, 4]).assign(n=[32, 8], tokens=[320, 160], plan=plan)  # 10 and 20 a piece
    tuned = arm("t", [2, 4]).assign(n=[8, 8], tokens=[240, 240], plan=plan)
    assert base_equivalent_k(base, tuned, [1])["matched_k"].iloc[0] == pytest.approx(30 / 15)


def test_curves_that_cross_do_so_where_their_difference_may_be_zero():
    rng = np.random.default_rng(3)
    rates = rng.beta(0.6, 1.5, 120)
    base = arm("b", rng.binomial(32, rates), 32)
    tuned = arm("t", rng.binomial(32, np.where(rates < 0.15, rates / 6, rates**0.5)), 32)
    crossing = crossing_point(base, tuned)
    ks = list(range(1, 33))
    differences = paired_difference(base, tuned, ks).set_index("k")
    held = [k for k in ks if differences["low"][k] <= 0 <= differences["high"][k]]
    assert crossing["low"] <= min(held) < crossing["low"] + 1 and max(held) - 1e-9 <= crossing["high"]
    above = [k for k in ks if differences["estimate"][k] > 0]
    assert max(above) <= crossing["k"] <= max(above) + 1 and crossing["n"] == 32


def test_curves_that_could_cross_beyond_the_attempts_are_not_said_never_to():
    same = arm("b", [1, 2, 3, 4] * 5)
    crossing = crossing_point(same, same.assign(model="t"))
    assert np.isnan(crossing["k"]) and (crossing["low"], crossing["high"]) == (0, inf)
    apart = crossing_point(arm("b", [1] * 60), arm("t", [7] * 60))
    assert np.isnan([apart["k"], apart["low"]]).all() or apart["low"] > 4
