"""The notebooks as a course: their map, and what to see under each picture, told from the table that was drawn.

Every sentence is computed, so that it is true of any profile: nothing here knows a result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from mathb_kit.plots.style import figure_style, look_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Number, question and place on the map (column from the left, row from the top) of every notebook.
STATIONS = (
    ("00", "Start here", 0, 0),
    ("01", "How far do bases get\nwith enough attempts?", 1, 0),
    ("02", "What do they not solve,\nand is it impossible?", 2, 0),
    ("03", "Do tuned models reach\nwhat their base does not?", 3, 0),
    ("04", "Who decides\nwhat is correct?", 0, 1),
    ("05", "What does pass@k\nestimate?", 1, 1),
    ("06", "What does curating\na pool buy?", 2, 1),
    ("07", "What does RL change,\nstep by step?", 3, 1),
    ("08", "Which objective\nexpands?", 3, 2),
    ("09", "What do the paper's\nown data say?", 2, 2),
)
PATHS = (("00", "01"), ("01", "02"), ("02", "03"), ("01", "04"), ("01", "05"), ("02", "06"), ("03", "07"),
          ("07", "08"), ("03", "09"))  # fmt: skip


def plot_course_map() -> Figure:
    """The notebooks and which one is best read before which; the paper's argument is the upper row."""
    import matplotlib.pyplot as plt

    argument, deeper = (look["color"] for look in look_of(["argument", "deeper"]).values())
    boxes = {}
    with figure_style():
        figure, axis = plt.subplots(figsize=(9.6, 4.0), layout="constrained")
        for number, question, column, row in STATIONS:
            edge = argument if row == 0 else deeper
            box = {"boxstyle": "round,pad=0.55", "facecolor": "white", "edgecolor": edge, "linewidth": 1.8}
            text = f"$\\bf{{{number}}}$\n{question}"
            boxes[number] = axis.text(3 * column, -1.3 * row, text, ha="center", va="center", fontsize=8.5, bbox=box)
        for start, end in PATHS:  # after the boxes: an arrow ends where a drawn box begins
            ends = {"patchA": boxes[start].get_bbox_patch(), "patchB": boxes[end].get_bbox_patch()}
            look = {"arrowstyle": "-|>", "color": "0.45", "shrinkA": 2, "shrinkB": 2}
            from_, to = boxes[start].get_position(), boxes[end].get_position()
            axis.annotate("", to, from_, arrowprops=look | ends)
        axis.set(xlim=(-1.2, 10.2), ylim=(-3.2, 0.65))
        axis.set_title("Upper row: the paper's argument. Below: each step looked into.")
        axis.axis("off")
    return figure


def you_should_see(*sentences: str) -> None:
    """Show the sentences under the heading that every notebook uses; several lines become a list."""
    from IPython.display import Markdown, display

    lines = "\n".join(sentences).replace("$", r"\$").split("\n")  # two dollars would be read as a formula
    text = lines[0] if len(lines) == 1 else "\n\n" + "\n".join(f"- {line}" for line in lines)
    display(Markdown(f"**What you should see.** {text}"))


def counts_sentence(outcomes: pd.DataFrame) -> str:
    """What became of all attempts (n, c, no_answer, grader_failed, truncated)."""
    sums = outcomes[["n", "c", "no_answer", "grader_failed", "truncated"]].sum()
    correct, unanswered, cut = (percent(sums[name] / sums["n"]) for name in ("c", "no_answer", "truncated"))
    return (
        f"Of {sums['n']:,} attempts {correct} are correct; {unanswered} commit to no answer, {cut} end at the token "
        f"limit, and the grader could not decide {sums['grader_failed']:,}."
    )


def ends_sentence(curves: pd.DataFrame, by: str, panel: str | None = None) -> str:
    """Both ends of every line (k, estimate); a line of text for each panel."""
    told = []
    for place, rows in _panels(curves, panel):
        lines = {name: line.sort_values("k") for name, line in rows.groupby(by, sort=False)}
        spans = {name: f"k = {line['k'].iloc[0]:,} to {line['k'].iloc[-1]:,}" for name, line in lines.items()}
        alike = len(set(spans.values())) == 1
        ends = []
        for name, line in lines.items():
            first, last = percent(line["estimate"].iloc[0]), percent(line["estimate"].iloc[-1])
            moved = f"{first} to {last}" if first != last else f"stays at {first}"
            ends.append(f"{name} {moved}" + ("" if alike else f" ({spans[name]})"))
        told.append(f"{place}{f'from {next(iter(spans.values()))}, ' if alike else ''}{'; '.join(ends)}.")
    return "\n".join(map(_capital, told))


