"""Everything asked of a checkpoint that was tuned from a base: what it reaches beyond it, where, and what it lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypedDict, Unpack

import pandas as pd

from mathb_kit.construction import DRAW
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.judging.confounds import confounds
from mathb_kit.judging.health import Health, health_of
from mathb_kit.judging.judgement import Judgement, change_by_problem, judge_on, mean_reach, redraw_names
from mathb_kit.judging.near_misses import near_misses
from mathb_kit.judging.parts import parts_of_set
from mathb_kit.judging.selection import Selection, made_here, other_base, refuse_one_model, selection_by_column
from mathb_kit.judging.separation import Separation, separation_of_checkpoint
from mathb_kit.models import Model, Pair, settings_table
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, ProblemSet
from mathb_kit.sampling import EngineFactory, OneAtATime, get_engine
from mathb_kit.statistics import compare_reach, frozen_null, paired_difference
from mathb_kit.store import Store
from mathb_kit.verdicts import Verdict


@dataclass(frozen=True)
class CheckpointJudgement:
    """A tuned checkpoint beside its base on one problem set.

    Attributes:
        pair: the models, under the settings they were compared with.
        on: the problem set.
        plan: rounds and stop count of every evaluation.
        selection: which attempts of the base chose the problems judged on.
        problems: those: what the base had left unsolved.
        tuned_attempts: evaluation of the tuned model on them.
        redraws: evaluations of fresh draws of the base on them.
        saturated: by name of an ordinary set, evaluations of base and tuned model on the whole of it.
        choosing: the base's attempts that chose the problems, where that was done here.
        elicited: by name, evaluations of the base asked otherwise, on ``problems`` (`mathb_kit.judging.elicit`).
    """

    pair: Pair
    on: ProblemSet
    plan: Plan
    selection: Selection
    problems: ProblemSet
    tuned_attempts: Evaluation
    redraws: tuple[Evaluation, ...]
    saturated: Mapping[str, tuple[Evaluation, Evaluation]]
    choosing: Evaluation | None = None
    elicited: Mapping[str, Evaluation] = field(default_factory=dict)

    @property
    def base(self) -> Model:
        """The base."""
        return self.pair.base

    @property
    def tuned(self) -> Model:
        """The tuned model."""
        return self.pair.tuned

    @property
    def redrawn_attempts(self) -> Evaluation:
        """The first fresh draw of the base."""
        return self.redraws[0]

    @cached_property
    def judgement(self) -> Judgement:
        """Expansion of the tuned model and of the re-drawn base at the plan's last attempt."""
        return judge_on(self.tuned_attempts, self.redraws, self.problems, self.plan.n_max)

    @cached_property
    def other_base(self) -> str | None:
        """The base that the tuned model is registered with, where it is judged beside another one."""
        return other_base(self.pair)

    @cached_property
    def health(self) -> dict[str, Health]:
        """By what was evaluated, what became of its attempts besides right and wrong."""
        evaluations = {
            f"{self.tuned.name} on {self.on.name}": self.tuned_attempts,
        }
        for each in self.redraws:
            which = f" (draw {each.draw.name})" if len(self.redraws) > 1 else ""
            evaluations[f"{self.base.name}, re-drawn{which}"] = each
        evaluations |= self.elicited
        for name, pair in self.saturated.items():
            evaluations |= {f"{each.model.name} on {name}": each for each in pair}
        return {what: health_of(each) for what, each in evaluations.items()}

    @cached_property
    def choosing_health(self) -> Health | None:
        """Of the attempts that chose the problems, where that was done here."""
        return health_of(self.choosing) if self.choosing else None

    @cached_property
    def gains(self) -> pd.DataFrame:
        """Problem by problem, what was truly gained or lost (``gains_by_problem``)."""
        return self.judgement.gains()

    @cached_property
    def confounds(self) -> dict[str, pd.DataFrame]:
        """By problem set, what else its difference of pass@k may be made of (``confounds``).

        In the first round of the plan, where every problem has as many attempts whatever their verdicts.
        """
        hard = confounds(self.redrawn_attempts, self.tuned_attempts)
        return {self.on.name: hard} | {name: confounds(*pair) for name, pair in self.saturated.items()}

    @cached_property
    def near_misses(self) -> pd.DataFrame:
        """Wrong answers of the tuned model to read first, where it reached nothing (``near_misses``)."""
        return near_misses(self.tuned_attempts)

    @cached_property
    def separation(self) -> Separation:
        """What tells sharpening from expansion beyond one k (``separation_of_checkpoint``)."""
        return separation_of_checkpoint(self.judgement, self.saturated, self.gains)

    def parts(self) -> pd.DataFrame:
        """Reach by source of the problems, and by whether the tuned model's training set holds them.

        Returns:
            part, problems, tuned, tuned_low, tuned_high, redrawn, redrawn_low, redrawn_high: counts of problems
            reached (of several re-draws the mean), with intervals of their share: Clopper-Pearson, for a mean at equal
            variance. The first row is the whole.
        """
        judgement, rows = self.judgement, []
        arms = {"tuned": [judgement.comparison], "redrawn": judgement.nulls}
        for part, keys in parts_of_set(self.problems, self.tuned):
            row: dict[str, Any] = {"part": part, "problems": len(keys)}
            for who, draws in arms.items():
                count, low, high = mean_reach([each.tuned_reached for each in draws], keys)
                row |= {who: count, f"{who}_low": low, f"{who}_high": high}
            rows.append(row)
        return pd.DataFrame(rows)

    def reached_with_tuning(self, most: int = 10) -> pd.DataFrame:
        """Problems reached by the tuned model, those truly gained first, each with its first correct completion.

        Returns:
            problem, statement, gold, gained (survives the adjustment over problems), tuned_c, tuned_n, redrawn_c,
            redrawn_n, index (of the attempt, from 0), completion.
        """
        table = self.gains.rename(columns={"base_c": "redrawn_c", "base_n": "redrawn_n"})
        table = table[table["tuned_c"] > 0].sort_values("gain_p", kind="stable").head(most)
        right = self.tuned_attempts.verdicts
        right = right[(right["verdict"] == Verdict.CORRECT) & right["problem"].isin(table["problem"])]
        first = right.groupby("problem")["index"].min()
        by_key = {problem.key: problem for problem in self.problems}
        indices = [int(first[key]) for key in table["problem"]]
        table = table.assign(
            statement=[by_key[key].statement for key in table["problem"]],
            gold=[by_key[key].gold for key in table["problem"]],
            index=indices,
            completion=self.tuned_attempts.texts(table["problem"], indices),
        )
        columns = ["problem", "statement", "gold", "gained", "tuned_c", "tuned_n", "redrawn_c", "redrawn_n"]
        return table[[*columns, "index", "completion"]].reset_index(drop=True)

    def ordinary(self) -> pd.DataFrame:
        """What tuning did on ordinary sets: pass@1, pass@k and Shrinkage, with what two draws of the base differ by.

        Returns:
            set, problems, k, base_pass_1, tuned_pass_1, difference, low, high (of the difference at one attempt,
            over problems), interval (its name), base_pass_k, tuned_pass_k, shrinkage (problems reached by the base
            alone), shrinkage_low, shrinkage_high (of its share), null_k, null (problems that one draw of ``null_k``
            attempts of the frozen base reaches and another misses, in expectation: the split-half null).
        """
        k, rows = self.plan.n_max, []
        for name, (base, tuned) in self.saturated.items():
            one, all_k = paired_difference(base.outcomes, tuned.outcomes, [1, k]).to_dict("records")
            lost = compare_reach(base.outcomes, tuned.outcomes, k).shrinkage
            rows.append(
                {
                    "set": name, "problems": len(base.outcomes), "k": k,
                    "base_pass_1": one["a"], "tuned_pass_1": one["b"],
                    "difference": one["estimate"], "low": one["low"], "high": one["high"], "interval": one["interval"],
                    "base_pass_k": all_k["a"], "tuned_pass_k": all_k["b"],
                    "shrinkage": lost.count, "shrinkage_low": lost.low, "shrinkage_high": lost.high,
                    "null_k": k // 2, "null": frozen_null(base.outcomes, k // 2).reached,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def changes(self) -> pd.DataFrame:
        """pass@1 of both and what became of reach, problem by problem on the ordinary sets (``change_by_problem``)."""
        frames = [
            change_by_problem(base, tuned, self.plan.n_max).assign(name=name)
            for name, (base, tuned) in self.saturated.items()
        ]
        return pd.concat(frames, ignore_index=True)

    def settings(self) -> pd.DataFrame:
        """Prompt and sampling of both side by side, with the share of truncated attempts (``settings_table``)."""
        return settings_table(self.pair, self.redraws[0].outcomes, self.tuned_attempts.outcomes)


class Drawn(TypedDict, total=False):
    """Where the attempts of a judgement are kept, and how many fresh draws of the base stand beside the tuned model."""

    store: Store | None
    draw: str
    redraws: int


def judge_checkpoint(
    pair: Pair,
    on: ProblemSet,
    plan: Plan = Plan(),
    *,
    ordinary: Sequence[ProblemSet] = (),
    engine_for: EngineFactory | None = None,
    **drawn: Unpack[Drawn],
) -> CheckpointJudgement:
    """Sample, grade and compare; what the store has is read.

    Where the set has a column ``<base>_unsolved``, from at least as many attempts as the plan's and by the base as it
    is asked now, that selection is the denominator. Else the base selects here and now: it tries every problem under a
    draw of its own, and what it never solves the tuned model is judged on. A base under other settings (by ``matched``
    or `mathb_kit.models.asked`) is another model, and a re-draw of it is none of the model that a column speaks of.

    Args:
        pair: tuned model and base (`mathb_kit.models.matched`).
        on: the hard set.
        plan: rounds and stop count; reach is compared at its last attempt.
        ordinary: sets on which the base does well, to see what was lost.
        engine_for: gives the engine for a model (`mathb_kit.sampling.engine_factory`); the default engine if absent.
        drawn: ``store``, where attempts are kept; ``draw``, the name of the draws that are compared, not that of the
            selection; ``redraws``, how many fresh draws of the base (``redraw_names``), one by default.

    Raises:
        MathbError: both are the same model, nothing is left unsolved by the base, or what sampling and grading report.
    """
    base, tuned = pair.base, pair.tuned
    store, draw, redraws = drawn.get("store"), drawn.get("draw", "main"), drawn.get("redraws", 1)
    refuse_one_model(pair)
    if redraws < 1:
        raise MathbError(f"A tuned model is judged beside at least one fresh draw of its base, not {redraws}.")
    if draw == DRAW:
        raise MathbError(f"The draw {DRAW!r} chooses the problems; compare by a draw of another name.")

    with OneAtATime(engine_for or get_engine) as engine:  # the base does all of its work before the tuned model starts

        def attempts(model: Model, problems: Sequence[Problem], plan: Plan = plan, draw: str = draw) -> Evaluation:
            return evaluate(model, problems, plan, draw=draw, store=store, engine=engine)

        selection, choosing = selection_by_column(on, pair, plan.n_max), None
        if selection:
            chosen = on.unsolved_by(base.name)
        else:
            choosing = attempts(base, on, replace(plan, stop=1), DRAW)
            missed = set(choosing.outcomes.loc[choosing.outcomes["c"] == 0, "problem"])
            chosen = replace(on.where(lambda problem: problem.key in missed), selected_in=plan.n_max)
            selection = made_here(on, pair, plan.n_max, DRAW)
        if not chosen:
            raise MathbError(
                f"{base.name} left nothing of {on.name} unsolved in {plan.n_max:,} attempts, so there is nothing to "
                "reach; judge on a harder set."
            )
        again = tuple(attempts(base, chosen, draw=name) for name in redraw_names(draw, redraws))
        by_base = [attempts(base, each) for each in ordinary]
        reached = attempts(tuned, chosen)
        saturated = {each.name: (arm, attempts(tuned, each)) for each, arm in zip(ordinary, by_base)}
    return CheckpointJudgement(pair, on, plan, selection, chosen, reached, again, saturated, choosing)
