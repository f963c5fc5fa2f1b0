"""Verbs about the store: count, compact, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import mathb_kit as mb
from mathb_kit.cli.app import KEPT, Json, app, complete_sets
from mathb_kit.cli.complete import among
from mathb_kit.report.records import to_json

stored = typer.Typer(no_args_is_help=True, help="Count, compact and export what is in the store.")
app.add_typer(stored, name="store", rich_help_panel=KEPT)


@stored.command("counts")
def store_counts(
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="SET", help="Count only this set's attempts, and which are correct.",
            autocompletion=complete_sets,
        ),
    ] = None,
    by: Annotated[
        list[str],
        typer.Option(
            metavar="NAME", help="model, draw or problem; may be repeated.",
            autocompletion=among("model", "draw", "problem"),
        ),
    ] = ["model", "draw"],
    as_json: Json = False,
) -> None:
    """Count attempts, tokens, truncated attempts and answers.

    No text is read, so millions take seconds.

    \b
    Example: mathb store counts
    Example: mathb store counts --on mini-math --by model
    """
    from mathb_kit.grading import EXTRACTOR_VERSION, GRADER_VERSION
    from mathb_kit.store.views import counts

    golds = {problem.key: problem.gold for problem in mb.load_problems(on)} if on else None
    table = counts(
        mb.Store(), by=by, extractor=f"{EXTRACTOR_VERSION}-last_box", grader=GRADER_VERSION if on else None, golds=golds
    )
    if as_json:
        print(to_json(table))
    else:
        print(table.to_string(index=False) if len(table) else "The store has no such attempts.")


@stored.command("compact")
def store_compact(as_json: Json = False) -> None:
    """Pack many small files into few large ones.

    Others may read and sample meanwhile.

    \b
    Example: mathb store compact
    """
    from mathb_kit.store.compaction import compact

    before, after = compact(mb.Store())
    summary = f"{before:,} files before, {after:,} after"
    print(to_json({"files_before": before, "files_after": after}) if as_json else summary)


@stored.command("export")
def store_export(
    target: Annotated[
        Path,
        typer.Argument(metavar="TARGET", help="A new .jsonl file, or a new folder for Parquet (datasets reads it)."),
    ],
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="SET", help="Only this set's attempts, with verdicts; else all.",
            autocompletion=complete_sets,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write out attempts with their answers and verdicts.

    \b
    Example: mathb store export attempts.jsonl --on mini-math
    """
    from mathb_kit.grading import EXTRACTOR_VERSION, GRADER_VERSION
    from mathb_kit.store.export import export

    golds = {problem.key: problem.gold for problem in mb.load_problems(on)} if on else None
    written = export(
        mb.Store(), target, extractor=f"{EXTRACTOR_VERSION}-last_box", grader=GRADER_VERSION, golds=golds
    )
    print(to_json({"attempts": written, "target": target}) if as_json else f"{written:,} attempts in {target}")
