"""What makes an exercise: what is right, what common slips would give, and how near is near enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


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
