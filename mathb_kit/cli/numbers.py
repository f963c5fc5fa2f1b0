"""Verbs that need no model: grade a file, pass@k from counts, choose a plan."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import mathb_kit as mb
from mathb_kit.cli.app import NUMBERS, Json, app
from mathb_kit.cli.complete import among, one_of
from mathb_kit.errors import MathbError
from mathb_kit.places import runs_root
from mathb_kit.report.records import to_json

if TYPE_CHECKING:
    from mathb_kit.grading import ModelJudge
    from mathb_kit.statistics.redraw_plan import RedrawRequest
    from mathb_kit.statistics.success_rates import SuccessRates


def _conventions() -> Iterable[str]:
    from mathb_kit.grading import CONVENTIONS

    return CONVENTIONS


def _judge(url: str | None, model: str | None, evaluated: list[str]) -> ModelJudge:
    from mathb_kit.endpoint import Endpoint
    from mathb_kit.grading import ModelJudge

    if not (url and model and evaluated):
        raise MathbError("A judge needs --judge URL, --judge-model NAME and --evaluated NAME, who may not judge.")
    return ModelJudge(Endpoint(url, cache=runs_root() / "judge"), model, evaluated=evaluated, store=mb.Store())


@app.command(rich_help_panel=NUMBERS)
def grade(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="JSON lines with gold, prediction and perhaps kind (response, answer); - for a pipe."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead of to stdout.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on without rows that cannot be graded; list and count them.")
    ] = False,
    convention: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Switch where users differ (docs/grading.md); may be repeated.",
            autocompletion=one_of(_conventions),
        ),
    ] = [],
    explain: Annotated[
        bool, typer.Option("--explain", help="Instead of rows: why, for the first rows that disagree.")
    ] = False,
    row: Annotated[int | None, typer.Option(min=1, metavar="N", help="With --explain: this row of the file.")] = None,
    first: Annotated[int, typer.Option(min=1, metavar="N", help="With --explain: so many of them.")] = 5,
    judge: Annotated[
        str | None, typer.Option(metavar="URL", help="Price of a judge model at this server, see --ask.")
    ] = None,
    judge_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --judge: the model's name there.")
    ] = None,
    evaluated: Annotated[
        list[str], typer.Option(metavar="NAME", help="With --judge: who wrote the predictions; may be repeated.")
    ] = [],
    labelled: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --judge: rows with expected true or false; its errors are counted."),
    ] = None,
    most_false: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="With --ask: refuse a judge that errs more often.")
    ] = 0.05,
    ask: Annotated[
        bool, typer.Option("--ask", help="With --judge and --labelled: measure it, then mark what it accepts.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Grade a file of predictions.

    The same rows come back with verdict, answer and the rung of the ladder that decided. With --json and -o the counts
    are on stdout. With --explain: what was read from the text, by which rule, and which rung decided; a row disagrees
    if it has a field expected, label or correct that the verdict contradicts, or without one if it is not correct.
    With --judge a model at a server may accept what the ladder left, once it was measured on labelled rows; it needs
    --judge-model and --evaluated, and without --ask prints the price.

    \b
    Example: mathb grade predictions.jsonl -o graded.jsonl
    Example: mathb grade predictions.jsonl --skip-bad -o graded.jsonl
    Example: mathb grade predictions.jsonl --explain --row 12
    """
    if explain or row:
        if output is not None or as_json:
            raise MathbError("--explain prints texts; leave out -o and --json.")
        from mathb_kit.grading.files import explain_rows

        print("\n\n".join(explain_rows(file, row=row, first=first)))
        return
    if as_json and output is None:
        raise MathbError("--json prints the counts; give -o FILE for the graded rows.")
    asks_for_judge = judge or judge_model or ask or evaluated or labelled
    chosen = _judge(judge, judge_model, evaluated) if asks_for_judge else None
    if chosen:
        from mathb_kit.grading.files import judging_cost, labelled_pairs

        labels = labelled_pairs(labelled) if labelled else None
    if chosen and not ask:
        cost = judging_cost(file, chosen, labelled=labels, skip_bad=skip_bad)
        price = (
            f"{cost.pairs:,} pairs for the judge: {cost.requests:,} requests, about {cost.prompt_tokens:,} tokens in"
            f" and {cost.completion_tokens:,} out. Nothing was asked; add --ask."
        )
        print(to_json(cost._asdict()) if as_json else price)
        return
    if chosen:
        if labels is None:
            raise MathbError("--ask needs --labelled FILE: what a judge accepts means nothing before it was measured.")
        errors = chosen.measure(labels)
        print(f"The judge {errors}.", file=sys.stderr)
        errors.refuse_above(most_false)
    counts = mb.grade_file(file, output, skip_bad=skip_bad, conventions=convention, judge=chosen)
    summary = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items())
    print(to_json(counts)) if as_json else print(summary, file=sys.stderr)


