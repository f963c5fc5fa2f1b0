"""What each model left unsolved, tried again by the same model: selection by one bad draw is flattering.

A problem that was missed 1,024 times and would be solved once in 2,000 attempts is solved by a fresh 1,024 with a
chance of 40 %. How many fall again is the floor that every "expansion" of a tuned model has to be held against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from mathb_kit.construction.sieve import Sieve
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems import ProblemSet
from mathb_kit.sampling import EngineFactory, get_engine
from mathb_kit.statistics import proportion_interval, reach
from mathb_kit.statistics.reach import rows_on
from mathb_kit.store import Store


def retest(
    selected: Sieve | ProblemSet,
    models: Sequence[Model],
    plan: Plan,
    *,
    draw: str = "retest",
    store: Store | None = None,
    engine_for: EngineFactory = get_engine,
) -> pd.DataFrame:
    """A fresh draw of every model on the problems that it left unsolved.

    Args:
        selected: a sieve, or a sieved set.
        models: those to try again.
        plan: of the fresh draw; a problem counts as solved if one of its first ``plan.n_max`` attempts is correct.
        draw: another than the sieve's.
        store: as for `mathb_kit.evaluate`.
        engine_for: gives the engine for a model.

    Returns:
        model (name), selected (problems it left unsolved), solved (of these, by the fresh draw), share, low, high
        (95 %, Clopper and Pearson, problems as a sample; NaN where nothing was selected).

    Raises:
        MathbError: the draw that selected, or a model that took no part in the selection.
    """
    if isinstance(selected, Sieve) and draw == selected.draw:
        raise MathbError(f"The draw {draw!r} selected these problems; re-test under another draw.")
    outcomes = {}
    for model in models:
        if chosen := selected.unsolved_by(model.name):
            tried = evaluate(model, chosen, plan, draw=draw, store=store, engine=engine_for)
            outcomes[model.name] = tried.outcomes
    return retested(selected, [model.name for model in models], outcomes, plan.n_max)


def retested(
    selected: Sieve | ProblemSet, models: Sequence[str], outcomes: Mapping[str, pd.DataFrame], k: int
) -> pd.DataFrame:
    """The table of `retest` from outcomes that are at hand.

    Args:
        selected: as for `retest`.
        models: names.
        outcomes: by name, of a fresh draw on (at least) what the model left unsolved.
        k: attempts allowed.
    """
    rows = []
    for name in models:
        chosen = selected.unsolved_by(name)
        keys = {problem.key for problem in chosen}
        solved = len(reach(rows_on(outcomes[name], keys), k)) if chosen else 0
        share = solved / len(chosen) if chosen else float("nan")
        rows.append((name, len(chosen), solved, share, *proportion_interval(solved, len(chosen))))
    return pd.DataFrame(rows, columns=["model", "selected", "solved", "share", "low", "high"])


