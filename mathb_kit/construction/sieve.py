"""What is left when models get many attempts: a cheap screen by one model, then the sieve by all of them.

Only solved or unsolved matters here, so a problem gets no more attempts after the round with its first success (rounds
16, 32, 64 and so on; stop count 1). That leaves the same problems as a fixed number of attempts would.

Being unsolved in 1,024 attempts is not being impossible: of problems that were selected for it, some fall to a fresh
draw. Try what is left again (`mathb_kit.construction.retest`) before speaking about single problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Engine, EngineFactory, get_engine
from mathb_kit.store import Store

DRAW = "sieve"
"""Name of the draw that screens and sieves, so that every other one is fresh."""


@dataclass(frozen=True)
class Sieve:
    """Candidates and which models solved them.

    Attributes:
        problems: the candidates.
        models: the models, in order.
        plan: rounds and stop count.
        draw: name of the draw.
        table: one row per model and problem: the outcomes of `mathb_kit.evaluate` (``name`` is the model's name,
            ``model`` its key) and ``unsolved``: no attempt was correct, and none was left ungraded.
    """

    problems: tuple[Problem, ...]
    models: tuple[Model, ...]
    plan: Plan
    draw: str
    table: pd.DataFrame

    def unsolved_by(self, name: str) -> tuple[Problem, ...]:
        """Candidates that one model left unsolved: the set that its tuned descendants are judged on.

        Raises:
            MathbError: the model took no part.
        """
        return self._with(self._keys(name))

    def union(self, names: Sequence[str] | None = None) -> tuple[Problem, ...]:
        """Candidates that at least one of the named models (by default of all) left unsolved."""
        return self._with(set().union(*map(self._keys, self._names(names))))

    def intersection(self, names: Sequence[str] | None = None) -> tuple[Problem, ...]:
        """Candidates that every one of the named models (by default of all) left unsolved."""
        return self._with(set.intersection(*map(self._keys, self._names(names))))

    def truncated(self) -> dict[str, float]:
        """By model, the share of its attempts that did not end by themselves: a solution may not have fitted in."""
        sums = self.table.groupby("name", sort=False)[["truncated", "n"]].sum()
        return (sums["truncated"] / sums["n"]).to_dict()

    def filtered(self) -> Filtered:
        """The sieve as a stage of a funnel, which keeps the union."""
        kept = {problem.key for problem in self.union()}
        reasons = (None if problem.key in kept else "solved by every model" for problem in self.problems)
        return drop_with_reason("sieve", self.problems, reasons)

    def _names(self, names: Sequence[str] | None) -> Sequence[str]:
        if names is not None and not names:
            raise MathbError("A union or an intersection needs at least one model; name one, or none for all of them.")
        return [model.name for model in self.models] if names is None else names

    def _keys(self, name: str) -> set[str]:
        if name not in (known := [model.name for model in self.models]):
            raise MathbError(f"The model {name!r} took no part in the sieve; these did: {', '.join(known)}.")
        return set(self.table.loc[(self.table["name"] == name) & self.table["unsolved"], "problem"])

    def _with(self, keys: set[str]) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.key in keys)


def prescreen(
    problems: Sequence[Problem],
    model: Model,
    attempts: int = 16,
    *,
    draw: str = "main",
    store: Store | None = None,
    engine: Engine | EngineFactory | None = None,
) -> Filtered:
    """Keep the problems that one model does not solve in a few attempts.

    Args:
        problems: candidates with golds.
        model: the screening model. If it takes part in the sieve under the same draw, these attempts count there.
        attempts: allowed per problem.
        draw, store, engine: as for `mathb_kit.evaluate`.
    """
    outcomes = evaluate(model, problems, Plan.fixed(attempts), draw=draw, store=store, engine=engine).outcomes
    solved = set(outcomes.loc[outcomes["c"] > 0, "problem"])
    reason = f"solved in {attempts:,} attempts: by {model.name}"
    return drop_with_reason("pre-screen", problems, (reason if p.key in solved else None for p in problems))


def sieve(
    problems: Sequence[Problem],
    models: Sequence[Model],
    attempts: int = 1024,
    *,
    draw: str = "main",
    store: Store | None = None,
    engine_for: EngineFactory = get_engine,
) -> Sieve:
    """Let every model try every problem until it is solved or the attempts are used up.

    Args:
        problems: candidates with golds.
        models: at least one; their names must differ.
        attempts: largest number of attempts per problem and model.
        draw, store: as for `mathb_kit.evaluate`.
        engine_for: gives the engine for a model.

    Raises:
        MathbError: no model, two models of one name, or what `mathb_kit.evaluate` reports.
    """
    names = [model.name for model in models]
    if not names or len(set(names)) < len(names):
        raise MathbError(f"A sieve needs models of different names, not {names or 'none'}.")
    plan = Plan.up_to(attempts, stop=1)
    table = pd.concat(
        [evaluate(m, problems, plan, draw=draw, store=store, engine=engine_for).outcomes for m in models],
        ignore_index=True,
    )
    table["unsolved"] = (table["c"] == 0) & (table["grader_failed"] == 0)
    return Sieve(tuple(problems), tuple(models), plan, draw, table)
