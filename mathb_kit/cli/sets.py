"""The verb about problem sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import mathb_kit as mb
from mathb_kit.cli.app import BUILD, JUDGE, Json, app, complete_sets, only_result_on_stdout, warn
from mathb_kit.errors import MathbError
from mathb_kit.report.records import to_json
from mathb_kit.report.terminal import text_table


@app.command(rich_help_panel=JUDGE)
def problems(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME | fetch NAME...]", help="A set; none lists all.", autocompletion=complete_sets
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to fetch to; else MATHB_DATA_DIR.")] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Fetch another commit than the registry's.")
    ] = None,
    first: Annotated[int, typer.Option(min=1, metavar="N", help="With a set: so many of its problems.")] = 1,
    as_json: Json = False,
) -> None:
    """List the problem sets, look into one, or fetch copies.

    Without a name all sets are listed; with one its size, source, licence and --first problems are shown; after fetch,
    sets are copied into a folder for machines without network.

    \b
    Example: mathb problems mini-aime --first 3
    Example: mathb problems fetch math-500 aime-2024 --to my/data
    Example: MATHB_DATA_DIR=my/data mathb problems math-500
    """
    match names or []:
        case []:
            table = mb.problem_sets()
            print(to_json(table) if as_json else text_table(table))
        case ["fetch"]:
            raise MathbError("Name the sets to fetch, e.g. mathb problems fetch math-500, or all.")
        case ["fetch", *chosen]:
            from mathb_kit.problems import fetch

            copies = fetch(chosen, to, revision)
            print(to_json(copies) if as_json else "\n".join(map(str, copies)))
        case [name]:
            from mathb_kit.problems.registry import registry

            loaded, entry = mb.load_problems(name), registry().get(name)
            about, licence = (entry.about, entry.licence or None) if entry else (None, None)
            shown = list(loaded)[:first]
            if as_json:
                facts = {"set": loaded.name, "problems": len(loaded), "note": loaded.note, "source": loaded.source}
                print(to_json(facts | {"about": about, "licence": licence, "first": loaded[0], "shown": shown}))
                return
            print(f"{loaded.name}: {loaded.note or f'{len(loaded):,} problems'}, from {loaded.source}")
            if about:
                print(f"{about}{f'; licence: {licence}' if licence else ''}")
            print("\n\n".join(f"{each.key}, gold {each.gold}\n{each.statement}" for each in shown))
        case _:
            raise MathbError("Name one set to look into, or write fetch before several.")


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
    from mathb_kit.construction.construct import attempts_at_most, construct
    from mathb_kit.construction.construction import load_construction

    settings = load_construction(file)
    if plan:
        asked = attempts_at_most(settings)
        text = f"At most, before anything is dropped or found in the store:\n{text_table(asked)}"
        print(to_json(asked) if as_json else text)
        return
    if to is None:
        raise MathbError("Give --to FOLDER, where the set goes, or --plan to see what it would cost.")
    with only_result_on_stdout():
        result = construct(settings, to)
    warnings = mb.sentences.selection_warnings(result.sieve.truncated())
    warn(warnings)
    if as_json:
        made = {"set": to, "funnel": result.funnel.to_frame(), "retested": result.retested}
        print(to_json(made | {"truncated": result.sieve.truncated(), "warnings": warnings}))
        return
    print(text_table(result.funnel.to_frame()))
    if result.retested is not None:
        print(f"\nWhat each model left unsolved, tried again by a fresh draw:\n{text_table(result.retested)}")
    print(f"\nThe set: {to}")
