"""What a study's bases did with the candidates before anything was selected: the ground for priors and nulls."""

from __future__ import annotations

import pandas as pd

from mathb_kit.construction.filters import Funnel, run_filters
from mathb_kit.construction.pipeline import stages_before_sampling
from mathb_kit.construction.sieve import prescreen
from mathb_kit.evaluation import evaluate
from mathb_kit.plan import Plan
from mathb_kit.profiles import Profile

DRAW = "sieve"
"""Name of the draw that screens and sieves."""


def funnel_before_sampling(study: Profile) -> Funnel:
    """The study's pool after every stage that needs no attempts; golds are checked by the exact evaluator."""
    benchmarks = [study.problems(name) for name in study.sets]
    return run_filters(study.problems(study.pool), stages_before_sampling(benchmarks, exact_answers=True))


def candidate_outcomes(study: Profile, funnel: Funnel | None = None) -> dict[str, pd.DataFrame]:
    """By base, its outcomes in the sieve on candidates that none of its own attempts selected.

    For the screening model these are all that came to the screen, for the others what the screen left. The plan is the
    sieve's (stop at the first success) and the attempts are the sieve's own, so after notebook 02 nothing is sampled.

    Args:
        study: the study.
        funnel: what `funnel_before_sampling` gave, where it is at hand.
    """
    screened = (funnel or funnel_before_sampling(study)).kept
    left = prescreen(screened, study.model(study.screen), draw=DRAW).kept if study.screen else screened
    plan = Plan.up_to(max(study.ks), stop=1)
    return {
        name: evaluate(study.model(name), screened if name == study.screen else left, plan, draw=DRAW).outcomes
        for name in study.bases
    }