def last_step_sentence(curves: pd.DataFrame, by: str, panel: str | None = None) -> str:
    """What the last step of k still brings to the lines: whether they are flat at the end."""
    told = []
    for place, rows in _panels(curves, panel):
        *_, before, last = sorted(rows["k"].unique())
        wide = rows.pivot(index=by, columns="k", values="estimate")
        gain = (wide[last] - wide[before]).dropna()
        most = f"at most {100 * gain.max():.1f} points ({gain.idxmax()})" if gain.max() > 0 else "nothing to anybody"
        told.append(f"{place}the step from k = {before:,} to {last:,} still brings {most}.")
    return "\n".join(map(_capital, told))


def widths_sentence(estimates: pd.DataFrame) -> str:
    """Mean width of the intervals of each question (low, high, interval)."""
    widths = (estimates["high"] - estimates["low"]).groupby(estimates["interval"], sort=False).mean()
    told = "; ".join(f"{name}: {100 * width:.1f} points" for name, width in widths.items())
    return f"Mean width of the intervals: {told}."


def after_chance_sentence(left: pd.DataFrame) -> str:
    """What uniform guessing is worth at one k, and what of pass@k is left without it (set, chance, corrected)."""
    told = [
        f"On {name} uniform guessing at k = {rows['k'].iloc[0]:,} is worth {percent(rows['chance'].iloc[0])}; of what "
        f"it leaves, the models solve {_range(rows['corrected'])}."
        for name, rows in left.groupby("set", sort=False)
    ]
    return "\n".join(told)


def saved_sentence(saved: pd.DataFrame) -> str:
    """Attempts of an adaptive plan beside those of a fixed one (set, name, attempts, fixed_attempts, ratio)."""
    used, fixed = saved["attempts"].sum(), saved["fixed_attempts"].sum()
    least, most = saved.loc[saved["ratio"].idxmin()], saved.loc[saved["ratio"].idxmax()]
    return (
        f"{used:,} attempts in place of {fixed:,}: {fixed / used:.1f} times fewer. Most is saved by {most['name']} on "
        f"{most['set']} ({most['ratio']:.1f} times), least by {least['name']} on {least['set']} ({least['ratio']:.1f} "
        "times): easy problems stop early, hard ones take all they may."
    )


def funnel_sentence(counts: pd.DataFrame) -> str:
    """From how many to how many, and the stage that dropped most (stage, kept, dropped)."""
    worst = counts.loc[counts["dropped"].idxmax()]
    return (
        f"Of {counts['kept'].iloc[0]:,} problems {counts['kept'].iloc[-1]:,} are left after {len(counts) - 1} stages; "
        f"'{worst['stage']}' drops most, {worst['dropped']:,}."
    )


def unsolved_sentence(table: pd.DataFrame) -> str:
    """Unsolved by each base, by any, by all (``unsolved by``, problems, of)."""
    sizes, of = table.set_index("unsolved by")["problems"], table["of"].iloc[0]
    bases = sizes.drop(["union", "intersection"])
    return (
        f"Of {of:,} problems that met the sieve, {bases.idxmin()} leaves {bases.min():,} unsolved and {bases.idxmax()} "
        f"{bases.max():,}. At least one base misses {sizes['union']:,}; all miss {sizes['intersection']:,}."
    )


def overlap_sentence(shipped: Collection[str], found: Collection[str]) -> str:
    """Whether a set as shipped is the one that was found again."""
    here, there = set(found) - set(shipped), set(shipped) - set(found)
    if not here and not there:
        return f"The sieve finds the shipped set again: the same {len(set(shipped)):,} problems."
    return (
        f"The two differ: {len(here):,} problems are unsolved in this run only, {len(there):,} in the shipped set "
        "only. A smaller plan leaves more unsolved; other attempts leave others."
    )


def foreseen_sentence(foreseen: pd.DataFrame) -> str:
    """Whether fresh draws fell into the predicted intervals (model, low, high, ``solved by a fresh draw``)."""
    solved = foreseen["solved by a fresh draw"].astype(int)
    inside = solved.between(foreseen["low"], foreseen["high"])
    outside = "" if inside.all() else f" (not for {', '.join(foreseen.loc[~inside, 'model'])})"
    return (
        f"The fresh draw solves {_listed(foreseen['model'], solved)}. It lies in the predicted interval for "
        f"{inside.sum()} of {len(inside)} models{outside}."
    )


