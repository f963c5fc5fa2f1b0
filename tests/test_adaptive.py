"""The adaptive estimator is exactly unbiased: every attempt sequence of small plans is enumerated."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics import attempts_saved, estimate_pass_at_k, exact_pass_at_k, pass_at_k, pass_at_k_curve

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


def test_estimate_is_the_share_of_sequences_that_begin_with_k_failures():
    rounds, stop = (2, 4, 8), 2
    by_end = {}
    for sequence in stopped_sequences(rounds, stop):
        by_end.setdefault((len(sequence), sum(sequence)), []).append(sequence)
    for point, sequences in by_end.items():
        for k in range(1, 9):
            failing = sum(len(s) >= k and not any(s[:k]) for s in sequences)
            assert exact_pass_at_k(Plan(rounds, stop, chunk=1), *point, k) == 1 - Fraction(failing, len(sequences))


def test_the_default_plan_is_unbiased_at_full_scale():
    plan = Plan((16, 64, 256, 1024), stop=4)
    # Independent count of paths: one attempt at a time, stopping looked up after each.
    alive, ends = {0: 1}, {}
    for n in range(1, 1025):
        stepped = Counter()
        for c, number in alive.items():
            stepped[c] += number
            stepped[c + 1] += number
        finished = {c for c in stepped if n == 1024 or (n in (16, 64, 256) and c >= 4)}
        ends.update({(n, c): stepped[c] for c in finished})
        alive = {c: number for c, number in stepped.items() if c not in finished}
    hits, tries = 3, 1000
    weight = {(n, c): hits**c * (tries - hits) ** (n - c) * tries ** (1024 - n) for n, c in ends}
    for k in (1, 16, 17, 100, 256, 1000, 1024):
        mean = sum(ends[point] * exact_pass_at_k(plan, *point, k) * weight[point] for point in ends)
        assert mean / tries**1024 == 1 - Fraction(tries - hits, tries) ** k


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
    # The same percentile bootstrap, written with resampled indices and another random stream.
    resampled = values[np.random.default_rng(9).integers(0, 40, size=(20_000, 40))].mean(axis=1)
    assert main[["low", "high"]].to_numpy()[:4].T == pytest.approx(np.quantile(resampled, [0.025, 0.975], 0), abs=0.012)
    assert set(main["problems"]) == {40} and set(main["interval"]) == {"problems as a sample, percentile bootstrap"}


def test_curve_does_not_depend_on_the_order_of_the_rows():
    rows = outcomes([(4, 2), (4, 4), (8, 3), (16, 0), (16, 1), (16, 5)], Plan((4, 8, 16), stop=2, chunk=4))
    pd.testing.assert_frame_equal(pass_at_k_curve(rows, [1, 8, 16]), pass_at_k_curve(rows.iloc[::-1], [1, 8, 16]))


def test_intervals_contain_the_estimate_where_all_problems_agree():
    for point in ((16, 0), (4, 4)):
        curve = pass_at_k_curve(outcomes([point] * 7, Plan((4, 8, 16), stop=2, chunk=4)), [1, 16])
        assert (curve["low"] <= curve["estimate"]).all() and (curve["estimate"] <= curve["high"]).all()
    alone = pass_at_k_curve(outcomes([(16, 1)], Plan.fixed(16)), [4])
    assert alone["estimate"].item() == 0.25 and alone[["low", "high"]].isna().all(axis=None)


def test_attempts_saved_counts_both_ways_of_spending():
    table = attempts_saved(outcomes([(4, 2), (4, 3), (8, 2), (16, 0)], Plan((4, 8, 16), stop=2, chunk=4)))
    assert table.to_dict("records") == [
        {"model": "m", "draw": "main", "problems": 4, "attempts": 32, "fixed_attempts": 64, "ratio": 2.0}
    ]
