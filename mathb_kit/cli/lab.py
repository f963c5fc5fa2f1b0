"""Verbs of the RL lab: train a model on the verdicts of its own attempts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mathb_kit.cli.app import BUILD, Json, app, complete_models, complete_sets, only_result_on_stdout
from mathb_kit.cli.complete import objective_names, one_of
from mathb_kit.errors import MathbError
from mathb_kit.report.records import to_json

lab = typer.Typer(no_args_is_help=True, help="Train a model by RL on its own graded attempts.")
app.add_typer(lab, name="lab", rich_help_panel=BUILD)


@lab.command("train")
def lab_train(
    objective: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="What is optimised; mathb lab objectives lists them.",
            autocompletion=one_of(objective_names),
        ),
    ] = "grpo",
    base: Annotated[
        str,
        typer.Option(
            "--from", metavar="MODEL", help="Where to start: a model or a checkpoint folder.",
            autocompletion=complete_models,
        ),
    ] = "mini-base-1",
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Rollout batches; 200 if no budget is given.")
    ] = None,
    tokens: Annotated[int | None, typer.Option(min=1, metavar="N", help="Or a budget in sampled tokens.")] = None,
    on: Annotated[
        str,
        typer.Option(metavar="SET", help="Training problems, of no evaluation set.", autocompletion=complete_sets),
    ] = "mini-train",
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Checkpoint and log; else runs/lab/.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of everything random.")] = 0,
    prompts: Annotated[int, typer.Option(min=1, metavar="N", help="Problems per step.")] = 16,
    group: Annotated[int, typer.Option(min=2, metavar="N", help="Attempts per problem.")] = 8,
    updates: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Optimiser steps per batch; else the objective's own.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(metavar="X", help="3e-4 for tiny models, 1e-4 for adapters, else 1e-6.")
    ] = None,
    lora: Annotated[
        int | None, typer.Option(min=1, metavar="RANK", help="Train an adapter of this rank beside the weights.")
    ] = None,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="With --lora: less memory, a third more time.")
    ] = False,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Token limit of an attempt; else the model's own.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Ask by this, with {problem}; else as the model is asked.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="TYPE", help="With --lora: type of the weights that stay.")
    ] = None,
    validate: Annotated[
        int, typer.Option(metavar="N", help="Try every tenth problem, held out, every so many steps.")
    ] = 0,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, metavar="N", help="Processor threads.")] = None,
    as_json: Json = False,
) -> None:
    """Train a model; the result is an ordinary checkpoint, or with --lora an adapter.

    The same command again goes on where a run was stopped.

    \b
    Example: mathb lab train --steps 2 --prompts 4 --group 4 --to tried
    Example: mathb lab train --objective oreal --from mini-base-1 --steps 200
    Example: mathb lab train --lora 4 --from mini-base-1 --steps 2 --prompts 4 --group 4 --to adapted
    """
    from mathb_kit.lab.lora import Lora
    from mathb_kit.lab.run import train
    from mathb_kit.models import asked, get_model

    if (checkpointing or dtype) and lora is None:
        raise MathbError("--checkpointing and --dtype are for an adapter; give --lora, or leave them out.")

    if threads:
        import torch

        torch.set_num_threads(threads)
    with only_result_on_stdout():
        model = asked(get_model(base), prompt=prompt, dtype=dtype, max_tokens=max_tokens)
        folder = train(
            objective, model, lora=lora and Lora(lora, checkpointing), steps=steps, tokens=tokens, on=on, to=to,
            seed=seed, prompts=prompts, group=group, updates=updates, learning_rate=learning_rate, validate=validate,
        )  # fmt: skip
    unseen = "mini-math-b" if on == "mini-train" else "SET, one that holds nothing of what it was trained on"
    text = f"{folder}\nTry it: mathb evaluate {folder} --base {base} --on {unseen}"
    print(to_json({"checkpoint": folder, "base": base, "objective": objective}) if as_json else text)


@lab.command("objectives")
def lab_objectives(as_json: Json = False) -> None:
    """List the objectives with their sources.

    \b
    Example: mathb lab objectives
    """
    from mathb_kit.lab.objectives import OBJECTIVES

    rows = [{"name": name, "about": each.about} for name, each in OBJECTIVES.items()]
    if as_json:
        print(to_json(rows))
        return
    for row in rows:
        print(f"{row['name']:26} {row['about']}")
