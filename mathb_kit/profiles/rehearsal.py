"""A study acted out: tiny checkpoints under the names of real models, on a few problems, through all of the code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mathb_kit.errors import MathbError
from mathb_kit.models.model import Model
from mathb_kit.models.registry import as_registered
from mathb_kit.problems import Problem, ProblemSet, load_problems, problem_sets, unsolved_column
from mathb_kit.settings import Settings

_STAND_IN = " (stand-in)"


class Rehearsal(Settings):
    """Who stands in for whom.

    Attributes:
        models: real model to miniature checkpoint.
        stand_in_sets: real set to the miniature set that stands in where no local copy of the real one is at hand.
        size: problems taken of each stand-in, evenly spaced; of a real set half as many, short ones.
    """

    models: dict[str, str]
    stand_in_sets: dict[str, str]
    size: int

    @property
    def about(self) -> str:
        """Who stands in, in words."""
        return f"miniature checkpoints stand in for the models named, on up to {self.size} problems a set"

    def model(self, name: str) -> Model:
        """The miniature checkpoint under a real model's name and temperature, top-p, top-k and min-p.

        Each name gets a token limit of its own, so that two names with one stand-in do not share their attempts.
        """
        if name not in self.models:
            raise MathbError(f"Nobody stands in for {name} in the [rehearse] table; add it under models.")
        real, tiny = as_registered(name), as_registered(self.models[name])
        place = list(self.models).index(name)
        sampling = replace(real.sampling, max_tokens=tiny.sampling.max_tokens + place, stop=tiny.sampling.stop)
        return replace(tiny, name=name, base=real.base, trained_on=real.trained_on, sampling=sampling)

    def set_name(self, name: str) -> str:
        """The real set's name if it lies in ``MATHB_DATA_DIR``, else one that says that another stands in."""
        where = problem_sets().set_index("name")["where"]
        return name if where.get(name) == "local" else f"{name}{_STAND_IN}"

    def problems(self, name: str, bases: Sequence[str]) -> ProblemSet:
        """A few problems of the set behind a `set_name`.

        What a stand-in set says of a tiny base (``<base>_unsolved``) is said of the models that this base stands for.
        """
        if not name.endswith(_STAND_IN):
            return _cheapest(load_problems(name), max(2, self.size // 2))
        real = name.removesuffix(_STAND_IN)
        if real not in self.stand_in_sets:
            raise MathbError(f"Nothing stands in for the set {real}; add it to stand_in_sets of the [rehearse] table.")
        stand_in = _spread(load_problems(self.stand_in_sets[real]), self.size)
        problems = tuple(replace(problem, set=name, meta=self._renamed(problem, bases)) for problem in stand_in)
        return replace(stand_in, name=name, problems=problems)

    def _renamed(self, problem: Problem, bases: Sequence[str]) -> dict[str, object]:
        columns = {unsolved_column(base): unsolved_column(self.models[base]) for base in bases if base in self.models}
        known = {new: problem.meta[old] for new, old in columns.items() if old in problem.meta}
        return {key: value for key, value in problem.meta.items() if not key.endswith(unsolved_column(""))} | known


def _spread(problems: ProblemSet, size: int) -> ProblemSet:
    """Evenly spaced ones: sets are often sorted by difficulty."""
    return _some(problems, problems[:: max(1, len(problems) // size)][:size])


def _cheapest(problems: ProblemSet, size: int) -> ProblemSet:
    """Short statements with whole numbers for golds: a tiny model reads letter by letter, and solves none of them."""
    ranked = sorted(problems, key=lambda problem: (not problem.gold.isdigit(), len(problem.statement)))[:size]
    return _some(problems, [problem for problem in problems if problem in ranked])


def _some(problems: ProblemSet, chosen: Sequence[Problem]) -> ProblemSet:
    return replace(problems, problems=tuple(chosen), note=f"{len(chosen)} of {len(problems)}")
