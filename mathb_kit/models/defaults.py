"""How a checkpoint is asked where nobody says: as its files say, else by our choice, with the origin of each value."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.models.facts import Facts
from mathb_kit.models.model import Sampling
from mathb_kit.settings import read_toml

# Our choices, where a checkpoint is silent.
OUR_CHOICE = "our choice"
LIMIT = 2048
LONG_LIMIT = 32768  # of models that think long before they answer
PROMPT_ROOM = 1024  # tokens of the context kept for the prompt
DTYPES = ("float32", "bfloat16", "float16")

_OFF = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0}
_THINK_TAGS = re.compile(r"</?think(ing)?>|enable_thinking|<\|?(begin|end)_of_thought\|?>")
_THINKING_NAME = re.compile(
    r"(^|[-_./])(r1|qwq|o1|thinking|thinker|reasoner|reasoning)([-_./]|$)|deepscaler|openthinker|-or1-", re.IGNORECASE
)
_BASE_NAME = re.compile(r"[-_.]base([-_.]|$)", re.IGNORECASE)


def derived_usage(facts: Facts) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings of a `Model` for a checkpoint, and by setting where its value comes from.

    A chat template is used if there is one, with a request for a box; without one the model is a base and gets the
    registry's plain style with its stop strings. Sampling settings are all the checkpoint's if it names any (what it
    leaves out is off), else all ours. The token limit leaves room for a prompt within the context.

    Raises:
        MathbError: a type of weights that cannot be sampled from, or a setting out of range.
    """
    base, chat = style("base"), style("reasoning")
    usage: dict[str, Any] = {"prompt": "chat", "user": chat["user"]} if facts.template else {"prompt": base["prompt"]}
    origins = {"prompt": f"derived ({facts.files['template']})", "user": OUR_CHOICE}
    if not facts.template:
        origins = {"prompt": f"{OUR_CHOICE} (no chat template, so a base)", "stop": OUR_CHOICE}

    named = {key: value for key, value in facts.generation.items() if key in _OFF}
    if named.get("temperature", 1) == 0:
        named = {}  # greedy attempts would all be the same
    file = facts.files.get("generation", "")
    sampling = _OFF | (named or {key: base["sampling"][key] for key in ("temperature", "top_p")})
    for key in _OFF:
        silent = f"{OUR_CHOICE} ({file} leaves it out: off)" if named else OUR_CHOICE
        origins[key] = f"derived ({file})" if key in named else silent
    if facts.generation.get("repetition_penalty", 1) != 1:
        origins["repetition_penalty"] = f"left out, though {file} asks for {facts.generation['repetition_penalty']}"

    long, why = _thinks_long(facts)
    limit = LONG_LIMIT if long else LIMIT
    room = None if facts.context is None else facts.context - min(PROMPT_ROOM, facts.context // 2)
    origins["max_tokens"] = f"{OUR_CHOICE} ({why})" if why else OUR_CHOICE
    if room is not None and room < limit:
        limit = room
        origins["max_tokens"] = f"derived ({facts.files['context']}: the context of {facts.context:,} beside a prompt)"
    stop = () if facts.template else tuple(base["sampling"]["stop"])
    try:
        usage["sampling"] = Sampling(**{**sampling, "max_tokens": limit, "stop": stop})
    except MathbError as error:
        raise MathbError(f"{file} of {facts.name} cannot be sampled by: {error}") from None

    dtype = facts.dtype or "float32"
    if dtype not in DTYPES:
        raise MathbError(
            f"The config of {facts.name} gives the type {dtype!r}, in which nothing can be sampled here; write one of "
            f"{', '.join(DTYPES)} into it as dtype."
        )
    usage["dtype"] = dtype
    origins["dtype"] = f"derived ({facts.files['dtype']})" if facts.dtype else OUR_CHOICE
    if facts.context:
        usage["context"] = facts.context
        origins["context"] = f"derived ({facts.files['context']})"
    if facts.ends:
        usage["ends"] = facts.ends
        origins["ends"] = f"derived ({facts.files['ends']})"
    if facts.template and _BASE_NAME.search(facts.name):
        origins["prompt"] += ", though its name says base: --plain asks without the template"
    return usage, origins


def _thinks_long(facts: Facts) -> tuple[bool, str]:
    """Whether a checkpoint writes long chains of thought, and what says so."""
    if not facts.template or _BASE_NAME.search(facts.name):
        return False, ""
    if _THINK_TAGS.search(facts.template):
        return True, f"thinks long: think tags in {facts.files['template']}"
    if _THINKING_NAME.search(facts.name):
        return True, "thinks long: its name says so"
    return False, ""


REGISTRY = Path(__file__).with_name("registry.toml")


@cache
def style(name: str) -> dict[str, Any]:
    """The table ``[styles.name]`` of ``registry.toml``."""
    return read_toml(REGISTRY)["styles"][name]
