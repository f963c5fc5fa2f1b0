"""``mini-pool``: candidates for a harder set, with the dirt that real pools carry; ``mini-pool-large`` has more.

``kind`` in each row says what was done to it. It is the ground truth that tests of the filters compare with; a filter
that read it would be cheating.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mathb_kit.miniature.evaluator import evaluate_statement
from mathb_kit.miniature.generator import FAMILIES, Exercise, Part, draw_exercise, solve
from mathb_kit.miniature.sets import HARD_GOLD, draw_sets

SEED, LARGE_SEED = 104, 105

# level: clean problems of each family
CLEAN = {3: 30, 4: 18, 5: 9, 6: 4}

# Six times as many of each level of which the sieve of the small pool left mini-base-1 anything: none of level 3.
LARGE_CLEAN = {4: 108, 5: 54, 6: 24}

# kind: rows of it. Copies follow their original; the rows with two golds come in pairs.
DIRT = {
    "exact duplicate": 9,
    "near duplicate": 12,
    "contaminated": 8,
    "multiple choice": 7,
    "non-integer gold": 7,
    "missing picture": 6,
    "wrong gold": 7,
    "two golds": 6,
}

# The ways in which a copied statement comes to look different.
_REWRITES: tuple[Callable[[str], str], ...] = (
    lambda text: text.replace("=", " = ").replace("+", " + "),
    lambda text: text.replace(r"\cdot", r"\times").replace("$.", "$ ."),
    lambda text: text.replace("Find", "Determine"),
    lambda text: text.replace("Find", "What is the value of").removesuffix(".") + "?",
    lambda text: text.lower().removesuffix("."),
    lambda text: text.replace("Find ", "Find the value of\n").replace("$,", r"$,\quad"),
)


def draw_pool(
    seed: int = SEED,
    clean: Mapping[int, int] = CLEAN,
    dirt: Mapping[str, int] = DIRT,
    *,
    smallest_gold: int = HARD_GOLD,
    avoid: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Draw a pool from its seed; by default anew the one that is shipped.

    Args:
        seed: of everything drawn.
        clean: clean problems of each family, by level.
        dirt: dirty rows, by kind; a kind left out is none.
        smallest_gold: of clean problems.
        avoid: statements that no clean problem may have, besides those of the plain sets.

    Returns:
        Rows with id, statement, gold (string), family, level, kind. Clean statements stand in no other set.
    """
    rng = random.Random(seed)
    plain_sets = draw_sets()
    taken = {row["statement"] for rows in plain_sets.values() for row in rows}.union(avoid)
    dirt = dict.fromkeys(DIRT, 0) | dict(dirt)

    def fresh(family: str, level: int) -> Exercise:
        while True:
            exercise = draw_exercise(rng, family, level)
            if exercise.statement not in taken and exercise.gold >= smallest_gold:
                taken.add(exercise.statement)
                return exercise

    def any_fresh(family: str | None = None) -> Exercise:
        return fresh(family or rng.choice(FAMILIES), rng.choice(list(clean)))

    # Rows with the place each will take, between 0 and 1.
    placed = [
        (rng.random(), _row(fresh(family, level), "clean"))
        for level, count in clean.items()
        for family in FAMILIES
        for _ in range(count)
    ]

    def add(row: dict[str, Any], kind: str, after: float = 0.0, **changes: str) -> None:
        placed.append((rng.uniform(after, 1), {**row, **changes, "kind": kind}))

    originals = rng.sample(placed, dirt["exact duplicate"] + dirt["near duplicate"])
    for place, row in originals[: dirt["exact duplicate"]]:
        add(row, "exact duplicate", place)
    for number, (place, row) in enumerate(originals[dirt["exact duplicate"] :]):
        add(row, "near duplicate", place, statement=_rewritten(row["statement"], number))
    for number, row in enumerate(rng.sample(plain_sets["mini-math"], dirt["contaminated"])):
        add(row, "contaminated", statement=_REWRITES[0](row["statement"]) if number % 2 else row["statement"])
    for _ in range(dirt["multiple choice"]):
        row = _row(any_fresh())
        add(row, "multiple choice", statement=f"{row['statement']} {_choices(rng, int(row['gold']))}")
    for _ in range(dirt["non-integer gold"]):
        exercise = _with_remainder(rng, any_fresh("linear"))
        value = evaluate_statement(exercise.statement)
        add(_row(exercise), "non-integer gold", gold=rf"\frac{{{value.numerator}}}{{{value.denominator}}}")
    for _ in range(dirt["missing picture"]):
        exercise = any_fresh()
        definition = f"${exercise.parts[0].definition('a')}$, "
        statement = "In the figure below, $a$ is the number of dots. " + exercise.statement.replace(definition, "")
        add(_row(exercise), "missing picture", statement=statement)
    for _ in range(dirt["wrong gold"]):
        exercise = any_fresh()
        add(_row(exercise), "wrong gold", gold=str(_slip(exercise)))
    for number in range(dirt["two golds"] // 2):
        exercise = any_fresh()
        add(_row(exercise), "two golds")
        statement = _REWRITES[0](exercise.statement) if number % 2 else exercise.statement
        add(_row(exercise), "two golds", statement=statement, gold=str(_slip(exercise)))

    rows = [row for _, row in sorted(placed, key=lambda pair: pair[0])]
    return [{"id": "", **row} | {"id": f"{number:03d}"} for number, row in enumerate(rows)]


def draw_large_pool() -> list[dict[str, Any]]:
    """``mini-pool-large`` anew from its seed; no clean statement of it stands in ``mini-pool``."""
    return draw_pool(LARGE_SEED, LARGE_CLEAN, avoid=[row["statement"] for row in draw_pool()])


def _row(exercise: Exercise, kind: str = "") -> dict[str, Any]:
    return {
        "statement": exercise.statement,
        "gold": str(exercise.gold),
        "family": exercise.family,
        "level": exercise.level,
        "kind": kind,
    }


def _rewritten(statement: str, number: int) -> str:
    """The statement by one of the rewrites in turn, the next one where that changes nothing."""
    changed = (rewrite(statement) for rewrite in _REWRITES[number % len(_REWRITES) :] + _REWRITES)
    return next(text for text in changed if text != statement)


def _choices(rng: random.Random, gold: int) -> str:
    options = [gold, *(gold + step for step in rng.sample((-1000, -100, -10, 10, 100, 1000), 3))]
    rng.shuffle(options)
    return " ".join(f"({letter}) {option}" for letter, option in zip("ABCD", options))


def _with_remainder(rng: random.Random, exercise: Exercise) -> Exercise:
    """The same linear problem, its last equation without an integer solution."""
    *parts, last = exercise.parts
    broken = Part("linear", last.left, last.right + rng.randint(1, last.left - 1))
    return Exercise(exercise.family, exercise.level, (*parts, broken))


def _slip(exercise: Exercise) -> int:
    """A gold that is off by a carry: what the sloppy mode boxes, or one too many in the last place but one."""
    boxed = int(solve(exercise, "sloppy").split("\\boxed{")[1].rstrip("}"))
    return boxed if boxed != exercise.gold else exercise.gold + 10