def at_least_sentence(table: pd.DataFrame) -> str:
    """Reach by one correct attempt and by the most that can be asked for (tuned_model, m, of, tuned, base)."""
    top, told = table["m"].max(), []
    for name, rows in table.groupby("tuned_model", sort=False):
        ms = rows.set_index("m")[["tuned", "base", "of"]]
        told.append(
            f"{name} {ms['tuned'][1]} and {ms['tuned'][top]} of {ms['of'][1]} (re-drawn base {ms['base'][1]} and "
            f"{ms['base'][top]})"
        )
    return f"Reached with at least 1 and at least {top} correct attempts: {'; '.join(told)}."


def steps_sentence(gains: pd.DataFrame) -> str:
    """What the first and the last step of attempts brought (k, gain)."""
    first, last = gains.iloc[0], gains.iloc[-1]
    if len(gains) == 1:
        return f"All {first['k']:,.0f} attempts together reach {percent(first['gain'])} of the set."
    return (
        f"The first {first['k']:,.0f} attempts reach {percent(first['gain'])} of the set; the last step, up to "
        f"{last['k']:,.0f}, adds {percent(last['gain'])}."
    )


def changes_sentence(changes: pd.DataFrame) -> str:
    """How pass@1 moved, and reach with it (name, base_pass_1, tuned_pass_1, change)."""
    told = []
    for name, rows in changes.groupby("name", sort=False):
        gained, lost = ((rows["change"] == what).sum() for what in ("gained", "lost"))
        before, after = percent(rows["base_pass_1"].mean()), percent(rows["tuned_pass_1"].mean())
        told.append(f"{name}: pass@1 from {before} to {after}, reach gains {gained} and loses {lost} problems.")
    return "\n".join(told)


def differences_sentence(differences: pd.DataFrame) -> str:
    """At which k the interval of a difference leaves out zero, and for whom (tuned, k, low, high)."""
    told = []
    for k, rows in differences.groupby("k", sort=True):
        up, down = rows.loc[rows["low"] > 0, "tuned"], rows.loc[rows["high"] < 0, "tuned"]
        open_ = len(rows) - len(up) - len(down)
        parts = [f"{word} for {', '.join(names)}" for word, names in (("above 0", up), ("below 0", down)) if len(names)]
        parts += [f"around 0 for {'all' if open_ == len(rows) else f'{open_} of {len(rows)}'}"] if open_ else []
        told.append(f"At k = {k:,} the interval lies {', '.join(parts)}.")
    return "\n".join(told)


def modes_sentence(shares: pd.DataFrame) -> str:
    """The commonest mode of every model, and how much of it is correct (name, mode, share, correct_share)."""
    told = []
    for name, rows in shares.groupby("name", sort=False):
        top = rows.loc[rows["share"].idxmax()]
        correct = percent(top["correct_share"] / top["share"])
        told.append(f"{name} {top['mode']} ({percent(top['share'])}, {correct} of it correct)")
    return f"The commonest mode: {'; '.join(told)}."


def verifiers_sentence(table: pd.DataFrame) -> str:
    """Who agrees most and least with a careful reader, and where all fail most (verifier, mode, agrees, of)."""
    run = table[table["of"] > 0]
    by = {column: run.groupby(column, sort=False)[["agrees", "of"]].sum() for column in ("verifier", "mode")}
    share = {column: sums["agrees"] / sums["of"] for column, sums in by.items()}
    best, worst, hardest = share["verifier"].idxmax(), share["verifier"].idxmin(), share["mode"].idxmin()
    return (
        f"{len(share['verifier'])} of {table['verifier'].nunique()} verifiers have run. {best} agrees with the reader "
        f"most often ({percent(share['verifier'][best])}), {worst} least ({percent(share['verifier'][worst])}); the "
        f"hardest kind for all of them is {hardest} ({percent(share['mode'][hardest])})."
    )


def percent(share: float) -> str:
    """``48 %``; with a decimal near the ends, where a percent is much."""
    if 0 < share < 0.0005:
        return "below 0.1 %"
    return f"{100 * share:.{1 if 0 < share < 0.1 or 0.9 < share < 0.9995 else 0}f} %"


def _range(shares: pd.Series) -> str:
    low, high = percent(shares.min()), percent(shares.max())
    return low if low == high else f"{low} to {high}"


def _panels(curves: pd.DataFrame, panel: str | None) -> Iterator[tuple[str, pd.DataFrame]]:
    curves = curves.dropna(subset="estimate")
    yield from ((f"{place}: ", rows) for place, rows in curves.groupby(panel, sort=False)) if panel else [("", curves)]


def _capital(text: str) -> str:
    """For sentences that may begin with a name, which keeps its spelling."""
    return text[0].upper() + text[1:] if text.startswith(("from ", "the ")) else text


def _listed(names: Collection[str], counts: Collection[int]) -> str:
    return ", ".join(f"{count:,} for {name}" for name, count in zip(names, counts))
