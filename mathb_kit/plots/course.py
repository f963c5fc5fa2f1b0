"""The notebooks as a course: their map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.plots.style import figure_style, look_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Number, question and position on the map (column from the left, row from the top) of every notebook.
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
    ("10", "And real models,\nsampled elsewhere?", 1, 2),
    ("11", "What does RL do\nto a real model?", 0, 2),
)
PATHS = (("00", "01"), ("01", "02"), ("02", "03"), ("01", "04"), ("01", "05"), ("02", "06"), ("03", "07"),
          ("07", "08"), ("03", "09"), ("09", "10"), ("10", "11"))  # fmt: skip


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
