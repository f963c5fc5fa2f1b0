"""Flags that ask a model otherwise than it would be, the same for every verb that samples."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

import mathb_kit as mb

Temperature = Annotated[float | None, typer.Option("--temperature", metavar="T", help="0 is greedy.")]
TopP = Annotated[float | None, typer.Option("--top-p", metavar="P", help="1 is off.")]
TopK = Annotated[int | None, typer.Option("--top-k", metavar="K", help="0 is off.")]
MinP = Annotated[float | None, typer.Option("--min-p", metavar="P", help="0 is off.")]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", metavar="N", help="Most tokens of a completion.")]
SystemTurn = Annotated[str | None, typer.Option("--system", metavar="TEXT", help="The system's turn of a chat.")]
Prompt = Annotated[
    str | None,
    typer.Option("--prompt", metavar="TEXT", help="With {problem}: the user's turn, or with --plain the whole prompt."),
]
Plain = Annotated[bool, typer.Option("--plain", help="No chat template, even where the model has one.")]
Dtype = Annotated[str | None, typer.Option("--dtype", metavar="TYPE", help="bfloat16, float16 or float32.")]
Revision = Annotated[str | None, typer.Option("--revision", metavar="COMMIT", help="Of a model of the hub.")]


_FLAGS = {
    "temperature": Temperature, "top_p": TopP, "top_k": TopK, "min_p": MinP, "max_tokens": MaxTokens,
    "system": SystemTurn, "prompt": Prompt, "plain": Plain, "dtype": Dtype, "revision": Revision,
}  # fmt: skip


def with_flags(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the flags of this file; it gets them as the dictionary ``flags``, for `asked_model`."""
    own = [each for each in inspect.signature(verb, eval_str=True).parameters.values() if each.name != "flags"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    given = [
        inspect.Parameter(name, keyword, default=False if name == "plain" else None, annotation=annotation)
        for name, annotation in _FLAGS.items()
    ]

    @wraps(verb)
    def called(**values: Any) -> None:
        flags = {name: values.pop(name) for name in _FLAGS}
        verb(**values, flags=flags)

    called.__signature__ = inspect.Signature([*own, *given])
    return called


def asked_model(name: str, revision: str | None = None, **flags: Any) -> mb.Model:
    """The model of a name, asked as the flags say; see `mathb_kit.models.asked`.

    What was derived from a checkpoint was said on stderr by then; what the flags change is said after it.

    Raises:
        MathbError: no such model, or a flag out of range.
    """
    return asked_as_given(mb.get_model(name, revision=revision), **flags)


def asked_as_given(model: mb.Model, **flags: Any) -> mb.Model:
    """The model, asked as the flags (without a revision) say."""
    from mathb_kit.models import asked
    from mathb_kit.models.showing import given_text

    changed = asked(model, **flags)
    if changed != model:
        print(given_text(changed), file=sys.stderr, flush=True)
    return changed
