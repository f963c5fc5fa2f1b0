"""Tests of single problems: Fisher at fixed n, exact enumeration under adaptive plans, false discoveries, power."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, false_discovery_control, fisher_exact, hypergeom

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.sentences import gains_sentence
from mathb_kit.statistics.gains import gains_by_problem
from mathb_kit.statistics.two_sample import one_sided_p


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


def test_at_fixed_n_it_is_fishers_exact_test():
    base_plan, tuned_plan = Plan.fixed(12), Plan.fixed(9)
    base_c, tuned_c = (each.ravel() for each in np.meshgrid(np.arange(13), np.arange(10)))
    ours = one_sided_p(base_plan, np.full_like(base_c, 12), base_c, tuned_plan, np.full_like(base_c, 9), tuned_c)
    for b, t, p in zip(base_c, tuned_c, ours):
        assert p == pytest.approx(fisher_exact([[t, 9 - t], [b, 12 - b]], alternative="greater").pvalue, rel=1e-12)


def test_gained_and_lost_problems_are_named_with_adjusted_p_values():
    plan = Plan.fixed(64)
    base = outcomes([(64, 0)] * 5 + [(64, 20), (64, 30)], plan)
    tuned = outcomes([(64, 0), (64, 1), (64, 4), (64, 9), (64, 30), (64, 21), (64, 2)], plan, model="tuned")
    table = gains_by_problem(base, tuned.iloc[::-1])  # the order of the rows does not matter
    fisher = [
        [fisher_exact([[t, 64 - t], [b, 64 - b]], alternative=side).pvalue for b, t in zip(base["c"], tuned["c"])]
        for side in ("greater", "less")
    ]
    for direction, p in zip(("gain", "loss"), fisher):
        assert table[f"{direction}_p"].tolist() == pytest.approx(p, rel=1e-12)
        assert table[f"{direction}_adjusted"].tolist() == pytest.approx(false_discovery_control(p), rel=1e-12)
    assert table["problem"][table["gained"]].tolist() == ["p03", "p04"]
    assert table["problem"][table["lost"]].tolist() == ["p06"]
    assert gains_sentence(table).startswith("2 of 7 problems gained and 1 lost (Fisher's exact test, ")


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
    # By hand: 1/21 of 5 % is 0.00238; against 0 of 1,024, C(1024, c) / C(2048, c) falls below it at c = 9.
    assert first == 9
    rate = gains_by_problem(base, base.assign(model="tuned"), selected_by="")["detectable_rate"].iloc[0]
    assert binom.sf(8, 1024, rate) == pytest.approx(0.8)


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
