r"""How hard problems look to a judge: several ratings from 1 to 10, averaged, as DeepMath-103K does with six of GPT-4o.

DeepMath's prompt (after Omni-MATH, on the scale of AoPS competition ratings) was not found; the one here is worded by
us, so ratings are comparable with each other and not with published ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from mathb_kit.construction.asking import ask_about, with_prompt
from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.errors import MathbError
from mathb_kit.grading import extract
from mathb_kit.models.model import Model
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Engine, EngineFactory
from mathb_kit.store import Store

# Our wording; {problem} stands for the statement.
RATING_PROMPT = r"""Rate how difficult the following problem is for a well prepared human competitor.
Use this scale; steps of one half are allowed.

1: one routine step, first years of secondary school.
2: a textbook exercise of a few steps, or among the easiest problems of a school contest.
3: an ordinary problem of a first-round contest such as the AMC 12.
4: among the last problems of a first-round contest, or the easiest of the AIME.
5: the middle of the AIME; an idea must be found, or several be joined.
6: among the hardest AIME problems, or the easiest of a national olympiad.
7: an ordinary problem of a national olympiad, or of an undergraduate contest such as the Putnam.
8: a hard national olympiad problem, or a middling one of the International Mathematical Olympiad.
9: among the hardest problems of an ordinary International Mathematical Olympiad.
10: harder than nearly everything that was ever set in a contest.

Do not solve the problem in full. Think briefly about which ideas a solution needs and how well they are hidden.
Then end with one line that holds nothing but your rating, as \boxed{rating}.

Problem:
{problem}"""

_NUMBER = r"\d+(?:\.\d+)?"
_RATING = re.compile(rf"\$?({_NUMBER})(?:\s*/\s*10)?\$?")
_LINE = re.compile(rf"\W*(?:difficulty|rating)(?: rating)?\W*(?:is\W*)?({_NUMBER})(?:\s*/\s*10)?\W*", re.I)


def rate_difficulty(
    problems: Sequence[Problem],
    judge: Model | Callable[[str], str],
    times: int = 6,
    *,
    store: Store | None = None,
    engine: Engine | EngineFactory | None = None,
    draw: str = "difficulty",
) -> pd.DataFrame:
    """Several ratings of every problem by one judge.

    Args:
        problems: what is rated; golds are not shown.
        judge: a model, asked under its own sampling settings and kept in the store; or a function from a prompt to a
            reply, called ``times`` times a problem, of which nothing is kept.
        times: ratings per problem.
        store, engine: for a model, as for `mathb_kit.evaluate`.
        draw: name of the draw.

    Returns:
        problem, mean, spread (standard deviation, NaN for fewer than two ratings), n_read, n_asked: one row per
        problem. What is no rating (a refusal, a number off the scale, an endless thought) is asked but not read.

    Raises:
        MathbError: ``times`` below 1, or what sampling and the store report.
    """
    if times < 1:
        raise MathbError(f"Every problem is rated at least once, not {times} times.")
    distinct = list({problem.key: problem for problem in problems}.values())
    if isinstance(judge, Model):
        asked = with_prompt(judge, RATING_PROMPT)
        replies = ask_about(distinct, asked, draw, times, store=store, engine=engine)
    else:
        prompts = {problem.key: RATING_PROMPT.replace("{problem}", problem.statement) for problem in distinct}
        replies = {key: [judge(prompt) for _ in range(times)] for key, prompt in prompts.items()}
    rows = []
    for problem in distinct:
        read = [rating for reply in replies[problem.key] if (rating := read_rating(reply)) is not None]
        mean = float(np.mean(read)) if read else np.nan
        spread = float(np.std(read, ddof=1)) if len(read) > 1 else np.nan
        rows.append((problem.key, mean, spread, len(read), times))
    return pd.DataFrame(rows, columns=["problem", "mean", "spread", "n_read", "n_asked"])


def read_rating(reply: str) -> float | None:
    """The rating that a reply ends with: 1 to 10 in halves, in a box or on a last line "Rating: 6.5"; else None."""
    answer = extract(reply)
    if answer.how == "nothing declared" and reply.strip():
        match = _LINE.fullmatch(reply.strip().splitlines()[-1])
    else:
        match = _RATING.fullmatch((answer.answer or "").strip())
    if not match:
        return None
    rating = float(match[1])
    return rating if 1 <= rating <= 10 and (2 * rating).is_integer() else None


def rated_at_least(problems: Sequence[Problem], ratings: pd.DataFrame, least: float) -> Filtered:
    """Keep the problems with a mean rating of at least ``least`` (DeepMath: 5), as the stage ``difficulty``.

    Args:
        problems: candidates.
        ratings: from `rate_difficulty`.
        least: smallest mean rating that is kept.

    Raises:
        MathbError: a problem that was not rated.
    """
    means = ratings.set_index("problem")["mean"]
    if missing := next((problem for problem in problems if problem.key not in means.index), None):
        raise MathbError(f"Problem {missing.key} was not rated; hand in the ratings of all problems.")

    def fault(problem: Problem) -> str | None:
        mean = means[problem.key]
        if np.isnan(mean):
            return "no rating could be read"
        return None if mean >= least else f"easier than {least:g}: rated {mean:.2f}"

    return drop_with_reason("difficulty", problems, map(fault, problems))