@app.command(rich_help_panel=NUMBERS)
def passk(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="CSV or JSON lines with n and c for each problem.")
    ] = None,
    n: Annotated[int | None, typer.Option("--n", metavar="N", help="Attempts, where there is no file.")] = None,
    c: Annotated[int | None, typer.Option("--c", metavar="C", help="Correct ones among them.")] = None,
    k: Annotated[list[int], typer.Option("--k", metavar="K", help="Attempts allowed; may be repeated.")] = [1],
    more: Annotated[
        bool, typer.Option("--more", help="With a file: pass^k, G-Pass@k, avg@N, Bayes@N and Cover beside pass@k.")
    ] = False,
    beyond: Annotated[
        list[int], typer.Option(metavar="K", help="With a file: forecast for more attempts than were made.")
    ] = [],
    as_json: Json = False,
) -> None:
    """pass@k from counts.

    The unbiased estimate of Chen et al. (2021) at n attempts with c correct ones; with a file its mean over problems
    and an interval. --beyond forecasts the share solved if sampling went on, up to 100 times the attempts made, and
    says where it is not to be relied on (with --json in a column flag).

    \b
    Example: mathb passk --n 1024 --c 3 --k 1 --k 64
    Example: mathb passk counts.csv --k 8 --more
    Example: mathb passk counts.csv --beyond 256
    """
    from mathb_kit.statistics.counts import counts_as_outcomes, mean_pass_at_k

    if file:
        if more and beyond:
            raise MathbError("--more is about the attempts made, --beyond about others; ask for one of them.")
        if beyond:
            table = mb.statistics.pass_at_k_beyond(counts_as_outcomes(file), beyond)
        elif more:
            table = mb.statistics.neighbours(counts_as_outcomes(file), None, k)
        else:
            table = mean_pass_at_k(file, k)
        from mathb_kit.report.numbers import shares_text

        print(to_json(table) if as_json else shares_text(table))
        return
    if more or beyond:
        raise MathbError("--more and --beyond are about a set of problems; give a file with n and c of each.")
    if n is None or c is None:
        raise MathbError("Give --n and --c, or a file with these columns.")
    values = {allowed: float(mb.pass_at_k(n, c, allowed)) for allowed in k}
    if as_json:
        print(to_json([{"k": allowed, "pass_at_k": value} for allowed, value in values.items()]))
        return
    for allowed, value in values.items():
        print(f"pass@{allowed} = {value:.6g}" if allowed <= n else f"pass@{allowed} cannot be told by {n} attempts")


