"""Which outcomes may be compared: one model and draw, each problem once, no draw that chose the problems."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import KEY, require_columns
from mathb_kit.plan import Plan

SELECTION = "selection"
"""The draw whose result is a column of a selected set; its attempts need not be at hand."""


def one_model_and_draw(outcomes: pd.DataFrame) -> tuple[str, str]:
    """The one model and draw of these outcomes, each problem once."""
    require_columns(outcomes, KEY, "outcomes")
    pairs = outcomes[["model", "draw"]].drop_duplicates()
    if len(pairs) > 1:
        raise MathbError(f"Hand in the outcomes of one model and draw, not of {len(pairs)}; select one of them.")
    if outcomes["problem"].duplicated().any():
        twice = outcomes["problem"][outcomes["problem"].duplicated()].iloc[0]
        raise MathbError(f"Problem {twice} has two outcomes for one model and draw; hand in each problem once.")
    return tuple(pairs.iloc[0]) if len(pairs) else ("", "")


def rows_on(outcomes: pd.DataFrame, problems: Collection[str]) -> pd.DataFrame:
    """The rows of ``problems``, which must all be there."""
    missing = sorted(set(problems) - set(outcomes["problem"]))
    if missing:
        model, draw = one_model_and_draw(outcomes)
        raise MathbError(
            f"Model {model}, draw {draw}, has no outcome for {len(missing)} of the {len(problems)} problems, the first "
            f"being {missing[0]}; evaluate it on the whole set."
        )
    return outcomes[outcomes["problem"].isin(problems)]


def pooled(draws: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Several draws of one model at fixed n as one draw of all their attempts; the draws themselves under other plans.

    At fixed n the total of successes says all that the draws do of a success rate, and the estimate of pass@k from it
    has the least variance and reaches further. Where a plan stopped early, sums of draws are no end point of any plan.

    Args:
        draws: outcomes of one model, a draw each, on the same problems.
    """
    first, *others = draws
    if not others or not all(Plan.parse(text).is_fixed for each in draws for text in each["plan"].unique()):
        return list(draws)
    total = first.set_index("problem")
    for column in {"n", "c", "tokens"} & set(first):
        for each in others:
            total[column] += each.set_index("problem").loc[total.index, column]
    plan = total["n"].map(lambda n: str(Plan.fixed(int(n))))
    return [total.assign(draw=" and ".join(one_model_and_draw(each)[1] for each in draws), plan=plan).reset_index()]


def require_one_grader(*arms: pd.DataFrame) -> None:
    """MathbError where outcomes that are compared were graded by different graders.

    A grader that reads one more spelling adds correct answers to one arm only. Outcomes without the column come from
    counts, and nobody knows who graded them.
    """
    graders = sorted({str(grader) for arm in arms if "grader" in arm for grader in arm["grader"].unique()})
    if len(graders) > 1:
        raise MathbError(
            f"These outcomes were graded by different graders ({', '.join(graders)}), so a difference may be theirs; "
            "evaluate all of them again (stored attempts are graded anew, nothing is sampled)."
        )


def refuse_selecting_draw(who: str, draw: str, selected_by: str | None, solved_nothing: bool = False) -> None:
    """MathbError where ``draw`` selected the problems, or solved none of them and nobody says what selected them."""
    if draw in (SELECTION, selected_by):
        raise MathbError(
            f"The draw {draw!r} of {who} selected these problems, so its failures on them are partly bad luck (the "
            "winner's curse); compare with a fresh draw."
        )
    # A draw that solved nothing looks just like one that selected. Counted as fresh it would turn every lucky hit of
    # the other arm into a gain, so somebody has to say which it is.
    if solved_nothing and selected_by is None:
        raise MathbError(
            f"The draw {draw!r} of {who} solved none of these problems. If it selected them, compare with a fresh "
            f'draw; if another draw did, name it (selected_by="{SELECTION}"; selected_by="" if none did).'
        )


def fresh_arms(
    base: pd.DataFrame, tuned: pd.DataFrame, problems: Collection[str] | None, selected_by: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both arms' rows on ``problems`` (the base's by default), in one order.

    Raises:
        MathbError: no problems, one that an arm lacks or has twice, a missing column, or a draw that selected them.
    """
    chosen = list(dict.fromkeys(base["problem"] if problems is None else problems))
    if not chosen:
        raise MathbError("There are no problems to compare; hand in the outcomes of at least one.")
    arms = []
    for who, outcomes, selecting in (("the base", base, selected_by), ("the tuned model", tuned, "")):
        require_columns(outcomes, ["n", "c", "plan"], f"outcomes of {who}")
        _, draw = one_model_and_draw(outcomes)
        rows = rows_on(outcomes, chosen).set_index("problem").loc[chosen].reset_index()
        refuse_selecting_draw(who, draw, selecting, not (rows["c"] > 0).any())
        arms.append(rows)
    require_one_grader(*arms)
    return arms[0], arms[1]
