"""The base asked otherwise: whether what tuning reaches could have been had by prompt and temperature alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.judging.judgement import mean_reach
from mathb_kit.models import Model, Pair, asked, matched
from mathb_kit.sampling import EngineFactory
from mathb_kit.statistics import expansion_curve, reach
from mathb_kit.statistics.redraws import redraw_test
from mathb_kit.store import Store

if TYPE_CHECKING:
    from mathb_kit.judging.checkpoint import CheckpointJudgement

AS_TUNED = "tuned"


def elicited_models(pair: Pair, ways: Sequence[str]) -> dict[str, Model]:
    """The base asked in other ways, by what an arm is called.

    Args:
        pair: base and tuned model as they are compared.
        ways: ``tuned`` (the tuned model's prompt, template and sampling) or temperatures as text.

    Raises:
        MathbError: another word, a temperature out of range, or a way in which the base is asked already.
    """
    models = {}
    for way in ways:
        if way == AS_TUNED:
            name, model = f"{pair.base.name} asked as {pair.tuned.name}", matched(pair.base, pair.tuned, "tuned").base
        else:
            try:
                temperature = float(way)
            except ValueError:
                raise MathbError(f"--elicit takes {AS_TUNED!r} or a temperature, not {way!r}.") from None
            name = f"{pair.base.name} at temperature {temperature:g}"
            model = asked(pair.base, temperature=temperature)
        if model.key() == pair.base.key():
            raise MathbError(f"{pair.base.name} is asked so already (--elicit {way}); leave it out.")
        models[name] = model
    return models


def elicit(
    judged: CheckpointJudgement,
    models: Mapping[str, Model],
    *,
    engine_for: EngineFactory | None = None,
    store: Store | None = None,
    draw: str = "main",
) -> CheckpointJudgement:
    """The judgement with further arms: the base asked otherwise, on the problems that the base had left unsolved.

    Such an arm is another model, which chose none of the problems. It is no null of luck (that is the re-drawn base)
    but one of elicitation: what it reaches was in the base and needed no training.

    Args:
        judged: the judgement.
        models: by the arm's name (``elicited_models``).
        engine_for, store, draw: as for ``judge_checkpoint``.
    """
    arms = {
        name: evaluate(model, judged.problems, judged.plan, draw=draw, store=store, engine=engine_for)
        for name, model in models.items()
    }
    return replace(judged, elicited=arms)


def elicitation_table(judged: CheckpointJudgement) -> pd.DataFrame:
    """Reach of every arm, and whether the tuned model can be told from it.

    Returns:
        arm (the base re-drawn, then the base asked otherwise), draws, reached (of several draws the mean), of, rate,
        low, high (``mean_reach``), only_tuned (problems reached by the tuned model and by no draw of the arm),
        only_arm (by a draw of the arm and not by the tuned model), p (exact test of the tuned model against all draws,
        ``redraw_test``; McNemar's against one).
    """
    k, problems = judged.plan.n_max, [problem.key for problem in judged.problems]

    def reaches(draws: Sequence[Evaluation]) -> np.ndarray:
        found = [reach(each.outcomes, k) for each in draws]
        return np.array([[problem in each for problem in problems] for each in found], dtype=int)

    tuned = reaches([judged.tuned_attempts])
    arms = {f"{judged.base.name} re-drawn": judged.redraws}
    arms |= {name: (evaluation,) for name, evaluation in judged.elicited.items()}
    rows = []
    for name, draws in arms.items():
        test = redraw_test(tuned, reaches(draws))
        count, *ends = mean_reach([reach(each.outcomes, k) for each in draws], problems)
        alone = test.only_tuned, test.only_redrawn
        rows.append((name, len(draws), count, test.of, count / test.of, *ends, *alone, test.p))
    columns = ["arm", "draws", "reached", "of", "rate", "low", "high", "only_tuned", "only_arm", "p"]
    return pd.DataFrame(rows, columns=columns)


def elicitation_curves(judged: CheckpointJudgement, ks: Sequence[int]) -> pd.DataFrame:
    """Expansion against k of the arms, as `Judgement.curves` gives that of tuned model and re-drawn base."""
    selection = judged.judgement.selection
    frames = [
        expansion_curve(selection, each.outcomes, ks).assign(who=name).rename(columns={"rate": "estimate"})
        for name, each in judged.elicited.items()
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
