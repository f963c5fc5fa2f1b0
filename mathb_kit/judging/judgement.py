"""A tuned model beside its base: what it reaches, what a re-drawn base reaches, and what changed problem by problem."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation
from mathb_kit.plan import Plan
from mathb_kit.problems import ProblemSet
from mathb_kit.statistics import (
    ReachComparison,
    RedrawTest,
    beside_redraws,
    compare_reach,
    estimate_pass_at_k,
    expansion_curve,
    gains_by_problem,
    proportion_interval,
    reach,
    reach_at_least,
)
from mathb_kit.statistics.arms import SELECTION, rows_on
from mathb_kit.statistics.intervals import MEAN, clopper_pearson, mean_interval_of


@dataclass(frozen=True)
class Judgement:
    """The comparison of a tuned model with its base, and of fresh draws of the base with the same.

    Attributes:
        tuned, base: names of the models.
        on: name of the problem set.
        selection: outcomes of the base's draw that chose the problems: nothing solved.
        comparison: the tuned model against the base.
        nulls: fresh draws of the base against the same.
        tuned_outcomes: the outcomes behind the comparison, on the problems that the base left unsolved.
        redraws: the outcomes behind ``nulls``.
    """

    tuned: str
    base: str
    on: str
    selection: pd.DataFrame = field(repr=False, compare=False)
    comparison: ReachComparison
    nulls: tuple[ReachComparison, ...]
    tuned_outcomes: pd.DataFrame = field(repr=False, compare=False)
    redraws: tuple[pd.DataFrame, ...] = field(repr=False, compare=False)

    @property
    def null(self) -> ReachComparison:
        """The first fresh draw of the base."""
        return self.nulls[0]

    @cached_property
    def test(self) -> RedrawTest:
        """The exact test against all re-draws, and tuned minus re-drawn with its interval (``beside_redraws``)."""
        return beside_redraws([self.comparison], self.nulls)

    def to_frame(self) -> pd.DataFrame:
        """The rates of the tuned model and of every re-draw: tuned, base, metric, count, of, rate, low, high."""
        frames = []
        names = [f"{self.base} re-drawn{f' {i}' if len(self.nulls) > 1 else ''}" for i in range(1, len(self.nulls) + 1)]
        for who, comparison in zip((self.tuned, *names), (self.comparison, *self.nulls)):
            frame = comparison.to_frame().drop(columns=["base", "tuned"])
            frames.append(frame.assign(tuned=who, base=self.base))
        table = pd.concat(frames, ignore_index=True)
        return table[["tuned", "base", *(column for column in table if column not in ("tuned", "base"))]]

    def curves(self, ks: Sequence[int]) -> pd.DataFrame:
        """Expansion against k of both, of several re-draws their mean: who, k, estimate, low, high, interval."""
        keys = list(self.selection["problem"])
        frames = [
            expansion_curve(self.selection, self.tuned_outcomes, ks, keys).assign(who=self.tuned),
            redrawn_curve(self.selection, self.redraws, ks, keys).assign(who=f"{self.base}, re-drawn"),
        ]
        return pd.concat(frames, ignore_index=True).rename(columns={"rate": "estimate"})

    def gains(self, fdr: float = 0.05) -> pd.DataFrame:
        """Problem by problem, what was truly gained or lost against the re-drawn base (``gains_by_problem``)."""
        return gains_by_problem(self.redraws, self.tuned_outcomes, fdr=fdr, selected_by=SELECTION)

    def at_least(self, ms: Sequence[int]) -> pd.DataFrame:
        """Reach by at least m correct answers, beside the re-drawn base (``reach_at_least``)."""
        return reach_at_least(self.redraws, self.tuned_outcomes, ms, selected_by=SELECTION)


Redrawn = Evaluation | Sequence[Evaluation]
"""One fresh draw of a base, or several."""


def judge(tuned: Evaluation, redrawn: Redrawn, problems: ProblemSet, k: int) -> Judgement:
    """A tuned model on the part of a selected set that its base left unsolved, beside fresh draws of the base.

    Args:
        tuned: evaluation of the tuned model on (at least) that part.
        redrawn: evaluations of the base on it by draws that did not select it; one, or several.
        problems: the selected set; what it says the base left unsolved is judged on.
        k: attempts allowed, at most those in which the base had left the problems unsolved.

    Raises:
        MathbError: the set was not sieved with the base, not in so many attempts, or by the very draw handed in.
    """
    return judge_on(tuned, redrawn, problems.unsolved_by(_draws(redrawn)[0].model.name), k)


def judge_on(tuned: Evaluation, redrawn: Redrawn, chosen: ProblemSet, k: int) -> Judgement:
    """`judge` on problems all of which a draw of the base had left unsolved, in ``chosen.selected_in`` attempts."""
    draws = _draws(redrawn)
    selection = _selection_outcomes(chosen, draws[0], k)
    names = (tuned.model.name, draws[0].model.name, chosen[0].set if chosen else "the set")
    return judge_outcomes(names, tuned.outcomes, [each.outcomes for each in draws], selection, k)


def judge_outcomes(
    names: tuple[str, str, str], tuned: pd.DataFrame, redrawn: Sequence[pd.DataFrame], selection: pd.DataFrame, k: int
) -> Judgement:
    """`judge_on` from outcomes: names of tuned model, base and set; ``selection`` says what the base left unsolved."""
    keys = set(selection["problem"])
    return Judgement(
        *names,
        selection,
        compare_reach(selection, tuned, k, keys),
        tuple(compare_reach(selection, each, k, keys) for each in redrawn),
        rows_on(tuned, keys),
        tuple(rows_on(each, keys) for each in redrawn),
    )


def judge_seeds(judgements: Sequence[Judgement]) -> RedrawTest:
    """Seeds of one recipe at once, beside the re-draws of their base (``beside_redraws``): is any of it more than luck?

    Raises:
        MathbError: judgements beside other re-draws or on other problems.
    """
    return beside_redraws([each.comparison for each in judgements], judgements[0].nulls)


def redraw_names(draw: str, count: int) -> list[str]:
    """Names of so many fresh draws of a base, the first being that of the tuned model's."""
    return [draw, *(f"{draw}-redraw-{number}" for number in range(2, count + 1))]


