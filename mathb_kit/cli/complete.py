"""What the shell offers for a half-typed word; only small registries are read, so that Tab answers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mathb_kit.errors import MathbError

# Calls that are no profile, and the options that they take.
OTHER_CALLS = {
    "real": ["--plan"], "released": ["--plan"], "scoreboard": ["--only", "--quick", "--plan"],
    "scoreboard-long": ["--only", "--plan"], "verifiers": ["--only", "--quick", "--plan"],
}  # fmt: skip


def calls() -> list[str]:
    """What `mathb reproduce` can be asked for by name."""
    from mathb_kit.profiles import profile_names

    return [*profile_names(), *OTHER_CALLS]


def model_names() -> list[str]:
    from mathb_kit.models.registry import model_names

    return model_names()


def set_names() -> list[str]:
    from mathb_kit.problems.registry import registry

    return list(registry())


def import_names() -> list[str]:
    from mathb_kit.foreign.samples import imported_names

    return imported_names()


def engine_names() -> list[str]:
    from mathb_kit.sampling.engines import ENGINES

    return list(ENGINES)


def objective_names() -> list[str]:
    from mathb_kit.lab.objectives import OBJECTIVES

    return list(OBJECTIVES)


def among(*words: str) -> Callable[[str], list[str]]:
    """Completion by these words."""
    return one_of(lambda: words)


def one_of(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Completion by names that are read when Tab is pressed; where none fits, the shell goes on with files."""

    def complete(incomplete: str) -> list[str]:
        try:
            return [name for name in names() if name.startswith(incomplete)]
        except MathbError:  # e.g. a faulty MATHB_MODELS: the command itself will say so
            return []

    return complete
