"""``check("05.2", answer)``: whether an exercise of a notebook is solved, and a hint where it is not.

What is right is computed by the exercise (`mathb_kit.course.exercises`), and so is what the common slips would give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.settings import did_you_mean


@dataclass(frozen=True)
class Question:
    """An exercise with an answer that can be computed.

    Attributes:
        right: the right answer, from what the notebook gives beside the learner's; a number, a word, or a function.
        hint: for an answer that is wrong in no known way.
        slips: hints by what a common slip would give, each a function like ``right``.
        cases: where the answer is a function: gives the arguments of each call of it.
        within: how far a number may be off: half a unit of the second decimal unless said otherwise.
        judge: instead of ``right``: None where the answer (with what the notebook gives) does, else what is wrong.
    """

    right: Callable[..., Any] | None = None
    hint: str = ""
    slips: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    cases: Callable[[], Sequence[tuple[Any, ...]]] | None = None
    within: float = 0.005
    judge: Callable[..., str | None] | None = None

    def fault(self, answer: Any, *given: Any) -> str | None:
        """What is wrong with the answer, or None.

        Args:
            answer: the learner's.
            given: what the notebook gives along, e.g. the outcomes that the exercise is about.
        """
        if self.judge:
            return self.judge(answer, *given)
        if self.cases and not callable(answer):
            return "The answer is to be a function; give its name without brackets."
        try:
            if self._same(answer, self.right(*given)):
                return None
            return next((hint for hint, slip in self.slips.items() if self._same(answer, slip(*given))), self.hint)
        except (TypeError, ValueError, ArithmeticError, IndexError) as error:
            return f"That cannot be compared ({type(error).__name__}: {error}). {self.hint}"

    def _same(self, answer: Any, expected: Any) -> bool:
        if self.cases:
            return all(self._close(answer(*case), expected(*case)) for case in self.cases())
        if isinstance(expected, str):
            return str(answer).strip().casefold() == expected.casefold()
        return self._close(answer, expected)

    def _close(self, answer: Any, expected: Any) -> bool:
        import numpy as np

        return bool(np.all(np.abs(np.asarray(answer, float) - np.asarray(expected, float)) <= self.within))


def check(number: str, answer: Any = ..., *given: Any) -> None:
    """Print whether the answer to an exercise is right, and a hint if it is not.

    Args:
        number: of the exercise, e.g. ``05.2``.
        answer: a number, a word or a function, as the exercise asks; ``...`` while there is none.
        given: what the exercise's cell gives along.

    Raises:
        MathbError: there is no such exercise.
    """
    from mathb_kit.course.exercises import QUESTIONS

    if number not in QUESTIONS:
        raise MathbError(
            f"There is no exercise {number!r}{did_you_mean(number, QUESTIONS)}; there are {', '.join(QUESTIONS)}."
        )
    if answer is ...:
        print(f"Exercise {number}: put your answer in place of the three dots and run this cell again.")
        return
    fault = QUESTIONS[number].fault(answer, *given)
    print(f"Exercise {number}: right." if fault is None else f"Exercise {number}: not yet. {fault}")
