"""Figures of the released table and of published numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.plots.labels import label_ends
from mathb_kit.plots.pass_at_k import draw_panels
from mathb_kit.plots.style import (
    INK,
    NEUTRAL,
    PALETTE,
    WIDTH,
    figure_style,
    look_of,
    name_rows,
    percent_axis,
    power_of_two_axis,
    round_ticks,
    title_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_expansion_rates(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Expansion of each tuned model with its interval, the published value as a ring round it.

    Args:
        table: `mathb_kit.released.expansion_table`: base, tuned, count, of, rate, low, high, published_rate.
        title: title of the figure.
    """
    with figure_style():
        figure, axis, places = _rows_of_pairs(table)
        looks = look_of(list(table["tuned"]))
        for place, row in zip(places, table.itertuples()):
            look = looks[row.tuned]
            axis.plot([row.low, row.high], [place, place], color=look["color"], linewidth=2.4, solid_capstyle="butt")
            axis.plot(row.rate, place, color=look["color"], marker=look["marker"], markersize=7.5, linestyle="")
            axis.text(
                1.01, place, f"{row.count} of {row.of}", va="center", fontsize=9.5,
                transform=axis.get_yaxis_transform(),
            )  # fmt: skip
        axis.plot([], [], color=NEUTRAL, marker="o", linewidth=2.4, label="from the table, 95 %")
        axis.plot(table["published_rate"], places, marker="o", linestyle="", markersize=14, markerfacecolor="none",
                  markeredgecolor=NEUTRAL, markeredgewidth=1.3, label="as published")  # fmt: skip
        axis.set_xlabel("share of the base's unsolved problems that are reached at k = 1,024")
        figure.legend(loc="outside lower center", ncols=2)
        title_of(figure, title)
    return figure


def plot_expansion_beside_null(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Expansion at k = 512 of each tuned model beside what its frozen base "expands" over itself at the same k.

    Args:
        table: `mathb_kit.released.expansion_beside_null`: base, tuned, k, expansion, null, null_low, null_high.
        title: title of the figure.
    """
    with figure_style():
        figure, axis, places = _rows_of_pairs(table)
        looks = look_of(list(dict.fromkeys([*table["tuned"], *table["base"]])))
        for place, row in zip(places, table.itertuples()):
            base, tuned = looks[row.base], looks[row.tuned]
            axis.plot([row.null_low, row.null_high], [place, place], color=base["color"], linewidth=6, alpha=0.35,
                      solid_capstyle="butt")  # fmt: skip
            axis.plot(row.null, place, marker="|", markersize=13, markeredgewidth=2.5, color=base["color"])
            axis.plot(row.expansion, place, marker=tuned["marker"], markersize=8, color=tuned["color"])
        axis.plot([], [], color=NEUTRAL, linewidth=6, alpha=0.35, label="its base against itself, 95 %", marker="|",
                  markersize=13, markeredgewidth=2.5)  # fmt: skip
        axis.plot([], [], color=NEUTRAL, linestyle="", marker="o", markersize=8, label="tuned model")
        axis.set_xlabel(
            f"reached at k = {table['k'].iloc[0]}, of what {table['k'].iloc[0]} attempts of the base missed"
        )
        figure.legend(loc="outside lower center", ncols=2)
        title_of(figure, title)
    return figure


def _rows_of_pairs(table: pd.DataFrame) -> tuple[Figure, Axes, list[int]]:
    """A figure with a row "tuned over base" per row of the table, shares across; the rows' heights."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(WIDTH, 0.4 * len(table) + 1.6), layout="constrained")
    places = list(range(len(table)))
    over = ("\nover" if long else " over" for long in table["tuned"].str.len() > 30)
    name_rows(axis, [f"{row.tuned}{link} {row.base}" for row, link in zip(table.itertuples(), over)], fontsize=9.5)
    values = table.select_dtypes("number").drop(columns=["count", "of", "k", "missed"], errors="ignore")
    axis.set_xlim(-0.01, 1.04 * float(values.max().max()))
    percent_axis(axis)
    axis.grid(axis="x")
    return figure, axis, places


def plot_unsolved(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Problems that each model left unsolved, with intervals, and what union and intersections keep.

    Args:
        table: `mathb_kit.released.unsolved_table`: subject, kind, unsolved, of, low, high.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    groups = {"base": "bases", "other": "tuned and instruct models", "set": "sets"}
    looks = look_of([subject for subject, kind in zip(table["subject"], table["kind"]) if kind != "set"])
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 0.27 * (len(table) + 3) + 1.2), layout="constrained")
        place, ticks = 0.0, {}
        for kind, name in groups.items():
            rows = table[table["kind"] == kind]
            if rows.empty:
                continue
            axis.text(1.5, place, name, va="center", fontsize=10, fontweight="bold")
            place += 1
            for row in (rows if kind == "set" else rows.sort_values("unsolved", ascending=False)).itertuples():
                look, end = looks.get(row.subject, {"color": NEUTRAL, "marker": "s"}), row.unsolved
                axis.plot([0, row.unsolved], [place, place], color="0.87", linewidth=1.2, zorder=1)
                if row.low == row.low:
                    end = row.high * row.of
                    axis.plot([row.low * row.of, end], [place, place], color=look["color"], linewidth=2.4,
                              solid_capstyle="butt")  # fmt: skip
                axis.plot(row.unsolved, place, marker=look["marker"], color=look["color"], markersize=7)
                axis.text(end + (2.5 if row.low == row.low else 4), place, f"{row.unsolved}", va="center", fontsize=9.5)
                ticks[place] = row.subject
                place += 1
        axis.set_yticks(list(ticks), list(ticks.values()), fontsize=9.5)
        axis.set_ylim(place - 0.3, -0.7)
        axis.tick_params(axis="y", length=0)
        axis.set_xlim(0, 1.06 * table["of"].iloc[0])
        axis.set_xlabel(f"problems unsolved in 1,024 attempts, of {table['of'].iloc[0]}")
        title_of(figure, title)
    return figure


