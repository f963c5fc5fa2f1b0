"""A tuned model beside its base from outcomes alone, whoever sampled them, on problems that neither selected."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypedDict, Unpack

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.foreign import Arms, require_comparable
from mathb_kit.grading.stored import grader_of
from mathb_kit.judging.confounds import attempts_of, confounds_of_attempts, confounds_of_counts
from mathb_kit.judging.judgement import Judgement, judge_outcomes, nothing_solved
from mathb_kit.judging.separation import Separation, separation_of_pair
from mathb_kit.models import get_model
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems, plan_on
from mathb_kit.sampling import NotStored, StoredOnly
from mathb_kit.statistics import (
    crossing_point,
    expansion_by_half_draws,
    fit_success_rates,
    gains_by_problem,
    outcome_bounds,
    paired_difference,
    proportion_interval,
    redraw_interval,
)
from mathb_kit.store import Store


@dataclass(frozen=True)
class PairComparison:
    """A tuned model beside its base on one problem set.

    Attributes:
        base, tuned: names of the models.
        on: name of the problem set.
        note: for captions: who sampled and who graded.
        base_outcomes, tuned_outcomes: one draw each, on all problems of the set.
        redrawn: further draws of the base, if there are any; the tests of single problems count them all.
        attempts: of both, see `attempts_of`; None where there are only counts.
        settings: of both, how they were sampled, as far as anybody said.
    """

    base: str
    tuned: str
    on: str
    note: str
    base_outcomes: pd.DataFrame = field(repr=False, compare=False)
    tuned_outcomes: pd.DataFrame = field(repr=False, compare=False)
    redrawn: tuple[pd.DataFrame, ...] = field(default=(), repr=False, compare=False)
    attempts: tuple[pd.DataFrame, pd.DataFrame] | None = field(default=None, repr=False, compare=False)
    settings: tuple[Mapping[str, Any], Mapping[str, Any]] = field(default=({}, {}), repr=False, compare=False)

    @property
    def n(self) -> int:
        """Most attempts that both models had at every problem."""
        return min(_n_max(rows) for rows in (self.base_outcomes, self.tuned_outcomes, *self.redrawn))

    @property
    def half(self) -> int:
        """The largest k at which one draw of the base is base and null at once."""
        return min(_n_max(self.base_outcomes) // 2, _n_max(self.tuned_outcomes))

    @cached_property
    def expansion(self) -> pd.DataFrame:
        """Expansion and the frozen base's own, for powers of two up to `half` (``expansion_by_half_draws``)."""
        if not self.half:
            raise MathbError(f"{self.base} had one attempt at a problem, and its null needs two; sample more.")
        return expansion_by_half_draws(self.base_outcomes, self.tuned_outcomes, _powers_of_two(self.half))

    @cached_property
    def differences(self) -> pd.DataFrame:
        """pass@k of both and their difference, paired by problem, for powers of two up to `n`."""
        return paired_difference(self.base_outcomes, self.tuned_outcomes, _powers_of_two(self.n))

    @cached_property
    def confounds(self) -> pd.DataFrame:
        """What else the difference of pass@k may be made of, at `half` or as far as all problems were attempted
        (``confounds_of_attempts``; ``confounds_of_counts`` where there are only counts)."""
        if self.attempts is None:
            return confounds_of_counts(self.base_outcomes, self.tuned_outcomes, self.half)
        with grader_of(Store()) as grader:
            return confounds_of_attempts(*self.attempts, self.half, grade_pairs=grader.grade_pairs)

    @cached_property
    def crossing(self) -> dict[str, float]:
        """Where the base's pass@k overtakes the tuned model's (``crossing_point``)."""
        return crossing_point(self.base_outcomes, self.tuned_outcomes)

    @cached_property
    def separation(self) -> Separation:
        """What tells sharpening from expansion beyond one k (``separation_of_pair``)."""
        arms = (self.base_outcomes, *self.redrawn), self.tuned_outcomes
        return separation_of_pair((self.base, self.tuned), self.on, arms, self.gains)

    @cached_property
    def reach(self) -> pd.DataFrame:
        """What each model solved at least once, in all of its attempts.

        Returns:
            who (both, base only, tuned only, neither), problems, of, share, low, high (95 % Clopper-Pearson).
        """
        solved = self._counts[["base", "tuned"]] > 0
        parts = {
            "both": solved["base"] & solved["tuned"],
            "base only": solved["base"] & ~solved["tuned"],
            "tuned only": ~solved["base"] & solved["tuned"],
            "neither": ~solved["base"] & ~solved["tuned"],
        }
        rows = []
        for who, part in parts.items():
            count, of = int(part.sum()), len(part)
            rows.append((who, count, of, count / of, *proportion_interval(count, of)))
        return pd.DataFrame(rows, columns=["who", "problems", "of", "share", "low", "high"])

    @cached_property
    def gains(self) -> pd.DataFrame:
        """Exact tests problem by problem over the whole set, which no draw selected (``gains_by_problem``).

        Of the base all draws together, as far as they are by the plan of the first.
        """
        return self._tests()

    @cached_property
    def newly_reached(self) -> pd.DataFrame:
        """The rows of `gains` that no draw of the base solved and the tuned model did."""
        return self.gains[(self.gains["base_c"] == 0) & (self.gains["tuned_c"] > 0)].reset_index(drop=True)

    @cached_property
    def no_longer_reached(self) -> pd.DataFrame:
        """The rows of `gains` that a draw of the base solved and the tuned model never did."""
        return self.gains[(self.gains["base_c"] > 0) & (self.gains["tuned_c"] == 0)].reset_index(drop=True)

    def gains_among(self, problems: pd.Series) -> pd.DataFrame:
        """The same tests, adjusted over these problems only.

        Where the outcomes chose them (those that one model never solved, say) the tests are exploratory: a family
        chosen by its own data names more than its share of false ones.
        """
        return self._tests(list(problems))

    @cached_property
    def foreseen(self) -> pd.Series | None:
        """What a fresh draw of the base would reach of the problems that it never solved (``redraw_interval``).

        A forecast from how the base's success rates are spread over the set; None where it missed none.
        """
        missed = self.base_outcomes[self.base_outcomes["c"] == 0]
        if missed.empty:
            return None
        return redraw_interval(missed, [self.n], fit_success_rates(self.base_outcomes)).iloc[0]

    @cached_property
    def judgement(self) -> Judgement | None:
        """With further draws of the base: reach at `n` on what its first draw missed, beside all of them; else None."""
        missed = self.base_outcomes.loc[self.base_outcomes["c"] == 0, "problem"]
        if not self.redrawn or missed.empty:
            return None
        selection = nothing_solved(missed, self.base_outcomes["model"].iloc[0], self.n)
        tuned, *redrawn = (_with_reach(rows) for rows in (self.tuned_outcomes, *self.redrawn))
        return judge_outcomes((self.tuned, self.base, self.on), tuned, redrawn, selection, self.n)

    @cached_property
    def unscored(self) -> pd.DataFrame | None:
        """Bounds of pass@k where attempts have no verdict (``outcome_bounds`` by model); None where all have one."""
        frames = []
        for who, rows in ((self.base, self.base_outcomes), (self.tuned, self.tuned_outcomes)):
            if "grader_failed" in rows and (count := int(rows["grader_failed"].sum())):
                if not all(Plan.parse(text).is_fixed for text in rows["plan"].unique()):
                    continue  # another reading would have stopped elsewhere: the attempts tell, the outcomes do not
                frames.append(outcome_bounds(rows, _powers_of_two(self.n)).assign(who=who, without_verdict=count))
        return pd.concat(frames, ignore_index=True) if frames else None

    def _tests(self, problems: Collection[str] | None = None) -> pd.DataFrame:
        plans = self.base_outcomes.set_index("problem")["plan"]
        alike = [each for each in self.redrawn if each.set_index("problem")["plan"].reindex(plans.index).equals(plans)]
        draws = [self.base_outcomes, *alike]
        return gains_by_problem(draws, self.tuned_outcomes, problems=problems, selected_by="")

    @cached_property
    def _counts(self) -> pd.DataFrame:
        """c of both by problem."""
        tuned = self.tuned_outcomes.set_index("problem")["c"]
        return pd.DataFrame({"base": self.base_outcomes.set_index("problem")["c"], "tuned": tuned})


