"""Figures: one look per model, ticks, intervals inside the axes, distinct in grey, files that are the same twice."""

from __future__ import annotations

import colorsys
import itertools

import numpy as np
import pandas as pd
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_hex, to_rgb  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from mathb_kit import plots  # noqa: E402
from mathb_kit.lab.board import load_scoreboard  # noqa: E402
from mathb_kit.models import list_models  # noqa: E402
from mathb_kit.plots import released as released_plots  # noqa: E402
from mathb_kit.plots import scoreboard  # noqa: E402
from mathb_kit.plots.labels import spread  # noqa: E402
from mathb_kit.plots.looks import look_of  # noqa: E402
from mathb_kit.plots.style import power_of_two_ticks  # noqa: E402

MINIATURE = [
    "mini-base-1", "mini-base-2", "mini-base-3", "mini-rl-1", "mini-rl-1-seed-2", "mini-rl-1-seed-3", "mini-rl-2",
    "mini-distilled-1",
]  # fmt: skip


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def curves(names, ks=(1, 2, 4, 8, 16), panels=("one",), worst=0.0, best=1.0) -> pd.DataFrame:
    """Shares with intervals, from ``worst`` to ``best``: both borders are hit."""
    rows = [
        (panel, name, k, estimate, max(0.0, estimate - 0.1), min(1.0, estimate + 0.1))
        for panel in panels
        for place, name in enumerate(names)
        for k, estimate in zip(ks, np.linspace(worst, best * (1 - 0.01 * place), len(ks)))
    ]
    return pd.DataFrame(rows, columns=["panel", "name", "k", "estimate", "low", "high"])


def looks_in(figure) -> dict[str, set[tuple[str, str]]]:
    """Colour and marker of every labelled line."""
    found: dict[str, set[tuple[str, str]]] = {}
    for axis in figure.axes:
        for line in axis.get_lines():
            if not line.get_label().startswith("_"):
                found.setdefault(line.get_label(), set()).add((to_hex(line.get_color()), line.get_marker()))
    return found


def drawn_with(figure, colour: str) -> set[str]:
    """Markers of the lines of that colour."""
    lines = [line for axis in figure.axes for line in axis.get_lines()]
    return {str(line.get_marker()) for line in lines if to_hex(line.get_color()) == to_hex(colour)} - {"None", ""}


# -- one look per model ------------------------------------------------------------------------------------------------


def test_a_model_has_one_colour_and_marker_whatever_else_is_in_the_table():
    alone = looks_in(plots.plot_pass_at_k(curves(["mini-rl-1"]), by="name"))["mini-rl-1"]
    assert len(alone) == 1
    for names in (["mini-base-2", "mini-rl-1"], MINIATURE, ["my-run", "mini-rl-1", "uniform guessing"]):
        assert looks_in(plots.plot_pass_at_k(curves(names), by="name"))["mini-rl-1"] == alone
    two = curves(["mini-base-1", "mini-rl-1"], panels=("a", "b"))
    assert looks_in(plots.plot_pass_at_k(two, by="name", panel="panel"))["mini-rl-1"] == alone
    by_panel = released_plots.plot_curves_by_panel(two, by="name", panel="panel", y_label="share")
    assert looks_in(by_panel)["mini-rl-1"] == alone


def test_strangers_keep_their_looks_beside_a_frozen_one():
    names = ["SimpleRL-Zoo", "Qwen2.5-7B"]
    assert look_of([*names, "Qwen2.5-7B, frozen"])["SimpleRL-Zoo"] == look_of(names)["SimpleRL-Zoo"]


