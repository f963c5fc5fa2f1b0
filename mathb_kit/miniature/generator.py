"""Arithmetic problems in LaTeX with a difficulty dial, and solutions in several modes.

A problem defines one to three numbers a, b, c and asks for them packed into one integer, as contests do
("find 100m + n"). Packing makes golds long, hence unguessable, while a single step stays small enough for a model of
10^5 parameters. Three families say how a number is defined:

* ``sum``: ``a=48+93``.
* ``product``: ``a=48\\cdot 7``.
* ``linear``: ``7a=336``.

The dial, levels 1 (easy) to 6 (hard), sets how many numbers are asked for and how many digits they are made from.

Every solution ends in ``\\boxed{}``. The modes are what a training corpus mixes, and so what RL can choose between:
``careful`` (steps, right), ``direct`` (the right answer at once), ``sloppy`` (steps with a characteristic mistake:
carries and remainders are dropped), and ``column`` (digit by digit with written carries or remainders), which no base
model sees. Golds come from the numbers drawn, never from a model.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

FAMILIES = ("sum", "product", "linear")
MODES = ("careful", "direct", "sloppy")

# level: (numbers asked for, digits of the numbers they are made from)
SHAPES = {1: (1, 2), 2: (2, 2), 3: (3, 2), 4: (2, 3), 5: (3, 3), 6: (3, 4)}
LEVELS = tuple(SHAPES)

# One token each: the word a mode opens with.
OPENING = {"careful": "Carefully: ", "direct": "", "sloppy": "Quickly: ", "column": "Columns: "}


@dataclass(frozen=True)
class Part:
    """The definition of one number: two terms (sum), a number and a digit (product), a digit and ``q`` (linear)."""

    family: str
    left: int
    right: int

    def definition(self, name: str) -> str:
        """LaTeX, e.g. ``a=48+93``, ``a=48\\cdot 7`` or ``7a=336``."""
        match self.family:
            case "sum":
                return f"{name}={self.left}+{self.right}"
            case "product":
                return f"{name}={self.left}\\cdot {self.right}"
            case _:
                return f"{self.left}{name}={self.right}"

    @property
    def value(self) -> int:
        match self.family:
            case "sum":
                return self.left + self.right
            case "product":
                return self.left * self.right
            case _:
                return self.right // self.left


@dataclass(frozen=True)
class Exercise:
    """A drawn problem: the parts of one family at one level."""

    family: str
    level: int
    parts: tuple[Part, ...]

    @property
    def block(self) -> int:
        """Digits reserved for each value in the packed answer."""
        return SHAPES[self.level][1] + 1

    @property
    def statement(self) -> str:
        definitions = ", ".join(f"${part.definition(name)}$" for part, name in zip(self.parts, "abc"))
        count = len(self.parts)
        packed = [
            name if place == 0 else f"10^{{{place * self.block}}}{name}"
            for name, place in zip("abc", range(count - 1, -1, -1))
        ]
        return f"Let {definitions}. Find ${'+'.join(packed)}$."

    @property
    def gold(self) -> int:
        return self.pack([part.value for part in self.parts])

    def pack(self, values: list[int]) -> int:
        """The values as blocks of digits, first value foremost."""
        packed = 0
        for value in values:
            packed = 10**self.block * packed + value
        return packed


def draw_exercise(rng: random.Random, family: str, level: int) -> Exercise:
    """A problem of one family and level (1 to 6)."""
    if family not in FAMILIES or level not in SHAPES:
        raise ValueError(f"no family {family!r} at level {level}; families {FAMILIES}, levels {LEVELS}")
    count, digits = SHAPES[level]
    return Exercise(family, level, tuple(_draw_part(rng, family, digits) for _ in range(count)))


def solve(exercise: Exercise, mode: str) -> str:
    """A worked solution in one of the modes; ends in ``\\boxed{}``."""
    if mode == "direct":
        return f"\\boxed{{{exercise.gold}}}"
    worked = [_WORK[mode](part) for part in exercise.parts]
    steps = "".join(f"{work};" for work, _ in worked)
    return f"{OPENING[mode]}{steps}\\boxed{{{exercise.pack([value for _, value in worked])}}}"


def mode_of(completion: str) -> str:
    """The mode a completion announces by its opening (``direct`` where it announces none)."""
    for mode in ("careful", "sloppy", "column"):
        if completion.startswith(OPENING[mode].rstrip()):
            return mode
    return "direct"


def _draw_part(rng: random.Random, family: str, digits: int) -> Part:
    low, high = 10 ** (digits - 1), 10**digits - 1
    first, second, digit = rng.randint(low, high), rng.randint(low, high), rng.randint(2, 9)
    match family:
        case "sum":
            return Part(family, first, second)
        case "product":
            return Part(family, first, digit)
        case _:
            return Part(family, digit, digit * first)


def _task(part: Part) -> str:
    """The calculation that a definition calls for, e.g. ``48+93``, ``48\\cdot 7``, ``336/7``."""
    match part.family:
        case "sum":
            return f"{part.left}+{part.right}"
        case "product":
            return f"{part.left}\\cdot {part.right}"
        case _:
            return f"{part.right}/{part.left}"


def _careful(part: Part) -> tuple[str, int]:
    return f"{_task(part)}={part.value}", part.value


def _sloppy(part: Part) -> tuple[str, int]:
    """Every place for itself: what is carried, or remains in a division, gets lost."""
    value = 0
    for place in range(len(str(max(part.left, part.right)))):
        left, right = part.left // 10**place % 10, part.right // 10**place % 10
        match part.family:
            case "sum":
                digit = (left + right) % 10
            case "product":
                digit = left * part.right % 10
            case _:
                digit = right // part.left
        value += digit * 10**place
    return f"{_task(part)}={value}", value


def _column(part: Part) -> tuple[str, int]:
    """What each column comes to, two digits each: with its carry from the right, or its remainder from the left."""
    columns, carried = [], 0
    if part.family == "linear":
        for digit in map(int, str(part.right)):
            columns.append(10 * (carried % part.left) + digit)
            carried = columns[-1]
    else:
        for place in range(len(str(part.left))):
            digit = part.left // 10**place % 10
            other = part.right // 10**place % 10
            columns.append(carried + (digit + other if part.family == "sum" else digit * part.right))
            carried = columns[-1] // 10
    return f"{_task(part)}:{','.join(f'{column:02d}' for column in columns)}={part.value}", part.value


_WORK = {"careful": _careful, "sloppy": _sloppy, "column": _column}
