"""Success rates by empirical Bayes: exact where a formula exists, most likely where theory can tell, and covering."""

from __future__ import annotations

from fractions import Fraction
from math import fsum, log1p

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln
from scipy.stats import beta, betabinom, binom

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics import (
    SuccessRates,
    beta_success_rates,
    exact_pass_at_k,
    fit_success_rates,
    fit_zero_inflated_beta,
    fresh_attempts_interval,
    redraw_interval,
)
from mathb_kit.statistics.adaptive import end_points
from mathb_kit.statistics.fresh_attempts import attempt_variance
from mathb_kit.statistics.success_rates import distinct_counts

DEFAULT = Plan((16, 64, 256, 1024), stop=4)


def sampled(rates: np.ndarray, plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    """Simulated outcomes of problems with these success rates, one round at a time."""
    n, c, going = np.zeros(len(rates), dtype=int), np.zeros(len(rates), dtype=int), np.ones(len(rates), dtype=bool)
    for end in plan.rounds:
        c[going] += rng.binomial(end - n[going], rates[going])
        n[going] = end
        going &= (c < plan.stop) if plan.stop else True
    frame = pd.DataFrame({"problem": [f"p{i}" for i in range(len(rates))], "n": n, "c": c})
    return frame.assign(model="m", draw="main", plan=str(plan))


def truth(rates: np.ndarray, ks: list[int]) -> np.ndarray:
    return (1 - (1 - rates[:, None]) ** ks).mean(axis=0)


@pytest.mark.parametrize(("a", "b", "zero"), [(0.3, 2.0, 0.2), (0.1, 0.1, 0.0), (5.0, 3.0, 0.4), (0.1, 300.0, 0.0)])
def test_a_beta_has_the_moments_of_its_formula(a, b, zero):
    rates = beta_success_rates(a, b, zero)
    assert np.all(np.diff(rates.rates) > 0) and rates.rates[0] == 0 and rates.weights.sum() == pytest.approx(1)
    assert rates.zero_mass == pytest.approx(zero, abs=1e-15)
    ks = [1, 16, 1024, 4096]
    expected = [-(1 - zero) * np.expm1(fsum(log1p(-a / (a + b + i)) for i in range(k))) for k in ks]
    assert rates.pass_at_k(ks) == pytest.approx(expected, abs=1e-12)
    n, c = 24, np.arange(25)
    chances = rates.weights @ binom.pmf(c, n, rates.rates[:, None])
    assert chances == pytest.approx((1 - zero) * betabinom.pmf(c, n, a, b) + zero * (c == 0), abs=1e-12)


def test_the_posterior_is_bayes_rule():
    a, b, zero = 0.6, 2.5, 0.3
    rates = beta_success_rates(a, b, zero)
    points = np.array([(16, 4), (64, 0), (1024, 0), (4096, 2000)])
    posterior = rates.posterior(*points.T)
    for weights, (n, c) in zip(posterior, points):
        missed = np.exp(betaln(a, b + n) - betaln(a, b))
        never = zero / (zero + (1 - zero) * missed) if c == 0 else 0
        assert weights[0] == pytest.approx(never, abs=1e-11)
        solvable = beta(a + c, b + n - c)
        assert weights @ rates.rates == pytest.approx((1 - never) * solvable.mean(), abs=1e-11)
        assert weights @ rates.rates**2 == pytest.approx((1 - never) * solvable.moment(2), abs=1e-11)
    selected = rates.given(1024, 0)
    assert selected.weights == pytest.approx(posterior[2]) and selected.zero_mass > zero


def test_rates_that_make_an_outcome_impossible_are_refused():
    never = SuccessRates(np.array([0.0]), np.array([1.0]))
    with pytest.raises(MathbError, match="2 correct of 8 is impossible under these success rates"):
        never.posterior(np.array([8]), np.array([2]))
    with pytest.raises(MathbError, match="0 <= c <= n and n >= 1, not 3 correct of 2"):
        fit_success_rates(pd.DataFrame({"n": [2], "c": [3]}))
    with pytest.raises(MathbError, match="no outcomes to fit"):
        fit_success_rates(pd.DataFrame({"n": [], "c": []}))
    with pytest.raises(MathbError, match="zero_mass < 1"):
        beta_success_rates(1, 1, 1)


def test_no_other_distribution_is_much_likelier_than_the_fit():
    """Kiefer and Wolfowitz: moving mass to any rate p raises the mean log likelihood by at most max D(p) - 1."""
    rng = np.random.default_rng(4)
    rows = sampled(np.where(rng.random(200) < 0.3, 0, rng.beta(0.4, 1, 200)), Plan.fixed(64), rng)
    fit = fit_success_rates(rows)
    grid = np.linspace(0, 1, 2001)
    c, counts = np.unique(rows["c"], return_counts=True)
    marginal = binom.pmf(c[:, None], 64, fit.rates) @ fit.weights
    gradient = (counts / len(rows)) @ (binom.pmf(c[:, None], 64, grid) / marginal[:, None])
    assert gradient.max() < 1.02
    beta_fit = fit_zero_inflated_beta(rows)
    assert counts @ np.log(marginal) > counts @ np.log(binom.pmf(c[:, None], 64, beta_fit.rates) @ beta_fit.weights)
    assert fit.weights.sum() == pytest.approx(1) and fit.refits.sum(axis=1) == pytest.approx(1)


def test_both_fits_find_the_success_rates_of_many_problems_under_an_adaptive_plan():
    rng = np.random.default_rng(5)
    rates = np.where(rng.random(5000) < 0.4, 0, rng.beta(0.4, 1.5, 5000))
    rows = sampled(rates, DEFAULT, rng)
    ks = [1, 16, 256, 1024]
    for fit in (fit_success_rates(rows, refits=0), fit_zero_inflated_beta(rows)):
        assert fit.pass_at_k(ks) == pytest.approx(truth(rates, ks), abs=0.012)
        assert fit.zero_mass == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("plan", [Plan((2, 5, 9), stop=2, chunk=1), Plan.fixed(7)])
def test_variance_of_the_attempts_is_that_of_the_enumerated_estimates(plan):
    ks, rates = [1, 3, plan.n_max], [Fraction(0), Fraction(1, 10), Fraction(3, 4), Fraction(1)]
    got = attempt_variance(plan, ks, np.array(rates, dtype=float))
    for row, k in zip(got, ks):
        for value, p in zip(row, rates):
            ends = [(n, c, _paths(plan, n, c) * p**c * (1 - p) ** (n - c)) for n, c in end_points(plan)]
            assert sum(chance for _, _, chance in ends) == 1
            moments = [sum(chance * exact_pass_at_k(plan, n, c, k) ** i for n, c, chance in ends) for i in (1, 2)]
            assert value == pytest.approx(float(moments[1] - moments[0] ** 2), abs=1e-13)


def _paths(plan: Plan, n: int, c: int) -> int:
    """Sequences of n attempts with c correct that stop nowhere before, by enumeration."""
    sequences = (tuple(number >> i & 1 for i in range(n)) for number in range(2**n))
    ends = [end for end in plan.rounds if end < n] if plan.stop else []
    return sum(sum(s) == c and all(sum(s[:end]) < plan.stop for end in ends) for s in sequences)


def test_every_fresh_interval_contains_its_estimate_none_and_all_solved_included():
    for plan in (Plan.fixed(64), Plan((16, 64), stop=4)):
        first = plan.rounds[0]
        for points in ([(64, 0)] * 115, [(first, first)] * 115, [(64, 0)] * 114 + [(first, first)], [(64, 1)] * 3):
            rows = pd.DataFrame(points, columns=["n", "c"]).assign(model="m", draw="d", plan=str(plan))
            table = fresh_attempts_interval(rows.assign(problem=rows.index), [1, 4, 64])
            assert ((table["low"] <= table["estimate"]) & (table["estimate"] <= table["high"])).all()
            assert (table["high"] > table["low"]).all() and table[["low", "high"]].stack().between(0, 1).all()
            again = redraw_interval(rows, [1, 64])
            assert ((again["low"] <= again["estimate"]) & (again["estimate"] <= again["high"])).all()


def test_where_every_rate_is_known_to_be_equal_the_interval_is_clopper_and_pearsons():
    rows = sampled(np.full(40, 0.001), Plan.fixed(256), np.random.default_rng(6)).assign(n=256)
    alike = SuccessRates(np.array([0.001]), np.array([1.0]))
    table = fresh_attempts_interval(rows, [256], alike)
    solved = int((rows["c"] > 0).sum())
    assert table["low"].item() == pytest.approx(beta.ppf(0.025, solved, 41 - solved), rel=1e-9)
    assert table["high"].item() == pytest.approx(beta.ppf(0.975, solved + 1, 40 - solved), rel=1e-9)


def test_the_selecting_draw_cannot_tell_how_often_its_problems_are_solved():
    rows = pd.DataFrame({"n": [64] * 9, "c": 0, "model": "m", "draw": "selection", "plan": "fixed 64"})
    for interval in (fresh_attempts_interval, redraw_interval):
        with pytest.raises(MathbError, match="hand in the success rates of all candidates"):
            interval(rows.assign(problem=rows.index), [64])
    assert redraw_interval(rows, [64], beta_success_rates(1, 50))["high"].item() > 0


def test_a_redraw_under_known_rates_is_binomial():
    known = beta_success_rates(0.5, 50, 0.3)
    unsolved = pd.DataFrame({"n": [1024] * 80, "c": 0})
    table = redraw_interval(unsolved, [1024], known)
    never = 0.3 / (0.3 + 0.7 * np.exp(betaln(0.5, 1074) - betaln(0.5, 50)))
    again = (1 - never) * -np.expm1(betaln(0.5, 50 + 2048) - betaln(0.5, 50 + 1024))
    assert table["estimate"].item() == pytest.approx(80 * again, rel=1e-9)
    assert [table["low"].item(), table["high"].item()] == pytest.approx(binom.ppf([0.025, 0.975], 80, again), abs=1)
    assert table["of"].item() == 80


@pytest.mark.slow
@pytest.mark.parametrize(("world", "plan"), [("40 % unsolvable", Plan.fixed(1024)), ("easy or hopeless", DEFAULT)])
def test_fresh_intervals_and_redraws_cover_in_simulation(world, plan):
    """At least 90 % of 200 runs at every k, for a nominal 95 %: the full table is in ``bench/coverage.py``."""
    rng, ks = np.random.default_rng(7), [1, 16, 256, 1024]
    held, redraws = [], []
    for _ in range(200):
        solvable, easy = rng.beta(0.4, 1.5, 120), rng.beta(20, 3, 120)
        coin = rng.random(120)
        unsolvable = world == "40 % unsolvable"
        rates = np.where(coin < 0.4, 0, solvable) if unsolvable else np.where(coin < 0.5, rng.beta(1, 400, 120), easy)
        rows = sampled(rates, plan, rng)
        fit = fit_success_rates(rows)
        table = fresh_attempts_interval(rows, ks, fit)
        held.append(table["low"].le(truth(rates, ks)) & table["high"].ge(truth(rates, ks)))
        missed = (rows["c"] == 0).to_numpy()
        if missed.any():
            again = redraw_interval(rows[missed], [1024], fit).iloc[0]
            reached = rng.binomial(1, 1 - (1 - rates[missed]) ** 1024).sum()
            redraws.append(again["low"] <= reached <= again["high"])
    assert np.mean(held, axis=0).min() > 0.9 and np.mean(redraws) > 0.87


def test_nothing_is_foretold_beyond_the_attempts_that_rates_were_learnt_from():
    rows = pd.DataFrame({"n": [16] * 4, "c": [0, 0, 1, 16]})
    for fit in (fit_success_rates(rows), fit_zero_inflated_beta(rows)):
        assert 0 < fit.pass_at_k([16])[0] < 1
        with pytest.raises(MathbError, match="up to 16 attempts a problem say nothing of k = 64"):
            fit.pass_at_k([1, 64])
        with pytest.raises(MathbError, match="say nothing of k = 17"):
            redraw_interval(rows[:2], [17], fit)
    stopped = rows.assign(plan="16/1024 stop 1", model="m", problem=list("abcd"), draw="main")[2:]
    assert fit_success_rates(stopped, refits=0).pass_at_k([1024])[0] <= 1  # the plan would have asked for 1,024
    assert beta_success_rates(1, 1).pass_at_k([10_000])[0] > 0.99  # assumed, so known for every k


def test_draws_of_one_problem_are_one_problem_with_more_attempts():
    draws = pd.DataFrame({"model": "m", "problem": list("abab"), "n": 8, "c": [0, 3, 2, 5]})
    together = pd.DataFrame({"n": [16, 16], "c": [2, 8]})
    assert distinct_counts(draws).equals(distinct_counts(together))
