"""Figures, with their tables as CSV. Tables come in; nothing here samples or computes a statistic."""

from mathb_kit.csv_files import write_csv
from mathb_kit.plots.differences import plot_differences
from mathb_kit.plots.expansion import plot_expansion
from mathb_kit.plots.pass_at_k import plot_pass_at_k
from mathb_kit.plots.redraws import plot_beside_redrawn, plot_power
from mathb_kit.plots.study import plot_funnel, plot_modes, plot_sharpening
from mathb_kit.plots.style import figure_style, look_of, power_of_two_axis, save_figure
