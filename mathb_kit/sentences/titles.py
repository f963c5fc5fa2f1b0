"""Titles of figures: the finding, computed from the figure's own table, and below it what is drawn, from where.

The first line of a title is the finding, what follows is its subtitle (`mathb_kit.plots.style.title_of`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from mathb_kit.judging import UNIFORM
from mathb_kit.sentences.formats import intervals_of, percent, percent_range
from mathb_kit.sentences.sets import funnel_sentence

if TYPE_CHECKING:
    import pandas as pd

    from mathb_kit.judging import PairComparison


def with_subtitle(finding: str, *about: str) -> str:
    """A finding with its subtitle: sentences, each with its full stop."""
    return "\n".join([finding, " ".join(f"{_begun(each).rstrip('.')}." for each in about if each)])


def _begun(sentence: str) -> str:
    """With a capital, but for a symbol or a name."""
    word = sentence.split()[0]
    is_word = word == "a" or len(word) > 1 and word.rstrip(":;,").isalpha()
    return sentence[0].upper() + sentence[1:] if is_word else sentence


def finding_of(title: str) -> str:
    """The finding alone."""
    return title.partition("\n")[0]


def saturation_title(curves: pd.DataFrame, note: str) -> str:
    """Of bases on ordinary sets (set, name, k, estimate, interval)."""
    first, last = curves["k"].min(), curves["k"].max()
    solved = {}
    for k in (last, first):
        rows = curves[curves["k"] == k].groupby("set", sort=False)["estimate"]
        solved[k] = [(name, percent_range(shares)) for name, shares in rows]
    ends = [_and(f"{share} of {name}" for name, share in solved[last]), _and(share for _, share in solved[first])]
    return with_subtitle(
        f"{_attempts(last)} solve {ends[0]}, {_attempts(first)} {ends[1]}",
        f"mean pass@k of {curves['name'].nunique()} base models; bands: 95 %, {intervals_of(curves)}", note,
    )  # fmt: skip


def chance_title(chance: pd.DataFrame, note: str) -> str:
    """Of a model beside guessing (set, what, k, estimate); where golds are no numbers, guessing is not known."""
    guesser = chance["what"].iloc[0]
    rows = chance[chance["what"].isin([guesser, UNIFORM])]
    k = rows["k"].max()
    ends = rows[rows["k"] == k]
    told = []
    for who, text in ((UNIFORM, "uniform guessing would solve"), (guesser, guesser)):
        shares = ends[ends["what"] == who]
        if len(shares):
            told.append(f"{text} {_and(f'{percent(row.estimate)} of {row.set}' for row in shares.itertuples())}")
    said = "; ".join(told)
    about = "pass@k; bands: 95 %, problems as a sample; grey: no mathematics, guesses and answers to other problems"
    return with_subtitle(f"With {_attempts(k)} {said}", about, note)


def pools_title(pools: pd.DataFrame) -> str:
    """Of pools before any model is asked (pool, stage, kept, dropped)."""
    kept = []
    for pool, rows in pools.groupby("pool", sort=False):
        kept.append(f"{percent(rows['kept'].iloc[-1] / (rows['kept'].iloc[0] + rows['dropped'].iloc[0]))} of {pool}")
    about = "problems left; grey: dropped at this stage; our filters on local copies, not the paper's"
    return with_subtitle(f"Filters keep {_and(kept)} before any model is asked", about)


def funnel_title(funnel: pd.DataFrame, note: str) -> str:
    """How much is left, and what dropped most (stage, kept, dropped)."""
    return with_subtitle(funnel_sentence(funnel).rstrip("."), "grey: dropped at this stage", note)


def reached_title(table: pd.DataFrame, note: str, curves: pd.DataFrame | None = None) -> str:
    """Who reaches more than a frozen base (``StudyResults.beside_redrawn``; rows of several seeds are passed over)."""
    table = table[table["seeds"] == 1]
    more, less = table[table["low"] > 0], table[table["high"] < 0]
    others = len(table) - len(more)
    counts = [f"{row.tuned} ({row.reached:g} of {row.of})" for row in more.itertuples()]
    if more.empty:
        finding = f"None of {len(table)} tuned models reaches more than its frozen base"
    else:
        verb = "reaches" if len(more) == 1 else "reach"
        finding = f"{'Only ' if others else ''}{_names(counts)} {verb} more than a frozen base"
        finding += f"; {others} other{'s do' if others > 1 else ' does'} not" if others else ""
    if len(less):
        all_less = len(less) == others and len(less) > 1
        finding += f" ({'all' if all_less else len(less)} reach{'es' if len(less) == 1 else ''} less)"
    lines = "" if curves is None else f"lines and grey band: 95 %, {intervals_of(curves)}"
    return with_subtitle(finding, lines, note)


def power_title(table: pd.DataFrame, power: pd.DataFrame, note: str) -> str:
    """The same with what could have been seen (``StudyResults.power``)."""
    about = "left: tuned minus re-drawn; thick: 95 %, other problems of this kind, thin: other seeds too"
    finding = finding_of(reached_title(table, ""))
    gains = sorted(gain for gain in power["expansion"].unique() if gain >= 0.1)
    seen = power[power["expansion"] == gains[0]]["power"].max() if gains else float("nan")
    if seen == seen:  # of the largest design: single models see less
        finding += f"; +{100 * gains[0]:.0f} points would have shown in at most {percent(seen)}"
    return with_subtitle(finding, about, note)


def ends_title(curves: pd.DataFrame, note: str, on: str = "") -> str:
    """Everybody's share at the largest k, the highest first (name, k, estimate, interval)."""
    last = curves[curves["k"] == curves["k"].max()].sort_values("estimate", ascending=False, kind="stable")
    rows = last[["name", "estimate"]].itertuples(index=False)
    told = _names([f"{row.name} {percent(row.estimate)}" for row in rows], 5)
    about = f"mean pass@k{f' on {on}' if on else ''}; bands: 95 %, {intervals_of(curves)}"
    return with_subtitle(f"With {_attempts(curves['k'].max())}: {told}", about, note)