def redrawn_curve(
    selection: pd.DataFrame, redraws: Sequence[pd.DataFrame], ks: Sequence[int], problems: Collection[str]
) -> pd.DataFrame:
    """Expansion of a frozen base against k: ``expansion_curve`` of one re-draw, of several their mean.

    The mean's ``count`` is a mean over draws; its interval is that of a mean of shares, problems as a sample.
    """
    if len(redraws) == 1:
        return expansion_curve(selection, redraws[0], ks, problems)
    rows = []
    for k in ks:
        reached = [compare_reach(selection, each, k, problems).tuned_reached for each in redraws]
        count, low, high = mean_reach(reached, problems)
        of = len(problems)
        rows.append({"k": k, "count": count, "of": of, "rate": count / of, "low": low, "high": high})
    return pd.DataFrame(rows).assign(interval=f"mean of {len(redraws)} re-draws, {MEAN}")


def mean_reach(reached: Sequence[Collection[str]], problems: Collection[str]) -> tuple[float, float, float]:
    """How many of these problems a draw reaches, mean over draws, and a 95 % interval of that share of them.

    Clopper-Pearson for one draw, that of a mean of shares for several; problems as a sample.
    """
    draws = np.array([[problem in each for problem in problems] for each in reached], dtype=float)
    if len(draws) == 1:
        count = int(draws.sum())
        return count, *proportion_interval(count, len(problems))
    shares = draws.mean(axis=0)
    if len(shares) == 1:  # no spread to see: as of one toss
        return float(shares[0]), *(float(end) for end in clopper_pearson(shares[0], 1))
    return float(shares.sum()), *mean_interval_of(shares)