def plot_curves_by_panel(
    curves: pd.DataFrame, *, by: str, panel: str, y_label: str, columns: int = 2, title: str = ""
) -> Figure:
    """A share against k: a panel per value of ``panel``, a line with its band per value of ``by``; a scale per row.

    Args:
        curves: columns k, estimate, low, high, ``by`` and ``panel``.
        by, panel: columns that name lines and panels.
        y_label: what the share is of.
        columns: panels side by side.
        title: title of the whole figure.
    """
    with figure_style():
        figure, ends = draw_panels(
            curves, by=by, panel=panel, y_label=y_label, columns=columns, a_scale_per_row=True
        )  # fmt: skip
        title_of(figure, title)
        label_ends(ends)
    return figure


def plot_gain_per_step(gains: pd.DataFrame, *, step: int = 64, title: str = "") -> Figure:
    """Mean share of problems newly solved by further attempts against the attempts made; both axes logarithmic.

    Args:
        gains: `mathb_kit.released.gain_by_k`: k, gain, low, high.
        step: attempts per step.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 4.2), layout="constrained")
        axis.fill_between(gains["k"], gains["low"], gains["high"], color=INK, alpha=0.2, linewidth=0)
        axis.plot(gains["k"], gains["gain"], markersize=6.5, linewidth=1.7, color=INK, marker="o",
                  markeredgecolor="white", markeredgewidth=0.6)  # fmt: skip
        power_of_two_axis(axis, gains["k"])
        axis.set_yscale("log")
        drawn = gains[["gain", "low", "high"]].to_numpy(dtype=float)
        drawn = drawn[drawn > 0]
        axis.set_ylim(0.8 * drawn.min(), 1.25 * drawn.max())
        ticks = [part * 10.0**power for power in range(-5, 1) for part in (1, 2, 5)]
        axis.set_yticks([tick for tick in ticks if 0.8 * drawn.min() <= tick <= 1.25 * drawn.max()])
        axis.minorticks_off()
        percent_axis(axis, "y")
        axis.set_ylabel(f"newly solved by the last {step} attempts")
        axis.grid(axis="y")
        title_of(figure, title)
    return figure


def plot_difficulty(counts: pd.DataFrame, *, title: str = "") -> Figure:
    """Problems by difficulty, one panel per set.

    Args:
        counts: `mathb_kit.released.difficulty_counts`: set, difficulty, problems.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    with figure_style():
        colours = _colours_of_sets(counts)
        figure, grid = plt.subplots(
            1, len(colours), figsize=(WIDTH, 3.6), sharex=True, squeeze=False, layout="constrained"
        )
        for axis, (name, colour) in zip(grid[0], colours.items()):
            rows = counts[counts["set"] == name]
            axis.bar(rows["difficulty"], rows["problems"], width=0.42, color=colour)
            axis.set_xlim(0.5, 10.5)
            axis.set_xticks(range(1, 11))
            axis.yaxis.set_major_locator(round_ticks(5, integer=True))
            axis.grid(axis="y")
            axis.set_xlabel("difficulty (1 to 10, rated by GPT-5)")
            axis.set_title(f"{name}: {rows['problems'].sum()} problems")
        grid[0][0].set_ylabel("problems")
        title_of(figure, title)
    return figure


