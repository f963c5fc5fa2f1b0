"""Verbs that sample: a whole study, a model on a set, a model beside its base."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

import mathb_kit as mb
from mathb_kit.cli.app import (
    JUDGE,
    REPRODUCE,
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
)
from mathb_kit.cli.complete import OTHER_CALLS, among, calls, one_of
from mathb_kit.errors import MathbError
from mathb_kit.report.records import to_json


@app.command(rich_help_panel=REPRODUCE)
def reproduce(
    profile: Annotated[
        str,
        typer.Argument(
            metavar="CALL", help="A call of ./reproduce.sh --help, or a .toml file.", autocompletion=one_of(calls)
        ),
    ] = "mini",
    quick: Annotated[bool, typer.Option("--quick", help="Fewer attempts, drawn into runs/ only.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print attempts, tokens, hours and disk, and stop.")] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="With --plan: sample for 30 s here instead of assuming.")
    ] = False,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Train the tiny models again first.")] = False,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Act the call out with tiny models.")] = False,
    only: Annotated[
        list[str], typer.Option(metavar="NAME", help="Of verifiers or scoreboard only this row; may be repeated.")
    ] = [],
    as_json: Json = False,
) -> None:
    """Redraw the study's figures and tables.

    What it costs is printed first. An interrupted run loses nothing: call it again. --json goes with --plan.

    \b
    Example: mathb reproduce mini --quick
    Example: mathb reproduce paper --plan
    """
    if not profile.endswith(".toml") and profile not in calls():
        from mathb_kit.settings import did_you_mean

        names = ", ".join(calls())
        raise MathbError(
            f"There is no profile {profile!r}{did_you_mean(profile, calls())}; there are {names}, and any .toml file."
        )
    if as_json and (not plan or profile in OTHER_CALLS):
        raise MathbError("--json goes with --plan of a profile; for the rest see the .csv files beside the figures.")
    from mathb_kit.profiles import load_profile
    from mathb_kit.report import calibration
    from mathb_kit.report import calls as other
    from mathb_kit.report import reproduce as study
    from mathb_kit.report.price import price_record

    if profile in ("verifiers", "scoreboard"):
        if calibrate or from_scratch or rehearse:
            raise MathbError(f"{profile} takes --only, --quick and --plan; leave the other options out.")
        if profile == "verifiers":
            print(other.price_of_verifiers(only)) if plan else other.compare_verifiers(only, quick=quick)
        else:
            price = other.price_of_scoreboard
            print(price(only, quick=quick)) if plan else other.compare_objectives(only, quick=quick)
        return
    if profile == "released":
        if quick or calibrate or from_scratch or rehearse or only:
            raise MathbError("released takes --plan only; leave the other options out.")
        print(other.price_of_released()) if plan else other.redraw_released()
        return
    if only:
        raise MathbError("--only chooses among the rows of verifiers or scoreboard; leave it out.")
    if not plan:
        if calibrate:
            raise MathbError("--calibrate measures for --plan; give both.")
        study.reproduce(profile, quick=quick, from_scratch=from_scratch, rehearse=rehearse)
        return
    chosen = load_profile(profile, quick, rehearse)
    if calibrate:
        chosen = calibration.calibrated(chosen, calibration.calibrate(chosen))
    print(to_json(price_record(chosen)) if as_json else study.price(chosen))


@app.command(rich_help_panel=JUDGE)
def evaluate(
    model: ModelName,
    on: Set,
    attempts: Attempts = 1024,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Judge MODEL on what this base left unsolved of SET.", autocompletion=complete_models
        ),
    ] = None,
    match: Annotated[
        str,
        typer.Option(
            metavar="WHOSE", help="With --base: prompt and sampling by vendor, or all as for base or tuned.",
            autocompletion=among("vendor", "base", "tuned"),
        ),
    ] = "vendor",
    ordinary: Annotated[
        list[str],
        typer.Option(
            metavar="SET", help="With --base: what was lost here; else as the set's entry says.",
            autocompletion=complete_sets,
        ),
    ] = [],
    hard_only: Annotated[bool, typer.Option("--hard-only", help="With --base: leave the ordinary sets out.")] = False,
    shard: ShardOption = None,
    dry_run: DryRunOption = False,
    engine: EngineName = "transformers",
    engine_options: EngineOptions = [],
    as_json: Json = False,
) -> None:
    """Measure pass@k, or what a model reaches beyond its base.

    Samples and grades by an adaptive plan; what the store has is read. With --base the verdict stands beside a fresh
    draw of the base, with intervals, and a card is written.

    \b
    Example: mathb evaluate mini-base-1 --on mini-aime --attempts 16
    Example: mathb evaluate mini-rl-1 --base mini-base-1 --on mini-math-b
    Example: mathb evaluate mini-base-1 --on mini-math --attempts 16 --json
    """
    from mathb_kit.sampling import parse_engine

    make = parse_engine(engine, engine_options)
    plan, chosen, tried = mb.Plan.up_to(attempts), mb.load_problems(on), mb.get_model(model)
    if base:
        if shard or dry_run:
            raise MathbError(
                "--base compares whole sets; run evaluate by --shard (or --dry-run) for each of the two models alone, "
                "then judge without it."
            )
        from mathb_kit.models import matched
        from mathb_kit.problems import ordinary_sets
        from mathb_kit.report.card import card_record, card_text, write_card

        names = [] if hard_only else ordinary or ordinary_sets(on)
        with only_result_on_stdout(as_json):
            judged = mb.judging.judge_checkpoint(
                matched(mb.get_model(base), tried, match), chosen, plan,
                ordinary=[mb.load_problems(each) for each in names], engine_for=make,
            )  # fmt: skip
        if as_json:
            page, _ = write_card(judged)
            print(to_json(card_record(judged) | {"card": page}))
            return
        print(card_text(judged))
        print("\nThe card: {}\nThe same as JSON: {}".format(*write_card(judged)))
        return
    if ordinary or hard_only:
        raise MathbError("--ordinary and --hard-only say what tuning lost beside a base; give --base, or leave it out.")
    if shard:
        chosen = mb.sampling.parse_shard(shard).of(chosen)
    if dry_run:
        asked = mb.Draw(mb.Store(), tried).dry_run(chosen, plan)
        print(to_json({"tokens": asked.tokens} | vars(asked)) if as_json else f"at most {asked}")
        return
    with only_result_on_stdout(as_json):
        evaluation = mb.evaluate(tried, chosen, plan, engine=make)
    curve = mb.pass_at_k_curve(evaluation.outcomes, sorted({1, *plan.rounds}))
    shown = curve[["k", "estimate", "low", "high", "problems"]]
    interval = curve["interval"].iloc[0]
    if as_json:
        attempts, correct, tokens = (evaluation.outcomes[name].sum() for name in ("n", "c", "tokens"))
        record = {
            "model": tried.name, "model_key": evaluation.draw.model_key, "set": on, "shard": shard, "plan": str(plan),
            "attempts": attempts, "correct": correct, "tokens": tokens, "new_tokens": evaluation.new_tokens,
            "interval": interval, "pass_at_k": shown,
        }  # fmt: skip
        print(to_json(record))
        return
    part = f", shard {shard}" if shard else ""
    print(f"pass@k of {model} on {on}{part} ({plan}; 95 % intervals: {interval})")
    print(shown.to_string(index=False, float_format="{:.4f}".format))


@app.command(rich_help_panel=JUDGE)
def sample(
    model: ModelName,
    on: Set,
    attempts: Attempts = 64,
    draw: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the draw; a new name gives fresh attempts.")
    ] = "main",
    shard: ShardOption = None,
    dry_run: DryRunOption = False,
    prices: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="IN OUT", help="With --dry-run: the server's prices per million tokens in and out."),
    ] = None,
    engine: EngineName = "transformers",
    engine_options: EngineOptions = [],
    as_json: Json = False,
) -> None:
    """Sample attempts into the store, without grading them.

    What is there already is skipped; --dry-run says how much is left to do.

    \b
    Example: mathb sample mini-base-1 --on mini-aime --attempts 16
    Example: mathb sample qwen2.5-7b --on math-500 --engine server -E url=http://host:8000/v1
    """
    from mathb_kit.sampling import parse_engine

    make = parse_engine(engine, engine_options)
    drawn, chosen = mb.Draw(mb.Store(), mb.get_model(model), draw), mb.load_problems(on)
    if shard:
        chosen = mb.sampling.parse_shard(shard).of(chosen)
    with closing(make(drawn.model)) as sampler:
        if dry_run:
            asked = drawn.dry_run(chosen, attempts, engine=sampler, prices=prices)
            print(to_json({"tokens": asked.tokens} | vars(asked)) if as_json else asked)
            return
        if prices:
            raise MathbError("--prices are for a --dry-run; add it, or leave them out.")
        with only_result_on_stdout(as_json):
            report = drawn.sample(sampler, chosen, attempts)
    if as_json:
        print(to_json(vars(report) | {"store": drawn.store.root}))
        return
    print(
        f"{report.new_attempts:,} attempts sampled ({report.tokens:,} tokens, {report.seconds:.0f} s), "
        f"{report.skipped:,} were there; store: {drawn.store.root}"
    )
