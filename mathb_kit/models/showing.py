"""How a model is asked, setting by setting, with where each value comes from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from mathb_kit.models.defaults import OUR_CHOICE
from mathb_kit.models.model import Model

_SAID: set[tuple[str | None, ...]] = set()
_QUIET: list[bool] = []
_SHOWN_STATEMENT = "What is $2 + 3$?"


def asked_table(model: Model) -> list[dict[str, Any]]:
    """One row per setting that bears on the model as it is asked: ``setting``, ``value``, ``origin``."""
    chat = ("user", "system", "thinking", "template") if model.prompt == "chat" else ()
    names = ("prompt", *chat)
    values = {name: getattr(model, name) for name in names} | asdict(model.sampling)
    values |= {"ends": model.ends or None, "context": model.context, "dtype": model.dtype}
    values |= {"adapter": model.adapter} if model.adapter else {}
    rows = [
        {"setting": name, "value": value, "origin": model.origins.get(name, OUR_CHOICE)}
        for name, value in values.items()
        if value not in (None, ())
    ]
    left_out = model.origins.get("repetition_penalty")
    return rows + ([{"setting": "repetition_penalty", "value": None, "origin": left_out}] if left_out else [])


def asked_text(model: Model) -> str:
    """`asked_table` as aligned lines."""
    rows = [(row["setting"], _value(row["value"]), row["origin"]) for row in asked_table(model)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:{widths[0]}}  {value:{widths[1]}}  {origin}".rstrip() for name, value, origin in rows)


def given_text(model: Model) -> str:
    """One line of what was asked for otherwise than a model is registered or its checkpoint says."""
    given = [f"{row['setting']} {_value(row['value'])}" for row in asked_table(model) if row["origin"] == "given"]
    return f"{model.name} as given: {', '.join(given)}."


@contextmanager
def shown_anyway() -> Iterator[None]:
    """Within it `say_once` says nothing: whoever asks shows the same."""
    _QUIET.append(True)
    try:
        yield
    finally:
        _QUIET.pop()


def say_once(model: Model) -> None:
    """Print on stderr how a model is asked that nobody registered; once per model and process."""
    _say_once(
        (model.source, model.revision, model.adapter),
        f"{model.name} is asked like this, as nobody says otherwise:\n{asked_text(model)}",
    )


def say_given_once(model: Model) -> None:
    """Print on stderr what of a model is asked as given; once per process."""
    text = given_text(model)
    _say_once((text,), text)


def _say_once(what: tuple[str | None, ...], text: str) -> None:
    if what not in _SAID and not _QUIET:
        _SAID.add(what)
        print(text, file=sys.stderr, flush=True)


def shown_prompt(model: Model, statement: str = _SHOWN_STATEMENT) -> dict[str, Any]:
    """The whole prompt of one statement, special tokens visible, as its token ids decode: ``prompt`` and ``tokens``.

    Raises:
        MathbError: no tokenizer to be had.
    """
    from mathb_kit.models.chat import prompt_ids
    from mathb_kit.models.weights import load_tokenizer

    tokenizer = load_tokenizer(model)
    ids = prompt_ids(tokenizer, model, model.render(statement))
    ends = {str(end): tokenizer.convert_ids_to_tokens(end) for end in model.ends}
    return {"prompt": tokenizer.decode(ids, skip_special_tokens=False), "tokens": len(ids), "end_tokens": ends}


def _value(value: Any) -> str:
    if value is None:
        return ""
    text = repr(value) if isinstance(value, str) and ("\n" in value or " " in value) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
