"""The tables of notebook 05 hold what formulas and counting by hand say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln

from mathb_kit.course import first_principles
from mathb_kit.plan import Plan
from mathb_kit.statistics import SuccessRates


def test_forecasts_of_a_fresh_draw_stand_beside_what_it_solves():
    fresh = pd.DataFrame(
        [("a", 0), ("b", 3), ("c", 1), ("d", 2)], columns=["problem", "c"]
    ).assign(n=64, model="m", draw="main", plan="fixed 64", first_correct=[None, 5, 70, 1])  # fmt: skip
    fresh.loc[2, ["c", "first_correct"]] = [0, np.nan]
    rates = SuccessRates(np.array([0.0, 0.01]), np.array([0.5, 0.5]))
    table = first_principles.winners_curse({"m": {"a", "b", "c"}}, {"m": fresh}, {"m": rates}, 64, selected_in=100)
    row = table.iloc[0]
    assert (row["problems left unsolved"], row["solved by a fresh draw"]) == (3, 1)  # d was not left
    still = 0.5 * 0.99**100 / (0.5 + 0.5 * 0.99**100)  # the rate is 0.01 after 0 of 100
    assert row["predicted"] == pytest.approx(3 * still * (1 - 0.99**64))
    assert row["low"] <= row["predicted"] <= row["high"]
    jeffreys = 1 - np.exp(betaln(0.5, 100 + 64 + 0.5) - betaln(0.5, 100 + 0.5))
    assert row["a Jeffreys prior per problem says"] == pytest.approx(3 * jeffreys, rel=1e-3)


def test_a_fixed_plan_costs_its_attempts_and_one_that_stops_costs_less_where_problems_are_easy():
    spreads = {"easy": (SuccessRates(np.array([0.9]), np.array([1.0])), 20)}
    table = first_principles.plan_prices(spreads, [Plan.fixed(64), Plan((16, 64), stop=1)], 64)
    assert table["attempts per problem"].tolist() == pytest.approx([64, 16], abs=1e-9)
    assert list(table.columns[-2:]) == ["width at k = 1", "width at k = 64"]


def test_the_null_of_each_model_is_that_of_enumeration():
    outcomes = pd.DataFrame(
        {"problem": ["a", "b"], "n": 4, "c": [1, 0], "model": "m", "draw": "main", "plan": "fixed 4"}
    )
    table = first_principles.null_curves({"m": outcomes}, [1, 2, 4], "counts")
    assert table["k"].tolist() == [1, 2] and set(table["model"]) == {"m, counts"}
    # Of a's four attempts one is right. k = 1: missed in 3/4, then solved in 1/3 of these; b is missed, never solved.
    expected = [(3 / 4 * 1 / 3) / (3 / 4 + 1), (1 / 2 * 1) / (1 / 2 + 1)]
    assert table["estimate"].tolist() == pytest.approx(expected)