def test_a_model_keeps_its_look_where_rows_are_not_lines():
    look = look_of(["r1-1.5b"])["r1-1.5b"]
    unsolved = pd.DataFrame(
        [("r1-1.5b", "base", 115, 181, 0.55, 0.70), ("qwen3-8b", "other", 39, 181, 0.15, 0.28)],
        columns=["subject", "kind", "unsolved", "of", "low", "high"],
    )
    assert look["marker"] in drawn_with(released_plots.plot_unsolved(unsolved), look["color"])
    tuned = look_of(["nemotron-1.5b"])["nemotron-1.5b"]
    rates = pd.DataFrame(
        [("r1-1.5b", "nemotron-1.5b", 11, 115, 0.096, 0.049, 0.165, 0.0957)],
        columns=["base", "tuned", "count", "of", "rate", "low", "high", "published_rate"],
    )
    assert drawn_with(released_plots.plot_expansion_rates(rates), tuned["color"]) == {tuned["marker"]}
    runs = pd.DataFrame(
        [("mini-base-1", "base", 0, 0.3, 0.5), ("grpo", "final", 1, 0.4, 0.5)],
        columns=["row", "stage", "seed", "pass_1", "reach"],
    )
    plane = scoreboard.plot_plane(runs, k=16)
    legend = plane.legends[0]
    colours = {text.get_text(): handle.get_color() for text, handle in zip(legend.get_texts(), legend.legend_handles)}
    null = look_of(["mini-base-1, re-drawn"])["mini-base-1, re-drawn"]
    assert colours["mini-base-1, re-drawn"] == null["color"] and drawn_with(plane, null["color"]) == {null["marker"]}
    (cell,) = [axis for axis in plane.axes if axis.get_title("left") == "grpo"]
    assert len({to_hex(line.get_color()) for line in cell.get_lines()} - {to_hex(null["color"])}) == 2  # itself, others


def training_log(last: int) -> pd.DataFrame:
    return pd.DataFrame({"sampled_tokens": [10, last], **dict.fromkeys(["reward", "entropy", "kl", "length"], 0.5)})


def test_an_objective_has_one_colour_in_every_figure_of_the_lab_and_never_that_of_its_base():
    runs = pd.DataFrame(
        [(row, "final", 0, 0.3, 0.5) for row in ("oreal", "nsr")], columns=["row", "stage", "seed", "pass_1", "reach"]
    )
    plane, training = scoreboard.plot_plane(runs, k=16), scoreboard.plot_training({"nsr": training_log(20)})
    line = training.axes[0].get_lines()[0]
    assert str(line.get_marker()) in drawn_with(plane, line.get_color())
    assert line.get_color() != look_of(["mini-base-1"])["mini-base-1"]["color"]


def test_models_tuned_from_a_base_are_nearer_to_its_hue_than_other_bases_are():
    looks = look_of(MINIATURE)
    hue = {name: colorsys.rgb_to_hls(*to_rgb(look["color"]))[0] for name, look in looks.items()}

    def apart(one: str, other: str) -> float:
        return min(abs(hue[one] - hue[other]), 1 - abs(hue[one] - hue[other]))

    for tuned in ("mini-rl-1", "mini-rl-1-seed-2", "mini-rl-1-seed-3", "mini-distilled-1"):
        assert apart(tuned, "mini-base-1") < apart("mini-base-2", "mini-base-1")
        assert apart(tuned, "mini-base-1") < apart(tuned, "mini-base-2")


# -- readable without colour -------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))


def differ_in_grey(looks: dict[str, dict]) -> bool:
    for (one, first), (other, second) in itertools.combinations(looks.items(), 2):
        same = first["marker"] == second["marker"] and first["linestyle"] == second["linestyle"]
        assert not same or abs(luminance(first["color"]) - luminance(second["color"])) > 0.15, (one, other)
        assert first["color"] != second["color"] or first["marker"] != second["marker"], (one, other)
    return True


@pytest.mark.parametrize(
    "names",
    [
        MINIATURE,
        [name for name in list_models()["name"] if not name.startswith(("mini-", "smollm2-words"))][:21],
        ["mini-base-1", "uniform guessing", "its answers against other golds", "my-run", "another-run"],
        [f"category {number}" for number in range(10)],
    ],
    ids=["miniature", "the paper's 21", "with chance and strangers", "categories"],
)
def test_in_grey_any_two_lines_differ_in_marker_dash_or_luminance(names):
    assert differ_in_grey(look_of(names))


def test_in_grey_the_points_of_the_scoreboard_differ_in_marker_or_luminance():
    rows = [name for name, row in load_scoreboard().rows.items() if not row.opt_in]
    looks = look_of(["mini-base-1", "mini-distilled-1", *rows], among=list(load_scoreboard().rows))
    assert differ_in_grey({row: look | {"linestyle": ""} for row, look in looks.items()})


def test_chance_published_values_and_frozen_bases_are_grey():
    names = ["mini-base-1", "uniform guessing", "as published", "mini-base-1, re-drawn", "some-hub/model, frozen"]
    for look in look_of(names).values():
        red, green, blue = to_rgb(look["color"])
        assert (red == green == blue) == (look != look_of(["mini-base-1"])["mini-base-1"])


# -- axes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ks", [(1, 2, 4), tuple(2**i for i in range(7)), tuple(2**i for i in range(11)),
                                tuple(range(64, 1025, 64)), (1, 3, 10, 100, 3000), (5,)])  # fmt: skip
