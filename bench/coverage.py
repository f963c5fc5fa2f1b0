"""How often each interval of mathb_kit.statistics contains the truth, by simulation. Nominal: 95 %.

    python bench/coverage.py [--quick] [--csv coverage.csv] [--jobs 2]

Everything is simulated: success rates are drawn from a world, attempts from the rates, under fixed n = 1,024 or the
adaptive plans 16/64/256/1024 stop 2 and stop 4. Two questions, two truths: with problems as a sample, the world's own
mean pass@k (or difference of a base and a tuned model); for fresh attempts, the mean of the very problems drawn.
Intervals over problems are tried at 15 to 500 problems, those that fit success rates at 60 and 500 alone. ``offered``
says whether the package hands out the interval; the others stand beside it for comparison. ``low_miss`` and
``high_miss`` are the shares of runs with the truth below and above the interval. ``mark``: "below" where so few hits
have a chance of under 1 % at the nominal level, "FAILS" where, besides, they are under 85 %. The world "real counts"
needs MATHB_DATA_DIR. Two idle cores take half an hour; with --quick (60 problems, 30 runs) a minute.
``bench/coverage.txt`` is the last part of what the whole run prints.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from statistics import NormalDist

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy.stats import binom, t  # noqa: E402

from mathb_kit.plan import Plan  # noqa: E402
from mathb_kit.statistics import (  # noqa: E402
    Bootstrap,
    bootstrap_mean_interval,
    difference_interval,
    difference_over_runs,
    fit_success_rates,
    fit_zero_inflated_beta,
    fresh_attempts_interval,
    frozen_null,
    mean_interval,
    proportion_interval,
    redraw_interval,
)
from mathb_kit.statistics.adaptive import estimates_by_end_point  # noqa: E402
from mathb_kit.statistics.intervals import rising_band  # noqa: E402
from mathb_kit.statistics.success_rates import SuccessRates, chances_within, distinct_counts  # noqa: E402

KS = [1, 16, 256, 1024]
PLANS = {"fixed": Plan.fixed(1024), **{f"stop {stop}": Plan((16, 64, 256, 1024), stop=stop) for stop in (2, 4)}}
SIZES = (15, 26, 41, 60, 181, 500)
WORLDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "Beta(0.3, 1)": lambda rng, size: rng.beta(0.3, 1, size),
    "hard, Beta(0.2, 60)": lambda rng, size: rng.beta(0.2, 60, size),
    "saturated, Beta(8, 0.5)": lambda rng, size: rng.beta(8, 0.5, size),
    "40 % unsolvable": lambda rng, size: np.where(rng.random(size) < 0.4, 0, rng.beta(0.4, 1.5, size)),
    "bimodal": lambda rng, size: np.where(rng.random(size) < 0.5, rng.beta(1, 400, size), rng.beta(20, 3, size)),
    "log-uniform": lambda rng, size: 10 ** rng.uniform(-5, 0, size),
    "hard, 60 % never": lambda rng, size: np.where(rng.random(size) < 0.6, 0, rng.beta(0.5, 200, size)),
    "U-shaped, Beta(0.2, 0.2)": lambda rng, size: rng.beta(0.2, 0.2, size),
    "ties": lambda rng, size: np.where(rng.random(size) < 0.85, 0.0, rng.choice([0.001, 0.3, 1.0], size)),
}
COUNTS = Path(os.environ.get("MATHB_DATA_DIR") or "nowhere") / "real_counts" / "monkeys_pythia_math_counts.csv"
if COUNTS.is_file():
    REAL = pd.read_csv(COUNTS)[["n", "c"]].to_numpy()
    WORLDS["real counts"] = lambda rng, size: rng.choice(REAL[:, 1] / REAL[:, 0], size)
TUNED = {  # what a tuned model makes of the base's success rates
    "sharpened": lambda rates: rates**0.8,
    "frozen": lambda rates: rates,
    "mixed": lambda rates: np.where(rates < 0.02, rates / 2, np.minimum(1, 1.6 * rates)),
}
FRESH, SAMPLE, CHANGE = "fresh attempts", "problems as a sample", "paired difference, {}"
RUNS = "difference over runs and problems, {}"
NULL, REDRAW = "split-half null", "re-drawn base on its unsolved set"
OURS, OUR_DIFFERENCE = "Clopper-Pearson at equal variance", "t with a tenth of a dissenter"
OFFERED = {
    (FRESH, "Clopper-Pearson at equal variance, nonparametric fit"),
    (SAMPLE, OURS),
    (SAMPLE, "Wilson of reach"),
    *((CHANGE.format(how), OUR_DIFFERENCE) for how in TUNED),
    *((RUNS.format(how), "percentile bootstrap of both") for how in TUNED),
    (NULL, "BCa of the ratio"),
    (REDRAW, "predictive, nonparametric fit and refits"),
}
Row = tuple[str, str, int, float, float, float]  # question, interval, k, low, high, truth


def sample(rates: np.ndarray, plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    n, c, going = np.zeros(len(rates), dtype=int), np.zeros(len(rates), dtype=int), np.ones(len(rates), dtype=bool)
    for end in plan.rounds:
        c[going] += rng.binomial(end - n[going], rates[going])
        n[going] = end
        if not plan.is_fixed:
            going &= c < plan.stop
    frame = pd.DataFrame({"problem": np.arange(len(rates)), "n": n, "c": c})
    return frame.assign(model="simulated", draw="main", plan=str(plan))


def means(rates: np.ndarray) -> np.ndarray:
    return chances_within(rates, KS).mean(axis=1)


def null_rate(rates: np.ndarray, k: int) -> float:
    failing = (1 - rates) ** k
    return float((failing * (1 - failing)).sum() / failing.sum())


def credible(outcomes: pd.DataFrame, rates: SuccessRates) -> Iterator[tuple[int, float, float]]:
    """Normal interval from each problem's posterior mean and variance: what the package does not hand out."""
    n, c, counts = distinct_counts(outcomes).to_numpy().T
    posterior, chance = rates.posterior(n, c), chances_within(rates.rates, KS).T
    mean, square = posterior @ chance, posterior @ chance**2
    half = NormalDist().inv_cdf(0.975) * np.sqrt(counts @ np.maximum(square - mean**2, 0)) / counts.sum()
    centre = counts @ mean / counts.sum()
    yield from zip(KS, centre - half, centre + half)


