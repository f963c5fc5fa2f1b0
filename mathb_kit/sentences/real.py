"""What real counts of others show, as sentences computed from the tables that were drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.sentences.formats import percent, percent_range, percent_with_interval

if TYPE_CHECKING:
    import pandas as pd


def ranking_sentence(ranking: pd.DataFrame, ranks: pd.DataFrame) -> str:
    """What a ranking leaves open, and what the models' own nulls are (name, estimate, null; name, best, worst)."""
    first, last = ranking.iloc[0], ranking.iloc[-1]
    alone = int((ranks["best"] == ranks["worst"]).sum())
    open_ = (ranks["worst"] - ranks["best"] + 1).median()
    return (
        f"pass@1 from {percent(first['estimate'])} ({first['name']}) to {percent(last['estimate'])} ({last['name']}). "
        f"By intervals that do not overlap {alone} of {len(ranks)} have a rank of their own; the median model could "
        f"have {open_:.0f} different ranks.\n"
        f"A frozen model reaches {percent_range(ranking['null'])} of what it missed, the median "
        f"{percent(ranking['null'].median())}."
    )


def beyond_sentence(beyond: pd.DataFrame) -> str:
    """Who reaches beyond a frozen base (name, k, difference, low, high; gained, lost, problems)."""
    lines = []
    for row in beyond.itertuples():
        verdict = "not distinguishable from a frozen base"
        if row.low > 0 or row.high < 0:
            verdict = f"{'more' if row.low > 0 else 'less'} than a frozen base"
        lines.append(
            f"{row.name}, k = {row.k}: {100 * row.difference:+.0f} points ({100 * row.low:+.0f} to "
            f"{100 * row.high:+.0f}), {verdict}; single problems: {row.gained} of {row.problems} gained, {row.lost} "
            "lost."
        )
    return "\n".join(lines)


def top_end_sentence(curves: pd.DataFrame) -> str:
    """Where the curves are at their largest k, and what the last steps brought (name, k, estimate, low, high)."""
    *_, before, last = sorted(curves["k"].unique())
    wide = curves.pivot(index="name", columns="k", values="estimate").loc[list(dict.fromkeys(curves["name"]))]
    end = curves[curves["k"] == last].set_index("name").loc[wide.index]
    lowest, highest = end["estimate"].idxmin(), end["estimate"].idxmax()
    shares = [percent_with_interval(*end.loc[name, ["estimate", "low", "high"]]) for name in (lowest, highest)]
    steps = wide[last] - wide[before]
    return (
        f"At k = {last:,} they solve from {shares[0]} ({lowest}) to {shares[1]} ({highest}), at k = 1 "
        f"{percent_range(wide[1])}. From k = {before:,} to {last:,} still {100 * steps.min():.1f} to "
        f"{100 * steps.max():.1f} points come: none of them is flat."
        if steps.min() > 0.005 else
        f"At k = {last:,} they solve from {shares[0]} ({lowest}) to {shares[1]} ({highest}); "
        f"{int((steps <= 0.005).sum())} of {len(steps)} gain less than half a point from k = {before:,} on."
    )  # fmt: skip


def replay_sentence(replayed: pd.DataFrame) -> str:
    """What the adaptive plan would have saved, and how its estimates meet those of all attempts."""
    by_model = replayed.drop_duplicates("name").set_index("name")
    used, fixed = by_model["attempts"].sum(), by_model["fixed"].sum()
    most, least = by_model["ratio"].idxmax(), by_model["ratio"].idxmin()
    worst = replayed.loc[replayed["largest"].idxmax()]
    return (
        f"{used / 1e6:.2f} million attempts in place of {fixed / 1e6:.2f}: {fixed / used:.2f} times fewer. Most is "
        f"saved for {most} ({by_model['ratio'][most]:.2f} times), least for {least} ({by_model['ratio'][least]:.2f} "
        "times): what is hardly ever solved is asked to the end.\n"
        f"The largest k comes out the same in every replay; at smaller ones a single replay was at most "
        f"{100 * worst['largest']:.1f} points off ({worst['name']}, k = {worst['k']:,})."
    )


def judge_sentence(table: pd.DataFrame, cut: int) -> str:
    """Agreement of our grader and an LLM judge, and whom the last line sides with (``judge_table``)."""
    by = table.set_index("called_correct_by")
    decided = by.drop("no verdict")["completions"]
    agree, undecided = (decided["both"] + decided["neither"]) / decided.sum(), by.loc["no verdict", "completions"]
    ours, judge = by.loc["grader only"], by.loc["judge only"]
    return (
        f"Of {decided.sum():,} whole completions with both verdicts the two agree on {percent(agree)}. Of "
        f"{ours['completions']} that our grader alone calls correct, the last ANSWER line says the gold in "
        f"{ours['gold']}; of {judge['completions']} that the judge alone calls correct, in {judge['gold']} "
        f"(there our grader read another phrase), and in {judge['another_number']} another number (there the judge "
        f"let it pass). No verdict of one or the other on {undecided}. {cut:,} further completions are cut short in "
        "the copy and left out."
    )


def forecast_sentence(forecasts: pd.DataFrame) -> str:
    """How well the forecasts meet the truth (first, forecast, truth, seen, covered)."""
    lines = []
    for first, rows in forecasts.groupby("first", sort=True):
        off = 100 * (rows["forecast"] - rows["truth"]).abs()
        naive = 100 * (rows["seen"] - rows["truth"]).abs()
        lines.append(
            f"From {first:,} attempts the forecast is {off.mean():.0f} points off on average and at most "
            f"{off.max():.0f} (what had been solved until then: {naive.mean():.0f}); {int(rows['covered'].sum())} of "
            f"{len(rows)} intervals that should hold the truth in 95 % of cases do."
        )
    return "\n".join(lines)


def held_out_sentence(held_out: pd.DataFrame) -> str:
    """How forecasts by the likelihood of a zero-inflated Beta met what came true (first, estimate, truth, covered)."""
    lines = []
    for first, rows in held_out.groupby("first", sort=True):
        off, shape = (100 * (rows[name] - rows["truth"]).abs() for name in ("estimate", "npmle"))
        width = 100 * (rows["high"] - rows["low"]).mean()
        relied = rows[rows["flag"].fillna("") == ""]
        lines.append(
            f"From {first:,} attempts, {rows['k'].iloc[0] / first:.0f} times fewer: {int(rows['covered'].sum())} of "
            f"{len(rows)} intervals hold what came true ({width:.0f} points wide on average), the estimate is "
            f"{off.mean():.0f} points off on average, that of a fit of any shape {shape.mean():.0f}. "
            f"{len(rows) - len(relied)} are flagged as not to be relied on"
            + (f"; of the others {int(relied['covered'].sum())} of {len(relied)} hold." if len(relied) else ".")
        )
    return "\n".join(lines)
