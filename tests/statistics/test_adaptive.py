"""The adaptive estimator is exactly unbiased: every attempt sequence of small plans is enumerated."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, hypergeom, skew, t

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics import (
    attempts_saved,
    estimate_pass_at_k,
    exact_at_least,
    exact_pass_at_k,
    paired_difference,
    pass_at_k,
    pass_at_k_curve,
)

RATES = [Fraction(0), Fraction(1, 97), Fraction(1, 3), Fraction(7, 10), Fraction(1)]


def stopped_sequences(rounds: tuple[int, ...], stop: int) -> set[tuple[int, ...]]:
    """Every sequence of 0s and 1s that the stopping rule can leave behind."""
    left = set()
    for attempts in product((0, 1), repeat=rounds[-1]):
        end = next((n for n in rounds if sum(attempts[:n]) >= stop), rounds[-1])
        left.add(attempts[:end])
    return left


def outcomes(end_points, plan: Plan, model="m", draw="main") -> pd.DataFrame:
    """One problem per (n, c)."""
    rows = [{"problem": f"p{i}", "n": n, "c": c} for i, (n, c) in enumerate(end_points)]
    return pd.DataFrame(rows).assign(model=model, draw=draw, plan=str(plan))


@pytest.mark.parametrize(
    ("rounds", "stop"),
    [((4, 8, 16), 2), ((2, 4, 8), 1), ((2, 4, 8), 3), ((3, 4, 11), 2), ((5, 6, 7, 8, 9), 4), ((1, 2, 3, 10), 1)],
)
def test_expected_estimate_is_one_minus_q_to_the_k_for_every_k(rounds, stop):
    plan = Plan(rounds, stop=stop, chunk=1)
    paths = Counter((len(s), sum(s)) for s in stopped_sequences(rounds, stop))
    for k in range(1, plan.n_max + 1):
        estimates = {point: exact_pass_at_k(plan, *point, k) for point in paths}
        for p in RATES:
            q = 1 - p
            mean = sum(number * p**c * q ** (n - c) * estimates[n, c] for (n, c), number in paths.items())
            assert mean == 1 - q**k


@pytest.mark.parametrize(
    ("rounds", "stop"), [((4, 8, 14), 2), ((2, 4, 8), 3), ((5, 6, 7, 8, 9), 4), ((1, 2, 3, 10), 1), ((3, 12), 3)]
)
def test_expected_share_with_at_least_m_correct_is_the_binomial_tail_for_every_m_up_to_the_stop_count(rounds, stop):
    plan = Plan(rounds, stop=stop, chunk=1)
    paths = Counter((len(s), sum(s)) for s in stopped_sequences(rounds, stop))
    for m, k in product(range(1, stop + 1), range(1, plan.n_max + 1)):
        estimates = {point: exact_at_least(plan, *point, k, m) for point in paths}
        for p in RATES:
            q = 1 - p
            mean = sum(number * p**c * q ** (n - c) * estimates[n, c] for (n, c), number in paths.items())
            assert mean == 1 - sum(comb(k, hits) * p**hits * q ** (k - hits) for hits in range(min(m, k + 1)))


def test_at_least_m_of_a_fixed_plan_is_the_hypergeometric_tail():
    plan = Plan.fixed(12)
    for c, k, m in product(range(13), range(1, 13), range(1, 13)):
        ways = sum(comb(c, hits) * comb(12 - c, k - hits) for hits in range(m, min(c, k) + 1))
        assert exact_at_least(plan, 12, c, k, m) == Fraction(ways, comb(12, k))
    c = np.array([0, 1, 5, 300, 1020, 1024])
    for k, m in ((64, 3), (512, 2), (1024, 5), (7, 7)):
        table = estimate_pass_at_k(outcomes([(1024, int(x)) for x in c], Plan.fixed(1024)), [k], at_least=m)
        assert table["estimate"].to_numpy() == pytest.approx(hypergeom.sf(m - 1, 1024, c, k), abs=1e-12)


def test_at_least_m_needs_attempts_that_the_plan_makes():
    plan = Plan((4, 8, 16), stop=2, chunk=4)
    assert exact_at_least(plan, 4, 3, 16, 2) == 1  # stopped before k, so it has the two
    for m in (0, 3):
        with pytest.raises(MathbError, match=f"at most 2, where the plan '4/8/16 stop 2' stops; {m} is not"):
            estimate_pass_at_k(outcomes([(4, 3)], plan), [4], at_least=m)


def test_estimate_is_the_share_of_sequences_that_begin_with_k_failures():
    rounds, stop = (2, 4, 8), 2
    by_end = {}
    for sequence in stopped_sequences(rounds, stop):
        by_end.setdefault((len(sequence), sum(sequence)), []).append(sequence)
    for point, sequences in by_end.items():
        for k in range(1, 9):
            failing = sum(len(s) >= k and not any(s[:k]) for s in sequences)
            assert exact_pass_at_k(Plan(rounds, stop, chunk=1), *point, k) == 1 - Fraction(failing, len(sequences))


@cache
def paths_one_attempt_at_a_time(rounds: tuple[int, ...], stop: int, k: int = 0, below: int = 1) -> dict:
    """Paths to every end point, with fewer than ``below`` correct in the first k; stopping looked up each time."""
    alive, ends = {0: 1}, {}
    for n in range(1, rounds[-1] + 1):
        stepped = Counter()
        for c, number in alive.items():
            stepped[c] += number
            stepped[c + 1] += number
        if n == k:
            stepped = Counter({c: number for c, number in stepped.items() if c < below})
        finished = {c for c in stepped if n == rounds[-1] or (n in rounds and c >= stop)}
        ends.update({(n, c): stepped[c] for c in finished if n >= k})
        alive = {c: number for c, number in stepped.items() if c not in finished}
    return ends


SMALL, LARGE = (16, 64, 256, 512), (16, 64, 256, 1024, 4096)


@pytest.mark.parametrize(
    ("rounds", "k", "m"),
    [(SMALL, k, m) for k, m in ((1, 1), (16, 1), (17, 1), (300, 1), (512, 1), (16, 3), (200, 2), (512, 4))]
    + [pytest.param(LARGE, k, m, marks=pytest.mark.slow) for k, m in ((300, 1), (1000, 3))],
)
def test_many_end_points_equal_the_exact_fraction_to_twelve_digits(rounds, k, m):
    every = paths_one_attempt_at_a_time(rounds, stop=4)
    limited = paths_one_attempt_at_a_time(rounds, 4, k, m)
    points = sorted(every)[::3] + sorted(every)[-30:]
    table = estimate_pass_at_k(outcomes(points, Plan(rounds, stop=4)), [k], at_least=m)
    expected = [float(1 - Fraction(limited.get(point, 0), every[point])) for point in points]
    assert table["estimate"].to_numpy() == pytest.approx(expected, rel=1e-12, abs=0)


def test_the_default_plan_is_unbiased_at_full_scale():
    plan = Plan((16, 64, 256, 1024), stop=4)
    ends = paths_one_attempt_at_a_time(plan.rounds, plan.stop)
    hits, tries = 3, 1000
    weight = {(n, c): hits**c * (tries - hits) ** (n - c) * tries ** (1024 - n) for n, c in ends}
    for k in (1, 16, 17, 100, 256, 1000, 1024):
        mean = sum(ends[point] * exact_pass_at_k(plan, *point, k) * weight[point] for point in ends)
        assert mean / tries**1024 == 1 - Fraction(tries - hits, tries) ** k


def test_plans_may_have_thousands_of_rounds():
    singly = tuple(range(1, 3001))
    one, two = (Plan(singly, stop, chunk=1) for stop in (1, 2))
    assert exact_pass_at_k(one, 3000, 1, 2999) == 0  # stopped at the first success, which is the last attempt
    assert exact_pass_at_k(two, 3000, 1, 7) == Fraction(7, 3000)  # the only success may be anywhere
    assert exact_pass_at_k(two, 2000, 2, 7) == Fraction(7, 1999)  # the second is the last, the first anywhere before


def test_a_fixed_plan_gives_chen_exactly():
    for n, c in ((n, c) for n in (1, 5, 12) for c in range(n + 1)):
        for k in range(1, n + 1):
            expected = 1 - Fraction(comb(n - c, k), comb(n, k))
            for plan in (Plan.fixed(n), Plan((n,), stop=2, chunk=1)):
                assert exact_pass_at_k(plan, n, c, k) == expected
    table = estimate_pass_at_k(outcomes([(128, 3), (128, 128)], Plan.fixed(128)), [1, 64, 128, 129])
    assert table["estimate"].to_numpy()[:3] == pytest.approx(pass_at_k(128, 3, [1, 64, 128]), rel=1e-15)
    assert table["estimate"].isna().tolist() == [False, False, False, True] * 2


def test_problem_estimates_follow_the_rows_and_their_own_plans():
    adaptive = Plan((4, 8, 16), stop=2, chunk=4)
    rows = pd.concat([outcomes([(4, 2), (16, 0)], adaptive), outcomes([(8, 1)], Plan.fixed(8), draw="b")])
    table = estimate_pass_at_k(rows, [1, 16])
    assert list(table.columns) == ["model", "problem", "draw", "k", "estimate"]
    assert table["k"].tolist() == [1, 16] * 3
    assert table["estimate"].tolist()[:5] == [0.5, 1.0, 0.0, 0.0, 0.125]
    assert np.isnan(table["estimate"].iloc[5])
    without = estimate_pass_at_k(rows.iloc[:2].drop(columns="plan"), [1, 16], plan=adaptive)
    assert without["estimate"].tolist() == table["estimate"].tolist()[:4]


@pytest.mark.parametrize(
    ("n", "c", "message"),
    [(8, 1, "goes on"), (6, 2, "goes on"), (0, 0, "goes on"), (8, 6, "cannot stop"), (16, 10, "cannot stop")]
    + [(16, 17, "cannot stop"), (4, -1, "cannot stop"), (20, 2, "cannot stop")],
)
def test_end_points_that_the_plan_cannot_have_are_refused_by_name(n, c, message):
    with pytest.raises(MathbError, match=rf"Problem p1 of model m.*{message}"):
        estimate_pass_at_k(outcomes([(4, 2), (n, c)], Plan((4, 8, 16), stop=2, chunk=4)), [1])


def test_curve_is_the_mean_over_problems_inside_its_interval():
    rng = np.random.default_rng(1)
    rows = outcomes([(64, int(c)) for c in rng.binomial(64, rng.beta(0.3, 1.0, size=40))], Plan.fixed(64))
    ks = [1, 4, 16, 64, 128]
    curve = pass_at_k_curve(pd.concat([rows, rows.assign(draw="again")]), ks)
    assert curve["draw"].tolist() == ["main"] * 5 + ["again"] * 5
    main = curve.iloc[:5]
    values = pass_at_k(64, rows["c"].to_numpy()[:, None], ks[:4])
    assert main["estimate"].tolist()[:4] == pytest.approx(values.mean(axis=0))
    assert main[["estimate", "low", "high"]].iloc[4].isna().all()
    assert ((main["low"] <= main["estimate"]) & (main["estimate"] <= main["high"])).iloc[:4].all()
    # scipy's BCa bootstrap of 40 problems is a little narrower.
    for column, end in enumerate(main[["low", "high"]].to_numpy()[:4]):
        peer = bootstrap((values[:, column],), np.mean, method="BCa", n_resamples=20_000, rng=9).confidence_interval
        assert list(end) == pytest.approx(list(peer), abs=0.02)
    assert set(main["problems"]) == {40}
    assert set(main["interval"]) == {"problems as a sample, Clopper-Pearson at equal variance"}


def test_curve_does_not_depend_on_the_order_of_the_rows():
    rows = outcomes([(4, 2), (4, 4), (8, 3), (16, 0), (16, 1), (16, 5)], Plan((4, 8, 16), stop=2, chunk=4))
    pd.testing.assert_frame_equal(pass_at_k_curve(rows, [1, 8, 16]), pass_at_k_curve(rows.iloc[::-1], [1, 8, 16]))


@pytest.mark.parametrize("interval", ["problems", "attempts"])
@pytest.mark.parametrize("point", [(16, 0), (4, 4), (8, 2)])
def test_a_set_on_which_all_problems_agree_gets_no_certainty(point, interval):
    rows = outcomes([point] * 115, Plan((4, 8, 16), stop=2, chunk=4))
    curve = pass_at_k_curve(rows, [1, 2, 16, 17], interval=interval)
    assert ((curve["low"] <= curve["estimate"]) & (curve["estimate"] <= curve["high"]))[:3].all()
    assert (curve["high"] > curve["low"])[:3].all() and curve[["estimate", "low", "high"]].iloc[3].isna().all()
    question = {"problems": "problems as a sample", "attempts": "fresh attempts on these problems"}[interval]
    assert curve["interval"].str.startswith(question).all()


def test_a_single_problem_is_no_sample_of_problems():
    alone = pass_at_k_curve(outcomes([(16, 1)], Plan.fixed(16)), [4])
    assert alone["estimate"].item() == 0.25 and alone[["low", "high"]].isna().all(axis=None)


def test_paired_difference_resamples_problems_not_models():
    rng = np.random.default_rng(2)
    rate = rng.uniform(0, 0.2, 50)
    changed = rate ** np.tile([0.7, 1.4], 25)  # up and down in turn: without the skew that moves an end beyond t
    first, second = (
        outcomes([(32, int(c)) for c in rng.binomial(32, p)], Plan.fixed(32)) for p in (rate, changed)
    )
    table = paired_difference(first, second.iloc[::-1], [1, 8])
    for row, k in zip(table.itertuples(), (1, 8)):
        change = pass_at_k(32, second["c"].to_numpy(), k) - pass_at_k(32, first["c"].to_numpy(), k)
        assert abs(skew(change)) < 1
        peer = t.interval(0.95, 49, change.mean(), change.std(ddof=1) / 50**0.5)
        assert row.estimate == pytest.approx(change.mean()) == pytest.approx(row.b - row.a)
        assert [row.low, row.high] == pytest.approx(list(peer), abs=0.005)
    # Two models that agree on all 50: up to 7.1 % of problems could tell them apart (Clopper and Pearson, 0 of 50).
    same = paired_difference(first, first, [1])
    assert same[["low", "estimate", "high"]].iloc[0].tolist() == pytest.approx([-0.071123, 0, 0.071123], abs=1e-5)


def test_a_paired_difference_needs_the_same_problems_once_each():
    rows = outcomes([(8, 1), (8, 2)], Plan.fixed(8))
    with pytest.raises(MathbError, match="Only one of the two has an outcome for 1 problems, the first being p1"):
        paired_difference(rows, rows.iloc[:1], [1])
    with pytest.raises(MathbError, match="Problem p0 is there twice"):
        paired_difference(pd.concat([rows, rows.iloc[:1]]), rows, [1])


def test_a_declared_extension_is_the_longer_plan_and_an_outcome_driven_one_says_so():
    plan = Plan((4, 8), stop=2, chunk=4)
    assert plan.extended(16) == Plan((4, 8, 16), stop=2, chunk=4)  # unbiased for every k above
    assert Plan.fixed(8).extended(32).n_max == 32
    looked = plan.extended(16, after_looking=True)
    assert Plan.parse(str(looked)).exploratory and looked.extended(32).exploratory
    for interval in ("problems", "attempts"):
        curve = pass_at_k_curve(outcomes([(4, 2), (16, 0)], looked), [16], interval=interval)
        assert curve["interval"].str.endswith("exploratory: extended after looking").all()
        assert not pass_at_k_curve(outcomes([(8, 2), (8, 0)], plan), [8])["interval"].str.contains("explor").any()


def test_attempts_saved_counts_both_ways_of_spending():
    table = attempts_saved(outcomes([(4, 2), (4, 3), (8, 2), (16, 0)], Plan((4, 8, 16), stop=2, chunk=4)))
    assert table.to_dict("records") == [
        {"model": "m", "draw": "main", "problems": 4, "attempts": 32, "fixed_attempts": 64, "ratio": 2.0}
    ]
