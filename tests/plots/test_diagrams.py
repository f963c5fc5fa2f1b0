"""Drawings that explain show what their titles and sentences say."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from mathb_kit.plan import Plan
from mathb_kit.plots import diagrams, plot_pass_at_k, save_figure
from mathb_kit.plots.style import PALETTE


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_walks_end_where_a_round_finds_enough_and_not_before():
    plan = Plan(rounds=(4, 8, 16), stop=2, chunk=4)
    axis = diagrams.plot_how_a_plan_stops(plan).axes[0]
    walks = [line.get_xydata() for line in axis.lines if line.get_drawstyle() == "steps-post"]
    assert len(walks) == 3
    for walk in walks:
        found = {int(n): round(c) for n, c in walk}
        end = max(found)
        assert end in plan.rounds and (found[end] >= plan.stop or end == plan.n_max)
        assert all(found[n] < plan.stop for n in plan.rounds if n < end)


def test_the_null_tells_as_many_problems_as_it_draws():
    axis = diagrams.plot_what_a_null_is().axes[0]
    squares = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    first = [patch for patch in squares if patch.get_y() > -0.5]
    missed = sum(to_hex(patch.get_facecolor()) != PALETTE[0] for patch in first)
    newly = sum(to_hex(patch.get_facecolor()) == PALETTE[3] and patch.get_alpha() == 1 for patch in squares)
    assert len(squares) == 2 * len(first) and 0 < newly < missed
    assert f"Of {missed} missed at first, the second draw solves {newly}." in axis.texts[-2].get_text()


def test_what_grpo_pulls_adds_up_to_nothing_and_is_flat_beyond_the_clip():
    left, surrogate = diagrams.plot_what_grpo_moves(right=4, group=16).axes
    ends = [text.xy[1] for text in left.texts]
    assert len(ends) == 16 and sum(ends) == pytest.approx(0, abs=1e-5)
    assert ends[0] == pytest.approx(0.75 / (0.2**0.5 + 1e-4), rel=1e-5)  # 4 of 16: variance 3/16 * 16/15 = 0.2
    up, down = (dict(zip(*line.get_data())) for line in surrogate.lines[:2])
    assert {round(paid, 9) for ratio, paid in up.items() if ratio >= 1.2} == {1.2}
    assert {round(paid, 9) for ratio, paid in down.items() if ratio <= 0.8} == {-0.8}
    assert up[min(up)] == pytest.approx(min(up)) and down[max(down)] == pytest.approx(-max(down))


def test_a_figure_that_was_shown_is_saved_as_one_that_was_not(tmp_path):
    ends = {"a": (0.1, 0.3, 0.6), "b": (0.1, 0.31, 0.59)}
    rows = [(name, 4**power, value) for name, values in ends.items() for power, value in enumerate(values)]
    table = pd.DataFrame(rows, columns=["name", "k", "estimate"])
    for shown in (False, True):
        figure = plot_pass_at_k(table, by="name", title="A finding\nand what is drawn")
        if shown:
            figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")  # as a notebook does
        save_figure(figure, table, tmp_path / str(shown), "x")
    for file in ("x.png", "x.pdf"):
        assert (tmp_path / "True" / file).read_bytes() == (tmp_path / "False" / file).read_bytes()
