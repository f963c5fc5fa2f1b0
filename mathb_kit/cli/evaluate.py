"""Verbs that sample from a model: alone on a set, or beside its base."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Annotated, Any

import typer

import mathb_kit as mb
from mathb_kit.cli.app import (
    JUDGE,
    Attempts,
    DryRunOption,
    EngineName,
    EngineOptions,
    Json,
    ModelName,
    Set,
    ShardOption,
    app,
    complete_models,
    complete_sets,
    only_result_on_stdout,
    warn,
)
from mathb_kit.cli.asking import asked_as_given, asked_model, with_flags
from mathb_kit.cli.complete import among
from mathb_kit.errors import MathbError
from mathb_kit.report.records import to_json

DrawName = Annotated[
    str, typer.Option("--draw", metavar="NAME", help="Name of the draw; a new name gives fresh attempts.")
]
Limit = Annotated[
    str | None,
    typer.Option("--limit", metavar="N|A-B", help="Only the first N problems of a set, or the A-th to the B-th."),
]
LimitSeed = Annotated[
    int | None,
    typer.Option("--limit-seed", metavar="SEED", help="Take the N of --limit at random: the same for the same SEED."),
]


@app.command(rich_help_panel=JUDGE)
@with_flags
def evaluate(
    model: ModelName,
    on: Set,
    attempts: Attempts = 1024,
    limit: Limit = None,
    limit_seed: LimitSeed = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Judge MODEL on what this base left unsolved of SET.", autocompletion=complete_models
        ),
    ] = None,
    match: Annotated[
        str,
        typer.Option(
            metavar="WHOSE",
            help="With --base: prompt and sampling by vendor, or all as for base or tuned.",
            autocompletion=among("vendor", "base", "tuned"),
        ),
    ] = "vendor",
    ordinary: Annotated[
        list[str],
        typer.Option(
            metavar="SET",
            help="With --base: what was lost here; else as the set's entry says.",
            autocompletion=complete_sets,
        ),
    ] = [],
    redraws: Annotated[
        int, typer.Option(min=1, metavar="R", help="With --base: fresh draws of it to stand beside MODEL.")
    ] = 1,
    elicit: Annotated[
        list[str],
        typer.Option(
            metavar="HOW",
            help="With --base: the base also asked as the tuned model (tuned), or at a temperature; may be repeated.",
        ),
    ] = [],
    hard_only: Annotated[bool, typer.Option("--hard-only", help="With --base: leave the ordinary sets out.")] = False,
    draw: DrawName = "main",
    shard: ShardOption = None,
    dry_run: DryRunOption = False,
    engine: EngineName = "transformers",
    engine_options: EngineOptions = [],
    as_json: Json = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Measure pass@k, or what a model reaches beyond its base.

    Samples and grades by an adaptive plan; what the store has is read. With --base the verdict stands beside fresh
    draws of the base (4 --redraws see smaller gains than 1), with intervals, and a card is written; flags from
    --temperature on are then for both models, on top of --match, and --revision is for MODEL alone.

    \b
    Example: mathb evaluate mini-base-1 --on mini-aime --attempts 16
    Example: mathb evaluate mini-rl-1 --base mini-base-1 --on mini-math-b
    Example: mathb evaluate mini-base-1 --on mini-math --attempts 16 --limit 10 --limit-seed 7 --max-tokens 64 --json
    """
    from mathb_kit.sampling import parse_engine

    make = parse_engine(engine, engine_options)
    plan, chosen = mb.problems.plan_on(on, attempts), _chosen(on, limit, limit_seed)
    if base:
        if shard:
            raise MathbError(
                "--base compares whole sets; run evaluate by --shard for each of the two models alone, then judge "
                "without it."
            )
        from mathb_kit.models import Pair, matched, tuned_model
        from mathb_kit.problems import ordinary_sets
        from mathb_kit.report.card import card_record, card_text, card_warnings, write_card

        revision = flags.pop("revision")
        pair = matched(mb.get_model(base), tuned_model(model, base, revision), match)
        pair = Pair(*(asked_as_given(each, **flags) for each in pair[:2]), match)
        arms = mb.judging.elicited_models(pair, elicit)
        names = [] if hard_only else ordinary or ordinary_sets(on)
        others = [_chosen(each, limit, limit_seed) for each in names]
        steps = mb.judging.steps_at_most(pair, chosen, plan, ordinary=others, redraws=redraws, arms=list(arms.values()))
        if dry_run:
            print(to_json([step._asdict() for step in steps]) if as_json else mb.sentences.cost_sentence(steps))
            return
        print(mb.sentences.cost_sentence(steps), file=sys.stderr, flush=True)
        with only_result_on_stdout():
            judged = mb.judging.judge_checkpoint(
                pair, chosen, plan, ordinary=others, engine_for=make, draw=draw, redraws=redraws,
            )  # fmt: skip
            judged = mb.judging.elicit(judged, arms, engine_for=make, draw=draw)
        page, data = write_card(judged)
        warn(card_warnings(judged))
        if as_json:
            print(to_json(card_record(judged) | {"card": page}))
        else:
            print(f"{card_text(judged)}\n\nThe card: {page}\nThe same as JSON: {data}")
        return
    if ordinary or hard_only or elicit or match != "vendor" or redraws > 1:
        raise MathbError(
            "--match, --ordinary, --redraws, --elicit and --hard-only are about a model beside its base; give --base, "
            "or leave them out."
        )
    tried = asked_model(model, **flags)
    problems = mb.sampling.parse_shard(shard).of(chosen) if shard else chosen
    if dry_run:
        asked = mb.Draw(mb.Store(), tried, draw).dry_run(problems, plan)
        print(to_json({"tokens": asked.tokens} | vars(asked)) if as_json else f"at most {asked}")
        return
    from mathb_kit.report.evaluated import Evaluated

    with only_result_on_stdout():
        evaluation = mb.evaluate(tried, problems, plan, engine=make, draw=draw)
    parts = list(filter(None, [mb.problems.part_in_words(chosen), f"shard {shard}" if shard else ""]))
    said = Evaluated(evaluation, f"{on} ({', '.join(parts)})" if parts else on)
    warn(said.warnings)
    record = {"set": on, "part": chosen.note or None, "shard": shard}
    print(to_json(said.record() | record) if as_json else said.text())


