"""Results as JSON for scripts: numbers in full, null for what is not known."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def json_ready(value: Any) -> Any:
    """A result as lists, dictionaries, texts and numbers.

    A table becomes a list of rows, a dataclass a dictionary; NaN, infinity and missing values become None. Whatever
    else JSON does not know becomes its text.
    """
    if hasattr(value, "columns"):  # a DataFrame, without importing pandas to say so
        names = list(map(str, value.columns))
        return [dict(zip(names, map(json_ready, row))) for row in value.itertuples(index=False, name=None)]
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): json_ready(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(each) for each in value]
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        return json_ready(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return None if str(value) in ("<NA>", "NaT") else str(value)


def to_json(value: Any) -> str:
    """`json_ready` as one JSON document, in ASCII: lone surrogates of completions survive as escapes."""
    return json.dumps(json_ready(value), indent=1, allow_nan=False)
