"""The verb that builds a benchmark from pools of candidates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mathb_kit.cli.app import BUILD, Json, app, only_result_on_stdout
from mathb_kit.errors import MathbError
from mathb_kit.report.records import to_json

if TYPE_CHECKING:
    import pandas as pd


@app.command(rich_help_panel=BUILD)
def construct(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .toml file: name, pool, benchmarks, models; see Construction.")
    ],
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where the datasets repository goes.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what it would sample at most, and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Build a problem set that your models leave unsolved.

    Filters, answer checks, sieve and re-test, as FILE says; the result is a `datasets` repository with its card.

    \b
    Example: mathb construct my-set.toml --plan
    Example: mathb construct my-set.toml --to my-set
    """
    from mathb_kit.construction.construct import attempts_at_most, construct, load_construction

    settings = load_construction(file)
    if plan:
        asked = attempts_at_most(settings)
        told = f"At most, before anything is dropped or found in the store:\n{_table(asked)}"
        print(to_json(asked) if as_json else told)
        return
    if to is None:
        raise MathbError("Give --to FOLDER, where the set goes, or --plan to see what it would cost.")
    with only_result_on_stdout(as_json):
        made = construct(settings, to)
    if as_json:
        print(to_json({"set": to, "funnel": made.funnel.to_frame(), "retested": made.retested}))
        return
    print(_table(made.funnel.to_frame()))
    if made.retested is not None:
        print(f"\nWhat each model left unsolved, tried again by a fresh draw:\n{_table(made.retested)}")
    print(f"\nThe set: {to}")


def _table(frame: pd.DataFrame) -> str:
    return frame.to_string(index=False, float_format="{:.3f}".format)