def fresh(outcomes: pd.DataFrame, nonparametric: SuccessRates, parametric: SuccessRates) -> Iterator[tuple]:
    for rates, fit in ((nonparametric, "nonparametric fit"), (parametric, "zero-inflated Beta")):
        table = fresh_attempts_interval(outcomes, KS, rates)
        yield from (
            (f"Clopper-Pearson at equal variance, {fit}", *ends)
            for ends in table[["k", "low", "high"]].itertuples(index=False)
        )
        yield from ((f"credible, {fit}", *ends) for ends in credible(outcomes, rates))


def student(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = counts @ values / counts.sum()
    error = np.sqrt(counts @ (values - mean) ** 2 / (counts.sum() - 1) / counts.sum())
    return mean - t.isf(0.025, counts.sum() - 1) * error, mean + t.isf(0.025, counts.sum() - 1) * error


def over_problems(world: str, problems: int, plan: Plan, runs: int) -> Iterator[Row]:
    """Intervals that take problems as a sample: a mean, a paired difference, and a difference over runs as well."""
    rng = np.random.default_rng([problems, len(str(plan)), list(WORLDS).index(world)])
    many = WORLDS[world](np.random.default_rng(99), 1_000_000)
    truth = means(many)
    rates = WORLDS[world](rng, runs * problems)
    base = estimates(rates, plan, rng).reshape(runs, problems, len(KS))
    for run, values in enumerate(base):
        points, counts = np.unique(values, axis=0, return_counts=True)
        methods = {
            OURS: rising_band(*mean_interval(points, counts)),
            "BCa": bootstrap_mean_interval(points, counts, Bootstrap(500, seed=run)),
            "t": student(points, counts),
        }
        for name, ends in methods.items():
            yield from ((SAMPLE, name, *each) for each in zip(KS, *ends, truth))
        reached = int((values[:, -1] > 0.5).sum())
        yield SAMPLE, "Wilson of reach", KS[-1], *proportion_interval(reached, problems, method="wilson"), truth[-1]
    for how, change in TUNED.items():
        truth_of_change = means(change(many)) - truth
        tuned = estimates(change(rates), plan, rng).reshape(runs, problems, len(KS))
        for run, values in enumerate(tuned - base):
            points, counts = np.unique(values, axis=0, return_counts=True)
            methods = {
                OUR_DIFFERENCE: difference_interval(points, counts),
                "BCa": bootstrap_mean_interval(points, counts, Bootstrap(500, seed=run), bounds=(-1.0, 1.0)),
                "t": student(points, counts),
            }
            for name, ends in methods.items():
                yield from ((CHANGE.format(how), name, *each) for each in zip(KS, *ends, truth_of_change))
        reach = 1 - (1 - rates.reshape(runs, problems)) ** KS[-1]
        reach_tuned = 1 - (1 - change(rates).reshape(runs, problems)) ** KS[-1]
        for run in range(runs if problems <= 60 else 0):  # as on the scoreboard: three seeds beside four draws
            arms = [(rng.random((count, problems)) < each[run]).astype(float)
                    for count, each in ((3, reach_tuned), (4, reach))]  # fmt: skip
            _, *ends = difference_over_runs(*arms, resamples=500)
            yield RUNS.format(how), "percentile bootstrap of both", KS[-1], *ends, truth_of_change[-1]


def estimates(rates: np.ndarray, plan: Plan, rng: np.random.Generator) -> np.ndarray:
    codes, values = estimates_by_end_point(sample(rates, plan, rng), KS)
    return values[codes]


def one_run(world: str, problems: int, plan: Plan, run: int, nulls: np.ndarray) -> Iterator[Row]:
    rng = np.random.default_rng([run, problems, plan.is_fixed, list(WORLDS).index(world)])
    rates = WORLDS[world](rng, problems)
    outcomes = sample(rates, plan, rng)
    nonparametric, parametric = fit_success_rates(outcomes), fit_zero_inflated_beta(outcomes)
    for name, k, low, high in fresh(outcomes, nonparametric, parametric):
        yield FRESH, name, k, low, high, means(rates)[KS.index(k)]
    for k, truth in zip((16, 256), nulls):
        null = frozen_null(outcomes, k, bootstrap=Bootstrap(1000, seed=run))
        yield NULL, "BCa of the ratio", k, null.low, null.high, truth
    unsolved = outcomes[outcomes["c"] == 0]
    if len(unsolved):
        again = int(rng.binomial(1, chances_within(rates[unsolved["problem"]], KS[-1:])[0]).sum())
        alone = SuccessRates(nonparametric.rates, nonparametric.weights)
        fits = (
            ("nonparametric fit and refits", nonparametric),
            ("nonparametric fit alone", alone),
            ("zero-inflated Beta", parametric),
        )
        for name, fit in fits:
            ends = redraw_interval(unsolved, KS[-1:], fit, seed=run).iloc[0]
            yield REDRAW, f"predictive, {name}", KS[-1], ends["low"], ends["high"], again


def cell(world: str, problems: int, plan: str, runs: int) -> pd.DataFrame:
    """Coverage of every interval in one world, size and plan."""
    rows = list(over_problems(world, problems, PLANS[plan], runs))
    if problems in (60, 500) and plan != "stop 2":
        many = WORLDS[world](np.random.default_rng(99), 2_000_000)
        null = np.array([null_rate(many, k) for k in (16, 256)])
        rows += [row for run in range(runs // 2) for row in one_run(world, problems, PLANS[plan], run, null)]
    table = pd.DataFrame(rows, columns=["question", "interval", "k", "low", "high", "truth"]).dropna()
    edge = 1e-12
    table["low_miss"] = table["truth"] < table["low"] - edge
    table["high_miss"] = table["truth"] > table["high"] + edge
    table["width"] = table["high"] - table["low"]
    grouped = table.groupby(["question", "interval", "k"], sort=False)
    summary = grouped.agg(
        low_miss=("low_miss", "mean"), high_miss=("high_miss", "mean"), width=("width", "mean"), runs=("width", "size")
    ).reset_index()
    summary.insert(3, "coverage", 1 - summary["low_miss"] - summary["high_miss"])
    hits = (summary["coverage"] * summary["runs"]).round()
    unlikely = binom.cdf(hits, summary["runs"], 0.95) < 0.01
    summary["mark"] = np.where(unlikely, np.where(summary["coverage"] < 0.85, "FAILS", "below"), "")
    summary["offered"] = [pair in OFFERED for pair in zip(summary["question"], summary["interval"])]
    summary.insert(0, "plan", plan)
    summary.insert(0, "problems", problems)
    summary.insert(0, "world", world)
    return summary


def show(table: pd.DataFrame) -> None:
    for (question, interval), rows in table.groupby(["question", "interval"], sort=False):
        offered = "offered" if rows["offered"].iloc[0] else "for comparison"
        print(f"\n{question}: {interval} ({offered}); coverage, then mean width")
        shown = rows.assign(
            text=[f"{row.coverage:.3f} {row.width:.4f} {row.mark}".strip() for row in rows.itertuples()],
        ).pivot(index=["world", "problems", "plan"], columns="k", values="text")
        print(shown.sort_index(level=["problems", "plan"]).to_string(na_rep="-"))
    marked = table.assign(marked=table["mark"] != "")
    for what, each in (("sizes", []), ("ks", ["problems"])):
        print(f"\nOver all worlds, plans and {what}: coverage, lowest and mean, mean width, and cells marked")
        kind = ["question", "interval", "offered", *(each or ["k"])]
        summary = marked.groupby(kind, sort=False).agg(
            lowest=("coverage", "min"), mean=("coverage", "mean"), width=("width", "mean"), marked=("marked", "sum"),
            cells=("coverage", "size"),
        )  # fmt: skip
        print(summary.round(3).to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--csv", default="coverage.csv")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--runs", type=int, help="simulated runs a cell; half as many where success rates are fitted")
    arguments = parser.parse_args()
    started = time.perf_counter()
    sizes, runs = ((60,), 30) if arguments.quick else (SIZES, 200)
    runs = arguments.runs or runs
    cells = list(product(WORLDS, sorted(sizes, reverse=True), PLANS))
    cells.sort(key=lambda each: -each[1])  # the long ones first
    with ProcessPoolExecutor(arguments.jobs) as pool:
        table = pd.concat(pool.map(cell, *zip(*cells), [runs] * len(cells)), ignore_index=True)
    table.to_csv(arguments.csv, index=False)
    show(table)
    print(f"\n{runs} simulated runs a cell, {time.perf_counter() - started:.0f} s; the table is in {arguments.csv}")


if __name__ == "__main__":
    main()
