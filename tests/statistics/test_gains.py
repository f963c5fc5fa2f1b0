"""Tests of single problems: exact by enumeration at fixed n and under adaptive plans, false discoveries, power."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import xlogy
from scipy.stats import binom, false_discovery_control, fisher_exact, hypergeom, poisson

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.sentences import gain_power_sentence, gains_sentence
from mathb_kit.statistics import two_sample
from mathb_kit.statistics.gains import _detectable_at_fixed_n, detectable_gain, gain_power, gains_by_problem
from mathb_kit.statistics.two_sample import one_sided_p, repeated


def outcomes(end_points, plan: Plan, model="base", draw="main") -> pd.DataFrame:
    """One problem per (n, c)."""
    rows = [{"problem": f"p{i:02}", "n": n, "c": c} for i, (n, c) in enumerate(end_points)]
    return pd.DataFrame(rows).assign(model=model, draw=draw, plan=str(plan))


def chances(plan: Plan, rate: float) -> dict[tuple[int, int], float]:
    """Chance of every end point, by taking the rounds one after the other."""
    ends, going_on, before = {}, {0: 1.0}, 0
    for end in plan.rounds:
        reached: dict[int, float] = {}
        more = binom.pmf(np.arange(end - before + 1), end - before, rate)
        for c, chance in going_on.items():
            for extra, its_chance in enumerate(more):
                reached[c + extra] = reached.get(c + extra, 0.0) + chance * its_chance
        stopped = {c for c in reached if not plan.continues(end, c)}
        ends.update({(end, c): reached[c] for c in stopped})
        going_on, before = {c: chance for c, chance in reached.items() if c not in stopped}, end
    return ends


def largest_excess(base_plan: Plan, tuned_plan: Plan, p_value, rates) -> float:
    """Largest P(p-value <= a) - a over all attainable a, by summing over all pairs of end points."""
    base_n, base_c = np.array(list(chances(base_plan, 0.5))).T
    tuned_n, tuned_c = np.array(list(chances(tuned_plan, 0.5))).T
    p = p_value(base_plan, base_n[:, None], base_c[:, None], tuned_plan, tuned_n, tuned_c).ravel()
    order = np.argsort(p)
    attainable = p[order]
    last = np.searchsorted(attainable, attainable, side="right") - 1
    excess = []
    for base_rate, tuned_rate in rates:
        base = np.array(list(chances(base_plan, base_rate).values()))
        tuned = np.array(list(chances(tuned_plan, tuned_rate).values()))
        at_most = np.cumsum(np.outer(base, tuned).ravel()[order])[last]
        excess.append((at_most - attainable).max())
    return max(excess)


PLANS = [
    (Plan((16, 64, 256), stop=2), Plan((16, 64, 256), stop=2)),
    (Plan.up_to(1024, stop=2), Plan.up_to(1024, stop=2)),
    (Plan.up_to(1024, stop=2), Plan.up_to(1024, stop=5)),
    (Plan.up_to(256, stop=5), Plan((16, 64, 256), stop=2)),
    (Plan.fixed(1024), Plan((16, 64, 256), stop=4)),
]


@pytest.mark.parametrize(("base_plan", "tuned_plan"), PLANS, ids=lambda plan: str(plan))
def test_p_values_under_adaptive_plans_keep_their_level_at_every_rate(base_plan, tuned_plan):
    rng = np.random.default_rng(5)  # rates that no grid was made for
    equal = [0.0, 1.0, *10 ** rng.uniform(-4, 0, 10), *rng.uniform(0, 1, 4)]
    worse = [(rate, rate * factor) for rate in (0.002, 0.03, 0.4) for factor in (0.3, 0.8)]  # the tuned arm lost
    assert largest_excess(base_plan, tuned_plan, one_sided_p, [*zip(equal, equal), *worse]) <= 1e-12


def test_fishers_p_as_if_n_were_fixed_does_not_keep_it():
    def naive(_, base_n, base_c, __, tuned_n, tuned_c):
        return hypergeom.sf(tuned_c - 1, base_n + tuned_n, base_c + tuned_c, tuned_n)

    assert largest_excess(*PLANS[-1], naive, [(0.12, 0.12)]) > 0.02


def test_the_bound_over_the_common_rate_is_near_the_supremum():
    plan = Plan((16, 64, 256), stop=2)
    base, tuned = np.array(list(chances(plan, 0.5))), np.array(list(chances(plan, 0.5)))
    p = one_sided_p(plan, base[:, 0][:, None], base[:, 1][:, None], plan, tuned[:, 0], tuned[:, 1])
    at = base.tolist().index([256, 0])
    for end_point in ([16, 2], [64, 3], [256, 6]):
        observed = p[at, tuned.tolist().index(end_point)]
        sup = 0.0
        for rate in np.sin(np.linspace(0, np.pi / 2, 400)) ** 2:
            chance = np.array(list(chances(plan, rate).values()))
            sup = max(sup, float(np.outer(chance, chance)[p <= observed].sum()))
        assert sup <= observed <= 1.1 * sup


def brute_force_p(n: int, base_c: int, tuned_n: int, tuned_c: int) -> float:
    """Supremum over a fine grid of common rates of the chance of a likelihood ratio at least as large, at fixed n."""
    b, t = np.meshgrid(np.arange(n + 1), np.arange(tuned_n + 1), indexing="ij")

    def highest(k, m):  # log likelihood at k / m
        return xlogy(k, k / m) + xlogy(m - k, 1 - k / m)

    ratio = highest(b, n) + highest(t, tuned_n) - highest(b + t, n + tuned_n)
    ratio = np.where(t / tuned_n > b / n, ratio, -1.0)
    extreme = ratio >= ratio[base_c, tuned_c] - 1e-9
    rates = np.sin(np.linspace(0, np.pi / 2, 1500)) ** 2
    arms = [binom.pmf(np.arange(m + 1)[:, None], m, rates) for m in (n, tuned_n)]
    return float(np.einsum("ir,ij,jr->r", arms[0], extreme.astype(float), arms[1]).max())


@pytest.mark.parametrize(("n", "tuned_n"), [(12, 9), (20, 20)])
def test_at_fixed_n_the_test_keeps_its_level_and_is_stronger_than_fishers(n, tuned_n):
    base_plan, tuned_plan = Plan.fixed(n), Plan.fixed(tuned_n)
    rates = np.linspace(0, 1, 41)
    assert largest_excess(base_plan, tuned_plan, one_sided_p, [*zip(rates, rates)]) <= 1e-12
    b, t = (each.ravel() for each in np.meshgrid(np.arange(n + 1), np.arange(tuned_n + 1)))
    ours = one_sided_p(base_plan, np.full_like(b, n), b, tuned_plan, np.full_like(b, tuned_n), t)
    fisher = hypergeom.sf(t - 1, n + tuned_n, b + t, tuned_n)
    assert (ours[fisher <= 0.05] < fisher[fisher <= 0.05]).all()


def test_none_of_1024_beside_5_has_a_p_of_one_percent_where_fisher_says_three():
    p = one_sided_p(Plan.fixed(1024), np.array(1024), np.array(0), Plan.fixed(1024), np.array(1024), np.array(5))
    # At 1,024 attempts and rates near 0 the counts are Poisson: at mean m, none and 5 or more, or a rarer pair.
    sup = max(
        sum(poisson.pmf(b, m) * poisson.sf(t - 1, m) for b, t in ((0, 5), (1, 8), (2, 11), (3, 13), (4, 15), (5, 17)))
        for m in np.linspace(0.5, 12, 400)
    )
    assert p == pytest.approx(sup, rel=0.1) and fisher_exact([[5, 1019], [0, 1024]], "greater").pvalue > 0.03


def test_windows_of_counts_lose_nothing_at_hundreds_of_attempts():
    """Against all pairs of counts at 400 common rates: the p-value is at least the largest chance, and little more."""
    n, tuned_n = 400, 300
    b, t = np.mgrid[: n + 1, : tuned_n + 1]
    top = lambda m, c: xlogy(c, c / m) + xlogy(m - c, 1 - c / m)  # noqa: E731
    ratio = np.sign(t / tuned_n - b / n) * (top(n, b) + top(tuned_n, t) - top(n + tuned_n, b + t))
    rates = np.sin(np.linspace(0.002, np.pi / 2 - 0.002, 400)) ** 2
    base = binom.pmf(np.arange(n + 1), n, rates[:, None])
    tuned = binom.pmf(np.arange(tuned_n + 1), tuned_n, rates[:, None])
    for base_c, tuned_c in ((0, 3), (2, 9), (150, 140), (200, 151), (380, 299)):
        extreme = ratio >= ratio[base_c, tuned_c] - 1e-9
        largest = np.einsum("ib,bt,it->i", base, extreme, tuned, optimize=True).max()
        p = one_sided_p(Plan.fixed(n), n, base_c, Plan.fixed(tuned_n), tuned_n, tuned_c)
        assert largest * 0.999 <= p <= 1.12 * largest


def test_the_count_that_would_be_named_is_the_least_whose_p_is_small_enough():
    plan, tuned = Plan.fixed(40), Plan.fixed(24)
    base_c = np.arange(0, 41, 5)
    least, n, rate = _detectable_at_fixed_n(plan, np.full(9, 40), base_c, tuned, 0.01)
    for c, found, power in zip(base_c, least, rate):
        small = [t for t in range(25) if one_sided_p(plan, 40, c, tuned, 24, t) <= 0.01]
        assert np.isnan(power) if not small else found == small[0]
    assert np.isnan(rate).any() and not np.isnan(rate).all()


def test_gained_and_lost_problems_are_named_with_adjusted_p_values():
    plan = Plan.fixed(64)
    base = outcomes([(64, 0)] * 5 + [(64, 20), (64, 30)], plan)
    tuned = outcomes([(64, 0), (64, 1), (64, 4), (64, 9), (64, 30), (64, 21), (64, 2)], plan, model="tuned")
    table = gains_by_problem(base, tuned.iloc[::-1])  # the order of the rows does not matter
    for direction, (lower, upper) in (("gain", (base, tuned)), ("loss", (tuned, base))):
        for p, b, t in zip(table[f"{direction}_p"], lower["c"], upper["c"]):
            sup = brute_force_p(64, b, 64, t) if t > b else 1.0
            assert sup <= p * (1 + 1e-9) and p <= 1.2 * sup
        adjusted = false_discovery_control(table[f"{direction}_p"])
        assert table[f"{direction}_adjusted"].tolist() == pytest.approx(adjusted, rel=1e-12)
    # By Fisher's p of 0.06, 4 of 64 beside none would not be among them.
    assert table["problem"][table["gained"]].tolist() == ["p02", "p03", "p04"]
    assert table["problem"][table["lost"]].tolist() == ["p06"]
    assert gains_sentence(table).startswith("3 of 7 problems gained and 1 lost (exact likelihood-ratio test under the ")


def test_the_detectable_effect_at_fixed_n_is_where_discoveries_begin():
    plan = Plan.fixed(1024)
    base = outcomes([(1024, 0)] * 20 + [(1024, 3)], plan)
    for c in range(5, 14):
        tuned = outcomes([(1024, c)] + [(1024, 0)] * 19 + [(1024, 3)], plan, model="tuned")
        table = gains_by_problem(base, tuned, selected_by="selection")
        least = table["detectable_c"].iloc[5]
        if not table["gained"].any():
            assert c < least
            first = least
        else:
            assert c >= first
    # 1/21 of 5 % is 0.00238, and the test's bound lies up to 8 % above the p of the Poisson limit.
    p = [max(poisson.sf(c - 1, m) * poisson.pmf(0, m) for m in np.linspace(1, 20, 400)) for c in range(5, 14)]
    assert first in (next(c for c, each in zip(range(5, 14), p) if each <= 0.00238 / r) for r in (1, 1.5))
    rate = gains_by_problem(base, base.assign(model="tuned"), selected_by="")["detectable_rate"].iloc[0]
    assert binom.sf(first - 1, 1024, rate) == pytest.approx(0.8)


def test_the_detectable_rate_under_a_plan_has_the_power_it_promises():
    plan = Plan.up_to(256, stop=2)
    base = outcomes([(256, 0)] * 9 + [(256, 1)], plan)
    table = gains_by_problem(base, base.assign(model="tuned"))
    row = table.iloc[0]
    ends = np.array(list(chances(plan, 0.5)))
    named = one_sided_p(plan, np.array(256), np.array(0), plan, ends[:, 0], ends[:, 1]) <= 0.05 / 10
    lowest = ends[named][np.argmin(ends[named][:, 1] / ends[named][:, 0])]
    assert (row["detectable_c"], row["detectable_n"]) == (lowest[1], lowest[0])
    for rate, enough in ((row["detectable_rate"], True), (0.95 * row["detectable_rate"], False)):
        assert (np.array(list(chances(plan, rate).values()))[named].sum() >= 0.8) == enough
    # Where even "always correct" would not show, nothing is promised.
    hopeless = gains_by_problem(outcomes([(16, 15)], Plan.fixed(16)), outcomes([(16, 1)], Plan.fixed(16), "tuned"))
    assert pd.isna(hopeless["detectable_c"].iloc[0]) and np.isnan(hopeless["detectable_rate"].iloc[0])
    assert gains_sentence(hopeless).endswith("against 15 of 16 by the base no result would have shown a gain")


def test_frozen_pairs_hold_the_nominal_level():
    # Simulated: 20 problems, rates from never to often, both arms the same model.
    rng = np.random.default_rng(2)
    plan = Plan((16, 64, 256), stop=2)
    rates = np.array([0.0] * 8 + [0.001] * 4 + [0.004] * 4 + [0.02, 0.1, 0.3, 0.6])
    points = [(np.array(list(ends)), np.array(list(ends.values()))) for ends in (chances(plan, p) for p in rates)]

    def arm(model: str) -> pd.DataFrame:
        drawn = [tuple(ends[rng.choice(len(ends), p=weights / weights.sum())]) for ends, weights in points]
        return outcomes(drawn, plan, model=model)

    runs = 100
    found = sum(gains_by_problem(arm("base"), arm("tuned"), selected_by="")["gained"].any() for _ in range(runs))
    assert found <= binom.ppf(0.999, runs, 0.05)


def test_a_base_draw_that_selected_the_problems_is_refused():
    plan = Plan.fixed(16)
    base, tuned = outcomes([(16, 0), (16, 0)], plan), outcomes([(16, 4), (16, 0)], plan, model="tuned")
    with pytest.raises(MathbError, match="'selection' of the base selected these problems"):
        gains_by_problem(base.assign(draw="selection"), tuned)
    with pytest.raises(MathbError, match="'main' of the base selected these problems"):
        gains_by_problem(base, tuned, selected_by="main")
    with pytest.raises(MathbError, match="solved none of these problems.*fresh draw"):
        gains_by_problem(base, tuned)
    assert len(gains_by_problem(base, tuned, selected_by="selection")) == 2


def test_arms_that_do_not_fit_are_refused():
    plan = Plan.up_to(64, stop=2)
    base = outcomes([(64, 1), (16, 2)], plan)
    with pytest.raises(MathbError, match="first being p01"):
        gains_by_problem(base, base.iloc[:1])
    with pytest.raises(MathbError, match="Problem p01 .* goes on"):
        gains_by_problem(base, outcomes([(64, 1), (16, 1)], plan))
    with pytest.raises(MathbError, match="between 0 and 1, not 5"):
        gains_by_problem(base, base, fdr=5)
    with pytest.raises(MathbError, match="no problems to compare"):
        gains_by_problem(base, base, problems=[])


def test_the_power_of_a_gain_is_that_of_the_end_points_which_would_be_named():
    # A hand-sized plan, every sequence's end by taking the rounds one after the other.
    plan, problems, rate = Plan((16, 64, 256), stop=2), 12, 0.05
    ends = chances(plan, rate)
    n, c = np.array(list(ends)).T
    named = one_sided_p(plan, np.array(256), np.array(0), plan, n, c) <= 0.05 / problems
    assert gain_power(plan, rate, problems) == pytest.approx(np.array(list(ends.values()))[named].sum(), rel=1e-9)
    shows = detectable_gain(plan, problems)
    assert gain_power(plan, shows, problems) == pytest.approx(0.8, abs=1e-6)
    assert np.isnan(detectable_gain(Plan.fixed(4), 1000))  # not even "always correct" would show


def test_stop_2_blinds_the_test_of_single_problems_and_a_plan_says_so():
    # A success rate of 1 % on one of 26 problems, by simulation of the rounds.
    rng = np.random.default_rng(8)
    for plan, expected in ((Plan.up_to(1024, stop=2), 0.32), (Plan((16, 64, 256, 1024), stop=4), 0.81)):
        named, runs = 0, 4000
        ends = {}
        for _ in range(runs):
            n = c = 0
            for end in plan.rounds:
                c, n = c + rng.binomial(end - n, 0.01), end
                if c >= plan.stop:
                    break
            ends[n, c] = ends.get((n, c), 0) + 1
        for (n, c), times in ends.items():
            p = one_sided_p(plan, np.array(1024), np.array(0), plan, np.array(n), np.array(c))
            named += times * (p <= 0.05 / 26)
        assert named / runs == pytest.approx(expected, abs=0.025)
        assert gain_power(plan, 0.01, 26) == pytest.approx(named / runs, abs=0.025)
    sentence = gain_power_sentence(Plan.up_to(1024, stop=2), 26)
    assert "from a success rate of 2.6 %, with stop 4 from 1.4 %" in sentence


def test_draws_of_the_base_add_up_to_a_test_that_keeps_its_level_and_sees_more():
    plan = Plan((4, 16), stop=2, chunk=4)
    single = chances(plan, 0.3)
    base = repeated(plan, 2)
    ends = sorted({(a[0] + b[0], a[1] + b[1]) for a in single for b in single})
    n, c = np.array(ends).T
    tuned_n, tuned_c = np.array(list(single)).T
    p = one_sided_p(base, n[:, None], c[:, None], plan, tuned_n, tuned_c)
    for rate in (0.02, 0.1, 0.3, 0.5, 0.9):
        one = chances(plan, rate)
        both: dict[tuple[int, int], float] = dict.fromkeys(ends, 0.0)
        for (first, chance), (second, other) in product(one.items(), one.items()):
            both[first[0] + second[0], first[1] + second[1]] += chance * other
        joint = np.outer([both[end] for end in ends], list(one.values()))
        for level in (0.01, 0.05, 0.2):
            assert joint[p <= level].sum() <= level
    alone = one_sided_p(plan, np.array([16]), np.array([0]), plan, np.array([16]), np.array([3]))
    pooled = one_sided_p(base, np.array([32]), np.array([0]), plan, np.array([16]), np.array([3]))
    assert pooled < 0.6 * alone


def test_the_way_for_many_pairs_gives_the_same_p_as_putting_all_in_order(monkeypatch):
    plan, base = Plan((4, 16), stop=2, chunk=4), repeated(Plan((4, 16), stop=2, chunk=4), 3)
    arguments = (base, np.array([48, 48, 36]), np.array([0, 2, 3]), plan, np.array([16, 4, 16]), np.array([2, 3, 5]))
    ordered = one_sided_p(*arguments)
    monkeypatch.setattr(two_sample, "_MANY", 0)
    assert one_sided_p(*arguments) == pytest.approx(ordered, rel=0.1)  # a coarser grid
    assert (one_sided_p(*arguments) >= 0.999 * ordered).all()


def test_draws_by_different_plans_are_not_added_up():
    plan = Plan((4, 16), stop=2, chunk=4)
    draws = [outcomes([(16, 1)], plan, draw="a"), outcomes([(16, 0)], Plan.fixed(16), draw="b")]
    with pytest.raises(MathbError, match="must have one plan"):
        gains_by_problem(draws, outcomes([(16, 3)], plan, "tuned"), selected_by="")


def test_counts_beyond_what_the_tables_of_the_exact_test_hold_are_refused_in_a_sentence():
    rows = {"model": "m", "problem": ["p"], "draw": "main", "n": 10**8, "plan": f"fixed {10**8}"}
    base, tuned = (pd.DataFrame({**rows, "c": [c]}) for c in (0, 5))
    with pytest.raises(MathbError, match="hold up to about 20,000 attempts, not 100,000,000"):
        gains_by_problem(base, tuned, selected_by="")
