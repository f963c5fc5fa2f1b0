"""What a profile's study consists of: which model meets which problems, and all of its evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.problems import ProblemSet
from mathb_kit.profiles import Profile
from mathb_kit.sampling import Chunk, Completion


def problems_met(study: Profile, model: str, name: str) -> ProblemSet:
    """What a model of a study meets of one of its sets: a partial one, of the hard set, what its base left unsolved."""
    problems = study.problems(name)
    is_part = name == study.hard_set and model in study.partial
    return problems.unsolved_by(study.tuned[model]) if is_part else problems


def study_evaluations(study: Profile, *, stored_only: bool = False) -> dict[tuple[str, str], Evaluation]:
    """By (model, set): the profile's models on its sets, the pool left out, as its notebooks evaluate them.

    Args:
        study: the profile.
        stored_only: leave out what the store does not have whole, instead of sampling the rest.
    """
    evaluations = {}
    for model, name in study.evaluations:
        if name == study.pool:
            continue
        engine = StoredOnly() if stored_only else study.engine
        try:
            evaluations[model, name] = evaluate(
                study.model(model), problems_met(study, model, name), study.plan, engine=engine
            )
        except NotStored:
            continue
    return evaluations


class NotStored(MathbError):
    """Attempts are missing, and nothing may be sampled."""


class StoredOnly:
    """Takes the place of an engine where nothing may be sampled."""

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        raise NotStored("Attempts are missing in the store.")

    def describe(self) -> dict[str, Any]:
        raise NotStored("Attempts are missing in the store.")
