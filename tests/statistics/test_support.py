"""Support metrics: the published table's rates from its counts, sets of problems, and every way to choose a block."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from mathb_kit.statistics import compare_reach, support_dynamics
from mathb_kit.statistics.support import FROZEN, LESS, RATES, TUNED


def arm(model: str, c, n: int = 4) -> pd.DataFrame:
    c = np.asarray(c)
    first = pd.array([n if each else pd.NA for each in c], dtype="Int64")
    problems = [f"p{i}" for i in range(len(c))]
    return pd.DataFrame(
        {"model": model, "problem": problems, "draw": "main", "n": n, "c": c, "plan": f"fixed {n}",
         "first_correct": first}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "rates"),  # (P, E, S, O) and (SRR, NDR, SDS, NSCR) as published, arXiv 2507.14843, Table 1
    [((1045, 31, 107, 674), (0.91, 0.03, 0.06, -0.06)), ((761, 83, 104, 599), (0.88, 0.10, 0.18, -0.02))],
)
def test_the_rates_of_the_published_table_follow_from_its_counts(counts, rates):
    p, e, s, o = counts
    parts = np.array([p, s, e, o], dtype=float)
    assert [round(float(rate(parts)), 2) for rate in RATES.values()] == list(rates)


def test_at_all_attempts_the_parts_are_sets_of_problems():
    base, tuned = arm("b", [0, 0, 1, 4, 3, 0, 2]), arm("t", [0, 2, 0, 4, 1, 1, 3])
    row = support_dynamics(base, tuned, [4]).iloc[0]
    sets = compare_reach(base, tuned, 4)
    assert row["who"] == TUNED
    assert row["preserved"] == len(sets.base_reached & sets.tuned_reached) == 3
    assert (row["shrunk"], row["expanded"], row["out"]) == (1, 2, 1)
    assert (row["SRR"], row["NDR"], row["NSCR"]) == pytest.approx((3 / 4, 2 / 5, 1 / 6))
    assert row["SDS"] == pytest.approx(2 / (4 / 3 + 5 / 2))


def test_at_half_of_them_the_parts_are_means_over_all_blocks():
    b, t, k = [0, 1, 2, 3], [1, 0, 2, 4], 2
    expected = {who: np.zeros(4) for who in (TUNED, FROZEN)}
    for base, tuned in zip(b, t):
        places = list(combinations(range(4), base))
        first = np.array([any(i < k for i in place) for place in places])
        second = np.array([any(i >= k for i in place) for place in places])
        other = np.mean([any(i < k for i in place) for place in combinations(range(4), tuned)])
        both = {TUNED: (first * other, first * (1 - other), ~first * other, ~first * (1 - other)),
                FROZEN: (first & second, first & ~second, ~first & second, ~first & ~second)}  # fmt: skip
        for who, parts in both.items():
            expected[who] += [np.mean(part) for part in parts]
    table = support_dynamics(arm("b", b), arm("t", t), [k]).set_index("who")
    columns = ["preserved", "shrunk", "expanded", "out"]
    for who, parts in expected.items():
        assert table.loc[who, columns].to_numpy(dtype=float) == pytest.approx(parts)
        p, s, e, _ = parts
        assert table.loc[who, ["SRR", "NDR", "NSCR"]].tolist() == pytest.approx(
            [p / (p + s), e / (p + e), (e - s) / (p + e + s)]
        )
    assert table.loc[LESS, "NDR"] == pytest.approx(table.loc[TUNED, "NDR"] - table.loc[FROZEN, "NDR"])


def test_a_frozen_model_shrinks_and_expands_alike_and_differs_from_itself_by_chance_only():
    rng = np.random.default_rng(0)
    rates = rng.beta(0.3, 1, 150)
    inside = 0
    for _ in range(40):
        first, second = (arm(name, rng.binomial(32, rates), 32) for name in "bt")
        table = support_dynamics(first, second, [16]).set_index("who")
        assert table.loc[FROZEN, "NSCR"] == 0 and table.loc[FROZEN, "NDR"] > 0
        inside += table.loc[LESS, "NDR_low"] <= 0 <= table.loc[LESS, "NDR_high"]
    assert inside >= 34  # 95 %, the chance of fewer being below one in a hundred


def test_where_nothing_was_lost_the_interval_is_that_of_a_proportion():
    row = support_dynamics(arm("b", [2] * 9 + [0] * 3), arm("t", [3] * 9 + [0] * 3), [4]).iloc[0]
    assert (row["SRR"], row["SRR_low"]) == pytest.approx((1, binomtest(9, 9).proportion_ci(method="exact").low))
    assert (row["NDR"], row["NDR_high"]) == pytest.approx((0, binomtest(0, 9).proportion_ci(method="exact").high))
