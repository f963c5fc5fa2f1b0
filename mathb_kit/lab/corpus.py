"""The training corpus of the miniature: exercises and solution modes drawn from a declared mixture."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mathb_kit.miniature.generator import draw_exercise, solve


@dataclass(frozen=True)
class Mixture:
    """What a corpus is made of: weights of levels per family and of modes.

    Attributes:
        levels: family to ``{level: weight}``; families are drawn in proportion to their total weight.
        modes: mode to weight.
        excluded: statements that must never be drawn (every evaluation set).
    """

    levels: Mapping[str, Mapping[int, float]]
    modes: Mapping[str, float]
    excluded: frozenset[str] = frozenset()

    def pairs(self, seed: int) -> Iterator[tuple[str, str]]:
        """An endless, seeded stream of (statement, solution)."""
        rng = random.Random(seed)
        kinds = [(family, int(level)) for family, weights in self.levels.items() for level in weights]
        kind_weights = [weight for weights in self.levels.values() for weight in weights.values()]
        modes, mode_weights = list(self.modes), list(self.modes.values())
        while True:
            for (family, level), mode in zip(
                rng.choices(kinds, kind_weights, k=512), rng.choices(modes, mode_weights, k=512)
            ):
                exercise = draw_exercise(rng, family, level)
                if exercise.statement not in self.excluded:
                    yield exercise.statement, solve(exercise, mode)
