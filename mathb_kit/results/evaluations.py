"""Who was sampled on what in a study: every evaluation and every fresh draw, made once and kept."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from functools import cached_property

from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.judging import redraw_names
from mathb_kit.problems import ProblemSet
from mathb_kit.profiles import Profile
from mathb_kit.sampling import NotStored, OneAtATime, StoredOnly, engine_factory


class StudyEvaluations:
    """A study's evaluations, each at its first use.

    Args:
        study: the profile.
        stored_only: sample nothing. What is asked of several models or sets is then about those that the store has
            whole; what cannot be had at all raises NotStored.

    Attributes:
        study: the profile.
        k: its largest number of attempts.
    """

    def __init__(self, study: Profile, *, stored_only: bool = False) -> None:
        self.study, self.k = study, max(study.ks)
        self._engine = engine_factory(study.engine, **study.engine_options)
        self._sampling = nullcontext(StoredOnly()) if stored_only else OneAtATime(self._engine)
        self._stored_only = stored_only
        self._kept: dict[tuple[str, str], Evaluation] = {}

    @cached_property
    def on_sets(self) -> dict[tuple[str, str], Evaluation]:
        """By base and set, the bases on the ordinary sets."""
        return self._evaluated([(base, name) for base in self.study.bases for name in self.study.sets])

    @cached_property
    def on_first_set(self) -> dict[str, Evaluation]:
        """By model, everybody on the first ordinary set."""
        return self._on(self.study.sets[0], [*self.study.bases, *self.study.tuned])

    @cached_property
    def on_hard_set(self) -> dict[str, Evaluation]:
        """By model, everybody on the hard set, in draws that did not select it."""
        models, hard = [*self.study.bases, *self.study.tuned], self.study.hard_set
        if hard:  # a model is opened once for this and for `on_first_set`, which is asked for beside it
            self._evaluated([(model, name) for model in models for name in (hard, self.study.sets[0])])
        return self._on(hard, models)

    @cached_property
    def hard_problems(self) -> ProblemSet:
        return self.study.problems(self.study.hard_set)

    def evaluations(self) -> dict[tuple[str, str], Evaluation]:
        """By (model, set), all of the study's evaluations that can be had, the pool left out."""
        try:
            return self._evaluated([(model, name) for model, name in self.study.evaluations if name != self.study.pool])
        except NotStored:
            return {}

    @cached_property
    def redrawn(self) -> dict[str, list[Evaluation]]:
        """By base that something was tuned from, its fresh draws on what it left unsolved of the hard set."""
        draws = {}
        for base in dict.fromkeys(self.study.tuned.values()):
            if base not in self.on_hard_set:
                continue
            model, chosen = self.study.model(base), self.hard_problems.unsolved_by(base)
            _, *others = redraw_names("main", self.study.redraws)
            draws[base] = [self.on_hard_set[base]]
            with self._sampling as engine:
                draws[base] += [evaluate(model, chosen, self.study.plan, draw=name, engine=engine) for name in others]
        return draws

    def _on(self, name: str | None, models: Iterable[str]) -> dict[str, Evaluation]:
        pairs = [(model, name) for model in models if name]
        return {model: each for (model, _), each in self._evaluated(pairs).items()}

    def _evaluated(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Evaluation]:
        """Evaluations by model and set, each by the study's plan on what the model meets of the set."""
        there = {}
        with self._sampling as engine:
            for model, name in pairs:
                if (model, name) not in self._kept:
                    problems = self.study.problems_met(model, name)
                    try:
                        each = evaluate(self.study.model(model), problems, self.study.plan, engine=engine)
                    except NotStored:
                        continue
                    self._kept[model, name] = each
                there[model, name] = self._kept[model, name]
        if not there:
            raise NotStored(f"Nothing of the study {self.study.name} is here yet; run its notebooks first.")
        return there
