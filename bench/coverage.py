"""How often each interval of mathb_kit contains the truth, by simulation. Nominal: 95 %.

    python bench/coverage.py [--quick] [--parts runs/coverage] [--out bench] [--jobs 1]

Everything is simulated: success rates from a world (`worlds.py`), attempts from the rates, under fixed n = 1,024 or the
adaptive plans 16/64/256/1024 stop 2 and stop 4, at 15 to 500 problems. Two questions, two truths: with problems as a
sample, the world's own value; for fresh attempts, that of the very problems drawn. ``offered`` says whether the package
prints the interval; the others stand beside it (`interval_methods.py`). ``low_miss`` and ``high_miss`` are the shares
of runs with the truth below and above. ``told`` is the share of runs in which the interval's name carried a remark
that it holds too seldom (`mathb_kit.statistics.caution`), ``unsaid`` that in which it missed the truth without one,
which a reader takes for 5 %. Intervals that fit success rates, or take a ratio, run in fewer runs and sizes.

Cells are written to ``--parts`` as they are done, so that an interrupted call goes on. One core takes about fifty
minutes; --quick (two sizes, 40 runs) half a minute. The world "real counts" needs MATHB_DATA_DIR. coverage.csv and
coverage.txt beside this file are what the whole call wrote.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from interval_methods import bca, in_columns, student, wilson  # noqa: E402
from more_coverage import FITTED_SIZES, answer_cell, fitted_cell  # noqa: E402
from scipy.stats import binom  # noqa: E402
from worlds import KS, PLANS, TUNED, WORLDS, estimates, sample, seed_of, truths  # noqa: E402

from mathb_kit.statistics import difference_interval, difference_over_runs, mean_interval  # noqa: E402
from mathb_kit.statistics.beta_grid import credible_means  # noqa: E402
from mathb_kit.statistics.caution import caution  # noqa: E402
from mathb_kit.statistics.intervals import rising_band  # noqa: E402
from mathb_kit.statistics.mean_curve import widened  # noqa: E402

SIZES = (15, 26, 41, 60, 181, 500)
SAMPLE, CHANGE, RUNS = "mean pass@k", "paired difference, {}", "difference over runs and problems, {}"
OURS, PLAIN = "Clopper-Pearson at equal variance, widened by a Beta", "Clopper-Pearson at equal variance, values alone"
OUR_DIFFERENCE, BOTH = "t with a tenth of a dissenter, or gains and losses apart", "runs and problems"
COMPARED = {"BCa", "t", "Wilson", "hierarchical Bayes"}
Block = tuple  # question, interval, ks, low, high, truth, and for what carries remarks, in which runs: (runs, ks)


def mean_blocks(world: str, problems: int, plan: str, runs: int) -> Iterator[Block]:
    """Means and paired differences, over problems that are a sample."""
    rng = seed_of("mean", world, problems, plan)
    rates = WORLDS[world](rng, runs * problems).reshape(runs, problems)
    n, c = sample(rates, PLANS[plan], rng)
    base, truth = estimates(n, c, PLANS[plan]), truths(world)["base"]
    plain, bayes = in_columns(base, mean_interval), credible_means(n, c, KS, 0.95)
    ours = widened(base, plain, bayes)
    band = np.array([rising_band(*ends) for ends in zip(*ours)]).transpose(1, 0, 2)
    yield SAMPLE, OURS, KS, *band, truth, told("mean", base)
    yield SAMPLE, PLAIN, KS, *plain, truth, told("values", base)
    yield SAMPLE, "BCa", KS, *bca(base, (0.0, 1.0)), truth
    yield SAMPLE, "t", KS, *student(base), truth
    yield SAMPLE, "Wilson", KS, *wilson(base), truth
    yield SAMPLE, "hierarchical Bayes", KS, *bayes, truth
    for how, change in TUNED.items():
        tuned = estimates(*sample(change(rates), PLANS[plan], rng), PLANS[plan])
        true = truths(world)[how] - truth
        ends, remarks = in_columns(tuned - base, difference_interval), told("difference", tuned - base)
        yield CHANGE.format(how), OUR_DIFFERENCE, KS, *ends, true, remarks
        yield CHANGE.format(how), "BCa", KS, *bca(tuned - base, (-1.0, 1.0)), true
        yield CHANGE.format(how), "t", KS, *student(tuned - base), true


def told(kind: str, values: np.ndarray) -> np.ndarray:
    """Which of the intervals for values (runs, problems, ks) carry a remark: (runs, ks)."""
    columns = values.transpose(1, 0, 2).reshape(values.shape[1], -1)
    return (caution(kind, columns, np.ones(len(columns))) != "").reshape(len(values), -1)


def scoreboard_blocks(world: str, problems: int, runs: int) -> Iterator[Block]:
    """As on the scoreboard: three seeds of a tuned model beside four draws of the base, reach at the last k."""
    rng = seed_of("scoreboard", world, problems)
    k, rates = KS[-1], WORLDS[world](rng, runs * problems).reshape(runs, problems)
    for how, change in TUNED.items():
        true = (truths(world)[how] - truths(world)["base"])[-1:]
        reach = [1 - (1 - each) ** k for each in (change(rates), rates)]
        ends = np.empty((runs, 2))
        for run in range(runs):
            arms = [(rng.random((count, problems)) < each[run]).astype(float) for count, each in zip((3, 4), reach)]
            ends[run] = difference_over_runs(*arms, resamples=400)[1:]
        yield RUNS.format(how), BOTH, [k], ends[:, :1], ends[:, 1:], true


def summary(block: Block) -> pd.DataFrame:
    """Coverage and mean width at every k; intervals that were not given do not count."""
    question, interval, ks, low, high, truth, *remarks = block
    edge, known = 1e-12, ~(np.isnan(low) | np.isnan(high))  # an end may be infinite: "beyond the attempts made"
    below, above = known & (truth < low - edge), known & (truth > high + edge)
    given, bounded = known.sum(axis=0), known & np.isfinite(low) & np.isfinite(high)
    rows = pd.DataFrame({"question": question, "interval": interval, "k": ks, "runs": given})
    with np.errstate(invalid="ignore", divide="ignore"):
        rows["low_miss"], rows["high_miss"] = below.sum(axis=0) / given, above.sum(axis=0) / given
        rows["width"] = np.where(bounded, high - low, 0).sum(axis=0) / bounded.sum(axis=0)
        if remarks:
            rows["told"] = (known & remarks[0]).sum(axis=0) / given
            rows["unsaid"] = ((below | above) & ~remarks[0]).sum(axis=0) / given
    rows.insert(3, "coverage", 1 - rows["low_miss"] - rows["high_miss"])
    return rows[rows["runs"] >= 20]


def cell(world: str, problems: int, plan: str, runs: int, fitted: bool) -> pd.DataFrame:
    """Coverage of the intervals in one world, size and plan: of those computed run by run, or of the others."""
    if fitted:
        blocks = list(fitted_cell(world, problems, plan, runs))
        if plan == "fixed" and problems <= 60:
            blocks += scoreboard_blocks(world, problems, 4 * runs)
        if plan == "fixed" and world == "Beta(0.3, 1)":
            blocks += answer_cell(problems, 4 * runs)
    else:
        blocks = list(mean_blocks(world, problems, plan, runs))
    table = pd.concat([summary(block) for block in blocks], ignore_index=True)
    for name, value in (("plan", plan), ("problems", problems), ("world", world)):
        table.insert(0, name, value)
    return table


def marked(table: pd.DataFrame) -> pd.DataFrame:
    """With ``offered``, and ``mark``: where so few or many hits have a chance of under 1 % at the nominal level."""
    hits = (table["coverage"] * table["runs"]).round()
    low, high = binom.cdf(hits, table["runs"], 0.95) < 0.01, binom.sf(hits - 1, table["runs"], 0.95) < 0.01
    blind = binom.sf((table["unsaid"] * table["runs"]).round() - 1, table["runs"], 0.05) < 0.01
    return table.assign(
        mark=np.select([low, high], ["below", "above"], ""), offered=~table["interval"].isin(COMPARED), blind=blind
    )


def show(table: pd.DataFrame) -> str:
    """What coverage.txt holds: every interval by k, and by size, and the worst cells of what is offered."""
    table = marked(table)
    lines = []
    for kind in (["question", "interval", "offered", "k"], ["question", "interval", "offered", "problems"]):
        grouped = table.groupby(kind, sort=False)
        rows = grouped.agg(
            lowest=("coverage", "min"), mean=("coverage", "mean"), width=("width", "mean"), cells=("coverage", "size"),
            below=("mark", lambda m: (m == "below").sum()), above=("mark", lambda m: (m == "above").sum()),
            told=("told", "mean"), unsaid=("unsaid", "max"), blind=("blind", "sum"),
        )  # fmt: skip
        lines += [
            f"Over all worlds and plans, by {kind[-1]}; below, above: cells off 95 % beyond chance; told: share of "
            "runs with a remark; unsaid: largest share of a cell's runs that miss without one; blind: cells in which "
            "that is above 5 % beyond chance"
        ]
        lines += [rows.round(3).to_string(), ""]
    worst = table[table["offered"]].sort_values("coverage").head(25)
    columns = ["question", "interval", "world", "problems", "plan", "k", "coverage", "low_miss", "high_miss", "width"]
    lines += ["The worst cells of what the package prints", worst[columns].round(3).to_string(index=False)]
    return "\n".join(lines)


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """One row for all plans: what coverage.csv holds."""
    kept = table.rename(columns={"plan": "under"})
    wide = kept.pivot_table(index=["question", "interval", "world", "problems", "k"], columns="under",
                            values=["coverage", "width", "told", "unsaid"], sort=False)  # fmt: skip
    wide.columns = [f"{value}, {plan}" for value, plan in wide.columns]
    return wide.reset_index()


def place(arguments: tuple) -> Path:
    """Where a cell is kept."""
    folder, *identity = arguments
    name = "".join(letter if letter.isalnum() else "_" for letter in "-".join(map(str, identity)))
    return folder / f"{name}.csv"


def part(arguments: tuple) -> Path:
    """One cell, computed unless it is there."""
    _, world, problems, plan, runs, fitted = arguments
    if not (path := place(arguments)).is_file():
        started = time.perf_counter()
        table = cell(world, problems, plan, runs, fitted)
        table.to_csv(path.with_suffix(".tmp"), index=False)
        path.with_suffix(".tmp").rename(path)
        print(f"{world}, {problems} problems, {plan}: {time.perf_counter() - started:.1f} s", flush=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--parts", type=Path, default=Path("runs/coverage"), help="where cells are kept")
    parser.add_argument("--out", type=Path, help="folder for coverage.csv and coverage.txt; else the latter is printed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--so-far", action="store_true", help="compute nothing: of the cells that are there")
    parser.add_argument("--runs", type=int, help="simulated runs a cell")
    arguments = parser.parse_args()
    sizes, runs, fitted = ((15, 60), 40, 0) if arguments.quick else (SIZES, 200, 60)
    runs = arguments.runs or runs
    arguments.parts.mkdir(parents=True, exist_ok=True)
    cells = [(arguments.parts, world, size, plan, runs, False) for size, world, plan in product(sizes, WORLDS, PLANS)]
    if fitted:
        slow = product(FITTED_SIZES, WORLDS, ("fixed", "stop 2"))
        cells += [(arguments.parts, world, size, plan, fitted, True) for size, world, plan in slow]
    if arguments.so_far:
        paths = [path for each in cells if (path := place(each)).is_file()]
    else:
        with ProcessPoolExecutor(arguments.jobs) as pool:
            paths = list(pool.map(part, cells) if arguments.jobs > 1 else map(part, cells))
    table = pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)
    missing = f"; {len(paths)} of {len(cells)} cells, the others are still to be computed" * (len(paths) < len(cells))
    how = f"{runs} simulated runs a cell, {fitted} where success rates are fitted or ratios taken{missing}"
    text = f"{show(table)}\n\n{how}\n"
    if arguments.out:
        compact(table).to_csv(arguments.out / "coverage.csv", index=False, lineterminator="\n", float_format="%.4g")
        (arguments.out / "coverage.txt").write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
