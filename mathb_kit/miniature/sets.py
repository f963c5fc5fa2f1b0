"""The miniature's problem sets: drawn once from fixed seeds, shipped as JSON lines, disjoint by statement.

``mini-math`` stands for MATH-500 (ordinary), ``mini-aime`` for AIME (harder), ``mini-train`` holds the only prompts
that RL and distillation may see.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from mathb_kit.miniature.generator import FAMILIES, draw_exercise

FOLDER = Path(__file__).parent / "sets"

# Golds of hard sets have at least six digits: guessing golds of that magnitude stays below 1 % at 1,024 attempts.
HARD_GOLD = 100_000

# name: (seed, problems of each family at each level, smallest gold)
_RECIPES: dict[str, tuple[int, dict[int, int], int]] = {
    "mini-math": (101, {1: 7, 2: 7, 3: 6}, 0),
    "mini-aime": (102, {4: 6, 5: 4}, HARD_GOLD),
    "mini-train": (103, {1: 40, 2: 40, 3: 40, 4: 40, 5: 30, 6: 30}, 0),
}


def problem_rows(name: str) -> list[dict[str, Any]]:
    """The shipped rows of a set: id, statement, gold (string), family, level.

    Raises:
        FileNotFoundError: the set is not shipped.
    """
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def shipped_sets() -> list[str]:
    """Names of the sets that are shipped."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def draw_sets() -> dict[str, list[dict[str, Any]]]:
    """Draw the plain sets anew from their seeds; equal to what is shipped."""
    taken: set[str] = set()
    return {name: _draw_set(name, *recipe, taken) for name, recipe in _RECIPES.items()}


def evaluation_statements() -> frozenset[str]:
    """Statements of every shipped set but ``mini-train``: no training corpus may hold one of them."""
    return frozenset(
        row["statement"] for name in shipped_sets() if name != "mini-train" for row in problem_rows(name)
    )


def _draw_set(
    name: str, seed: int, counts: dict[int, int], smallest_gold: int, taken: set[str]
) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for level, count in counts.items():
        for family in FAMILIES:
            for _ in range(count):
                exercise = draw_exercise(rng, family, level)
                while exercise.statement in taken or exercise.gold < smallest_gold:
                    exercise = draw_exercise(rng, family, level)
                taken.add(exercise.statement)
                rows.append(
                    {
                        "id": f"{len(rows):03d}",
                        "statement": exercise.statement,
                        "gold": str(exercise.gold),
                        "family": family,
                        "level": level,
                    }
                )
    return rows
