"""Seconds for pass@k of many problems, with intervals, beside a plain Python loop; agreement with exact fractions.

    OMP_NUM_THREADS=1 python bench/pass_at_k.py

Counts are simulated, Beta(0.3, 1). The loop estimates each problem by Chen's product and resamples problems one by one;
it is timed on 20 of the 2,000 resamples, and the rest is extrapolated. "numpy" draws the same resamples as arrays of
indices, all 2,000 of them. Sides are timed in one run, best of three (the loop once), one core.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import random  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from mathb_kit.plan import Plan  # noqa: E402
from mathb_kit.statistics import Bootstrap, estimate_pass_at_k, exact_at_least, pass_at_k_curve  # noqa: E402

KS = [2**i for i in range(11)]
RESAMPLES, TIMED_RESAMPLES = 2000, 20


def simulated(problems: int, plan: Plan) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rates = rng.beta(0.3, 1, problems)
    n, c, going = np.zeros(problems, dtype=int), np.zeros(problems, dtype=int), np.ones(problems, dtype=bool)
    for end in plan.rounds:
        c[going] += rng.binomial(end - n[going], rates[going])
        n[going] = end
        if not plan.is_fixed:
            going &= c < plan.stop
    frame = pd.DataFrame({"problem": np.arange(problems).astype(str), "n": n, "c": c})
    return frame.assign(model="simulated", draw="main", plan=str(plan))


def chen(n: int, c: int, k: int) -> float:
    if n - c < k:
        return 1.0
    product = 1.0
    for i in range(n - c + 1, n + 1):
        product *= 1.0 - k / i
    return 1.0 - product


def plain_loop(outcomes: pd.DataFrame) -> tuple[float, float]:
    """Seconds for the estimates, and for all resamples as extrapolated."""
    counts = list(zip(outcomes["n"].tolist(), outcomes["c"].tolist()))
    start = time.perf_counter()
    values = [[chen(n, c, k) for k in KS] for n, c in counts]
    middle = time.perf_counter()
    draw = random.Random(0)
    for _ in range(TIMED_RESAMPLES):
        totals = [0.0] * len(KS)
        for _ in range(len(values)):
            for column, value in enumerate(values[draw.randrange(len(values))]):
                totals[column] += value
    return middle - start, (time.perf_counter() - middle) * RESAMPLES / TIMED_RESAMPLES


def by_index(outcomes: pd.DataFrame) -> None:
    values = estimate_pass_at_k(outcomes, KS)["estimate"].to_numpy().reshape(-1, len(KS))
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, len(values), len(values))].mean(axis=0) for _ in range(RESAMPLES)]
    np.quantile(means, [0.025, 0.975], axis=0)


def best(work: Callable[[], object], times: int = 3) -> float:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def largest_error(outcomes: pd.DataFrame, ks: list[int], at_least: int) -> float:
    """Largest relative error of the estimates against exact fractions, over 40 end points."""
    points = outcomes.drop_duplicates(["n", "c"]).sample(40, random_state=0)
    plan = Plan.parse(points["plan"].iloc[0])
    got = estimate_pass_at_k(points, ks, at_least=at_least)["estimate"].to_numpy()
    exact = [float(exact_at_least(plan, int(n), int(c), k, at_least)) for n, c in points[["n", "c"]].values for k in ks]
    return max(abs(g - e) / e if e else abs(g) for g, e in zip(got, exact, strict=True))


def main() -> None:
    outcomes = simulated(10_000, Plan.fixed(1024))
    ours = best(lambda: pass_at_k_curve(outcomes, KS, bootstrap=Bootstrap(RESAMPLES)))
    fresh = best(lambda: pass_at_k_curve(outcomes, KS, interval="attempts"))
    numpy_seconds = best(lambda: by_index(outcomes), times=1)
    estimates, resamples = plain_loop(outcomes)
    loop = estimates + resamples
    print(f"10,000 problems, fixed 1024, {len(KS)} values of k, {RESAMPLES:,} resamples")
    print(f"  pass_at_k_curve, BCa over problems  {ours:8.2f} s")
    print(f"  pass_at_k_curve, fresh attempts     {fresh:8.2f} s")
    print(f"  numpy, indices                      {numpy_seconds:8.2f} s   {numpy_seconds / ours:8.0f} times")
    print(f"  plain loop, {TIMED_RESAMPLES} resamples scaled up   {loop:8.2f} s   {loop / ours:8.0f} times")
    for plan in (Plan((16, 64, 256, 1024, 4096)), Plan.up_to(4096), Plan.fixed(4096)):
        outcomes, ks = simulated(100_000, plan), [*KS, 2048, 4096]
        one, three = (best(lambda m=m: estimate_pass_at_k(outcomes, ks, at_least=m)) for m in (1, 3))
        errors = ", ".join(f"{largest_error(outcomes, [1, 7, 100, 4096], m):.1e}" for m in (1, 3))
        ends = outcomes.groupby(["n", "c"]).ngroups
        print(f"100,000 problems, {plan}, {len(ks)} values of k, {ends:,} end points")
        print(f"  at least 1, at least 3              {one:8.2f} s {three:8.2f} s; largest relative errors {errors}")


if __name__ == "__main__":
    main()
