"""Intervals for proportions: defining equations, edges, coverage by enumeration."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import beta, binom, binomtest, bootstrap, norm, t

from mathb_kit.errors import MathbError
from mathb_kit.statistics import (
    Bootstrap,
    bootstrap_mean_interval,
    difference_interval,
    mean_interval,
    proportion_interval,
)
from mathb_kit.statistics.bootstrap import acceleration, bca_ends, ratio_interval
from mathb_kit.statistics.intervals import clopper_pearson

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
    with pytest.raises(MathbError, match="between 0 and 1, not 95"):
        proportion_interval(1, 3, 95)


def test_clopper_pearson_of_arrays_is_scipys_exact_interval_of_each():
    successes = np.array([0, 1, 57, 114, 115])
    expected = np.array([binomtest(c, 115).proportion_ci(0.9, method="exact") for c in successes.tolist()])
    assert np.array(clopper_pearson(successes, 115, 0.9)).T == pytest.approx(expected, abs=1e-12)
    assert np.array([proportion_interval(c, 115, 0.9) for c in successes]) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(clopper_pearson(np.nan, 5)).all()


def test_bca_ends_are_scipys_on_scipys_own_resamples():
    rng = np.random.default_rng(3)
    for sample in (rng.beta(0.2, 2, 37), rng.integers(0, 2, 60).astype(float), rng.exponential(size=12)):
        peer = bootstrap((sample,), np.mean, method="BCa", n_resamples=999, confidence_level=0.9, rng=rng)
        values, counts = np.unique(sample, return_counts=True)
        skew = acceleration(values[:, None], counts)
        ends = bca_ends(peer.bootstrap_distribution[:, None], sample.mean(keepdims=True), skew, np.array([0.05, 0.95]))
        assert ends[:, 0] == pytest.approx(list(peer.confidence_interval), rel=1e-12)
        left_out = np.array([np.delete(sample, i).mean() for i in range(len(sample))])
        distance = left_out.mean() - left_out
        assert skew.item() == pytest.approx((distance**3).sum() / (6 * (distance**2).sum() ** 1.5), rel=1e-9)


def test_percentile_bootstrap_of_a_yes_no_column_has_binomial_quantiles():
    values, counts = np.array([[0.0], [1.0]]), np.array([60, 40])
    low, high = bootstrap_mean_interval(values, counts, Bootstrap(50_000, method="percentile"))
    assert [low.item(), high.item()] == pytest.approx(binom.ppf([0.025, 0.975], 100, 0.4) / 100, abs=0.011)
    with pytest.raises(MathbError, match="choose 'bca' or 'percentile'"):
        bootstrap_mean_interval(values, counts, Bootstrap(method="basic"))


@pytest.mark.parametrize("problems", [2, 60, 115])
def test_a_column_on_which_all_problems_agree_has_the_interval_of_no_dissenter(problems):
    low, high = bootstrap_mean_interval(np.array([[0.0, 1.0, 0.25]]), np.array([problems]))
    dissent = 1 - 0.025 ** (1 / problems)  # share of dissenters with a chance of 2.5 % to see none
    assert low == pytest.approx([0, 1 - dissent, 0.25 - dissent * 0.25], abs=1e-12)
    assert high == pytest.approx([dissent, 1, 0.25 + dissent * 0.75], abs=1e-12)
    assert [low[0], high[0]] == pytest.approx(proportion_interval(0, problems), abs=1e-12)
    assert [low[1], high[1]] == pytest.approx(proportion_interval(problems, problems), abs=1e-12)


def test_many_distinct_rows_are_resampled_in_blocks():
    values = np.linspace(0, 1, 4000)[:, None]
    low, high = bootstrap_mean_interval(values, np.ones(4000, dtype=int), Bootstrap(1500))
    assert [low.item(), high.item()] == pytest.approx([0.5 - 1.96 * 0.004564, 0.5 + 1.96 * 0.004564], abs=0.0012)


def grouped(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points, counts = np.unique(sample, return_counts=True)
    return points[:, None], counts


def test_a_yes_no_mean_has_the_interval_of_a_proportion():
    for successes in (0, 3, 26):
        low, high = mean_interval(*grouped(np.r_[np.ones(successes), np.zeros(26 - successes)]))
        assert [low[0], high[0]] == pytest.approx(binomtest(successes, 26).proportion_ci(method="exact"), abs=1e-12)


def test_a_mean_is_as_uncertain_as_tosses_of_equal_variance_and_an_end_moves_out_where_values_are_skewed():
    sample = np.array([0.1, 0.3, 0.35, 0.5, 0.55, 0.6, 0.75, 0.9])
    low, high = mean_interval(*grouped(sample))
    mean, n = sample.mean(), len(sample)
    tosses = mean * (1 - mean) / (sample.var(ddof=1) / n) * (norm.isf(0.025) / t.isf(0.025, n - 1)) ** 2
    ends = (
        beta.ppf(0.025, mean * tosses, (1 - mean) * tosses + 1),
        beta.ppf(0.975, mean * tosses + 1, (1 - mean) * tosses),
    )
    assert low[0] <= ends[0] + 1e-12 and high[0] >= ends[1] - 1e-12
    assert [low[0], high[0]] == pytest.approx(ends, abs=0.02)  # hardly skewed
    hard = np.r_[np.zeros(10), 0.001, 0.002, 0.002, 0.01, 0.06]
    low, high = mean_interval(*grouped(hard))
    # Hall: the upper end m solves g(T) = -t for T = (mean - m) sqrt(N) / s, found here by a root search.
    mean, s, n = hard.mean(), hard.std(ddof=1), len(hard)
    skew = ((hard - mean) ** 3).mean() / s**3

    def g(m):
        z = (mean - m) * np.sqrt(n) / s
        return z + skew * z**2 / (3 * np.sqrt(n)) + skew**2 * z**3 / (27 * n) + skew / (6 * np.sqrt(n))

    upper = brentq(lambda m: g(m) + t.isf(0.025, n - 1), mean, 1)
    assert high[0] == pytest.approx(upper) and low[0] <= mean


def test_where_nothing_is_seen_to_change_a_difference_of_rates_may_be_of_either_sign():
    """With ends of 0 and h only, 0 % of simulated runs held where the truth was below 0."""
    h = 1 - 0.025 ** (1 / 20)
    assert ratio_interval(np.zeros(20), np.ones(20), Bootstrap(), -1.0) == pytest.approx((-h, h))
    assert ratio_interval(np.zeros(20), np.ones(20), Bootstrap()) == pytest.approx((0, h))


@pytest.mark.parametrize("interval", [mean_interval, difference_interval])
def test_an_interval_over_problems_holds_its_mean_and_its_bounds(interval):
    rng = np.random.default_rng(2)
    for size in (2, 15, 60):
        for sample in (rng.beta(0.2, 5, size), rng.beta(5, 0.2, size), np.full(size, 0.25), np.eye(1, size)[0]):
            low, high = interval(*grouped(sample))
            assert -1 <= low[0] <= sample.mean() <= high[0] <= 1 and low[0] < high[0]
    assert np.isnan(interval(np.array([[0.5]]), np.array([1]))).all()


def test_where_differences_are_spread_their_interval_is_students_with_a_tenth_of_a_dissenter():
    sample = np.linspace(-0.3, 0.4, 25)
    low, high = difference_interval(*grouped(sample))
    # A thousand copies of the data and a hundred dissenters, so that all counts are whole: half of these each way.
    padded = np.r_[np.tile(sample, 1000), np.ones(50), -np.ones(50), np.zeros(100)]
    n = 25.2
    margin = t.isf(0.025, 24) * np.sqrt(padded.var() * n / (n - 1) / n)
    assert [low[0], high[0]] == pytest.approx([padded.mean() - margin, padded.mean() + margin])


def test_where_few_problems_gain_and_fewer_lose_the_upper_end_is_that_of_both_shares_squared_and_added():
    """Newcombe (1998) by Clopper and Pearson's ends: 6 of 80 gain, 1 loses."""
    low, high = difference_interval(*grouped(np.r_[np.zeros(73), np.ones(6), -1.0]))
    (_, gain_high), (loss_low, _) = (binomtest(c, 80).proportion_ci(0.95, "exact") for c in (6, 1))
    difference, gain, loss = 5 / 80, 6 / 80, 1 / 80
    assert high[0] == pytest.approx(difference + np.hypot(gain_high - gain, loss - loss_low))
    assert difference - 1.1 * t.isf(0.025, 79) * np.sqrt((7 - 25 / 80) / 79 / 80) < low[0] < 0  # as by t
    mirrored = difference_interval(*grouped(-np.r_[np.zeros(73), np.ones(6), -1.0]))
    assert [mirrored[0][0], mirrored[1][0]] == pytest.approx([-high[0], -low[0]])
    only_gains = difference_interval(*grouped(np.r_[np.zeros(75), np.ones(5)]))
    assert only_gains[1][0] == pytest.approx(binomtest(5, 80).proportion_ci(0.95, "exact")[1])


