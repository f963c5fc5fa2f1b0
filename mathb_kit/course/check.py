"""``check("05.2", answer)``: whether an exercise of a notebook is solved, and a hint where it is not.

What is right is computed by the exercise (`mathb_kit.course.exercises`), and so is what the common slips would give.
"""

from __future__ import annotations

from typing import Any

from mathb_kit.course.exercises import QUESTIONS
from mathb_kit.errors import MathbError
from mathb_kit.settings import did_you_mean


def check(number: str, answer: Any = ..., *given: Any) -> None:
    """Print whether the answer to an exercise is right, and a hint if it is not.

    Args:
        number: of the exercise, e.g. ``05.2``.
        answer: a number, a word or a function, as the exercise asks; ``...`` while there is none.
        given: what the exercise's cell gives along.

    Raises:
        MathbError: there is no such exercise.
    """
    if number not in QUESTIONS:
        raise MathbError(
            f"There is no exercise {number!r}{did_you_mean(number, QUESTIONS)}; there are {', '.join(QUESTIONS)}."
        )
    if answer is ...:
        print(f"Exercise {number}: put your answer in place of the three dots and run this cell again.")
        return
    fault = QUESTIONS[number].fault(answer, *given)
    print(f"Exercise {number}: right." if fault is None else f"Exercise {number}: not yet. {fault}")
