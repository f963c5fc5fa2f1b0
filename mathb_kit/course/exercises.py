"""The exercises that check themselves, by number: what is right is computed, and so is what common slips give.

Their texts stand in the notebooks. Heavy libraries and the statistics are imported where an answer is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from mathb_kit.course.question import Question

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


def _always(value: float) -> Callable[..., float]:
    return lambda *_: value


def _at_least_one(p: float, k: int) -> float:
    return 1 - (1 - p) ** k


def _pass_at_k(n: int, c: int, k: int) -> float:
    from mathb_kit.statistics import pass_at_k

    return float(pass_at_k(n, c, k))


def _pass_hat_k(n: int, c: int, k: int) -> float:
    return math.comb(c, k) / math.comb(n, k)


def _plug_in(n: int, c: int, k: int) -> float:
    return _at_least_one(c / n, k)


def _two_sided(first: int, second: int) -> float:
    from mathb_kit.statistics.mcnemar import sign_test

    return sign_test(first, second)


def _upper_end(successes: int, trials: int) -> float:
    from mathb_kit.statistics import proportion_interval

    return proportion_interval(successes, trials)[1]


def _solved_exactly(times: int) -> Callable[[pd.DataFrame], int]:
    return lambda outcomes: int((outcomes["c"] == times).sum())


def _newly_solved(rates: list[float], n: int) -> float:
    return sum((1 - p) ** n * _at_least_one(p, n) for p in rates)


def _equal_but_not_alike(completion: str, gold: str) -> str | None:
    from mathb_kit.grading import grade
    from mathb_kit.verdicts import Verdict

    if gold in str(completion):
        return f"The gold {gold} stands in it as it is; write the same number otherwise."
    verdict = grade(gold, str(completion)).verdict
    if verdict != Verdict.CORRECT:
        return f"Our grader says {verdict}: put an answer of the same value into a \\boxed{{...}}."
    return None


def _leave_one_out(rewards: Tensor) -> Tensor:
    import torch

    from mathb_kit.lab.objectives.batch import leave_one_out

    return leave_one_out(rewards, torch.zeros(len(rewards), dtype=torch.long))


def _in_units_of_spread(rewards: Tensor) -> Tensor:
    import torch

    from mathb_kit.lab.objectives.batch import standardized

    return standardized(rewards, torch.zeros(len(rewards), dtype=torch.long))


def _group(right: int, of: int) -> Tensor:
    import torch

    return (torch.arange(of) < right).float()


def _of_right_attempt(right: int, of: int) -> float:
    return float(_in_units_of_spread(_group(right, of))[0])


def _mixed(p: float, n: int) -> float:
    return 1 - p**n - (1 - p) ** n


def _expected_again(expansion: pd.DataFrame, missed: int) -> float:
    return missed * expansion.loc[expansion["k"].idxmax(), "null"]


def _share_saved(replayed: pd.DataFrame) -> float:
    largest = replayed.groupby("name").first()["ratio"].max()
    return 1 - 1 / largest


_ADD_UP = "Chances of single attempts do not add up: two attempts may both be right. Think of the chance that all fail."
_OTHER_SIDE = "That is the chance of the opposite."

QUESTIONS: dict[str, Question] = {
    "00.1": Question(
        _always(0.99**64), "All 64 attempts have to fail, each by itself with chance 0.99.",
        {_OTHER_SIDE: _always(1 - 0.99**64), _ADD_UP: _always(1 - 64 / 100)},
    ),
    "00.2": Question(
        lambda outcomes: outcomes["c"].sum() / outcomes["n"].sum(), "Right attempts of all attempts at this problem.",
        {"That is how many are right, not their share.": lambda outcomes: outcomes["c"].sum()},
    ),
    "01.1": Question(
        _solved_exactly(1), "Count the rows of `outcomes` whose `c` is exactly 1.",
        {"Those were never solved.": _solved_exactly(0),
         "That counts all that were solved, however often.": lambda outcomes: int((outcomes["c"] > 0).sum())},
        within=0,
    ),
    "01.2": Question(
        _always(_at_least_one(1 / 1000, 1024)), "The chance that 1,024 guesses all miss is 0.999 to the power 1,024.",
        {_OTHER_SIDE: _always(0.999**1024), _ADD_UP: _always(1024 / 1000), "It is likely, not certain.": _always(1)},
    ),
    "02.1": Question(
        _always((1 - 1 / 2000) ** 1024), "All 1,024 attempts have to fail.",
        {_OTHER_SIDE: _always(_at_least_one(1 / 2000, 1024)), _ADD_UP: _always(1 - 1024 / 2000)},
    ),
    "02.2": Question(
        lambda: _newly_solved, "Sum over the problems: missed in n attempts, and then solved in n others.",
        {"That is how many are missed; how many of those does the next draw solve?":
         lambda: lambda rates, n: sum((1 - p) ** n for p in rates),
         "That is how many the next draw solves; but only the missed ones count.":
         lambda: lambda rates, n: sum(_at_least_one(p, n) for p in rates)},
        cases=lambda: (([0.5], 1), ([0.0, 1.0], 8), ([0.001, 0.01, 0.1], 64), ([1 / 2000] * 100, 1024)),
    ),
    "03.1": Question(
        lambda: _upper_end(0, 30), "`mb.statistics.proportion_interval(0, 30)` gives both ends.",
        {"That is the estimate, not the end of its interval.": _always(0),
         "That is the rule of three, 3/n: the end of a one-sided interval. Here both sides are asked for.":
         _always(3 / 30)},
    ),
    "03.2": Question(
        lambda: _two_sided(5, 0), "Five heads of five tosses of a fair coin, or five tails.",
        {"That is one side only: five to nothing the other way round would be as strange.": _always(0.5**5)},
        within=0.001,
    ),
    "04.1": Question(judge=_equal_but_not_alike),
    "04.2": Question(
        _always(_at_least_one(0.001, 1024)), "It counts as solved if the grader errs at least once in 1,024 attempts.",
        {"That is the chance at one attempt.": _always(0.001), _OTHER_SIDE: _always(0.999**1024)},
    ),
    "05.1": Question(
        lambda: _pass_hat_k, "Of all choices of k of the n attempts: which share consists of right ones only?",
        {"That is the plug-in: attempts are drawn without putting them back.": lambda: lambda n, c, k: (c / n) ** k,
         "That is pass@k: at least one right. Here all are to be.": lambda: _pass_at_k},
        cases=lambda: ((10, 3, 2), (10, 0, 5), (10, 10, 1), (64, 1, 64), (64, 5, 3), (16, 12, 8)), within=1e-9,
    ),
    "05.2": Question(
        lambda: _pass_at_k(1024, 3, 64), "1 - C(1021, 64) / C(1024, 64).",
        {"That is the plug-in.": _always(_plug_in(1024, 3, 64)), _ADD_UP: _always(3 * 64 / 1024)}, within=0.001,
    ),
    "05.3": Question(
        _always((0.80 - 0.64) / (1 - 0.64)), "What guessing leaves over is 1 - 0.64; which share of that is solved?",
        {"That is the difference; how large is it beside what guessing leaves over?": _always(0.80 - 0.64)},
    ),
    "06.1": Question(
        _always(_at_least_one(0.1, 4)), "Two solvers with two attempts each are four attempts.",
        {_ADD_UP: _always(0.4), "That is 'all four agree'.": _always(0.1**4),
         "Two attempts each, of two solvers.": _always(_at_least_one(0.1, 2))},
    ),
    "06.2": Question(
        _always(0.99 * 100 / (0.99 * 100 + 0.01 * 9900)), "Count both kinds of what is dropped, out of 10,000.",
        {"That is the share of contaminated problems that is dropped, not the other way round.": _always(0.99)},
    ),
    "06.3": Question(
        lambda: _mixed, "A group is not mixed if all attempts are right or all are wrong.",
        {"All right is not mixed, either.": lambda: lambda p, n: _at_least_one(p, n),
         "That is the chance that it is *not* mixed.": lambda: lambda p, n: 1 - _mixed(p, n)},
        cases=lambda: ((0.5, 2), (0.05, 16), (0.0, 8), (1.0, 8), (0.9, 16)),
    ),
    "07.1": Question(
        lambda: _leave_one_out, "The others' mean is (the sum less one's own reward) / (n - 1).",
        {"That is the mean of all, one's own reward among them.": lambda: lambda rewards: rewards - rewards.mean(),
         "That is GRPO's: RLOO does not divide by the spread.": lambda: _in_units_of_spread},
        cases=lambda: [(_group(right, 16),) for right in (0, 1, 4, 15)], within=1e-5,
    ),
    "07.2": Question(
        lambda: _of_right_attempt(1, 16), "Make a group with `torch.zeros(16)`, set one reward to 1, and use yours.",
        {"That is what four right ones of sixteen have.": lambda: _of_right_attempt(4, 16),
         "That leaves out the division by the spread.": _always(1 - 1 / 16)},
    ),
    "07.3": Question(
        _always(_at_least_one(0.9, 64) - _at_least_one(0.3, 64)), "What is pass@64 of a problem with p = 0.3?",
        {"That is how much pass@1 rises.": _always(0.9 - 0.3)},
    ),
    "08.1": Question(
        _always(2**2), "The width of an interval falls with the square root of what is sampled.",
        {"Twice as much narrows it by the root of 2 only.": _always(2), "That is the factor of the width.":
         _always(0.5)},
    ),
    "08.2": Question(
        _always((0.9 / 0.15) ** 4), "All four steps have to be careful, each by itself.",
        {"The steps' factors multiply; they do not add up.": _always(4 * 0.9 / 0.15),
         "That is the factor of one step.": _always(0.9 / 0.15)}, within=0.5,
    ),
    "08.3": Question(
        _always(_at_least_one(0.05, 7)), "The chance that none of the seven shows is 0.95 to the power 7.",
        {_ADD_UP: _always(7 * 0.05), "That is the chance for one row.": _always(0.05), _OTHER_SIDE: _always(0.95**7)},
    ),
    "09.1": Question(
        lambda: _two_sided(6, 1), "Six heads of seven tosses, or anything as strange: `sign_test(6, 1)`.",
        {"That is one side only.": lambda: _two_sided(6, 1) / 2}, within=0.002,
    ),
    "09.2": Question(
        _always(2 * 1024), "One draw has to miss a problem, and another of the same size to try it again.",
        {"That is one draw; which one selects, and which one tries again?": _always(1024),
         "Half of 1,024 is what the table can give, not what k = 1,024 takes.": _always(512)}, within=0,
    ),
    "10.1": Question(
        _expected_again, "The frozen base's share at the largest k, times the number that it missed.",
        {"That is the share; of how many problems?": lambda expansion, missed: _expected_again(expansion, 1)},
        within=0.5,
    ),
    "10.2": Question(
        _share_saved, "The plan takes 1/ratio of the attempts; the rest is saved.",
        {"That is the share that the plan takes, not what it saves.": lambda replayed: 1 - _share_saved(replayed),
         "That is how many times fewer it takes.": lambda replayed: replayed["ratio"].max()},
    ),
    "11.1": Question(
        _always(0.8 * 0.5 - 0.4 * 0.5), "pass@1 is the share of boxes times the share of these that are right.",
        {"That is how much oftener it boxes, or pass@1 after RL; take pass@1 before RL from it.": _always(0.8 * 0.5)},
    ),
    "11.2": Question(
        _always(2 * 576 * 8), "The adapter is a product of two matrices: 576 times 8, and 8 times 576.",
        {"That is one of the two factors.": _always(576 * 8), "That is the matrix itself.": _always(576**2)}, within=0,
    ),
}  # fmt: skip
