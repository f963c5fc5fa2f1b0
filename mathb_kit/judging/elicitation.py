"""The base asked otherwise: whether what tuning reaches could have been had by prompt and temperature alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.models import Model, Pair, asked, matched
from mathb_kit.sampling import EngineFactory
from mathb_kit.statistics import expansion_curve, proportion_interval, reach
from mathb_kit.statistics.mcnemar import sign_test
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
        arm (the base re-drawn, then the base asked otherwise), reached, of, rate, low, high, only_tuned, only_arm
        (problems reached by one of the two), p (exact McNemar test against the tuned model).
    """
    k = judged.plan.n_max
    tuned = reach(judged.tuned_attempts.outcomes, k)
    arms = {f"{judged.base.name} re-drawn": judged.redrawn_attempts, **judged.elicited}
    rows = []
    for name, evaluation in arms.items():
        reached, of = reach(evaluation.outcomes, k), len(evaluation.outcomes)
        alone = len(tuned - reached), len(reached - tuned)
        ends = proportion_interval(len(reached), of)
        rows.append((name, len(reached), of, len(reached) / of, *ends, *alone, sign_test(*alone)))
    columns = ["arm", "reached", "of", "rate", "low", "high", "only_tuned", "only_arm", "p"]
    return pd.DataFrame(rows, columns=columns)


def elicitation_curves(judged: CheckpointJudgement, ks: Sequence[int]) -> pd.DataFrame:
    """Expansion against k of the arms, as `Judgement.curves` gives that of tuned model and re-drawn base."""
    selection = judged.judgement.selection
    frames = [
        expansion_curve(selection, each.outcomes, ks).assign(who=name).rename(columns={"rate": "estimate"})
        for name, each in judged.elicited.items()
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
