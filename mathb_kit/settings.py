"""Settings files (TOML, JSON) read into frozen values; an unknown key is an error that names file and key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from mathb_kit.errors import MathbError


class Settings(BaseModel):
    """Base of everything that is read from a settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, table: Any, where: str) -> Self:
        """The settings in ``table``; ``where`` (file and table) goes into error messages.

        Raises:
            MathbError: unknown or missing key, or a value of the wrong type; one sentence a fault.
        """
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            raise MathbError("; ".join(_sentence(where, fault) for fault in error.errors()) + ".") from error
        except MathbError as error:  # a value that checks itself, e.g. Plan
            raise MathbError(f"{where}: {error}") from error


def only_fields_of(dataclass: type) -> BeforeValidator:
    """Refuse unknown keys of a nested dataclass, which pydantic would drop without a word."""
    names = [field.name for field in fields(dataclass)]

    def check(value: Any) -> Any:
        if isinstance(value, dict) and (unknown := [key for key in value if key not in names]):
            raise ValueError(f"has the unknown key {unknown[0]!r}, its keys are {', '.join(names)}")
        return value

    return BeforeValidator(check)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        MathbError: the file is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # broken TOML, or not UTF-8
        raise MathbError(f"{path} is not a TOML file ({error}).") from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean X?)`` where a known word is close, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def _sentence(where: str, fault: Any) -> str:
    key = ".".join(map(str, fault["loc"]))
    match fault["type"]:
        case "extra_forbidden":
            return f"{where} has the unknown key {key!r}"
        case "missing":
            return f"{where} lacks the key {key!r}"
        case "value_error":
            return f"{where}: {key!r} {fault['ctx']['error']}"
        case _:
            return f"{where}: {key!r} is {fault['input']!r}; {fault['msg'][0].lower()}{fault['msg'][1:]}"
