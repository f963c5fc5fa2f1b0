"""What a plan costs, what it saves and where it saves nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mathb_kit.plan import Plan
from mathb_kit.statistics import detectable_gain
from mathb_kit.statistics.forecast import QUESTIONS
from mathb_kit.statistics.gains import POWER
from mathb_kit.statistics.planning import TIE, PlanChoice
from mathb_kit.statistics.redraw_plan import RedrawPlan
from mathb_kit.statistics.redraw_power import RedrawDesign

if TYPE_CHECKING:
    from mathb_kit.judging import Step


def saved_sentence(saved: pd.DataFrame) -> str:
    """Attempts of an adaptive plan beside those of a fixed one (set, name, attempts, fixed_attempts, ratio)."""
    used, fixed = saved["attempts"].sum(), saved["fixed_attempts"].sum()
    least, most = saved.loc[saved["ratio"].idxmin()], saved.loc[saved["ratio"].idxmax()]
    return (
        f"{used:,} attempts in place of {fixed:,}: {fixed / used:.1f} times fewer. Most is saved by {most['name']} on "
        f"{most['set']} ({most['ratio']:.1f} times), least by {least['name']} on {least['set']} ({least['ratio']:.1f} "
        "times): easy problems stop early, hard ones take all they may."
    )


def cost_sentence(steps: Sequence[Step]) -> str:
    """What a judgement may sample at most (`steps_at_most`)."""
    parts = [f"{each.model} {each.what_for} {each.attempts:,}" for each in steps]
    attempts, tokens = sum(each.attempts for each in steps), sum(each.tokens for each in steps)
    return (
        f"At most {attempts:,} attempts ({', '.join(parts)}) of together {tokens:,} tokens; what the store has is not "
        "sampled again."
    )


def gain_power_sentence(plan: Plan, problems: int) -> str:
    """From which success rate a single problem's gain shows under a plan, and what a later stop would show."""
    longer = Plan(plan.rounds, stop=4, chunk=plan.chunk)
    plans = [plan] if plan.is_fixed or plan.stop >= 4 else [plan, longer]
    rates = [detectable_gain(each, problems) for each in plans]
    shows = ["no rate" if np.isnan(rate) else f"{100 * rate:.2g} %" for rate in rates]
    later = f", with stop 4 from {shows[1]}" if len(shows) > 1 else ""
    return (
        f"Problem by problem: beside a base that never solves it, the one gain among {problems:,} problems shows with "
        f"{100 * POWER:.0f} % power from a success rate of {shows[0]}{later}."
    )


def plan_sentence(choice: PlanChoice) -> str:
    """Cost and widths of a chosen plan beside fixed n, and the bound on what any plan could save."""
    plan, request = choice.plan, choice.request
    costs = choice.costs[choice.costs["question"] == QUESTIONS[request.question]]
    first = costs.iloc[0]
    tokens = "" if np.isnan(first["tokens"]) else f" ({first['tokens'] / 1e6:,.1f} million tokens)"
    widths = ", ".join(f"{row.width:.3g} at k = {row.k}" for row in costs.itertuples() if row.k in request.ks)
    parts = [
        f"{plan}: {first['attempts']:,.0f} attempts expected at {request.problems:,} problems{tokens}",
        f"expected interval width {widths} ({first['question']})",
    ]
    if plan.is_fixed:
        parts.append("an adaptive plan saves nothing here")
    else:
        for row in costs.itertuples():
            fixed = f"fixed n = {math.ceil(row.fixed_n)}"
            if row.ratio < 1.05:
                parts.append(f"at k = {row.k} it saves nothing: {fixed} is as narrow")
            elif row.k in request.ks:
                wider = "equally wide" if row.width <= TIE * row.fixed_width else f"{row.fixed_width:.3g} wide"
                parts.append(f"at k = {row.k} it takes {row.ratio:.1f} times fewer than {fixed} ({wider})")
    if choice.most is not None:
        possible = f"no unbiased plan can save more than {choice.most:.1f} times at k = {plan.n_max}"
        parts.append(possible if choice.most > 1.0001 else "no problem is ever solved, so every attempt is needed")
    if choice.pilot is not None and choice.pilot < request.n_max:
        parts.append(
            f"the pilot has {choice.pilot:,} attempts a problem, so what lies beyond rests on the shape fitted to it"
        )
    return "; ".join(parts) + "."


def redraw_plan_sentence(chosen: RedrawPlan) -> str:
    """What shows a gain in Expansion with 80 % power: the cheapest design, its size and its cost."""
    row = chosen.per_set.iloc[0]
    tokens = "" if np.isnan(row["tokens"]) else f", {row['tokens'] / 1e6:,.1f} million tokens"
    return (
        f"A gain of {100 * chosen.expansion:g} points in Expansion at k = {row['k']:,.0f} shows with "
        f"{100 * POWER:.0f} % power on {row['problems']:,.0f} problems that the base left unsolved, beside "
        f"{_number(row['redraws'], 're-draw')} of it, with {_number(row['seeds'], 'seed')} of the tuned model: "
        f"{row['candidates']:,.0f} candidates, at most {row['attempts']:,.0f} attempts in all{tokens}. A frozen base "
        f"reaches {100 * chosen.frozen:.1f} % of what it left unsolved by trying again; the selection leaves "
        f"{100 * chosen.left:.1f} % of the candidates."
    )


def visible_sentence(design: RedrawDesign, frozen: float, gain: float) -> str:
    """What a comparison of a given size can see: the smallest gain with 80 % power."""
    if np.isnan(gain):
        return (
            f"On {design.problems:,} problems beside {_number(design.redraws, 're-draw')} not even a model that "
            f"reaches all of them is found with {100 * POWER:.0f} % power."
        )
    return (
        f"On {design.problems:,} problems beside {_number(design.redraws, 're-draw')} and with "
        f"{_number(design.seeds, 'seed')}, a gain in Expansion shows with {100 * POWER:.0f} % power from "
        f"{100 * gain:.1f} points on; a frozen base reaches {100 * frozen:.1f} % of them by trying again. Smaller "
        "gains may be there and not be seen."
    )


def _number(count: float, what: str) -> str:
    return f"{count:.0f} {what}{'' if count == 1 else 's'}"
