"""Sample and grade by a plan.

An adaptive plan needs verdicts to go on, so rounds of sampling and grading alternate here. Everything is kept in the
store; an evaluation that was run before only reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.grading.stored import grader_of
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import CommittingEngine, Engine, EngineFactory
from mathb_kit.sampling.driver import watch_over
from mathb_kit.sampling.engines import open_engine
from mathb_kit.store import Store
from mathb_kit.verdicts import Verdict


@dataclass(frozen=True)
class Evaluation:
    """One model on a list of problems under one plan and draw.

    Attributes:
        draw: the model's attempts under a name, in their store.
        plan: the plan in force.
        outcomes: one row per problem, see `mathb_kit.outcomes`, plus ``name`` (the model's) and ``set``.
        verdicts: one row per attempt that counts: problem, index, gold, answer, verdict, rung, truncated, tokens.
        new_tokens: tokens sampled by this call; 0 when all came from the store.
        problems: the problems.
    """

    draw: Draw
    plan: Plan
    outcomes: pd.DataFrame
    verdicts: pd.DataFrame
    new_tokens: int
    problems: tuple[Problem, ...] = ()

    @property
    def model(self) -> Model:
        """The model evaluated."""
        return self.draw.model

    def completions(self, problem: Problem, count: int = 5) -> pd.DataFrame:
        """The first attempts at a problem to read: index, text, answer, verdict, rung."""
        shown = self.first_attempts(count, [problem.key])
        return shown[["index", "text", "answer", "verdict", "rung"]]

    def first_attempts(self, count: int, problems: Collection[str] | None = None) -> pd.DataFrame:
        """Texts and verdicts of the first ``count`` attempts at every problem (or at those with these keys)."""
        keys = self.outcomes["problem"] if problems is None else problems
        texts = self.draw.attempts(keys, ["problem", "index", "text"], count)
        graded = self.verdicts[["problem", "index", "answer", "verdict", "rung"]]
        return texts.merge(graded, on=["problem", "index"])

    def texts(self, problems: Sequence[str], indices: Sequence[int]) -> list[str]:
        """The completions of single attempts, each named by its problem's key and its index."""
        rows = self.draw.attempts(problems, ["problem", "index", "text"])
        texts = rows.set_index(["problem", "index"])["text"]
        return [texts[place] for place in zip(problems, indices)]

    def under_policy(self, policy: str) -> Evaluation:
        """The same attempts with another answer of each counting; nothing is sampled.

        The plan's stopping rule is replayed on the new verdicts: a problem that would have gone on under them has
        ``complete`` False in the outcomes.

        Args:
            policy: ``last_box``, ``first_box`` or ``any_box``, see `mathb_kit.grading.extraction`.
        """
        golds = self.verdicts.drop_duplicates("problem").set_index("problem")["gold"].to_dict()
        with grader_of(self.draw.store) as grader:
            verdicts = self.draw.verdicts(golds, grader, policy)
        sets = self.outcomes.set_index("problem")["set"].to_dict()
        outcomes = _outcomes(self.draw, verdicts, self.plan, sets)
        return replace(self, outcomes=outcomes, verdicts=_counted(verdicts, outcomes), new_tokens=0)


def evaluate(
    model: Model,
    problems: Sequence[Problem],
    plan: Plan = Plan(),
    *,
    draw: str = "main",
    store: Store | None = None,
    engine: Engine | CommittingEngine | EngineFactory | str | None = None,
) -> Evaluation:
    """Bring every problem to the end its plan sets, and count.

    Args:
        model: the model.
        problems: problems with golds.
        plan: rounds and stop count.
        draw: name of the draw; another name gives fresh attempts.
        store: where attempts, answers and verdicts are kept; the common store by default.
        engine: what samples, its name, or what makes it for a model (``engine_factory``); the transformers engine by
            default, loaded only if attempts are missing. One that is made here is closed at the end.

    Raises:
        MathbError: no problems, a problem without gold, or what sampling, grading and the store report.
    """
    problems = list({problem.key: problem for problem in problems}.values())
    if not problems:
        raise MathbError("There are no problems to evaluate on; name a set with at least one problem.")
    if blank := next((problem for problem in problems if not problem.gold.strip()), None):
        raise MathbError(f"Problem {blank.key} has no gold, so no attempt at it can be graded; leave it out.")
    drawn = Draw(store or Store(), model, draw)
    low, new_tokens, spent, going_on = 0, 0, 0, problems
    ended: list[pd.DataFrame] = []  # verdicts of the problems that each round ended
    with (
        grader_of(drawn.store) as grader,
        open_engine(engine, model) as sampler,
        watch_over(drawn, len(problems) * plan.n_max) as watch,
    ):
        # A round's verdicts decide which problems go on to the next. Those are verdicts of all attempts in the store,
        # from a larger plan perhaps: `outcomes` replays this plan on them, so that each problem ends where it would.
        for high in plan.rounds:
            new_tokens += drawn.sample(sampler, going_on, plan, attempts=range(low, high), watch=watch).tokens
            verdicts = drawn.verdicts({problem.key: problem.gold for problem in going_on}, grader)
            outcomes = drawn.outcomes(verdicts, plan)
            open_keys = set(outcomes.loc[~outcomes["complete"], "problem"])
            spent += (len(going_on) - len(open_keys)) * high
            watch.expect(spent + len(open_keys) * plan.n_max, _pass_at_1(verdicts, high) if low == 0 else "")
            going_on, low = [problem for problem in going_on if problem.key in open_keys], high
            if not going_on or high == plan.n_max:
                ended.append(verdicts)
                break
            ended.append(verdicts[~verdicts["problem"].isin(open_keys)])
    if len(ended) > 1:
        verdicts = pd.concat(ended).sort_values(["problem", "index"], ignore_index=True)
    outcomes = _outcomes(drawn, verdicts, plan, {problem.key: problem.set for problem in problems})
    return Evaluation(drawn, plan, outcomes, _counted(verdicts, outcomes), new_tokens, tuple(problems))


def _pass_at_1(verdicts: pd.DataFrame, n: int) -> str:
    """pass@1 after the first round: there all problems have as many attempts, so the share of all is the mean."""
    share = (verdicts.loc[verdicts["index"] < n, "verdict"] == Verdict.CORRECT).mean()
    return f"pass@1 so far {share:.1%}"


def _counted(verdicts: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """The attempts up to each problem's end: the store may hold more, from an evaluation by a larger plan."""
    counted = verdicts["index"] < verdicts["problem"].map(outcomes.set_index("problem")["n"])
    return verdicts if counted.all() else verdicts[counted].reset_index(drop=True)


def _outcomes(draw: Draw, verdicts: pd.DataFrame, plan: Plan, sets: Mapping[str, str]) -> pd.DataFrame:
    outcomes = draw.outcomes(verdicts, plan)
    outcomes.insert(1, "set", outcomes["problem"].map(sets))
    return outcomes
