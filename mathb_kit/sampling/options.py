"""What an engine takes, read from its constructor: a new engine declares its options nowhere else."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mathb_kit.errors import MathbError

_BOOLS = {"true": True, "false": False}
_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "bool": lambda text: _BOOLS[text.lower()],
    "str": str,
}


@dataclass(frozen=True)
class Options:
    """The options of an engine by the name ``engine``.

    Attributes:
        engine: its name, for messages.
        types: by option ``int``, ``float``, ``bool`` or ``str``; None where only Python can give it.
        needed: options without a default.
        passes_on: whether it hands what it does not name to a library, as vLLM's does.
    """

    engine: str
    types: Mapping[str, str | None]
    needed: tuple[str, ...]
    passes_on: bool

    @property
    def runs_another(self) -> bool:
        """Whether it runs another engine, which its option ``engine`` names."""
        return "engine" in self.types

    def check(self, given: Mapping[str, Any]) -> None:
        """MathbError naming the first option that it does not take, or needs and does not get."""
        if not self.passes_on and (unknown := [key for key in given if key not in self.types]):
            raise MathbError(f"The engine {self.engine} takes no option {unknown[0]!r}; {self}.")
        if missing := [key for key in self.needed if key not in given]:
            raise MathbError(f"The engine {self.engine} needs {missing[0]!r} (-E {missing[0]}=...); {self}.")

    def read(self, key: str, text: str) -> Any:
        """The value that a word of the command line gives to an option; MathbError if it is of another type."""
        if key not in self.types:  # the library says no type
            return _json_or_text(text)
        kind = self.types[key]
        if kind is None:
            raise MathbError(f"The engine {self.engine} takes {key!r} in Python only; {self}.")
        try:
            return _READERS[kind](text)
        except (KeyError, ValueError):
            wanted = "true or false" if kind == "bool" else f"of type {kind}"
            raise MathbError(f"{key!r} of the engine {self.engine} is {wanted}, not {text!r}; {self}.") from None

    def __str__(self) -> str:
        words = [f"{key} ({kind})" for key, kind in self.types.items() if kind]
        others = ["the options of the engine that it runs"] * self.runs_another
        others += ["what the library's own engine takes"] * self.passes_on
        return f"it takes {', '.join([*words, *others])}"


def options_of(name: str, engine: Callable[..., Any]) -> Options:
    """What ``engine``, called ``name``, takes beside the model, its first argument."""
    parameters = list(inspect.signature(engine).parameters.values())[1:]
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return Options(
        name,
        {p.name: "str" if p.name == "engine" else _kind(p) for p in named},
        tuple(p.name for p in named if p.default is p.empty),
        passes_on=len(named) < len(parameters),
    )


def _kind(parameter: inspect.Parameter) -> str | None:
    # Read as a text: to evaluate an annotation would import what an engine names for type checkers only.
    annotation = parameter.annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return next((part for part in map(str.strip, text.split("|")) if part in _READERS), None)


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
