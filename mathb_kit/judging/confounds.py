"""What a difference of pass@k may be made of besides mathematics: endings, how answers are read, luck, length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation
from mathb_kit.judging.guessing import chance_of
from mathb_kit.problems.problem import Problem
from mathb_kit.statistics import chance_curve, estimate_pass_at_k, outcome_bounds, pass_at_k
from mathb_kit.verdicts import Verdict

UNKNOWN = "cannot be told from counts"


def confounds(base: Evaluation, tuned: Evaluation, problems: Sequence[Problem], k: int) -> pd.DataFrame:
    """The pass@k of two models under other readings of the same attempts; nothing is sampled.

    Args:
        base, tuned: under fixed plans of at least ``k`` attempts (an adaptive plan stops by the very verdicts that the
            other readings change).
        problems: the evaluated problems, for their golds.
        k: attempts allowed.

    Returns:
        part, base, tuned, difference, about. Rows: pass@k as judged; with truncated attempts as correct (what a larger
        limit could give at most); by the first box, and by any box; the share of attempts that were truncated, that
        committed to no answer, and that had no verdict; chance (each model's own answers held against other golds of
        the same magnitude); and pass@k at matched tokens: the longer-winded model gets so many fewer attempts.

    Raises:
        MathbError: an adaptive plan, or a plan below k.
    """
    for each in (base, tuned):
        if not each.plan.is_fixed or each.plan.n_max < k:
            raise MathbError(
                f"{each.model.name} was evaluated by the plan {each.plan}; readings are compared under fixed plans of "
                f"at least {k:,} attempts: Plan.fixed({k})."
            )
    lengths = [each.outcomes["tokens"].sum() / each.outcomes["n"].sum() for each in (base, tuned)]
    shorter = min(lengths)
    matched = [max(1, round(k * shorter / length)) for length in lengths]
    rows: list[tuple[str, list[float], str]] = [
        (f"pass@{k} as judged", [_mean(each, k) for each in (base, tuned)], "attempts"),
        ("truncated attempts as correct", [_with_truncated(each, k) for each in (base, tuned)], "attempts"),
    ]
    for policy, name in (("first_box", "by the first box"), ("any_box", "by any box")):
        rows.append((name, [_mean(each.under_policy(policy), k) for each in (base, tuned)], "extraction"))
    for column, name in (("truncated", "truncated"), ("no_answer", "no answer"), ("grader_failed", "no verdict")):
        shares = [each.outcomes[column].sum() / each.outcomes["n"].sum() for each in (base, tuned)]
        rows.append((f"share {name}", shares, "attempts"))
    chances = [chance_curve(chance_of(each, problems, [k]))["estimate"].iloc[0] for each in (base, tuned)]
    rows.append(("chance: own answers, other golds", chances, "guessing"))
    at = [_mean(each, allowed) for each, allowed in zip((base, tuned), matched)]
    rows.append((f"matched tokens: k = {matched[0]} and {matched[1]}", at, "length"))
    frame = [{"part": part, "base": pair[0], "tuned": pair[1], "about": about} for part, pair, about in rows]
    table = pd.DataFrame(frame).assign(difference=lambda t: t["tuned"] - t["base"])
    return table[["part", "base", "tuned", "difference", "about"]]


def confounds_of_counts(base: pd.DataFrame, tuned: pd.DataFrame, k: int) -> pd.DataFrame:
    """The same table from outcomes alone: what they bound, and which parts cannot be told without the attempts.

    Args:
        base, tuned: outcomes under fixed plans, perhaps with no_answer, truncated, grader_failed, tokens.
        k: attempts allowed.
    """
    rows: list[dict[str, Any]] = []
    arms = {"base": base, "tuned": tuned}
    judged = {who: float(estimate_pass_at_k(rows_, [k])["estimate"].mean()) for who, rows_ in arms.items()}
    rows.append({"part": f"pass@{k} as judged", **judged, "about": "attempts"})
    columns = {"grader_failed": "no verdict", "truncated": "truncated", "no_answer": "no answer"}
    for column, name in columns.items():
        if all(column in each for each in arms.values()):
            shares = {who: float(each[column].sum() / each["n"].sum()) for who, each in arms.items()}
            rows.append({"part": f"share {name}", **shares, "about": "attempts"})
        else:
            rows.append({"part": f"share {name}", "about": UNKNOWN})
    if all("grader_failed" in each for each in arms.values()):
        most = {who: float(outcome_bounds(each, [k])["as_correct"].iloc[0]) for who, each in arms.items()}
        rows.append({"part": "no verdict as correct", **most, "about": "attempts"})
    for part in ("by the first box", "by any box", "chance: own answers, other golds", "matched tokens"):
        rows.append({"part": part, "about": UNKNOWN})
    table = pd.DataFrame(rows, columns=["part", "base", "tuned", "about"])
    return table.assign(difference=table["tuned"] - table["base"])[["part", "base", "tuned", "difference", "about"]]


def _mean(evaluation: Evaluation, k: int) -> float:
    return float(estimate_pass_at_k(evaluation.outcomes, [k])["estimate"].mean())


def _with_truncated(evaluation: Evaluation, k: int) -> float:
    """pass@k if every truncated attempt had been correct."""
    verdicts = evaluation.verdicts
    hit = (verdicts["verdict"] == Verdict.CORRECT) | verdicts["truncated"]
    counts = hit.groupby(verdicts["problem"]).agg(["size", "sum"])
    return float(pass_at_k(counts["size"].to_numpy(), counts["sum"].to_numpy(), k).mean())
