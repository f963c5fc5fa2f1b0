"""What the verbs that need no model print: pass@k from counts, plans and what they cost, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.report.terminal import bullets, text_table, titled
from mathb_kit.sentences import gain_power_sentence, plan_sentence
from mathb_kit.statistics.forecast import QUESTIONS

if TYPE_CHECKING:
    import pandas as pd

    from mathb_kit.statistics.planning import PlanChoice
    from mathb_kit.statistics.redraw_plan import RedrawPlan

DIGITS = 4
_RIVALS = 10


def shares_text(table: pd.DataFrame) -> str:
    """Shares by k or by metric, then which intervals these are, what cannot be relied on, and what cannot be told.

    Args:
        table: of ``mean_pass_at_k``, ``neighbours`` or ``pass_at_k_beyond``, of one model and draw.
    """
    by_metric, value = "metric" in table, "pass_at_k" if "pass_at_k" in table else "estimate"
    names = table["metric"] if by_metric else table["k"].map("k = {:,}".format)
    told = table[value].notna()
    notes = [f"{name}: a problem has fewer attempts, so that it cannot be told." for name in names[~told]]
    if "flag" in table:
        notes += [f"{name}: {flag}." for name, flag in zip(names, table["flag"]) if flag]
    first, *others = names[told].groupby(table["interval"], sort=False) if told.any() else [None]
    notes += [f"95 % intervals: {first[0]}."] if first else []
    notes += [f"of {', '.join(of)}: {interval}." for interval, of in others]
    shown = table[told].drop(columns=["model", "draw", "flag", "interval"], errors="ignore")
    return "\n\n".join([*([text_table(shown, digits=DIGITS)] if told.any() else []), bullets(notes)])


def plan_text(choice: PlanChoice) -> str:
    """The chosen plan in sentences, what it saves beside fixed n, and its rivals."""
    named = {long: short for short, long in QUESTIONS.items()}
    costs = choice.costs.drop(columns=["plan", "tokens"]).replace({"question": named})
    rivals = choice.table.head(_RIVALS).drop(columns="tokens", errors="ignore")
    rivals = rivals.assign(enough=rivals["enough"].map({True: "yes", False: "no"}))
    told = [
        plan_sentence(choice), gain_power_sentence(choice.plan, choice.request.problems), "",
        titled(
            f"{choice.plan} against fixed n of equal width", _whole(costs, "attempts", "fixed_n"), "",
            bullets(f"{short}: {long}." for long, short in named.items()), digits=DIGITS,
        ), "",
        titled("Its rivals, by cost", _whole(rivals, "attempts"), digits=DIGITS),
    ]  # fmt: skip
    return "\n".join(told)


def redraw_plan_text(chosen: RedrawPlan) -> str:
    """Designs that show a gain, for a whole set and for single problems."""
    parts = ("candidates", "sieve", "redrawn", "tuned", "attempts")
    per_set = _whole(chosen.per_set.drop(columns=["k", "power", "tokens"]), *parts)
    title = "For a single problem: the success rate from which the only gain among these problems shows"
    return "\n\n".join([
        titled(f"For a whole set (draws by {chosen.plan}), the cheapest first", per_set),
        titled(title, chosen.per_problem, digits=DIGITS),
    ])  # fmt: skip


def _whole(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Expected numbers of these columns without their fractions."""
    return table.assign(**{name: table[name].map("{:,.0f}".format) for name in columns})
