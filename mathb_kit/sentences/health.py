"""What became of attempts besides right and wrong, in one line, and warnings where it could mislead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mathb_kit.sentences.formats import percent

if TYPE_CHECKING:
    from mathb_kit.judging import Health
    from mathb_kit.sampling import SampleReport

# Above these shares a number is no longer what its name says.
MOST_TRUNCATED = 0.10  # an error of ten points is as much as most comparisons are about
MOST_UNANSWERED = 0.50  # most of what is counted wrong was then never compared with a gold
MOST_IDENTICAL = 0.50  # most attempts then tell nothing that another one did not
# Short completions repeat by chance. Two texts of 100 tokens, each token with probability 0.9, agree once in 40,000.
LONG_TEXT = 100


def health_sentence(health: Health) -> str:
    """One line of shares."""
    shares = {
        "truncated": health.truncated, "no answer": health.no_answer, "grader failed": health.grader_failed,
        "cut": health.cut, "blank": health.blank, "same text as another": health.identical,
    }  # fmt: skip
    told = ", ".join(f"{what} {'unknown' if math.isnan(share) else percent(share)}" for what, share in shares.items())
    return f"Of {health.attempts:,} attempts: {told}."


def health_warnings(health: Health) -> list[str]:
    """A sentence for each thing that makes the numbers doubtful, with what it does to them; mostly none."""
    said, who = [], health.name
    if health.blank == 1:
        said.append(f"{who} wrote nothing at all: every text is blank. Look at how it is asked: mathb models {who}.")
    if health.truncated > MOST_TRUNCATED:
        one, solved = health.pass_at_1, health.solved
        said.append(
            f"{who}: {percent(health.truncated)} of the attempts end at the token limit. Counted as they are, pass@1 "
            f"of the first {health.first_round} attempts is {percent(one.counted)}; were all of these wrong, it would "
            f"be {percent(one.low)}, were all right, {percent(one.high)}, and {solved.low:.0f} to {solved.high:.0f} of "
            f"{health.problems:,} problems solved. A larger --max-tokens tells."
        )
    explained = health.truncated > health.no_answer / 2  # by the token limit, of which the sentence above speaks
    if health.no_answer > MOST_UNANSWERED and health.blank < 1 and not explained:
        said.append(
            f"{who}: {percent(health.no_answer)} of the attempts commit to no answer, which counts as wrong. Read a "
            "few of them; it may have to be asked otherwise (--prompt, --system, --plain, --max-tokens)."
        )
    if health.cut > 0:
        said.append(
            f"{who}: the engine gave up on {percent(health.cut)} of the attempts, which count as wrong; they stay so "
            "under this draw (another --draw samples anew)."
        )
    if health.greedy:
        said.append(f"{who} is asked at temperature 0: all attempts are alike by intention, and pass@k is pass@1.")
    elif _alike(health):
        said.append(
            f"{who}: {percent(health.identical)} of the attempts are, word for word, another attempt at the same "
            "problem: a server that ignores seeds, or a model that has sharpened. Attempts that are copies say nothing "
            "about pass@k."
        )
    return said


def sampled_warnings(who: str, report: SampleReport) -> list[str]:
    """What makes attempts doubtful before anybody has graded them; mostly nothing."""
    said, new = [], report.new_attempts
    if report.truncated > MOST_TRUNCATED * new:
        said.append(
            f"{who}: {percent(report.truncated / new)} of the new attempts end at the token limit; what has no answer "
            "by then counts as wrong. A larger --max-tokens lets them end."
        )
    if report.cut:
        said.append(
            f"{who}: the engine gave up on {report.cut:,} of {new:,} new attempts, which are stored as cut and count "
            "as wrong; mathb store forget --cut lets the next run sample them again."
        )
    return said


def selection_warnings(truncated: Mapping[str, float]) -> list[str]:
    """What makes it doubtful that chosen problems are beyond the models that chose them; mostly nothing.

    Args:
        truncated: by name of a model, the share of the attempts by which it chose that did not come to an end.
    """
    return [
        f"{who}: {percent(share)} of the attempts that chose the problems end at the token limit, so some of these "
        "problems may be unsolved for want of room, not of mathematics; let it choose with more tokens (--max-tokens, "
        "or the model's max_tokens) before you call them beyond it."
        for who, share in truncated.items()
        if share > MOST_TRUNCATED
    ]


def _alike(health: Health) -> bool:
    """Whether texts repeat more than short completions do by chance."""
    long = health.identical_tokens >= LONG_TEXT
    return health.blank < 1 and health.identical > MOST_IDENTICAL and (long or health.repeated_chunks > MOST_IDENTICAL)
