"""A tuned model beside its base: what it reaches, what a re-drawn base reaches, and what changed problem by problem."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation
from mathb_kit.plan import Plan
from mathb_kit.problems import ProblemSet
from mathb_kit.statistics import (
    ReachComparison,
    compare_reach,
    estimate_pass_at_k,
    expansion_curve,
    gains_by_problem,
    reach,
    reach_at_least,
)
from mathb_kit.statistics.arms import SELECTION, rows_on


@dataclass(frozen=True)
class Judgement:
    """The comparison of a tuned model with its base, and of a re-drawn base with the same.

    Attributes:
        tuned, base: names of the models.
        on: name of the problem set.
        selection: outcomes of the base's draw that chose the problems: nothing solved.
        comparison: the tuned model against the base.
        null: a fresh draw of the base against the same.
        tuned_outcomes, redrawn_outcomes: the outcomes behind the two, on the problems that the base left unsolved.
    """

    tuned: str
    base: str
    on: str
    selection: pd.DataFrame = field(repr=False, compare=False)
    comparison: ReachComparison
    null: ReachComparison
    tuned_outcomes: pd.DataFrame = field(repr=False, compare=False)
    redrawn_outcomes: pd.DataFrame = field(repr=False, compare=False)

    def to_frame(self) -> pd.DataFrame:
        """The rates of the tuned model and of the re-drawn base: tuned, base, metric, count, of, rate, low, high."""
        frames = []
        for who, comparison in ((self.tuned, self.comparison), (f"{self.base} re-drawn", self.null)):
            frame = comparison.to_frame().drop(columns=["base", "tuned"])
            frames.append(frame.assign(tuned=who, base=self.base))
        table = pd.concat(frames, ignore_index=True)
        return table[["tuned", "base", *(column for column in table if column not in ("tuned", "base"))]]

    def curves(self, ks: Sequence[int]) -> pd.DataFrame:
        """Expansion against k of both: who, k, estimate, low, high, interval."""
        frames = []
        for who, outcomes in ((self.tuned, self.tuned_outcomes), (f"{self.base}, re-drawn", self.redrawn_outcomes)):
            frames.append(expansion_curve(self.selection, outcomes, ks).assign(who=who))
        return pd.concat(frames, ignore_index=True).rename(columns={"rate": "estimate"})

    def gains(self, fdr: float = 0.05) -> pd.DataFrame:
        """Problem by problem, what was truly gained or lost against the re-drawn base (``gains_by_problem``)."""
        return gains_by_problem(self.redrawn_outcomes, self.tuned_outcomes, fdr=fdr, selected_by=SELECTION)

    def at_least(self, ms: Sequence[int]) -> pd.DataFrame:
        """Reach by at least m correct answers, beside the re-drawn base (``reach_at_least``)."""
        return reach_at_least(self.redrawn_outcomes, self.tuned_outcomes, ms, selected_by=SELECTION)


def judge(tuned: Evaluation, redrawn: Evaluation, problems: ProblemSet, k: int) -> Judgement:
    """A tuned model on the part of a selected set that its base left unsolved, beside a fresh draw of the base.

    Args:
        tuned: evaluation of the tuned model on (at least) that part.
        redrawn: evaluation of the base on it by a draw that did not select it.
        problems: the selected set; what it says the base left unsolved is judged on.
        k: attempts allowed, at most those in which the base had left the problems unsolved.

    Raises:
        MathbError: the set was not sieved with the base, not in so many attempts, or by the very draw handed in.
    """
    return judge_on(tuned, redrawn, problems.unsolved_by(redrawn.model.name), k)


def judge_on(tuned: Evaluation, redrawn: Evaluation, chosen: ProblemSet, k: int) -> Judgement:
    """`judge` on problems all of which a draw of the base had left unsolved, in ``chosen.selected_in`` attempts."""
    selection = _selection_outcomes(chosen, redrawn, k)
    names = (tuned.model.name, redrawn.model.name, chosen[0].set if chosen else "the set")
    return judge_outcomes(names, tuned.outcomes, redrawn.outcomes, selection, k)


def judge_outcomes(
    names: tuple[str, str, str], tuned: pd.DataFrame, redrawn: pd.DataFrame, selection: pd.DataFrame, k: int
) -> Judgement:
    """`judge_on` from outcomes: names of tuned model, base and set; ``selection`` says what the base left unsolved."""
    keys = set(selection["problem"])
    return Judgement(
        *names,
        selection,
        compare_reach(selection, tuned, k, keys),
        compare_reach(selection, redrawn, k, keys),
        rows_on(tuned, keys),
        rows_on(redrawn, keys),
    )


def expansion_beside_redrawn(
    evaluations: Mapping[str, Evaluation], base_of: Mapping[str, str], problems: ProblemSet, ks: Sequence[int]
) -> pd.DataFrame:
    """Expansion against k of tuned models and of their re-drawn bases, each base's own unsolved part as denominator.

    Args:
        evaluations: by model name, fresh draws of tuned models and bases.
        base_of: tuned model to its base.
        problems: the selected set.
        ks: numbers of attempts allowed.

    Returns:
        base, who, k, estimate, low, high, count, of, interval.
    """
    frames = []
    for base in dict.fromkeys(base_of.values()):
        chosen = problems.unsolved_by(base)
        selection = _selection_outcomes(chosen, evaluations[base], max(ks))
        for name in (base, *(tuned for tuned, its_base in base_of.items() if its_base == base)):
            curve = expansion_curve(selection, evaluations[name].outcomes, ks, {problem.key for problem in chosen})
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


def _selection_outcomes(chosen: ProblemSet, redrawn: Evaluation, k: int) -> pd.DataFrame:
    """The outcomes of selection: nothing correct in the attempts that were made then, not in those made now."""
    if redrawn.draw.name == SELECTION:
        raise MathbError(f"The draw {SELECTION!r} chose the problems; judge by a fresh draw.")
    base, n = redrawn.model.name, chosen.selected_in
    if n is None:
        raise MathbError(
            f"{chosen.name} does not say in how many attempts {base} left its problems unsolved; write the number into "
            "a column selected_in."
        )
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