class MoreOfAComparison(TypedDict, total=False):
    """What else is known of a comparison's attempts, see `PairComparison`."""

    on: str
    note: str
    attempts: tuple[pd.DataFrame, pd.DataFrame] | None
    settings: tuple[Mapping[str, Any], Mapping[str, Any]]


def compare_pair(
    base: pd.DataFrame,
    tuned: pd.DataFrame,
    *,
    redrawn: Sequence[pd.DataFrame] = (),
    names: tuple[str, str] | None = None,
    mixed_graders: bool = False,
    **more: Unpack[MoreOfAComparison],
) -> PairComparison:
    """Check that two arms may be compared, and compare them.

    Args:
        base, tuned: outcomes of one model and draw each, on problems that neither selected: model, problem, draw, n,
            c, plan, grader, perhaps gold.
        redrawn: further draws of the base.
        names: how to call base and tuned model; their ``model`` by default.
        more: ``on`` (the set) and ``note``, for sentences and captions; attempts and settings of both, if known.
        mixed_graders: compare although two graders decided; the note then says so.

    Raises:
        MathbError: other problems, golds, graders, models or plans than a comparison can bear.
    """
    on, note = more.get("on", "the set"), more.get("note", "")
    for other in (tuned, *redrawn):
        require_comparable(base, other, mixed_graders=mixed_graders)
    for rows in redrawn:
        same = (rows["model"].iloc[0], rows["draw"].iloc[0]) == (base["model"].iloc[0], base["draw"].iloc[0])
        if same or rows["model"].iloc[0] != base["model"].iloc[0]:
            raise MathbError("A re-draw is another draw of the base itself; name one, as MODEL:DRAW.")
    graders = dict.fromkeys([*base["grader"], *tuned["grader"]])
    if len(graders) > 1:
        both = " and ".join(graders)
        note = f"{note}; GRADED DIFFERENTLY: {both}"
        base, tuned, *redrawn = (rows.assign(grader=both) for rows in (base, tuned, *redrawn))
    names = names or (str(base["model"].iloc[0]), str(tuned["model"].iloc[0]))
    known = more.get("attempts"), more.get("settings", ({}, {}))
    return PairComparison(*names, on, note.lstrip("; "), base, tuned, tuple(redrawn), *known)