def plot_topics(counts: pd.DataFrame, *, title: str = "") -> Figure:
    """Share of each topic in the sets, with intervals and counts.

    Args:
        counts: `mathb_kit.released.topic_counts`: set, topic, problems, share, low, high.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    topics = list(dict.fromkeys(counts["topic"]))
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 0.62 * len(topics) + 1.7), layout="constrained")
        for number, (name, colour) in enumerate(_colours_of_sets(counts).items()):
            rows = counts[counts["set"] == name]
            places = [topics.index(topic) - 0.19 * (1 - 2 * number) for topic in rows["topic"]]
            axis.barh(places, rows["share"], height=0.36, color=colour, label=name)
            for place, row in zip(places, rows.itertuples()):
                axis.plot([row.low, row.high], [place, place], color="0.15", linewidth=1.3)
                axis.text(row.high + 0.006, place, f"{row.problems}", va="center", fontsize=9.5)
        name_rows(axis, topics)
        percent_axis(axis)
        axis.set_xlabel("share of the set (at the right: problems)")
        figure.legend(loc="outside lower center", ncols=2)
        title_of(figure, title)
    return figure


def _colours_of_sets(counts: pd.DataFrame) -> dict[str, str]:
    """Sets are no models: a dark and a light tone, the same ones in every figure."""
    return dict(zip(dict.fromkeys(counts["set"]), (INK, "#a9bfce", PALETTE[1], PALETTE[2])))


def plot_published_pipeline(stages: pd.DataFrame, *, title: str = "") -> Figure:
    """Stages of a construction with published counts, on a logarithmic axis; stages without one say so.

    Args:
        stages: subject and value (NaN where it is not published), in order.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    places = list(range(len(stages)))
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 0.46 * len(stages) + 1.2), layout="constrained")
        axis.set_xscale("log")
        axis.set_xlim(10, 4 * stages["value"].max())
        # Dots: on a logarithmic axis a bar would have no length.
        axis.plot(stages["value"], places, color=NEUTRAL, marker="o", markersize=9, linestyle="")
        for place, value in zip(places, stages["value"]):
            if value == value:
                axis.annotate(f"{value:,.0f}", (value, place), xytext=(9, 0), textcoords="offset points", va="center")
            else:
                axis.text(10, place, " not published", va="center", style="italic", color="0.35")
        name_rows(axis, stages["subject"], fontsize=9.5)
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.grid(axis="both")
        axis.set_xlabel("problems left, as published (logarithmic)")
        title_of(figure, title)
    return figure
