"""How a training batch comes about where it is not "problems at random, and every group teaches".

The data rules of methods that claim to expand, each a short function, put together as the `Practice` of an objective.
The loss is GRPO's in all of them, so that a row of the scoreboard differs from GRPO in its rule and nothing else.
Models are always judged on the bare problem.

What is given is text after a problem's prompt, as if the attempt had begun so itself: a miniature has no words for an
instruction. No loss is taken on it, and the log counts its tokens apart (``given_tokens``): somebody else wrote them.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from mathb_kit.grading import extract
from mathb_kit.lab.prompts import written_exercise
from mathb_kit.miniature.generator import OPENING, solve
from mathb_kit.problems.problem import Problem

_PLACES = re.compile(r"(?:10\^\{(\d+)\})?[a-h](?=[+$])")


@dataclass(frozen=True)
class Practice:
    """A data rule.

    Attributes:
        given: text that a group's attempts go on from: of a problem, the share of the budget that is spent, and a
            generator of the step's own. Empty text gives nothing.
        hint: text with which a group without any right attempt is sampled once more; its first attempts are dropped.
        credit: pay of an attempt (problem, completion), 0 to 1, instead of its verdict, while less than
            ``credit_share`` of the budget is spent; the log's reward stays the share of right attempts.
        credit_share: see ``credit``.
        gate: whether a group teaches, by the number of right attempts at its problem in earlier steps.
    """

    given: Callable[[Problem, float, random.Random], str] | None = None
    hint: Callable[[Problem], str] | None = None
    credit: Callable[[Problem, str], float] | None = None
    credit_share: float = 0.0
    gate: Callable[[int], bool] | None = None

    @property
    def rule(self) -> Callable[..., object] | None:
        """The function whose docstring names paper, claim and departures."""
        return self.given or self.hint or self.credit or self.gate

    def settings(self) -> dict[str, object]:
        """What a recipe keeps of it."""
        return {"rule": getattr(self.rule, "__name__", None), "credit_share": self.credit_share}


def zero_success_gate(successes: int) -> bool:
    """Zero-success gating: only problems without any success so far teach (arXiv 2606.15455).

    Claim ("Understanding diversity collapse in RLVR via the lens of overtraining"): with few attempts a problem, one
    success already all but saturates pass@k for large k, so further updates on it only concentrate the policy;
    "restricting updates to problems with zero observed success lifts pass@256 above the base model on difficult
    benchmarks".

    Departures: only abstract and introduction were at hand. What counts as observed is our reading: the earlier steps
    of this run. A group that is all wrong has no gradient under GRPO, so a problem teaches with its first success and
    never again. The paper's method, Bayesian boundary gating, weighs problems by an estimate of what they still add to
    pass@k; its formula was not at hand and is not guessed at here.
    """
    return successes == 0


def nurl(problem: Problem) -> str:
    """NuRL: hints at failing groups (arXiv 2509.25666).

    Claim ("Nudging the boundaries of LLM reasoning"): where all attempts at a problem fail, a hint in its prompt makes
    some succeed, so that it teaches; this raises the model's upper limit where GRPO leaves pass@1024 unchanged.

    Rule: a group without a right attempt is sampled again with a hint. "The best hints are abstract and high-level":
    here the name of the careful method, nothing of the answer.

    Departures: only abstract and introduction were at hand. The paper's hints are the model's own, made beforehand from
    question and gold, and come after GRPO has converged; a miniature cannot write any, so the generator does, and they
    come from the first step on.
    """
    return OPENING["careful"]


def pope(problem: Problem, spent: float, rng: random.Random) -> str:
    """POPE: half of the groups start from the beginning of a solution (arXiv 2601.18779).

    Claim ("Privileged on-policy exploration"): attempts that go on from a prefix of an oracle's solution succeed now
    and then on problems that the policy never solves; what is learnt there transfers to the bare problem and expands
    the set of solvable problems, without training on the oracle's text itself.

    Departures: abstract and summaries were at hand. There the prefix is the shortest one, up to a quarter of the
    solution, with which the base succeeds, and the model is told to build on it; here it is the method's name and one
    step (the name alone where one step is all there is), and nothing can be told. Hard problems are those of the row's
    ``queries``.
    """
    return solution_prefix(problem, 0.25) if rng.random() < 0.5 else ""


def questa(problem: Problem, spent: float, rng: random.Random) -> str:
    """QuestA: every group starts from half of a solution, later from a quarter (arXiv 2507.13266).

    Claim ("Expanding reasoning capacity via question augmentation"): partial solutions reduce difficulty and inform
    more; pass@1 and pass@k both improve, "particularly on problems where standard RL struggles to make progress".

    Departures: abstract and summaries were at hand, among them the curriculum from 50 % to 25 %; that it changes after
    half of the budget is our choice. Cut at whole steps, rounded up. Hard problems are those of the row's ``queries``.
    """
    return solution_prefix(problem, 0.5 if spent < 0.5 else 0.25)


def step_rewards(problem: Problem, completion: str) -> float:
    """DELTA: dense rewards first, verdicts later (arXiv 2509.21016).

    Claim ("RL grokking recipe"): on problem families with pass@128 of 0, rewards per test case leave the region without
    any reward, and full-pass rewards afterwards bring a jump to nearly perfect; "binary-only gets stuck, dense-only
    hovers at almost right".

    An attempt is paid the share of the numbers packed into the gold that its answer has in their places (``Find
    $10^{3}a+b$`` packs a above the last three digits and b into them); 0 without a whole number as answer.

    Departures: abstract and the authors' summary were at hand. A miniature's test cases are the numbers that a problem
    asks for; how long the dense phase lasts is our choice; no experience replay, no verification in the loop.
    """
    answer = extract(completion).answer
    places = sorted(int(power or 0) for power in _PLACES.findall(problem.statement.rpartition("Find")[2]))
    if answer is None or not re.fullmatch(r"\d{1,30}", answer) or not places:
        return 0.0
    gold, ours = int(problem.gold), int(answer)
    right = [_block(gold, *ends) == _block(ours, *ends) for ends in zip(places, [*places[1:], None])]
    return sum(right) / len(right)


def solution_prefix(problem: Problem, share: float) -> str:
    """The beginning of a careful solution: its method's name and ``share`` of all its steps, rounded up to whole ones,
    but never the last one.

    Raises:
        MathbError: a problem that the miniature's generator did not make.
    """
    work = solve(written_exercise(problem), "careful").removeprefix(OPENING["careful"])
    steps = work.split(";")[:-1]
    given = min(math.ceil(share * len(steps)), len(steps) - 1)
    return OPENING["careful"] + "".join(f"{step};" for step in steps[:given])


def _block(number: int, low: int, high: int | None) -> int:
    """The digits of a number from place ``low`` up to below ``high``, or to its first digit."""
    above = number // 10**low
    return above if high is None else above % 10 ** (high - low)
