"""Flags that ask a model otherwise than it would be, the same for every verb that samples."""

from __future__ import annotations

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


def asked_model(name: str, revision: str | None = None, **flags: Any) -> mb.Model:
    """The model of a name, asked as the flags say; see `mathb_kit.models.asked`.

    Raises:
        MathbError: no such model, or a flag out of range.
    """
    from mathb_kit.models import asked

    return asked(mb.get_model(name, revision=revision), **flags)
