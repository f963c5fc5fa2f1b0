"""The rescaled base: its power found again, what it reaches by simulation, and how often one k takes it for more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln
from scipy.stats import binomtest

from mathb_kit.statistics import rescaling_power, sharpening_null, sharpening_of_pair
from mathb_kit.statistics.beta_grid import A, B, BetaGrid, Z
from mathb_kit.statistics.beyond import MISSED, back_test


def arm(model: str, c, n: int) -> pd.DataFrame:
    problems = [f"p{i}" for i in range(len(c))]
    return pd.DataFrame({"model": model, "problem": problems, "draw": "d", "n": n, "c": c, "plan": f"fixed {n}"})


def test_the_power_that_was_planted_is_found():
    rng = np.random.default_rng(0)
    rates = rng.beta(0.6, 1.2, 400)
    base = arm("b", rng.binomial(1024, rates), 1024)
    for power in (0.6, 1.0, 1.5):
        tuned = arm("t", rng.binomial(1024, rates**power), 1024)
        assert rescaling_power(base, tuned) == pytest.approx(power, rel=0.03)
    assert np.isnan(rescaling_power(base, arm("t", np.zeros(400, int), 1024)))
    assert np.isnan(rescaling_power(arm("b", np.zeros(400, int), 1024), base))


def test_a_model_that_only_rescales_is_explained_and_one_that_learnt_is_not():
    rng = np.random.default_rng(1)
    rates = np.where(rng.random(200) < 0.3, 0, rng.beta(0.3, 3, 200))
    base = arm("b", rng.binomial(256, rates), 256)
    held = 0
    for _ in range(5):
        sharper = sharpening_of_pair(base, arm("s", rng.binomial(256, rates**0.7), 256))
        held += sharper.low <= sharper.reached <= sharper.high
        assert sharper.foreseen > sharper.frozen and sharper.power == pytest.approx(0.7, abs=0.08)
    assert held >= 3
    new = np.where((rates == 0) & (rng.random(200) < 0.9), 0.2, rates)
    learnt = sharpening_of_pair(base, arm("t", rng.binomial(256, new), 256))
    assert not learnt.explains and learnt.reached > learnt.high


def test_a_shape_of_success_rates_that_fails_its_check_is_mostly_flagged_and_one_that_holds_mostly_not():
    """Evenly spread over orders of magnitude down to 1e-5: more lies just below 1 in 256 than a Beta has there."""
    flagged = {"log-uniform": 0, "beta": 0}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        for name, rates in (("log-uniform", 10 ** rng.uniform(-5, 0, 150)), ("beta", rng.beta(0.3, 3, 150))):
            flagged[name] += back_test(arm("b", rng.binomial(256, rates), 256), 10).startswith(MISSED)
    assert flagged["log-uniform"] >= 5 and flagged["beta"] <= 2


def test_how_often_one_k_tells_the_rescaled_base_apart_is_what_simulated_tests_say():
    rng, k = np.random.default_rng(2), 64
    everything = arm("b", rng.binomial(k, rng.beta(0.3, 6, 200)), k)
    missed = arm("b", np.zeros(60, int), k)
    null = sharpening_null(missed, everything, 20, (0.6, 0.05, 0.12), k)
    weights, reached, told = BetaGrid.of(everything).weights.ravel(), [], 0
    for _ in range(800):
        z, shape = divmod(rng.choice(weights.size, p=weights), len(A) * len(B))
        a, b = A[shape // len(B)], B[shape % len(B)]
        never = Z[z] / (Z[z] + (1 - Z[z]) * np.exp(betaln(a, b + k) - betaln(a, b)))
        p = np.where(rng.random(60) < never, 0, rng.beta(a, b + k, 60))  # given k failures
        once, sharper = rng.random(60) < 1 - (1 - p) ** k, rng.random(60) < 1 - (1 - p**0.6) ** k
        more, less = int((sharper & ~once).sum()), int((once & ~sharper).sum())
        told += more > less and binomtest(more, more + less).pvalue < 0.05
        reached.append(sharper.sum())
    assert null.told_apart == pytest.approx(told / 800, abs=0.06)
    assert null.foreseen == pytest.approx(np.mean(reached), rel=0.05)
    assert null.missed == 60 and null.low < null.foreseen < null.high
