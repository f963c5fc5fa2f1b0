"""Reach by at least m correct answers: exact at the last round, unbiased before it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics import proportion_interval
from mathb_kit.statistics.at_least import reach_at_least

PLAN = Plan((4, 8, 16), stop=3, chunk=4)


def outcomes(end_points, plan: Plan, model="base", draw="main") -> pd.DataFrame:
    rows = [{"problem": f"p{i}", "n": n, "c": c} for i, (n, c) in enumerate(end_points)]
    return pd.DataFrame(rows).assign(model=model, draw=draw, plan=str(plan))


BASE = outcomes([(16, 0), (16, 1), (16, 2), (8, 3), (16, 0), (16, 0)], PLAN)
TUNED = outcomes([(16, 1), (16, 2), (16, 0), (4, 3), (8, 4), (16, 3)], PLAN, model="tuned")


def test_at_the_last_round_a_problem_has_m_correct_or_has_not():
    table = reach_at_least(BASE, TUNED.iloc[::-1], [1, 2, 3]).set_index("m")  # the order of the rows does not matter
    assert table["tuned"].tolist() == [5, 4, 3] and table["base"].tolist() == [3, 2, 1]
    # Discordant pairs, by hand from the counts above: m = 1: p0, p4, p5 against p2; m = 3: p4, p5 against none.
    assert table["only_tuned"].tolist() == [3, 3, 2] and table["only_base"].tolist() == [1, 1, 0]
    assert table["p"].tolist() == pytest.approx([2 * 5 / 16, 2 * 5 / 16, 2 / 4])
    assert tuple(table.loc[2, ["tuned_rate", "tuned_low", "tuned_high"]]) == (4 / 6, *proportion_interval(4, 6))
    assert set(table["k"]) == {16} and set(table["interval"]) == {"problems as a sample, clopper-pearson"}


def test_before_the_last_round_the_share_is_estimated_without_bias():
    plan = Plan.fixed(12)
    base, tuned = outcomes([(12, 1), (12, 0)], plan), outcomes([(12, 5), (12, 2)], plan, model="tuned")
    row = reach_at_least(base, tuned, [2], k=6).iloc[0]
    assert row["tuned"] == pytest.approx(sum(hypergeom.sf(1, 12, c, 6) for c in (5, 2)), rel=1e-12)
    assert row["base"] == pytest.approx(0, abs=1e-15)
    assert row["tuned_low"] <= row["tuned_rate"] <= row["tuned_high"]
    assert np.isnan(row[["only_tuned", "only_base", "p"]].astype(float)).all() and "equal variance" in row["interval"]


def test_what_the_plan_cannot_tell_is_refused_with_the_remedies():
    with pytest.raises(MathbError, match="stops asking at 3 correct.* 5; .*stop count of at least 5, or .* at most 3"):
        reach_at_least(BASE, TUNED, [1, 5])
    with pytest.raises(MathbError, match="plans end at 12 and 16 attempts"):
        reach_at_least(BASE, outcomes([(12, 1)] * 6, Plan.fixed(12), model="tuned"), [1])
    with pytest.raises(MathbError, match="m <= k <= 16"):
        reach_at_least(BASE, TUNED, [1], k=17)
    with pytest.raises(MathbError, match="selected these problems"):
        reach_at_least(BASE.assign(draw="selection"), TUNED, [1])
    with pytest.raises(MathbError, match="solved none of these problems"):
        reach_at_least(BASE, TUNED, [1], problems=["p0", "p4"])
    assert reach_at_least(BASE, TUNED, [1], problems=["p0", "p4"], selected_by="selection")["of"].item() == 2
