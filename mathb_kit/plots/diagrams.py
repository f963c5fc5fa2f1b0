"""Drawings that explain: how a plan stops, what a null is, what GRPO moves. No model is behind any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.lab.objectives.batch import standardized
from mathb_kit.plan import Plan
from mathb_kit.plots.style import INK, NEUTRAL, PALETTE, WIDTH, figure_style, title_of
from mathb_kit.statistics.adaptive import is_end_point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RIGHT, _WRONG = PALETTE[0], "#c9ccd1"


def plot_how_a_plan_stops(plan: Plan | None = None, rates: tuple[float, ...] = (0.5, 0.12, 0.03)) -> Figure:
    """Attempts to the right, right ones upwards: a problem's attempts walk until the end of a round finds enough.

    Args:
        plan: a small one; rounds 4, 8 and 16 and a stop count of 2 by default.
        rates: success rates of the problems drawn, each walking once with noise of its own.
    """
    import matplotlib.pyplot as plt
    import numpy as np

    plan = plan or Plan(rounds=(4, 8, 16), stop=2, chunk=4)
    rng = np.random.default_rng(5)
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 3.8), layout="constrained")
        tops = []
        for number, rate in enumerate(rates):
            walk = np.r_[0, (rng.random(plan.n_max) < rate).cumsum()]
            end = next(n for n in plan.rounds if is_end_point(plan, n, int(walk[n])))
            colour = PALETTE[(0, 2, 3)[number % 3]]
            lifted = walk[: end + 1] + 0.06 * (number - 1)
            axis.step(range(end + 1), lifted, where="post", color=colour, linewidth=2.2)
            axis.plot(end, lifted[-1], "o", color=colour, markersize=9)
            said = f"p = {rate:g}: {walk[end]} right of {end}" + (", stops" if end < plan.n_max else ", to the end")
            axis.annotate(said, (end, lifted[-1]), (8, 6), textcoords="offset points", color=colour)
            tops.append(walk[end])
        for n in plan.rounds:
            axis.axvline(n, color=NEUTRAL, linestyle=":", linewidth=1.2)
        axis.axhspan(plan.stop, max(tops) + 1, color=INK, alpha=0.08, linewidth=0)
        axis.text(0.1, max(tops) + 0.9, f"enough: {plan.stop} right ones, looked at only where a round ends (dotted)",
                  va="top", color=INK)  # fmt: skip
        axis.set(xlim=(0, plan.n_max * 1.3), ylim=(-0.25, max(tops) + 1), xlabel="attempts", ylabel="right ones")
        axis.set_xticks([0, *plan.rounds])
        axis.set_yticks(range(int(max(tops)) + 2))
        title_of(figure, "How a plan stops")
    return figure


def plot_what_a_null_is(problems: int = 40, attempts: int = 8) -> Figure:
    """One frozen model meets the same problems twice; what it missed the first time it partly solves the second time.

    Args:
        problems: how many, with success rates of many sizes.
        attempts: at each, in both draws.
    """
    import matplotlib.pyplot as plt
    import numpy as np

    rng = np.random.default_rng(3)
    rates = np.sort(rng.beta(0.5, 3, problems))[::-1]
    first, second = rng.random((2, problems)) < 1 - (1 - rates) ** attempts
    newly, missed = int((second & ~first).sum()), int((~first).sum())
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 2.8), layout="constrained")
        for row, (name, solved) in enumerate((("first draw", first), ("second draw,\nthe same model", second))):
            shown = np.ones(problems, bool) if row == 0 else ~first
            for place in range(problems):
                colour = _WRONG if not solved[place] else PALETTE[3] if row else _RIGHT
                alpha = 1.0 if shown[place] else 0.12
                axis.add_patch(plt.Rectangle((place + 0.08, -row - 0.36), 0.84, 0.72, color=colour, alpha=alpha, lw=0))
            axis.text(-0.6, -row, name, ha="right", va="center")
        for place in np.flatnonzero(second & ~first):
            axis.annotate("", (place + 0.5, -0.62), (place + 0.5, -0.38),
                          arrowprops={"arrowstyle": "-|>", "color": PALETTE[3], "lw": 1.5})  # fmt: skip
        told = f"Grey: missed in {attempts} attempts. Of {missed} missed at first, the second draw solves {newly}."
        axis.text(0, -1.55, f"{told}\nNobody trained anything.", va="top", color="0.15")
        axis.text(0, 0.5, "problems, the easiest first (made-up success rates)", color="0.35")
        axis.set(xlim=(-6, problems), ylim=(-2.3, 0.8))
        axis.axis("off")
        title_of(figure, "What a null is: an Expansion without training")
    return figure


def plot_what_grpo_moves(right: int = 4, group: int = 16, clip: float = 0.2) -> Figure:
    """Left: a group's advantages, what is pulled up and what is pushed down. Right: how far one update is paid for it.

    Args:
        right: right attempts of the group.
        group: attempts of the group.
        clip: of the ratio of probabilities.
    """
    import matplotlib.pyplot as plt
    import torch

    rewards = (torch.arange(group) < right).float()
    pull = standardized(rewards, torch.zeros(group, dtype=torch.long)).tolist()
    with figure_style():
        figure, (left, middle) = plt.subplots(1, 2, figsize=(WIDTH, 3.6), layout="constrained", width_ratios=(1.25, 1))
        for place, advantage in enumerate(pull):
            colour = _RIGHT if advantage > 0 else PALETTE[3]
            look = {"arrowstyle": "-|>", "color": colour, "lw": 2.2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 14}
            left.annotate("", (place, advantage), (place, 0), arrowprops=look)
        left.axhline(0, color="0.35", linewidth=0.9)
        left.set(xlim=(-0.8, group - 0.2), ylim=(min(pull) - 0.5, max(pull) + 0.4), ylabel="advantage")
        left.set_xticks([])
        left.set_xlabel(f"{group} attempts at one problem: {right} right, {group - right} wrong")
        left.set_title("Right ones up, wrong ones down; the sum is 0")
        _surrogate(middle, clip)
        title_of(figure, "What GRPO moves, and how far")
    return figure


def _surrogate(axis: Axes, clip: float) -> None:
    """What an update is paid for moving a token's probability: PPO's clipped surrogate."""
    import numpy as np

    ratio = np.linspace(0.4, 1.6, 241)
    for advantage, colour, name in ((1, _RIGHT, "right attempt"), (-1, PALETTE[3], "wrong attempt")):
        paid = np.minimum(ratio * advantage, ratio.clip(1 - clip, 1 + clip) * advantage)
        axis.plot(ratio, paid, color=colour, linewidth=2.2)
        axis.text(1.6 if advantage > 0 else 0.4, advantage * (1.25 if advantage > 0 else 0.75), name, color=colour,
                  ha="right" if advantage > 0 else "left", va="bottom")  # fmt: skip
    for edge in (1 - clip, 1 + clip):
        axis.axvline(edge, color=NEUTRAL, linestyle=":", linewidth=1.2)
    axis.axvline(1, color="0.35", linewidth=0.9)
    axis.set(xlabel="new probability of a token / old one", ylabel="what is paid", ylim=(-1.75, 1.6))
    axis.set_xticks([0.6, 1 - clip, 1, 1 + clip, 1.4])
    axis.set_title("Flat beyond the clip (dotted): no pull there")