@app.command(rich_help_panel=NUMBERS)
def plan(
    pilot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CSV or JSON lines with n and c, one row per problem, not selected by them."
        ),
    ] = None,
    beta: Annotated[
        tuple[float, float] | None, typer.Option(metavar="A B", help="Without a pilot: success rates are Beta(A, B),")
    ] = None,
    zero: Annotated[
        float, typer.Option(metavar="SHARE", help="but for this share of problems that are never solved.")
    ] = 0.0,
    problems: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Size of the set; the pilot's by default.")
    ] = None,
    n_max: Annotated[int, typer.Option(min=1, metavar="N", help="Most attempts a problem gets.")] = 1024,
    k: Annotated[
        list[int], typer.Option("--k", metavar="K", help="Where it must be narrow; n-max by default; may be repeated.")
    ] = [],
    width: Annotated[
        float | None, typer.Option(metavar="X", help="Full width of the 95 % interval for pass@k to reach.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="N", help="Instead of a width: most attempts in all.")
    ] = None,
    question: Annotated[
        str,
        typer.Option(
            metavar="WHICH",
            help="Interval for fresh attempts on these problems (attempts), or for problems as a sample (problems).",
            autocompletion=among("attempts", "problems"),
        ),
    ] = "attempts",
    tokens_per_attempt: Annotated[float | None, typer.Option(metavar="X", help="Mean length of an attempt.")] = None,
    expansion: Annotated[
        float | None,
        typer.Option(metavar="X", help="Instead: the size that shows such a gain in Expansion (0.1: a tenth)."),
    ] = None,
    redraws: Annotated[
        int | None, typer.Option(min=1, metavar="R", help="With --expansion: fresh draws of the base beside it.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, metavar="S", help="With --expansion: seeds of the model.")] = None,
    stop: Annotated[int, typer.Option(min=1, metavar="N", help="With --expansion: stop count of the draws.")] = 4,
    as_json: Json = False,
) -> None:
    """Choose rounds and stop count, or the size of a comparison.

    Expected attempts and interval widths of adaptive plans against fixed n, from a pilot or from assumed success rates.
    With --expansion: how many problems that the base left unsolved, re-draws of it and seeds show a gain with 80 %
    power, and what all of that costs; or, for so many --problems left unsolved, the smallest gain that shows.

    \b
    Example: mathb plan --beta 0.3 1.2 --zero 0.4 --problems 500 --width 0.05
    Example: mathb plan --beta 0.3 4 --zero 0.2 --n-max 256 --expansion 0.1 --redraws 4
    Example: mathb plan --pilot counts.csv --problems 500 --n-max 256
    """
    from mathb_kit.sentences import gain_power_sentence, plan_sentence
    from mathb_kit.statistics import planning, success_rates
    from mathb_kit.statistics.counts import read_counts
    from mathb_kit.statistics.redraw_plan import RedrawRequest

    if (pilot is None) == (beta is None):
        raise MathbError("Give either --pilot FILE or --beta A B to say how often problems are solved.")
    if pilot:
        counts = read_counts(pilot)
        rates = success_rates.fit_success_rates(counts)
    else:
        rates = success_rates.beta_success_rates(*beta, zero_mass=zero)
    if expansion is not None:
        if k or width or budget:
            raise MathbError("--expansion asks for another plan than --k, --width and --budget do; leave those out.")
        request = RedrawRequest(expansion, n_max, stop, redraws, seeds, problems, tokens_per_attempt)
        _plan_redraws(rates, request, as_json)
        return
    if redraws or seeds:
        raise MathbError("--redraws and --seeds are about a gain in Expansion; say which: --expansion 0.1.")
    problems = problems or (len(counts) if pilot else None)
    if problems is None:
        raise MathbError("Give --problems, the size of the set.")
    request = planning.PlanRequest(n_max, problems, k, question, tokens_per_attempt)
    choice = planning.choose_plan(rates, request, target_width=width, budget=budget)
    if as_json:
        told = {"sentence": plan_sentence(choice), "power": gain_power_sentence(choice.plan, problems)}
        print(to_json({"plan": str(choice.plan)} | told | {"costs": choice.costs, "candidates": choice.table}))
        return
    from mathb_kit.report.numbers import plan_text

    print(plan_text(choice))


def _plan_redraws(rates: SuccessRates, request: RedrawRequest, as_json: bool) -> None:
    from dataclasses import asdict

    from mathb_kit.sentences import redraw_plan_sentence, visible_sentence
    from mathb_kit.statistics.redraw_plan import plan_redraws, visible

    chosen = plan_redraws(rates, request)
    lines, record = [redraw_plan_sentence(chosen)], asdict(chosen) | {"plan": str(chosen.plan)}
    if request.problems:
        design = request.design()
        frozen, gain = visible(rates, design)
        lines.append(visible_sentence(design, frozen, gain))
        record["visible"] = {**vars(design), "frozen": frozen, "gain": gain}
    if as_json:
        print(to_json(record | {"sentences": lines}))
        return
    from mathb_kit.report.numbers import redraw_plan_text

    print(*lines, "", redraw_plan_text(chosen), sep="\n")
