"""Files in TOML and JSON: whatever is wrong with one is a sentence that names it, down to an unknown key."""

from __future__ import annotations

import codecs
import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

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


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_name(name: str) -> str:
    """The name itself, if it can be that of a file and of a folder, and leads nowhere else.

    Raises:
        ValueError: it cannot; the message goes on after the name.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{shortened(name)} cannot name a file or folder: use letters, digits, dot, dash and underscore, starting "
            "with a letter or digit, at most 100 characters"
        )
    return name


Name = Annotated[str, AfterValidator(check_name)]
"""A text that names files and folders."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        MathbError: the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(_content(path).decode())
    except (ValueError, RecursionError) as error:  # broken TOML, not UTF-8, or nested deeper than any settings
        raise MathbError(f"{path} is not a TOML file ({_why(error)}).") from error


def parse_json(text: str | bytes) -> Any:
    """What JSON says, in UTF-8 and without NaN and infinities, which JSON does not know and Python's reader lets pass.

    Raises:
        ValueError: it is not JSON, or nested deeper than anything that is meant.
    """

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not a value of JSON")

    def finite(digits: str) -> float:
        return number if isfinite(number := float(digits)) else refuse(digits)

    try:
        return json.loads(
            text if isinstance(text, str) else text.decode(), parse_constant=refuse, parse_float=finite
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_json_of_others(content: bytes) -> Any:
    """What JSON of other tools says: NaN and infinities, which some write, are None, texts are `well_formed`.

    Raises:
        ValueError: as `parse_json`.
    """

    def finite(digits: str) -> float | None:
        return number if isfinite(number := float(digits)) else None

    try:
        value = json.loads(content.decode(), parse_constant=lambda constant: None, parse_float=finite)
        return well_formed(value) if b"\\ud" in content.lower() else value
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def well_formed(value: Any) -> Any:
    """A text, or what JSON holds, with U+FFFD for half a pair of surrogates, which has no form in UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {well_formed(key): well_formed(each) for key, each in value.items()}
    return [well_formed(each) for each in value] if isinstance(value, list) else value


def read_json(
    path: Path, remedy: str = "fetch or write it anew", parse: Callable[[bytes], Any] = parse_json
) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        MathbError: the file cannot be read, or something else is in it.
    """
    try:
        table = parse(_content(path))
    except ValueError as error:
        raise MathbError(f"{path} is not JSON ({_why(error)}); {remedy}.") from error
    if not isinstance(table, dict):
        raise MathbError(f"{path} holds no JSON object; {remedy}.")
    return table


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MathbError(f"{path} cannot be read ({error.strerror}); correct its name or its permissions.") from error


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        wide = error.object.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in error.object[:100]
        line = error.object.count(b"\n", 0, error.start) + 1
        return "it is UTF-16, not UTF-8" if wide else f"line {line} is not UTF-8"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def shortened(value: Any, most: int = 80) -> str:
    """A value in an error message: its repr, at most so many characters of it."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 4 :]} ({len(text):,} characters)"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean X?)`` where a known word is close, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def _sentence(where: str, fault: Any) -> str:
    key = ".".join(part if len(part := str(each)) <= 80 else f"{part[:40]}…" for each in fault["loc"])
    match fault["type"]:
        case "extra_forbidden":
            return f"{where} has the unknown key {key!r}"
        case "missing":
            return f"{where} lacks the key {key!r}"
        case "value_error":
            return f"{where}: {key!r} {fault['ctx']['error']}"
        case _:
            return f"{where}: {key!r} is {shortened(fault['input'])}; {fault['msg'][0].lower()}{fault['msg'][1:]}"