def test_k_ticks_are_powers_of_two_with_thousands_commas(ks):
    figure = plots.plot_pass_at_k(curves(["mini-base-1"], ks=ks), by="name")
    axis = figure.axes[0]
    figure.canvas.draw()
    ticks = [int(tick) for tick in axis.get_xticks()]
    assert 1 <= len(ticks) <= 11 and all(tick & (tick - 1) == 0 for tick in ticks)
    assert [label.get_text() for label in axis.get_xticklabels()] == [f"{tick:,}" for tick in ticks]
    low, high = axis.get_xlim()
    assert low < min(ks) and high > max(ks)
    if min(ks) & (min(ks) - 1) == 0:
        assert ticks[0] == min(ks)  # pass@1 is never thinned away


def test_thinned_ticks_are_the_documented_ones():
    assert power_of_two_ticks([1, 1024]) == [1, 4, 16, 64, 256, 1024]
    assert power_of_two_ticks([1, 512]) == [1, 8, 32, 128, 512]
    assert power_of_two_ticks([1, 64]) == [1, 2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize("best", [0.0, 0.07, 0.31, 1.0])
def test_every_interval_and_mark_is_inside_the_axes(best):
    figure = plots.plot_pass_at_k(curves(MINIATURE, panels=("a", "b"), best=best), by="name", panel="panel")
    for axis in [axis for axis in figure.axes if axis.get_visible()]:
        (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
        shapes = [path.vertices for band in axis.collections for path in band.get_paths()]
        points = np.concatenate([*shapes, *(line.get_xydata() for line in axis.get_lines())])
        assert len(shapes) == len(MINIATURE)
        assert (points[:, 0] > left).all() and (points[:, 0] < right).all()
        assert (points[:, 1] > bottom).all() and (points[:, 1] < top).all()


# -- labels at the ends of lines ---------------------------------------------------------------------------------------


def test_end_labels_do_not_overlap_and_stand_beside_the_axes_in_order():
    figure = plots.plot_pass_at_k(curves(MINIATURE, worst=0.9), by="name")
    figure.canvas.draw()
    axis = figure.axes[0]
    # Without the arrow, which an annotation's own extent has in it.
    boxes = {text.get_text(): Text.get_window_extent(text) for text in axis.texts}
    assert sorted(boxes) == sorted(MINIATURE)
    for one, other in itertools.combinations(boxes.values(), 2):
        assert one.y0 >= other.y1 - 0.5 or other.y0 >= one.y1 - 0.5
    assert sorted(boxes, key=lambda name: -boxes[name].y0) == MINIATURE  # the order of the lines' ends
    frame = axis.get_window_extent()
    assert all(frame.x1 < box.x0 and box.x1 <= figure.bbox.x1 for box in boxes.values())


def test_spread_finds_the_nearest_places_without_overlap():
    from scipy.optimize import minimize

    wanted, heights, top = np.array([2.0, 3.0, 3.5, 40.0, 59.0]), np.array([10.0, 10.0, 20.0, 10.0, 10.0]), 60.0
    gaps = (heights[1:] + heights[:-1]) / 2
    bounds = [{"type": "ineq", "fun": lambda x: np.diff(x) - gaps}, {"type": "ineq", "fun": lambda x: x[0] - 5},
              {"type": "ineq", "fun": lambda x: top - 5 - x[-1]}]  # fmt: skip
    best = minimize(lambda x: ((x - wanted) ** 2).sum(), np.linspace(5, 55, 5), constraints=bounds).x
    assert spread(wanted, heights, top) == pytest.approx(best, abs=1e-3)


# -- what is drawn -----------------------------------------------------------------------------------------------------


def texts(figure) -> list[str]:
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def test_reach_stands_as_counts_beside_the_null_of_its_own_base():
    rows = [
        (base, who, k, count * k / 16 / of, 0.0, 1.0, count * k / 16, of)
        for base, of, whos in (("A", 20, (("m", 3), ("a, re-drawn", 2))), ("B", 10, (("n", 10), ("b, re-drawn", 0))))
        for who, count in whos
        for k in (1, 16)
    ]
    table = pd.DataFrame(rows, columns=["base", "who", "k", "estimate", "low", "high", "count", "of"])
    figure = plots.plot_expansion(table)
    left = [axis for axis in figure.axes if axis.get_title(loc="left")]
    assert [axis.get_title(loc="left") for axis in left] == ["A", "B"]
    assert texts(figure) == ["3 of 20", "2 of 20", "10 of 10", "0 of 10"]
    for axis, null in zip(left, (0.1, 0.0)):  # the dashed line lies where the null ends
        dashed = [line for line in axis.get_lines() if set(line.get_ydata()) == {0, 1}]
        assert [line.get_xdata()[0] for line in dashed] == [null]


def test_a_row_far_from_all_others_has_a_scale_of_its_own():
    table = pd.DataFrame(
        [("a", 0.01, -0.05, 0.07), ("b", -0.02, -0.08, 0.04), ("c", 0.03, -0.03, 0.09), ("control", 0.9, 0.8, 1.0)],
        columns=["name", "difference", "low", "high"],
    ).assign(k=4)
    near, far = plots.plot_differences(table, by="name").axes
    assert [label.get_text() for label in near.get_yticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in far.get_yticklabels()] == ["control"]
    assert near.get_xlim()[1] < 0.2 < far.get_xlim()[1]
    assert len(plots.plot_differences(table[table["name"] != "control"], by="name").axes) == 1


def test_a_line_that_stops_early_is_named_at_its_end_and_has_no_leader():
    axis = scoreboard.plot_training({"grpo": training_log(20), "raft": training_log(200)}).axes[0]
    leaders = {text.get_text(): text.arrow_patch is not None for text in axis.texts}
    assert leaders == {"grpo": False, "raft": True}


def test_every_rate_that_was_tried_shows_its_reward_and_the_chosen_one_of_each_row_has_a_frame():
    tried = pd.DataFrame(
        [("grpo", 3e-4, 0.4, True), ("grpo", 1e-3, 0.2, False), ("raft", 1e-3, 0.1, False), ("raft", 3e-3, 0.3, True)],
        columns=["row", "learning_rate", "validation", "chosen"],
    )
    axis = scoreboard.plot_learning_rates(tried).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0.0003", "0.001", "0.003"]
    assert texts(axis.figure) == ["0.40", "0.20", "not tried", "not tried", "0.10", "0.30"]
    centres = [tuple(frame.get_center()) for frame in axis.patches]
    assert centres == [pytest.approx((0, 0)), pytest.approx((2, 1))]


def test_marks_grow_with_the_problems_that_they_stand_for_and_both_sides_are_counted():
    changes = pd.DataFrame(
        [(0.25, 0.75)] * 4 + [(0.5, 0.25)] + [(0.5, 0.5)], columns=["base_pass_1", "tuned_pass_1"]
    ).assign(name="m", change="kept")
    axis = plots.plot_sharpening(changes).axes[0]
    sizes = {tuple(map(float, place)): size for marks in axis.collections
             for place, size in zip(marks.get_offsets(), marks.get_sizes())}  # fmt: skip
    assert sizes[0.25, 0.75] == 4 * sizes[0.5, 0.25] == 4 * sizes[0.5, 0.5]
    assert texts(axis.figure) == ["4 better", "1 worse"]


def test_a_title_is_the_finding_and_its_subtitle_stands_below_without_touching_it():
    table = curves(["mini-base-1"])
    figure = plots.plot_pass_at_k(table, by="name", title="One finds nothing.\nBands: 95 %. " + "Source. " * 40)
    figure.canvas.draw()
    above = figure._suptitle.get_window_extent()
    (below,) = [text for text in figure.texts if text.get_text().startswith("Bands")]
    box, axes = below.get_window_extent(), figure.axes[0].get_tightbbox()
    assert figure._suptitle.get_text().split("\n")[0] == "One finds nothing."
    line = above.height / figure._suptitle.get_text().count("\n")
    assert axes.y1 <= box.y0 + 1 and box.y1 <= above.y1 - 0.7 * line and box.x1 <= figure.bbox.x1


# -- files -------------------------------------------------------------------------------------------------------------


def test_four_files_and_the_same_bytes_twice(tmp_path):
    table = curves(["mini-base-1", "mini-rl-1"])
    for folder in ("first", "second"):
        figure = plots.plot_pass_at_k(table, by="name", title="Twice")
        plots.save_figure(figure, table, tmp_path / folder, "one", "What is shown.")
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == ["one.csv", "one.pdf", "one.png", "one.txt"]
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "first" / "one.csv"), table.round(6), check_exact=False)
    assert plt.imread(tmp_path / "first" / "one.png").shape[1] >= 1700  # sharp at twice 900 pixels
