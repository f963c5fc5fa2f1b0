"""Tables of notebook 05 that are more work than lesson; what they teach stands there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from mathb_kit.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

    from mathb_kit.statistics import SuccessRates


def winners_curse(
    left: Mapping[str, Collection[str]],
    fresh: Mapping[str, pd.DataFrame],
    spreads: Mapping[str, SuccessRates],
    k: int,
    selected_in: int = 1024,
) -> pd.DataFrame:
    """Two forecasts of what a fresh draw solves of problems that were left unsolved, held against it.

    Args:
        left: by model, the keys of the problems that it left unsolved in the draw that selected them.
        fresh: by model, outcomes of a fresh draw.
        spreads: by model, how its success rates are spread over the candidates before selection.
        k: attempts of the fresh draw.
        selected_in: attempts of the draw that selected.

    Returns:
        base, problems left unsolved, solved by a fresh draw, predicted, low, high (from the spread; 95 %), and what a
        Jeffreys prior for each problem by itself says.
    """
    import pandas as pd

    from mathb_kit.statistics import beta_success_rates, reach, redraw_interval

    jeffreys = float(beta_success_rates(0.5, 0.5).given(selected_in, 0).pass_at_k([k])[0])
    rows = []
    for name, keys in left.items():
        missed = pd.DataFrame({"n": selected_in, "c": 0}, index=range(len(keys)))
        predicted = redraw_interval(missed, [k], spreads[name]).iloc[0]
        solved = len(reach(fresh[name], k) & set(keys))
        rows.append((name, len(keys), solved, *predicted[["estimate", "low", "high"]], jeffreys * len(keys)))
    columns = ["base", "problems left unsolved", "solved by a fresh draw", "predicted", "low", "high",
               "a Jeffreys prior per problem says"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def plan_prices(spreads: Mapping[str, tuple[SuccessRates, int]], plans: Sequence[Plan], k: int) -> pd.DataFrame:
    """What plans cost where success rates are spread so, and how wide the intervals come out.

    Args:
        spreads: by name, a spread and the number of problems.
        plans: to be compared.
        k: the largest k asked for.

    Returns:
        spread of, plan, attempts per problem, width at k = 1, width at the largest k (problems as a sample; 95 %).
    """
    import pandas as pd

    from mathb_kit.statistics import plan_cost

    rows = []
    for name, (rates, count) in spreads.items():
        for plan in plans:
            cost = plan_cost(rates, plan, [1, k], problems=count)
            wide = cost[cost["question"] == "problems as a sample"].set_index("k")["width"]
            rows.append((name, str(plan), cost["attempts"].iloc[0] / count, wide[1], wide[k]))
    columns = ["spread of", "plan", "attempts per problem", "width at k = 1", f"width at k = {k:,}"]
    return pd.DataFrame(rows, columns=columns)


def null_curves(outcomes: Mapping[str, pd.DataFrame], ks: Sequence[int], label: str) -> pd.DataFrame:
    """The split-half null of several models against k.

    Args:
        outcomes: by model.
        ks: attempts of either half; those of which the outcomes do not hold twice as many are left out.
        label: what the outcomes are of, behind the model's name.

    Returns:
        model, k, estimate, low, high, unsolved, interval.
    """
    import pandas as pd

    from mathb_kit.statistics import frozen_null

    rows = []
    for name, each in outcomes.items():
        for k in (k for k in ks if 2 * k <= max(ks)):
            null = frozen_null(each, k)
            rows.append((f"{name}, {label}", k, null.rate, null.low, null.high, null.unsolved, null.interval))
    return pd.DataFrame(rows, columns=["model", "k", "estimate", "low", "high", "unsolved", "interval"])
