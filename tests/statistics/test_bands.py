"""Bands of pass@k: ends that rise as the curve does, and problems, not draws, as what a set is a sample of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics import pass_at_k, pass_at_k_curve
from mathb_kit.statistics.intervals import rising_band

KS = [2**i for i in range(11)]


def sampled(rates: np.ndarray, plan: Plan, seed: int = 0, draw: str = "main") -> pd.DataFrame:
    """Outcomes of problems with these success rates, attempt by attempt."""
    rng, rows = np.random.default_rng(seed), []
    for i, rate in enumerate(rates):
        n = c = 0
        while plan.continues(n, c):
            n, c = n + 1, c + int(rng.random() < rate)
        rows.append({"problem": f"p{i:03}", "n": n, "c": c})
    return pd.DataFrame(rows).assign(model="m", draw=draw, plan=str(plan))


@pytest.mark.parametrize("interval", ["problems", "attempts"])
@pytest.mark.parametrize("plan", [Plan.up_to(1024, stop=2), Plan((16, 64, 256, 1024), stop=4)], ids=str)
@pytest.mark.parametrize(("a", "b"), [(3, 2), (8, 0.5), (0.3, 1), (0.2, 60)])
def test_no_end_of_a_band_falls_while_the_curve_rises(a, b, plan, interval):
    rows = sampled(np.random.default_rng(1).beta(a, b, 60), plan)
    curve = pass_at_k_curve(rows, KS, interval=interval)
    for end in ("low", "high"):
        assert (np.diff(curve[end]) >= 0).all()
    assert ((curve["low"] <= curve["estimate"]) & (curve["estimate"] <= curve["high"])).all()
    alone = pass_at_k_curve(rows, [64], interval="problems")  # and a band does not hang on the other ks
    if interval == "problems":
        assert alone[["low", "high"]].to_numpy() == pytest.approx(
            curve.loc[curve["k"] == 64, ["low", "high"]].to_numpy(), rel=1e-12
        )


def test_what_256_attempts_show_of_these_very_problems_is_not_forgotten_at_512():
    # All 60 were solved at once, so whatever their rates, 512 attempts solve them more surely than 256 do.
    rows = sampled(np.random.default_rng(1).beta(3, 2, 60), Plan.up_to(1024, stop=2))
    low = pass_at_k_curve(rows, KS, interval="attempts").set_index("k")["low"]
    assert low[256] > 0.99 and low[512] >= low[256]


def test_where_every_problem_is_solved_in_the_end_a_never_solved_one_may_have_been_missed_at_every_k():
    rows = sampled(np.random.default_rng(1).beta(8, 0.5, 60), Plan.up_to(1024, stop=2))
    curve = pass_at_k_curve(rows, KS)
    unseen = beta.ppf(0.025, 60, 1)  # Clopper and Pearson for 60 of 60
    assert curve["estimate"].iloc[-1] == 1 and (curve["low"] <= unseen + 1e-12).all()
    assert curve["low"].iloc[-1] == pytest.approx(unseen)


def test_a_band_is_widened_to_rise_and_never_narrowed():
    low, high = rising_band(np.array([0.1, 0.5, 0.4, np.nan]), np.array([0.3, 0.9, 0.8, np.nan]))
    assert low.tolist()[:3] == [0.1, 0.4, 0.4] and high.tolist()[:3] == [0.3, 0.9, 0.9]
    assert np.isnan([low[3], high[3]]).all()


def test_ten_draws_of_thirty_problems_are_thirty_problems():
    plan, rates = Plan.fixed(16), np.random.default_rng(4).beta(0.4, 0.6, 30)
    draws = [sampled(rates, plan, seed, f"draw-{seed}") for seed in range(10)]
    pooled = pass_at_k_curve(pd.concat(draws), [4], by=["model"]).iloc[0]
    averages = np.mean([pass_at_k(16, each["c"].to_numpy(), 4) for each in draws], axis=0)
    assert pooled["problems"] == 30 and pooled["estimate"] == pytest.approx(averages.mean())
    half = 1.96 * averages.std(ddof=1) / np.sqrt(30)
    assert pooled["high"] - pooled["low"] == pytest.approx(2 * half, rel=0.15)
    with pytest.raises(MathbError, match="takes one outcome of each problem"):
        pass_at_k_curve(pd.concat(draws), [4], by=["model"], interval="attempts")
