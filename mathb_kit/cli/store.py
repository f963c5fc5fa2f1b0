"""Verbs about the store: count, compact, export, forget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import mathb_kit as mb
from mathb_kit.cli.app import KEPT, Json, app, complete_sets
from mathb_kit.cli.complete import among
from mathb_kit.errors import MathbError
from mathb_kit.report.records import to_json
from mathb_kit.report.terminal import text_table

stored = typer.Typer(no_args_is_help=True, help="Count, compact, export and mend what is in the store.")
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
        print(text_table(table) if len(table) else "The store has no such attempts.")


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


@stored.command("forget")
def store_forget(
    cut: Annotated[bool, typer.Option("--cut", help="Chunks with attempts that a server never finished.")] = False,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Only this model's.")] = None,
    draw: Annotated[str | None, typer.Option("--draw", metavar="NAME", help="Only this draw.")] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="SET", help="Only at this set's problems.", autocompletion=complete_sets),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Remove attempts that were recorded as cut, so that the next run samples them again.

    Whole chunks go, with their kept replies; what went is on record in the store's folder forgotten. Let no compaction
    run meanwhile.

    \b
    Example: mathb store forget --cut --dry-run
    Example: mathb store forget --cut --on mini-math
    """
    from mathb_kit.places import replies_root
    from mathb_kit.sampling.server_replies import forget_cut_replies
    from mathb_kit.store.forgetting import forget_cut

    if not cut:
        raise MathbError("Say what is to be forgotten: --cut takes chunks with cut attempts.")
    problems = {problem.key for problem in mb.load_problems(on)} if on else None
    gone = forget_cut(mb.Store(), model, draw, problems, dry_run)
    replies = forget_cut_replies(replies_root(), dry_run)
    if as_json:
        print(to_json({"dry_run": dry_run, "cached_replies": replies, "shards": gone}))
        return
    attempts, chunks = sum(record["attempts"] for record in gone), sum(len(record["chunks"]) for record in gone)
    print(
        f"{attempts:,} attempts in {chunks:,} chunks ({sum(record['cut'] for record in gone):,} of them cut) and "
        f"{replies:,} kept replies {'would be' if dry_run else 'are'} forgotten."
    )
