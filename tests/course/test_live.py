"""Curves that grow, and one call that keeps a result."""

from __future__ import annotations

import pandas as pd
import pytest

from mathb_kit.course import LiveCurves, keep, keep_table, live
from mathb_kit.course.live import PANELS, plot_live


def row(step: int, **more: float) -> dict[str, float]:
    return {"step": step, "reward": step / 10, "mixed": 3, "groups": 4, "entropy": 0.5, "kl": 0.1} | more


class Screen:
    """Takes down what is displayed, as a notebook's front end would show it."""

    def __init__(self) -> None:
        self.shown: list[object] = []

    def display(self, what: object, display_id: bool) -> Screen:
        assert display_id and not self.shown, "one place, drawn over"
        self.shown.append(what)
        return self

    def update(self, what: object) -> None:
        self.shown.append(what)


def test_the_picture_is_drawn_over_while_rows_come_and_holds_all_of_them_in_the_end(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(live, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", screen.display)
    with LiveCurves("by hand", seconds=0) as curves:
        for step in range(1, 4):
            curves.add(row(step))
            curves._cost = 0.0  # as if drawing took no time
    assert len(screen.shown) == 4  # each row, and the end
    assert screen.shown[-1].data.startswith(b"\x89PNG")
    assert "after step 3: mean reward 0.3" in screen.shown[-1].alt
    assert curves.log["step"].tolist() == [1, 2, 3]


def test_drawing_takes_no_more_than_a_tenth_of_the_time(monkeypatch):
    screen, now = Screen(), [100.0]
    monkeypatch.setattr(live, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", screen.display)
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    curves = LiveCurves(seconds=0)
    monkeypatch.setattr(curves, "figure", lambda: now.__setitem__(0, now[0] + 1) or plot_live(curves.log))  # takes 1 s
    for step in range(1, 41):
        curves.add(row(step))
        now[0] += 1
    assert len(screen.shown) == 4  # at 0, then every eleventh second of 44


def test_outside_of_a_notebook_nothing_is_drawn(capsys):
    with LiveCurves() as curves:
        curves.add(row(1))
    assert capsys.readouterr().out == "" and len(curves.log) == 1


def test_a_panel_is_there_for_every_column_that_the_log_has():
    log = pd.DataFrame([{"step": 0, "reached": 2, "probes": 10}, row(1), row(2, reached=5, probes=10)])
    drawn = [axis.get_title(loc="left") for axis in plot_live(log).axes if axis.axison]
    assert drawn == list(PANELS.values())
    axis = plot_live(log).axes[4]
    assert axis.lines[0].get_xydata().tolist() == [[0, 2], [2, 5]]
    assert [axis.get_title(loc="left") for axis in plot_live(log.drop(columns=["kl", "reached"])).axes] == [
        PANELS["reward"], PANELS["mixed"], PANELS["entropy"],
    ]  # fmt: skip
    share = plot_live(log).axes[1].lines[0].get_ydata()
    assert share.tolist() == [0.75, 0.75]


def test_one_call_keeps_a_figure_with_data_and_caption_and_shows_the_caption_as_text(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    table = pd.DataFrame({"k": [1], "estimate": [1 / 3]})
    keep(plot_live(pd.DataFrame([row(1)])), table, tmp_path, "x", "A <b> caption.")
    assert {path.name for path in tmp_path.iterdir()} == {"x.png", "x.pdf", "x.csv", "x.txt"}
    assert (tmp_path / "x.txt").read_text() == "A <b> caption.\n"
    assert repr(shown[0]) == "A <b> caption." and "A &lt;b&gt; caption." in shown[0]._repr_html_()


@pytest.mark.parametrize(("given", "written"), [("%.6g", "0.333333"), (None, "0.3333333333333333")])
def test_one_call_keeps_a_table_and_returns_it_to_be_shown(given, written, tmp_path):
    shown = keep_table(pd.DataFrame({"share": [1 / 3]}), tmp_path / "new", "t", digits=2, float_format=given)
    assert (tmp_path / "new" / "t.csv").read_text() == f"share\n{written}\n"
    assert ">0.33</td>" in shown.to_html()
