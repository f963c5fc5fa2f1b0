"""Verbs about results that are there already, whoever sampled them: bring them in, compare two models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import mathb_kit as mb
from mathb_kit.atomic import write_text
from mathb_kit.cli.app import JUDGE, Json, app, complete_sets
from mathb_kit.cli.complete import import_names, one_of
from mathb_kit.errors import MathbError
from mathb_kit.report.records import to_json
from mathb_kit.report.terminal import text_table

Columns = Annotated[
    list[str],
    typer.Option(
        "--column", metavar="FIELD=NAME", help="Counts: where model, draw, problem, n, c, unscored or gold stands."
    ),
]
Where = Annotated[
    list[str],
    typer.Option("--where", metavar="COLUMN=VALUE", help="Counts: only rows with this value; may be repeated."),
]
GraderName = Annotated[str, typer.Option("--grader", metavar="TEXT", help="Counts: who decided what is correct.")]
SetName = Annotated[str, typer.Option("--set", metavar="NAME", help="What the problem set is called.")]


@app.command("import", rich_help_panel=JUDGE)
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Counts (CSV, JSON lines, Parquet) or logs of other tools.")
    ],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Keep it under this name; else the file's.")] = None,
    columns: Columns = [],
    where: Where = [],
    grader: GraderName = "",
    set_name: SetName = "",
    source: Annotated[str, typer.Option(metavar="TEXT", help="Where it comes from, for captions.")] = "",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Its licence, for captions.")] = "",
    settings: Annotated[
        list[str], typer.Option("--setting", metavar="KEY=VALUE", help="How it was sampled; may be repeated.")
    ] = [],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="counts, inspect, lm-eval, lighteval, jsonl, rollouts."),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Logs: how the model is called.")] = None,
    draw: Annotated[
        str, typer.Option(metavar="NAME", help="Which run of its models this is, to tell several runs of a base apart.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Bring in results that were sampled elsewhere.

    Counts stand as they are. Texts of logs are graded here, and the log's own verdict is kept beside ours.

    \b
    Example: mathb import counts.csv --grader "math-verify 0.5"
    Example: mathb import completions.jsonl --name my-run
    """
    from mathb_kit.foreign import import_files, import_name, remarks

    kept_as, origin = import_name(name, files), _pairs(settings, "--setting")
    samples = import_files(
        files, form=form, columns=_pairs(columns, "--column"), where=_pairs(where, "--where"), grader=grader,
        on=set_name, model=model, source=source, licence=licence, settings=origin,
    )  # fmt: skip
    samples = samples.as_draw(draw) if draw else samples
    folder = samples.save(kept_as)
    table = samples.summary()
    if as_json:
        print(to_json({"name": kept_as, "folder": folder, "on": samples.on, "note": samples.note, "models": table}))
        return
    print(f"{kept_as}: {samples.note}")
    print(text_table(table))
    for line in remarks(samples):
        print(line)


@app.command(rich_help_panel=JUDGE)
def compare(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The base: MODEL, or MODEL:DRAW.")],
    tuned: Annotated[list[str], typer.Argument(metavar="TUNED...", help="One or more models to compare with it.")],
    among: Annotated[
        list[str],
        typer.Option(
            "--in", metavar="NAME", help="An import, or a file of counts; may be repeated.",
            autocompletion=one_of(import_names),
        ),
    ] = [],
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="SET", help="Instead: what the store has on this set.", autocompletion=complete_sets
        ),
    ] = None,
    attempts: Annotated[int, typer.Option(min=1, metavar="N", help="With --on: attempts of the plan.")] = 1024,
    redrawn: Annotated[
        list[str],
        typer.Option("--redraw", metavar="DRAW", help="Further draws of the base, its null; may be repeated."),
    ] = [],
    redraws: Annotated[
        int, typer.Option(min=0, metavar="R", help="With --on: the first R further draws that the store has.")
    ] = 0,
    columns: Columns = [],
    where: Where = [],
    grader: GraderName = "",
    set_name: SetName = "",
    mixed_graders: Annotated[
        bool, typer.Option("--mixed-graders", help="Compare although two graders decided; captions say so.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a LaTeX table with a methods paragraph here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare models by outcomes that are there already.

    What tuning reaches of what the base misses, beside the frozen base itself; problems gained and lost by exact tests;
    pass@k and where the curves cross. Nothing is sampled.

    \b
    Example: mathb compare base rl --in counts.csv
    Example: mathb compare mini-base-1 mini-rl-1 --on mini-math --attempts 256
    """
    from mathb_kit.report import comparison as shown

    if bool(among) == bool(on):
        raise MathbError("Say where the models' results are: --in NAME (an import or a file of counts) or --on SET.")
    if redraws and not on:
        raise MathbError("--redraws counts draws of the store; of an import name them, each by --redraw DRAW.")
    if on:
        further = [*redrawn, *mb.judging.redraw_names("main", redraws + 1)[1:]]
        arms, sources = mb.judging.arms_of_store([base, *tuned], further, on, attempts), []
    else:
        from mathb_kit.foreign import arms_of, open_samples

        options = {"columns": _pairs(columns, "--column"), "where": _pairs(where, "--where"), "grader": grader,
                   "on": set_name}  # fmt: skip
        sources = [open_samples(each, **options) for each in among]
        arms = arms_of(sources, [base, *tuned], redrawn)
    pairs = mb.judging.compare_arms(arms, mixed_graders=mixed_graders)
    origin = {"sources": [dict(each.origin) for each in sources]}
    if report:
        write_text(report, "\n".join(map(shown.comparison_latex, pairs)))
    cards = [shown.write_comparison(pair, origin=origin) for pair in pairs]
    if as_json:
        records = [shown.comparison_record(pair, origin) | {"card": page} for pair, (page, _) in zip(pairs, cards)]
        print(to_json(records[0] if len(records) == 1 else records))
        return
    for pair, (page, data) in zip(pairs, cards):
        print(shown.comparison_text(pair))
        print(f"\nThe card: {page}\nThe same as JSON: {data}")
    if report:
        print(f"The table and the methods paragraph: {report}")


def _pairs(words: list[str], option: str) -> dict[str, str]:
    if wrong := next((word for word in words if "=" not in word), None):
        raise MathbError(f"{option} takes NAME=VALUE, not {wrong!r}.")
    return dict(word.split("=", 1) for word in words)
