"""The parts of a problem set that reach is counted on apart: its sources, and what a model's training set holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mathb_kit.construction import contamination, letters_and_digits
from mathb_kit.errors import MathbError
from mathb_kit.models import Model
from mathb_kit.problems import Problem, load_problems

_SOURCE_FIELDS = ("data_source", "source", "component", "family")


def parts_of_set(problems: Sequence[Problem], tuned: Model) -> Iterator[tuple[str, set[str]]]:
    """(name, problem keys) of the whole, of each source, and of what training saw and did not see."""
    everything = {problem.key for problem in problems}
    yield "all", everything
    field = next((f for f in _SOURCE_FIELDS if all(f in problem.meta for problem in problems)), None)
    if field:
        for value in dict.fromkeys(str(problem.meta[field]) for problem in problems):
            yield f"{field}: {value}", {p.key for p in problems if str(p.meta[field]) == value}
    if tuned.trained_on:
        seen, how = seen_in_training(problems, tuned, field)
        if seen is not None:
            yield f"seen in training ({how})", seen
            yield f"not seen in training ({how})", everything - seen


def seen_in_training(
    problems: Sequence[Problem], model: Model, source_field: str | None = None
) -> tuple[set[str] | None, str]:
    """Which problems stand in the sets that a model was trained on, and how that is known.

    By statement (up to typing) where all of those sets can be loaded, else by the name of the problem's source, else
    not at all.

    Args:
        problems: problems with a source in ``meta[source_field]``, if any.
        model: with ``trained_on``.
        source_field: name of that meta field.

    Returns:
        keys of the problems seen, or None where nobody knows; and how: ``by statement`` or ``by source``.
    """
    try:
        training = [load_problems(name) for name in model.trained_on]
    except MathbError:  # a set that is not on this machine, or has no name in the registry
        if not source_field:
            return None, "unknown"
        names = [letters_and_digits(name) for name in model.trained_on]
        sources = {p.key: letters_and_digits(str(p.meta[source_field] or "")) for p in problems}
        return {
            key
            for key, source in sources.items()
            if source and any(name.startswith(source) or source.startswith(name) for name in names)
        }, "by source"
    return set(contamination(problems, training).dropped["problem"]), "by statement"
