"""A tuned model beside several re-draws: the exact test by enumeration, its level, intervals, and foreseen power."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, t

from mathb_kit.errors import MathbError
from mathb_kit.judging.judgement import judge_outcomes, judge_seeds, nothing_solved
from mathb_kit.plan import Plan
from mathb_kit.statistics import exchangeable_test
from mathb_kit.statistics.redraw_plan import RedrawRequest, plan_redraws, visible
from mathb_kit.statistics.redraw_power import RedrawDesign, detectable_expansion, expansion_power, problems_needed
from mathb_kit.statistics.redraws import difference_beside, redraw_test
from mathb_kit.statistics.success_rates import SuccessRates, beta_success_rates

PLAN = Plan((16, 64, 256), stop=2)


def by_enumeration(tuned: np.ndarray, redrawn: np.ndarray) -> float:
    """Two-sided p over every way to say, problem by problem, which of all the draws were the tuned ones."""
    seeds, both = len(tuned), np.vstack([tuned, redrawn])
    choices = [list(combinations(range(len(both)), seeds)) for _ in range(both.shape[1])]
    totals = np.array([sum(both[list(chosen), i].sum() for i, chosen in enumerate(each)) for each in product(*choices)])
    seen = tuned.sum()
    return min(1.0, 2 * min((totals >= seen).mean(), (totals <= seen).mean()))


@pytest.mark.parametrize(("seeds", "redraws"), [(1, 1), (1, 2), (1, 4), (2, 2), (3, 1), (2, 3)])
def test_the_p_value_is_that_of_all_exchanges_of_tuned_and_base_draws(seeds, redraws):
    rng = np.random.default_rng(7)
    for _ in range(6):
        tuned, redrawn = rng.random((seeds, 5)) < 0.6, rng.random((redraws, 5)) < 0.3
        assert exchangeable_test(tuned, redrawn) == pytest.approx(by_enumeration(tuned, redrawn), rel=1e-12)


def test_beside_one_redraw_it_is_mcnemars_and_beside_several_a_lone_reach_weighs_more():
    tuned, redrawn = np.repeat([1, 0, 1, 0], [7, 2, 5, 6]), np.repeat([0, 1, 1, 0], [7, 2, 5, 6])
    assert exchangeable_test(tuned, redrawn) == pytest.approx(binomtest(7, 9).pvalue, rel=1e-12)
    # Five problems that the tuned model alone reaches: chances 1/2 each beside one re-draw, 1/5 each beside four.
    lone, none = np.repeat([1, 0], [5, 15]), np.zeros((4, 20), dtype=int)
    assert exchangeable_test(lone, none[:1]) == pytest.approx(2 / 2**5)
    assert exchangeable_test(lone, none) == pytest.approx(2 / 5**5)
    assert [redraw_test(lone[None], none[:count]).needed for count in (1, 4)] == [6, 3]  # 2/2^6, 2/5^3 are below 0.05


def test_a_frozen_model_is_seldom_called_expanding_at_any_size_and_number_of_redraws():
    rng = np.random.default_rng(3)
    for redraws, problems in product((1, 4, 9), (15, 60, 181)):
        rates = beta_success_rates(0.3, 4, 0.2).given(1024, 0)
        calls = []
        for _ in range(1000):
            reach = 1 - (1 - rng.choice(rates.rates, problems, p=rates.weights)) ** 1024
            tuned, redrawn = rng.random((1, problems)) < reach, rng.random((redraws, problems)) < reach
            test = redraw_test(tuned, redrawn) if redraws == 1 else None  # the whole of it once, its p elsewhere
            p = test.p if test else exchangeable_test(tuned, redrawn)
            calls.append(p < 0.05 and tuned.mean() > redrawn.mean())
        assert np.mean(calls) <= 0.05


def test_the_difference_is_of_means_and_its_interval_for_other_seeds_is_wider():
    tuned = np.array([[1, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0, 0]])
    redrawn = np.array([[1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1]])
    difference, (low, high), (seeds_low, seeds_high) = difference_beside(tuned, redrawn)
    assert difference == pytest.approx(9 / 24 - 2 / 16)
    assert seeds_low < low < difference < high < seeds_high
    # By hand: the error over problems from the interval, that over seeds from the counts 2, 2 and 5 of 8.
    error = (high - low) / 2 / t.isf(0.025, 7)
    parts = [error**2, np.var([2 / 8, 2 / 8, 5 / 8], ddof=1) / 3]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 7 + parts[1] ** 2 / 2)
    assert seeds_high - seeds_low == pytest.approx(2 * t.isf(0.025, freedom) * sum(parts) ** 0.5)
    assert np.isnan(difference_beside(tuned[:1], redrawn)[2]).all()


# -- power -------------------------------------------------------------------------------------------------------------


def sampled(rates: np.ndarray, rng: np.random.Generator, model: str, draw: str) -> pd.DataFrame:
    """Outcomes of one draw by PLAN, round after round."""
    n, c, going = np.zeros(len(rates), dtype=int), np.zeros(len(rates), dtype=int), np.ones(len(rates), dtype=bool)
    for end in PLAN.rounds:
        c[going] += rng.binomial(end - n[going], rates[going])
        n[going] = end
        going &= c < PLAN.stop
    frame = pd.DataFrame({"problem": [f"p{i}" for i in range(len(rates))], "n": n, "c": c})
    frame = frame.assign(model=model, draw=draw)
    first = pd.array(n, dtype="Int64")
    first[c == 0] = pd.NA
    return frame.assign(first_correct=first, plan=str(PLAN))


def whole_design(candidates: int, redraws: int, seeds: int, share: float, rng: np.random.Generator) -> tuple[int, bool]:
    """Candidates, a selection by one draw, re-draws, tuned draws, the judgement: size of D, and whether it shows."""
    spread = beta_success_rates(0.3, 4, 0.2)
    rates = rng.choice(spread.rates, candidates, p=spread.weights)
    chosen = np.flatnonzero(rng.binomial(PLAN.n_max, rates) == 0)
    tuned_rates = np.where(rng.random(len(chosen)) < share, 0.5, rates[chosen])
    draws = [sampled(rates[chosen], rng, "base", f"re-draw {i}") for i in range(redraws)]
    selection = nothing_solved(draws[0]["problem"], "base", PLAN.n_max)
    names = ("tuned", "base", "a set")
    judged = [
        judge_outcomes(names, sampled(tuned_rates, rng, f"seed {i}", "main"), draws, selection, PLAN.n_max)
        for i in range(seeds)
    ]
    test = judge_seeds(judged) if seeds > 1 else judged[0].test
    return len(chosen), test.distinguishable and test.more


@pytest.mark.slow  # nine re-draws and three seeds, which take many minutes, are in bench/redraws.py
@pytest.mark.parametrize(("redraws", "seeds", "gain"), [(1, 1, 0.1), (4, 1, 0.1)])
def test_foreseen_power_is_within_five_points_of_a_simulation_of_the_whole_design(redraws, seeds, gain):
    rng, runs = np.random.default_rng([redraws, seeds]), 400
    spread, k = beta_success_rates(0.3, 4, 0.2), PLAN.n_max
    frozen, _ = visible(spread, RedrawDesign(k, 40, redraws, seeds))
    share = gain / (1 - frozen)
    for candidates in (80, 200):
        sizes, shows = zip(*(whole_design(candidates, redraws, seeds, share, rng) for _ in range(runs)))
        design = RedrawDesign(k, round(np.mean(sizes)), redraws, seeds)
        assert np.mean(shows) == pytest.approx(expansion_power(spread.given(k, 0), design, gain), abs=0.05)


def test_power_is_a_sum_that_can_be_done_by_hand_where_the_base_never_solves_anything():
    never = SuccessRates(np.array([0.0, 0.5]), np.array([1.0, 0.0]))
    # Beside a base that reaches nothing, m problems alone have p = 2 / 5^m: three are needed of 20, each with 10 %.
    exact = 1 - sum(binomtest(1, 1).k * each for each in _binomial(20, 0.1, 3))
    assert expansion_power(never, RedrawDesign(64, 20, 4), 0.1) == pytest.approx(exact, abs=0.025)
    assert expansion_power(never, RedrawDesign(64, 20, 4), 0.0) == 0


def _binomial(n: int, p: float, below: int) -> list[float]:
    from math import comb

    return [comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(below)]


def test_the_problems_said_to_be_needed_have_the_power_and_redraws_save_problems():
    on_d = beta_success_rates(0.3, 4, 0.2).given(1024, 0)
    sizes = []
    for redraws in (1, 4):
        size = problems_needed(on_d, RedrawDesign(1024, 1, redraws), 0.1)
        assert expansion_power(on_d, RedrawDesign(1024, size, redraws), 0.1, seed=5) == pytest.approx(0.8, abs=0.04)
        seen = detectable_expansion(on_d, RedrawDesign(1024, size, redraws))
        assert seen == pytest.approx(0.1, abs=0.012)
        sizes.append(size)
    assert 115 <= sizes[0] <= 181 and sizes[1] < 0.7 * sizes[0]


def test_a_plan_says_what_a_gain_costs_and_which_single_problems_would_show():
    spread = beta_success_rates(0.3, 4, 0.2)
    plans = [plan_redraws(spread, RedrawRequest(0.1, 64, 2, count, 1, tokens_per_attempt=50)) for count in (1, 2)]
    table, chosen = pd.concat([each.per_set for each in plans]).set_index("redraws"), plans[1]
    assert chosen.plan == Plan((16, 64), stop=2)
    unsolved = float((1 - spread.rates) ** 64 @ spread.weights)
    assert chosen.left == pytest.approx(unsolved)
    assert (table["candidates"] == np.ceil(table["problems"] / unsolved)).all()
    assert table["tuned"].tolist() == (64 * table["problems"]).tolist()
    # Hardly any problem of D is solved twice in 16 attempts, so a re-draw takes nearly all 64.
    assert (table["redrawn"] / (table.index * table["problems"] * 64)).between(0.97, 1).all()
    assert table["tokens"].tolist() == pytest.approx((50 * table["attempts"]).tolist())
    rates = chosen.per_problem.set_index(["stop", "redraws"])["rate"]
    assert rates[2, 2] <= rates[2, 1] and rates[8, 1] <= rates[1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: expansion_power(r, RedrawDesign(64, 20), 0.999), "so a gain lies between 0 and"),
        (lambda r: problems_needed(r, RedrawDesign(64, 20), 0.0), "a gain in Expansion above 0"),
        (lambda r: RedrawDesign(64, 0), "at least one attempt, problem, re-draw and seed"),
        (lambda r: problems_needed(r, RedrawDesign(64, 20), 1e-4), "more than 100,000 problems"),
    ],
)
def test_what_no_design_can_show_is_said_in_a_sentence(call, message):
    with pytest.raises(MathbError, match=message):
        call(beta_success_rates(0.3, 4, 0.2).given(64, 0))
