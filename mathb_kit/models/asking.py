"""A model asked otherwise than its registration or checkpoint says: one pure function behind all flags."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from mathb_kit.errors import MathbError
from mathb_kit.models.defaults import DTYPES, style
from mathb_kit.models.model import RANGES, Model


class Asking(TypedDict, total=False):
    """Settings under which a model can be asked; what is absent or None stays as it is."""

    temperature: float | None  # 0 is greedy: all attempts alike
    top_p: float | None  # in (0, 1]; 1 is off
    top_k: int | None  # 0 is off
    min_p: float | None  # in [0, 1); 0 is off
    max_tokens: int | None  # most sampled tokens
    system: str | None  # the system's turn of a chat
    prompt: str | None  # template with ``{problem}``: the user's turn of a chat, or with ``plain`` the whole prompt
    plain: bool  # no chat template; without ``prompt``, the plain style of base models with its stop strings
    thinking: bool | None  # the chat template's switch ``enable_thinking``
    dtype: str | None  # floating point type of the weights at run time


def asked(model: Model, **settings: Unpack[Asking]) -> Model:
    """The same checkpoint under other settings (hence another key), e.g. ``asked(model, temperature=1.0)``.

    Raises:
        MathbError: a value out of range, or one that the model has no place for.
    """
    plain, prompt, dtype, max_tokens = (settings.get(key) for key in ("plain", "prompt", "dtype", "max_tokens"))
    changes: dict[str, Any] = {}
    sampling: dict[str, Any] = {}
    if plain and model.prompt == "chat":
        changes["prompt"] = style("base")["prompt"]
        sampling["stop"] = tuple(style("base")["sampling"]["stop"])
    if prompt is not None:
        changes["user" if model.prompt == "chat" and not plain else "prompt"] = prompt
    for name in ("system", "thinking"):
        if (value := settings.get(name)) is not None:
            if model.prompt != "chat" or plain:
                raise MathbError(
                    f"Model {model.name!r} is asked by a plain prompt, which has no {name} turn; leave --{name} out."
                )
            changes[name] = value
    for name, (fits, range_) in RANGES.items():
        if (value := settings.get(name)) is None:
            continue
        if not math.isfinite(value) or not fits(value):
            raise MathbError(f"--{name.replace('_', '-')} is {value}; it must be {range_}.")
        sampling[name] = value
    if max_tokens is not None and model.context is not None and max_tokens >= model.context:
        raise MathbError(
            f"--max-tokens is {max_tokens:,}, but the context of {model.name!r} holds {model.context:,} tokens of "
            "prompt and completion together; ask for fewer."
        )
    if dtype is not None:
        if dtype not in DTYPES:
            raise MathbError(f"--dtype is {dtype!r}; it must be one of {', '.join(DTYPES)}.")
        changes["dtype"] = dtype
    if not changes and not sampling:
        return model
    origins = {**model.origins, **dict.fromkeys([*changes, *sampling], "given")}
    if plain and model.prompt == "chat":
        origins["stop"] = "our choice"
        origins["prompt"] = "given" if prompt is not None else "our choice (--plain)"
    return replace(model, sampling=replace(model.sampling, **sampling), origins=origins, **changes)
