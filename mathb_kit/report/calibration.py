"""Half a minute of sampling on the machine at hand, in place of assumed lengths and rates."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from mathb_kit.models import Model, first_available
from mathb_kit.models.entries import hub_models
from mathb_kit.problems import Problem, load_problems
from mathb_kit.profiles import Profile, StudyCost
from mathb_kit.sampling import Chunk, chunk_seed, get_engine
from mathb_kit.store.draw import RUN_SEED

_CHUNK = 16
_STAND_IN, _STAND_IN_SET = "mini-base-1", "mini-math"


@dataclass(frozen=True)
class Calibration:
    """What was measured; nothing of it is stored as attempts.

    Attributes:
        model: name of the model sampled from.
        on: engine and device.
        attempts, tokens, seconds: sampled, all finished; the engine's start does not count.
    """

    model: str
    on: str
    attempts: int
    tokens: int
    seconds: float

    @property
    def tokens_per_attempt(self) -> float:
        return self.tokens / self.attempts

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds

    @property
    def sentence(self) -> str:
        return (
            f"Measured here: {self.model} on {self.on}, {self.tokens_per_second:,.0f} tokens/s, "
            f"{self.tokens_per_attempt:,.0f} tokens an attempt ({self.attempts:,} attempts in {self.seconds:.0f} s)"
        )


def calibrate(profile: Profile, seconds: float = 30.0) -> Calibration:
    """Sample for about ``seconds`` from the first model of a study that is on this machine.

    Whatever is begun is finished, so that long completions are not missed; it may take longer than asked. Where no
    model of the study is here, a miniature is measured instead.
    """
    names = [*profile.bases, *profile.tuned]
    model = first_available(*names, _STAND_IN)
    of_study = model.name in names
    problems = load_problems(profile.sets[0] if of_study else _STAND_IN_SET)
    sampler = get_engine(model, profile.engine, **profile.engine_options) if of_study else get_engine(model)
    about = sampler.describe()  # loads the weights, before the clock starts
    started = time.monotonic()
    attempts = tokens = 0
    for chunk, completions in sampler.sample(_until(started + seconds, model, problems)):
        attempts += chunk.size
        tokens += sum(completion.tokens for completion in completions)
    seconds = time.monotonic() - started
    sampler.close()
    on = f"{about['engine']}, {about.get('device', 'unknown device')}"
    return Calibration(model.name, on, attempts, tokens, seconds)


def calibrated(profile: Profile, measured: Calibration) -> Profile:
    """The profile with measured numbers in its cost table.

    The rate replaces that of the model's size, and those of other sizes in proportion; the length replaces that of its
    kind. A miniature that stood in for want of the study's models changes nothing.
    """
    if measured.model not in (*profile.bases, *profile.tuned):
        origin = f"{profile.cost.origin}; {measured.sentence}, which says nothing of this study's models"
        return profile.model_copy(update={"cost": profile.cost.model_copy(update={"origin": origin})})
    entry, cost = hub_models().get(measured.model), profile.cost
    changes = {
        "on": measured.on,
        "tokens_per_attempt": _with(cost.tokens_per_attempt, entry and entry.kind, measured.tokens_per_attempt),
        "tokens_per_second": _scaled(cost.tokens_per_second, entry and entry.size, measured.tokens_per_second),
        "origin": f"{measured.sentence}; rates of other sizes in proportion, all else as assumed ({cost.origin})",
    }
    return profile.model_copy(update={"cost": StudyCost(**{**dict(cost), **changes})})


def _until(deadline: float, model: Model, problems: Sequence[Problem]) -> Iterator[Chunk]:
    """Chunks of every problem in turn, in a mixed order (sets are often sorted), at least one."""
    mixed = random.Random(RUN_SEED).sample(list(problems), len(problems))
    for first in count(0, _CHUNK):
        for number, problem in enumerate(mixed):
            if (first or number) and time.monotonic() >= deadline:
                return
            seed = chunk_seed(RUN_SEED, model.name, problem.key, "calibration", first)
            yield Chunk(problem.key, model.render(problem.statement), first, _CHUNK, seed)


def _with(numbers: float | dict[str, float], key: str | None, value: float) -> float | dict[str, float]:
    return {**numbers, key: value} if isinstance(numbers, dict) else value


def _scaled(numbers: float | dict[str, float], key: str | None, value: float) -> float | dict[str, float]:
    if not isinstance(numbers, dict) or key not in numbers:
        return value
    return {name: number * value / numbers[key] for name, number in numbers.items()}