def expansion_beside_redrawn(
    evaluations: Mapping[str, Evaluation],
    base_of: Mapping[str, str],
    problems: ProblemSet,
    ks: Sequence[int],
    redrawn: Mapping[str, Sequence[Evaluation]] | None = None,
) -> pd.DataFrame:
    """Expansion against k of tuned models and of their re-drawn bases, each base's own unsolved part as denominator.

    Args:
        evaluations: by model name, fresh draws of tuned models and bases.
        base_of: tuned model to its base.
        problems: the selected set.
        ks: numbers of attempts allowed.
        redrawn: by base, all of its fresh draws where there are several.

    Returns:
        base, who, k, estimate, low, high, count, of, interval.
    """
    frames, redrawn = [], redrawn or {}
    for base in dict.fromkeys(base_of.values()):
        chosen = problems.unsolved_by(base)
        selection = _selection_outcomes(chosen, evaluations[base], max(ks))
        keys = {problem.key for problem in chosen}
        for name in (base, *(tuned for tuned, its_base in base_of.items() if its_base == base)):
            if name == base:
                draws = [each.outcomes for each in redrawn.get(base, [evaluations[base]])]
                curve = redrawn_curve(selection, draws, ks, keys)
            else:
                curve = expansion_curve(selection, evaluations[name].outcomes, ks, keys)
            who = f"{base}, re-drawn" if name == base else name
            panel = f"unsolved by {base} ({len(chosen)} problems)"
            frames.append(curve.rename(columns={"rate": "estimate"}).assign(base=panel, who=who))
    columns = ["base", "who", "k", "estimate", "low", "high", "count", "of", "interval"]
    return pd.concat(frames, ignore_index=True)[columns]


def change_by_problem(base: Evaluation, tuned: Evaluation, k: int) -> pd.DataFrame:
    """pass@1 of both and what became of reach at k, for every problem of one set.

    Returns:
        name (the tuned model), problem, base_pass_1, tuned_pass_1, change (kept, gained, lost or neither).
    """
    table = pd.DataFrame({"name": tuned.model.name, "problem": base.outcomes["problem"]})
    for column, evaluation in (("base_pass_1", base), ("tuned_pass_1", tuned)):
        estimates = estimate_pass_at_k(evaluation.outcomes, [1]).set_index("problem")["estimate"]
        table[column] = table["problem"].map(estimates)
    before, after = reach(base.outcomes, k), reach(tuned.outcomes, k)
    names = {(True, True): "kept", (False, True): "gained", (True, False): "lost", (False, False): "neither"}
    table["change"] = [names[problem in before, problem in after] for problem in table["problem"]]
    return table


def _draws(redrawn: Redrawn) -> list[Evaluation]:
    draws = [redrawn] if isinstance(redrawn, Evaluation) else list(redrawn)
    if not draws:
        raise MathbError("A tuned model is judged beside a fresh draw of its base; hand in one, or several.")
    if stranger := next((each for each in draws if each.draw.model_key != draws[0].draw.model_key), None):
        raise MathbError(
            f"The re-draws are of two models, {draws[0].model.name} ({draws[0].draw.model_key}) and "
            f"{stranger.model.name} ({stranger.draw.model_key}); draw the same base again under the same settings."
        )
    return draws


def _selection_outcomes(chosen: ProblemSet, redrawn: Evaluation, k: int) -> pd.DataFrame:
    """The outcomes of selection: nothing correct in the attempts that were made then, not in those made now."""
    if redrawn.draw.name == SELECTION:
        raise MathbError(f"The draw {SELECTION!r} chose the problems; judge by a fresh draw.")
    base = redrawn.model.name
    n = chosen.attempts_at_selection(base)
    if k > n:
        raise MathbError(
            f"{base} left these problems of {chosen.name} unsolved in {n:,} attempts, and what it would not reach in "
            f"{k:,} nobody knows; judge at k of at most {n:,}, or on a set that was sieved with more."
        )
    return nothing_solved([problem.key for problem in chosen], redrawn.draw.model_key, n)


def nothing_solved(problems: Collection[str], model: str, n: int) -> pd.DataFrame:
    """Outcomes of a draw that selected these problems: none correct in n attempts."""
    return pd.DataFrame(
        {
            "model": model,
            "problem": list(problems),
            "draw": SELECTION,
            "n": n,
            "c": 0,
            "first_correct": pd.array([pd.NA] * len(problems), dtype="Int64"),
            "plan": str(Plan.fixed(n)),
            "complete": True,
        }
    )