def compare_arms(arms: Arms, *, mixed_graders: bool = False) -> list[PairComparison]:
    """`compare_pair` of the base with each of the tuned models."""
    pairs = []
    for number, tuned in enumerate(arms.tuned, 1):
        attempts = tuple(arms.attempts[place] for place in (0, number))
        settings = tuple(arms.settings[place] for place in (0, number))
        known = None if any(rows is None for rows in attempts) else attempts
        about = {"on": arms.on, "note": arms.note, "attempts": known, "settings": settings}
        pairs.append(compare_pair(arms.base, tuned, redrawn=arms.redrawn, mixed_graders=mixed_graders, **about))
    return pairs


def arms_of_store(names: Sequence[str], redraws: Sequence[str], on: str, attempts: int) -> Arms:
    """What the store has of models on a set; nothing is sampled.

    Args:
        names: models, the base first.
        redraws: further draws of the base.
        on: name of the set.
        attempts: of the adaptive plan that they were sampled by.

    Raises:
        MathbError: attempts are missing.
    """
    plan, problems = plan_on(on, attempts), load_problems(on)
    models = [get_model(name) for name in names]
    arms, evaluations = [], []
    for model, draw in [*((model, "main") for model in models), *((models[0], draw) for draw in redraws)]:
        try:
            evaluations.append(evaluate(model, problems, plan, draw=draw, engine=StoredOnly()))
        except NotStored:
            raise MathbError(
                f"The store lacks attempts of {model.name} at {on} under the plan {plan} (draw {draw}); sample them "
                f"first: mathb evaluate {model.name} --on {on} --attempts {attempts}."
            ) from None
        outcomes = evaluations[-1].outcomes
        arms.append(outcomes.assign(model=outcomes["name"]))
    note = f"sampled and graded by mathb_kit, grader {arms[0]['grader'].iloc[0]}"
    attempts = tuple(attempts_of(each) for each in evaluations[: len(models)])
    settings = tuple({"prompt": model.prompt, **vars(model.sampling)} for model in models)
    return Arms(arms[0], tuple(arms[1 : len(models)]), tuple(arms[len(models) :]), on, note, attempts, settings)


def _n_max(outcomes: pd.DataFrame) -> int:
    return min(Plan.parse(text).n_max for text in outcomes["plan"].unique())


def _powers_of_two(most: int) -> list[int]:
    return sorted({*(2**i for i in range(most.bit_length()) if 2**i <= most), most})


def _with_reach(outcomes: pd.DataFrame) -> pd.DataFrame:
    """With the column that reach reads. Counts do not tell when the first success came, only that it came by the end,
    which is all that reach in all attempts asks."""
    if "first_correct" in outcomes:
        return outcomes
    first = outcomes["n"].astype("Int64").where(outcomes["c"] > 0)
    return outcomes.assign(first_correct=first)
