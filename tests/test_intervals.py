"""Intervals for proportions: defining equations, edges, coverage by enumeration."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest
from scipy.stats import binom

from mathb_kit.errors import MathbError
from mathb_kit.statistics import bootstrap_mean_interval, proportion_interval

METHODS = ["clopper-pearson", "wilson"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("trials", [1, 3, 31, 115, 1024])
def test_every_interval_contains_its_estimate(trials, method):
    for successes in {0, 1, trials // 2, trials - 1, trials}:
        low, high = proportion_interval(successes, trials, method=method)
        assert 0 <= low <= successes / trials <= high <= 1
    assert proportion_interval(0, trials, method=method)[0] == 0.0
    assert proportion_interval(trials, trials, method=method)[1] == 1.0


def test_clopper_pearson_ends_are_where_a_tail_holds_two_and_a_half_percent():
    for successes, trials in [(3, 31), (6, 115), (114, 115)]:
        low, high = proportion_interval(successes, trials)
        assert binom.sf(successes - 1, trials, low) == pytest.approx(0.025)
        assert binom.cdf(successes, trials, high) == pytest.approx(0.025)
    assert proportion_interval(0, 115) == pytest.approx((0, 1 - 0.025 ** (1 / 115)))


def test_wilson_ends_solve_the_score_equation():
    for successes, trials in [(3, 31), (6, 115), (0, 115), (115, 115)]:
        for end in proportion_interval(successes, trials, method="wilson"):
            if 0 < end < 1:
                score = (successes / trials - end) / sqrt(end * (1 - end) / trials)
                assert abs(score) == pytest.approx(1.959963984540054)


def test_clopper_pearson_covers_at_least_its_level():
    intervals = np.array([proportion_interval(c, 31, level=0.9) for c in range(32)])
    for p in np.linspace(0.005, 0.995, 100):
        inside = (intervals[:, 0] <= p) & (p <= intervals[:, 1])
        assert binom.pmf(np.arange(32), 31, p)[inside].sum() >= 0.9


def test_no_trials_give_nan_and_no_counts_are_refused():
    assert all(map(isnan, proportion_interval(0, 0)))
    for bad in [(4, 3), (-1, 3)]:
        with pytest.raises(MathbError, match="0 <= successes <= trials"):
            proportion_interval(*bad)
    with pytest.raises(MathbError, match="choose 'clopper-pearson' or 'wilson'"):
        proportion_interval(1, 3, method="wald")


def test_bootstrap_of_a_yes_no_column_has_binomial_quantiles():
    low, high = bootstrap_mean_interval(np.array([[0.0], [1.0]]), np.array([60, 40]), replicates=50_000)
    assert [low.item(), high.item()] == pytest.approx(binom.ppf([0.025, 0.975], 100, 0.4) / 100, abs=0.011)
