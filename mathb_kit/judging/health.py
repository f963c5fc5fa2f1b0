"""What became of an evaluation's attempts besides right and wrong, and how far that could move its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mathb_kit.verdicts import Verdict

if TYPE_CHECKING:
    from mathb_kit.evaluation import Evaluation


class Bounds(NamedTuple):
    """A number as counted, and as it would be were all truncated attempts wrong (low) or right (high)."""

    low: float
    counted: float
    high: float


@dataclass(frozen=True)
class Health:
    """Shares of an evaluation's attempts, those beyond the plan's stop left out; NaN where texts were dropped.

    Attributes:
        name: of the model.
        attempts: how many.
        problems: at how many problems.
        truncated: ended at the token limit.
        cut: given up by the engine.
        no_answer: commit to no answer.
        grader_failed: the grader could not decide.
        blank: nothing but white space.
        identical: the text is, word for word, that of another attempt at the same problem.
        identical_tokens: mean tokens of those; NaN where there are none.
        repeated_chunks: share of chunks (of problems that have several) with the very texts of another chunk.
        greedy: temperature 0, where all attempts are alike by intention.
        first_round: attempts of every problem in the plan's first round.
        pass_at_1: of the first round, in which all problems have as many attempts: the plan's stop has no part in it.
        solved: problems with a correct attempt.
    """

    name: str
    attempts: int
    problems: int
    truncated: float
    cut: float
    no_answer: float
    grader_failed: float
    blank: float
    identical: float
    identical_tokens: float
    repeated_chunks: float
    greedy: bool
    first_round: int
    pass_at_1: Bounds
    solved: Bounds


def health_of(evaluation: Evaluation) -> Health:
    """Count what became of the attempts of an evaluation; the texts are read once, file by file."""
    verdicts, plan = evaluation.verdicts, evaluation.plan
    texts = evaluation.draw.text_hashes(evaluation.outcomes["problem"])
    table = verdicts[["problem", "index", "verdict"]].merge(texts, on=["problem", "index"])
    right, limit = (table["verdict"] == Verdict.CORRECT), (table["finish"] == "length")
    first = table["index"] < plan.rounds[0]
    same = table.duplicated(["problem", "text_hash"], keep=False) & table["text_hash"].notna()
    if dropped := bool(table["text_hash"].isna().any()):
        same &= False
    chunks = table.groupby(["problem", "first"])["text_hash"].agg(tuple).reset_index()
    chunks = chunks[chunks["problem"].duplicated(keep=False)]
    nan = float("nan")

    def bounds(of: list) -> Bounds:
        return Bounds(*map(float, of))

    readings = [right & ~limit, right, right | limit]
    return Health(
        name=evaluation.model.name,
        attempts=len(table),
        problems=len(evaluation.outcomes),
        truncated=float(limit.mean()),
        cut=float((table["finish"] == "cut").mean()),
        no_answer=float((table["verdict"] == Verdict.NO_ANSWER).mean()),
        grader_failed=float((table["verdict"] == Verdict.GRADER_FAILED).mean()),
        blank=nan if dropped else float(table["blank"].mean()),
        identical=nan if dropped else float(same.mean()),
        identical_tokens=float(table.loc[same, "tokens"].mean()) if same.any() else nan,
        repeated_chunks=nan if dropped else float(chunks.duplicated(["problem", "text_hash"], keep=False).mean()),
        greedy=evaluation.model.sampling.temperature == 0,
        first_round=plan.rounds[0],
        pass_at_1=bounds([reading[first].mean() for reading in readings]),
        solved=bounds([table.loc[reading, "problem"].nunique() for reading in readings]),
    )