def sharpening_title(changes: pd.DataFrame, note: str, k: int) -> str:
    """On how many problems pass@1 rose and fell (name, base_pass_1, tuned_pass_1, change)."""
    moved = changes.assign(by=changes["tuned_pass_1"] - changes["base_pass_1"]).groupby("name", sort=False)
    up, down = moved["by"].agg(lambda by: (by > 0).sum()), moved["by"].agg(lambda by: (by < 0).sum())
    lost = moved["change"].agg(lambda change: (change == "lost").sum())
    gained = moved["change"].agg(lambda change: (change == "gained").sum())
    reach = f"reach at k = {k:,} gains {_range(gained)} and loses {_range(lost)}"
    problems = int(moved.size().max())
    return with_subtitle(
        f"Tuning lifts pass@1 on {_range(up)} of {problems} problems and lowers it on {_range(down)}; {reach}",
        "a mark is a problem, a larger one several; above the line: better after tuning", note,
    )  # fmt: skip


def modes_title(shares: pd.DataFrame, note: str) -> str:
    """Who has one way of solving left, and who mixes several (name, mode, share)."""
    top = shares.groupby("name", sort=False)["share"].max()
    one, several = top[top >= 0.9], top[top < 0.9]
    about = "share of the first 16 attempts at every problem; dark: right, light: wrong"
    if one.empty or several.empty:
        return with_subtitle(f"The commonest mode makes up {percent_range(top)} of the attempts", about, note)
    return with_subtitle(
        f"{_names(list(one.index), 2)} use one mode ({percent_range(one)} of attempts), "
        f"{_names(list(several.index), 3)} mix several (at most {percent(several.max())})", about, note,
    )  # fmt: skip


# -- objectives compared -----------------------------------------------------------------------------------------------


def rates_title(tried: pd.DataFrame, note: str) -> str:
    """Where the chosen learning rates lie (row, learning_rate, seeds, chosen: `mathb_kit.lab.tuning.by_rate`)."""
    rates, chosen = tried["learning_rate"], tried[tried["chosen"]]["learning_rate"]
    commonest, seeds = chosen.mode().iloc[0], int(tried["seeds"].max())
    where = {rates.min(): ", the smallest tried", rates.max(): ", the largest tried"}.get(commonest, "")
    return with_subtitle(
        f"{(chosen == commonest).sum()} of {len(chosen)} objectives validate best at {commonest:g}{where}",
        f"mean of the last three validations, {seeds} run{'s' * (seeds > 1)} each; a frame marks the choice", note,
    )  # fmt: skip


def board_title(told: pd.DataFrame, about: str, note: str) -> str:
    """Who is told apart from a frozen base, question by question (row, question, low, high)."""
    said = []
    for question, rows in told.groupby("question", sort=False):
        more, less = (list(rows.loc[apart, "row"]) for apart in (rows["low"] > 0, rows["high"] < 0))
        word = _names(more, 2) if len(more) <= 2 else f"{len(more)} of {len(rows)} rows"
        said.append(f"{question}: {word or 'nobody'} above" + (f", {_names(less, 2)} below" if less else ""))
    return with_subtitle(f"Beside a frozen base, {'; '.join(said)}", about, note)


def plane_title(runs: pd.DataFrame, note: str) -> str:
    """How many finished runs leave the range of the base's own draws (stage, pass_1, reach)."""
    draws, ends = runs[runs["stage"] == "base"], runs[runs["stage"] == "final"]
    sharper = (ends["pass_1"] > draws["pass_1"].max()).sum()
    wider = (ends["reach"] > draws["reach"].max()).sum()
    return with_subtitle(
        f"Of {len(ends)} finished runs {sharper} are sharper than any draw of their base, {wider} wider",
        "large marks: means over runs; small: runs; grey: draws of the frozen base",
        note,
    )


