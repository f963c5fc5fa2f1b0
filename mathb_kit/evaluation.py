"""Sample and grade by a plan: the only place where sampling meets grading.

An adaptive plan needs verdicts to go on, so rounds of sampling and grading alternate here. Everything is kept in the
store; an evaluation that was run before only reads.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mathb_kit.errors import MathbError
from mathb_kit.grading import EXTRACTOR_VERSION, GRADER_VERSION, Grader, extract
from mathb_kit.models.model import Model
from mathb_kit.outcomes import outcomes_from_verdicts
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import get_engine, sample
from mathb_kit.sampling.engine import Engine
from mathb_kit.store import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Evaluation:
    """One model on a list of problems under one plan and draw.

    Attributes:
        model: the model evaluated.
        plan: the plan in force.
        draw: name of the draw.
        outcomes: one row per problem, see `mathb_kit.outcomes`, plus ``name`` (the model's) and ``set``.
        verdicts: one row per attempt: problem, index, answer, verdict, rung, truncated, tokens.
        new_tokens: tokens sampled by this call; 0 when all came from the store.
        store: where the attempts are.
    """

    model: Model
    plan: Plan
    draw: str
    outcomes: pd.DataFrame
    verdicts: pd.DataFrame
    new_tokens: int
    store: Store

    def completions(self, problem: Problem, count: int = 5) -> pd.DataFrame:
        """The first attempts at a problem to read: index, text, answer, verdict, rung."""
        shown = self.first_attempts(count, [problem.key])
        return shown[["index", "text", "answer", "verdict", "rung"]]

    def first_attempts(self, count: int, problems: Collection[str] | None = None) -> pd.DataFrame:
        """Texts and verdicts of the first ``count`` attempts at every problem (or at those with these keys)."""
        keys = self.outcomes["problem"] if problems is None else problems
        texts = self.store.read_attempts(self.model.key(), self.draw, keys, ["problem", "index", "text"])
        graded = self.verdicts[["problem", "index", "answer", "verdict", "rung"]]
        return texts[texts["index"] < count].merge(graded, on=["problem", "index"])


def evaluate(
    model: Model,
    problems: Sequence[Problem],
    plan: Plan = Plan(),
    *,
    draw: str = "main",
    store: Store | None = None,
    engine: Engine | None = None,
) -> Evaluation:
    """Bring every problem to the end its plan sets, and count.

    Args:
        model: the model.
        problems: problems with golds.
        plan: rounds and stop count.
        draw: name of the draw; another name gives fresh attempts.
        store: where attempts, answers and verdicts are kept; the common store by default.
        engine: what samples; the transformers engine by default, loaded only if attempts are missing.

    Raises:
        MathbError: no problems, a problem without gold, or what sampling, grading and the store report.
    """
    problems = list({problem.key: problem for problem in problems}.values())
    if not problems:
        raise MathbError("There are no problems to evaluate on; name a set with at least one problem.")
    if blank := next((problem for problem in problems if not problem.gold.strip()), None):
        raise MathbError(f"Problem {blank.key} has no gold, so no attempt at it can be graded; leave it out.")
    store = store or Store()
    engine = engine or get_engine(model)
    key, low, new_tokens, going_on = model.key(), 0, 0, problems
    with Grader(store) as grader:
        for high in plan.rounds:
            report = sample(model, going_on, plan, store=store, engine=engine, draw=draw, low=low, high=high)
            new_tokens += report.tokens
            verdicts = read_verdicts(store, key, draw, problems, grader, stop=model.sampling.stop)
            outcomes = outcomes_from_verdicts(verdicts, plan, GRADER_VERSION)
            open_keys = set(outcomes.loc[~outcomes["complete"], "problem"])
            going_on, low = [problem for problem in problems if problem.key in open_keys], high
            if not going_on:
                break
    outcomes.insert(0, "name", model.name)
    outcomes.insert(1, "set", outcomes["problem"].map({problem.key: problem.set for problem in problems}))
    return Evaluation(model, plan, draw, outcomes, verdicts, new_tokens, store)


def read_verdicts(
    store: Store, model_key: str, draw: str, problems: Sequence[Problem], grader: Grader, stop: Sequence[str] = ()
) -> pd.DataFrame:
    """Extract what is not extracted yet, grade what is not graded yet, and return one row per attempt."""
    for shard, attempts in store.pending_answers(EXTRACTOR_VERSION, model_key, draw):
        # Tiny and sharpened models repeat themselves: each distinct text is read once.
        answer_of = {text: extract(text, stop=stop).answer for text in attempts["text"].unique()}
        attempts["answer"] = attempts["text"].map(answer_of)
        attempts["truncated"] = attempts["finish"] != "stop"
        store.commit_answers(EXTRACTOR_VERSION, model_key, draw, shard, attempts)
    golds = {problem.key: problem.gold for problem in problems}
    answers = store.read_answers(EXTRACTOR_VERSION, model_key, draw, problems=list(golds))
    return grader.grade_answers(answers.assign(gold=answers["problem"].map(golds)))