def test_a_rare_gain_is_covered_where_students_interval_misses_it():
    """181 problems of which 5 % gain a third: the simulated kind for which t alone covers 82 % (bench/coverage.txt)."""
    rng, truth, hits, student = np.random.default_rng(3), 0.05 * 0.35, 0, 0
    for _ in range(600):
        sample = (rng.random(181) < truth).astype(float)
        low, high = difference_interval(*grouped(sample))
        hits += low[0] <= truth <= high[0]
        margin = t.isf(0.025, 180) * sample.std(ddof=1) / np.sqrt(181)
        student += abs(sample.mean() - truth) <= margin
    assert hits / 600 >= 0.94 and student / 600 < 0.9


@pytest.mark.parametrize("world", ["hard", "spread"])
def test_intervals_over_few_problems_cover_where_the_bootstrap_does_not(world):
    rng = np.random.default_rng(7)
    draw = {
        "hard": lambda size: rng.beta(0.5, 60, size),
        "spread": lambda size: rng.beta(0.4, 0.8, size),
    }[world]
    truth, runs = draw(2_000_000).mean(), 400
    hits = 0
    for _ in range(runs):
        low, high = mean_interval(*grouped(draw(15)))
        hits += low[0] <= truth <= high[0]
    assert hits / runs >= 0.91