def training_title(ends: pd.DataFrame, about: str, note: str) -> str:
    """Reward at the beginning and at the end of runs (name, steps, reward; two rows a run)."""
    first, last = (ends["reward"].iloc[place::2] for place in (0, 1))
    steps = ends["steps"].iloc[0].partition(" ")[2]
    finding = f"Mean reward {percent_range(first)} in the first {steps} steps, {percent_range(last)} in the last"
    return with_subtitle(finding, about, note)


def both_ends_title(differences: pd.DataFrame, on: str, note: str) -> str:
    """pass@1 and pass@k of base and tuned models (tuned, k, base pass@k, tuned pass@k)."""
    told = []
    for k, rows in differences.groupby("k"):
        told.append(f"{percent_range(rows['tuned pass@k'])} at k = {k:,} (base {percent(rows['base pass@k'].iloc[0])})")
    about = f"mean pass@k on {on}; bands: 95 %, problems as a sample"
    return with_subtitle(f"Tuned models solve {_and(told)}", about, note)


# -- real models -------------------------------------------------------------------------------------------------------


def pair_title(pair: PairComparison, on: str, note: str) -> str:
    """What tuned model and frozen base reach of what the base misses, at the largest k."""
    row = pair.expansion.iloc[-1]
    return with_subtitle(
        f"Of what {row['k']:,} attempts of {pair.base} miss, {pair.tuned} reaches {percent(row['tuned'])}, "
        f"the frozen base {percent(row['null'])}",
        f"{on}; bands: 95 %, {intervals_of(pair.expansion)}", note,
    )  # fmt: skip


def crossing_title(pair: PairComparison, curves: pd.DataFrame, on: str, note: str) -> str:
    """From which k on the base solves more, if from any."""
    k = pair.crossing["k"]
    one = curves[curves["k"] == curves["k"].min()].set_index("name")["estimate"]
    crossed = f"from k = {k:.3g} on {pair.base} solves more" if k == k else "the curves do not cross"
    about = f"mean pass@k on {on}; bands: 95 %, {intervals_of(curves)}"
    start = f"{pair.tuned} {percent(one[pair.tuned])}, {pair.base} {percent(one[pair.base])} with one attempt"
    return with_subtitle(f"{start}; {crossed}", about, note)


def null_title(ranking: pd.DataFrame, on: str, note: str) -> str:
    """What models reach of their own misses, without any training (k, null)."""
    k = ranking["k"].iloc[0]
    return with_subtitle(
        f"Asked again, a frozen model reaches {percent_range(ranking['null'])} of what its first {k} attempts missed",
        f"{on}; lines: 95 %, problems as a sample, BCa bootstrap", note,
    )  # fmt: skip


def beyond_title(beyond: pd.DataFrame, what: str, note: str) -> str:
    """How many pairs reach more or less than a frozen base (name, k, difference, low, high)."""
    more, less, of = (beyond["low"] > 0).sum(), (beyond["high"] < 0).sum(), len(beyond)
    finding = f"{'None' if not more else more} of {of} {what} reach{'es' if more < 2 else ''} more than a frozen base"
    finding += f", {less} less" if less else ""
    return with_subtitle(finding, "lines: 95 %, problems as a sample, BCa bootstrap of the ratio", note)


def top_title(curves: pd.DataFrame, what: str, note: str) -> str:
    """From one attempt to the most (name, k, estimate, interval)."""
    ends = [curves[curves["k"] == k]["estimate"] for k in (curves["k"].min(), curves["k"].max())]
    return with_subtitle(
        f"{_attempts(curves['k'].max())} solve {percent_range(ends[1])} of {what}, one {percent_range(ends[0])}",
        f"mean pass@k; bands: 95 %, {intervals_of(curves)}", note,
    )  # fmt: skip


def forecast_title(forecasts: pd.DataFrame, note: str) -> str:
    """How far forecasts from the most first attempts were off (first, forecast, truth)."""
    first = forecasts["first"].max()
    rows = forecasts[forecasts["first"] == first]
    off = 100 * (rows["forecast"] - rows["truth"]).abs().mean()
    return with_subtitle(
        f"Foretold from {first:,} attempts, the share solved in 10,000 is {off:.1f} points off on average",
        "lines: 95 % prediction intervals, empirical Bayes; grey bars: solved in the first attempts", note,
    )  # fmt: skip


def _attempts(k: int) -> str:
    return "one attempt" if k == 1 else f"{k:,} attempts"


def _and(parts: Collection[str]) -> str:
    *rest, last = parts
    return f"{', '.join(rest)} and {last}" if rest else last


def _names(names: Sequence[str], most: int = 3) -> str:
    """``a, b and 3 more``; nothing for nobody."""
    if not names:
        return ""
    return _and(names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"])


def _range(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"