@app.command(rich_help_panel=JUDGE)
@with_flags
def sample(
    model: ModelName,
    on: Set,
    attempts: Attempts = 64,
    limit: Limit = None,
    limit_seed: LimitSeed = None,
    draw: DrawName = "main",
    shard: ShardOption = None,
    dry_run: DryRunOption = False,
    prices: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="IN OUT", help="With --dry-run: the server's prices per million tokens in and out."),
    ] = None,
    engine: EngineName = "transformers",
    engine_options: EngineOptions = [],
    as_json: Json = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Sample attempts into the store, without grading them.

    What is there already is skipped; --dry-run says how much is left to do.

    \b
    Example: mathb sample mini-base-1 --on mini-aime --attempts 16
    Example: mathb sample qwen2.5-7b --on math-500 --engine server -E url=http://host:8000/v1
    """
    from mathb_kit.sampling import parse_engine

    make = parse_engine(engine, engine_options)
    drawn, chosen = mb.Draw(mb.Store(), asked_model(model, **flags), draw), _chosen(on, limit, limit_seed)
    if shard:
        chosen = mb.sampling.parse_shard(shard).of(chosen)
    with closing(make(drawn.model)) as sampler:
        if dry_run:
            asked = drawn.dry_run(chosen, attempts, engine=sampler, prices=prices)
            print(to_json({"tokens": asked.tokens} | vars(asked)) if as_json else asked)
            return
        if prices:
            raise MathbError("--prices are for a --dry-run; add it, or leave them out.")
        with only_result_on_stdout():
            report = drawn.sample(sampler, chosen, attempts)
    warnings = mb.sentences.sampled_warnings(drawn.model.name, report)
    warn(warnings)
    if as_json:
        print(to_json(vars(report) | {"warnings": warnings, "store": drawn.store.root}))
        return
    print(
        f"{report.new_attempts:,} attempts sampled ({report.tokens:,} tokens, {report.seconds:.0f} s; "
        f"{report.truncated:,} truncated, {report.cut:,} cut), {report.skipped:,} were there; store: {drawn.store.root}"
    )


def _chosen(name: str, limit: str | None, seed: int | None) -> mb.ProblemSet:
    return mb.problems.part_of(mb.load_problems(name), limit, seed)
