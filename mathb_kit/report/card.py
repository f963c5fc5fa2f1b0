"""A checkpoint's verdict on one page, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.atomic import write_text
from mathb_kit.grading import GRADER_VERSION
from mathb_kit.judging import CheckpointJudgement, Health, elicitation_curves, elicitation_table
from mathb_kit.miniature import shipped_sets
from mathb_kit.models.showing import asked_table
from mathb_kit.places import cards_root
from mathb_kit.plots import plot_pass_at_k, plot_sharpening
from mathb_kit.provenance import provenance
from mathb_kit.report.card_tables import (
    arms_table,
    changes_table,
    misses_table,
    ordinary_in_short,
    ordinary_table,
    parts_table,
    readings_table,
    settings_with_origins,
)
from mathb_kit.report.evaluated import health_record
from mathb_kit.report.html import PageTable, Picture, render
from mathb_kit.report.records import json_ready
from mathb_kit.report.sections import identity, published_numbers
from mathb_kit.report.separation import separation_record, separation_tables
from mathb_kit.report.terminal import bullets, titled
from mathb_kit.sentences import (
    checkpoint_caveats,
    checkpoint_headline,
    checkpoint_sentences,
    confounds_sentence,
    health_sentence,
    health_warnings,
    intervals_of,
    selection_warnings,
    separation_sentences,
)

if TYPE_CHECKING:
    import pandas as pd

_SYNTHETIC = "synthetic arithmetic problems that ship with mathb_kit"
_ELICITED = "What the base reaches when asked otherwise needed no training (exact test against the tuned model)"
_PAPERS_SETS = ("math-b", "math-b-i")


def write_card(judged: CheckpointJudgement, folder: Path | None = None) -> tuple[Path, Path]:
    """Write the card as a self-contained page and as JSON with provenance.

    Args:
        judged: from `mathb_kit.judging.judge_checkpoint`.
        folder: ``runs/cards`` by default.

    Returns:
        Paths of the page and of the JSON file, ``<tuned>-over-<base>-on-<set>``.
    """
    folder = folder or cards_root()
    names = (judged.tuned.name, judged.base.name, judged.on.name)
    stem = "{}-over-{}-on-{}".format(*(name.replace("/", "--") for name in names))
    record = card_record(judged)
    data, page = folder / f"{stem}.json", folder / f"{stem}.html"
    write_text(data, json.dumps(record, indent=1, default=str) + "\n")
    write_text(page, _page(judged, record))
    return page, data


def card_record(judged: CheckpointJudgement) -> dict[str, Any]:
    """Everything on the card as JSON-ready values; NaN becomes null."""
    evaluations = [judged.tuned_attempts, *judged.redraws, *sum(judged.saturated.values(), ())]
    evaluations += judged.elicited.values()
    return {
        "headline": checkpoint_headline(judged),
        "caveats": checkpoint_caveats(judged),
        "warnings": card_warnings(judged),
        **dict(zip(("verdict", "problem_by_problem"), checkpoint_sentences(judged))),
        "tuned": identity(judged.tuned),
        "base": identity(judged.base),
        "on": {"set": judged.on.name, "source": judged.on.source, "note": judged.on.note, "problems": len(judged.on)},
        "judged_on": {
            "selection": judged.selection.words,
            "selected_by": {"model_key": judged.selection.model_key, "graders": list(judged.selection.graders)},
            "problems": [problem.key for problem in judged.problems],
        },
        "plan": str(judged.plan),
        "match": judged.pair.match,
        "reach": json_ready(judged.judgement.to_frame()),
        "beside_redraws": json_ready(asdict(judged.judgement.test)),
        "parts": json_ready(judged.parts()),
        "elicited": json_ready(elicitation_table(judged)) if judged.elicited else [],
        "sharpening_or_expansion": separation_record(judged.separation),
        "gains": json_ready(judged.gains),
        "reached_with_tuning": json_ready(judged.reached_with_tuning()),
        "ordinary_sets": json_ready(judged.ordinary()) if judged.saturated else [],
        "confounds": {name: json_ready(table) for name, table in judged.confounds.items()},
        "settings": json_ready(judged.settings()),
        "asked": {"base": json_ready(asked_table(judged.base)), "tuned": json_ready(asked_table(judged.tuned))},
        "grader": GRADER_VERSION,
        "health": {what: json_ready(health_record(health)) for what, health in _healths(judged).items()},
        "attempts": int(sum(each.outcomes["n"].sum() for each in evaluations)),
        "tokens": int(sum(each.outcomes["tokens"].sum() for each in evaluations)),
        "provenance": provenance(),
    }


def card_text(judged: CheckpointJudgement) -> str:
    """The same for a terminal, without the completions: headline, tables, fine print."""
    base, tuned = judged.base.name, judged.tuned.name
    tables = [titled(f"Reached, of what {base} left unsolved", parts_table(judged))]
    if judged.saturated:
        tables.append(titled("On ordinary sets", ordinary_in_short(judged)))
    if judged.elicited:
        tables.append(titled(_ELICITED, arms_table(judged)))
    if len(judged.near_misses):
        title = f"Near misses of {tuned} where it reached nothing (the card has their texts)"
        tables.append(titled(title, misses_table(judged)))
    for name in judged.confounds:
        tables.append(titled(f"What else it may be, on {name} ({_alike(judged)})", readings_table(judged, name)))
    settings = f"Settings (--match {judged.pair.match}), and where they come from"
    tables.append(titled(settings, settings_with_origins(judged)))
    fine = [
        *checkpoint_sentences(judged),
        *separation_sentences(judged.separation),
        *([_differences(judged)] if judged.saturated else []),
        f"Judged on: {judged.selection.words}{_graders(judged)}; plan: {judged.plan}.",
        *(f"{what}: {health_sentence(health)}" for what, health in _healths(judged).items()),
    ]
    title = f"{tuned} beside {base} on {judged.on.name}"
    return "\n\n".join([f"{checkpoint_headline(judged)}", *tables, f"{title}, in full\n{bullets(fine)}"])


def card_warnings(judged: CheckpointJudgement) -> list[str]:
    """What makes the numbers doubtful, every sentence once; mostly nothing."""
    chose = {judged.base.name: judged.choosing_health.truncated} if judged.choosing_health else {}
    said = [warning for health in judged.health.values() for warning in health_warnings(health)]
    return list(dict.fromkeys([*selection_warnings(chose), *said]))


def _healths(judged: CheckpointJudgement) -> dict[str, Health]:
    """Of everything that was evaluated, by what it was; the attempts that chose the problems come last."""
    chose = {f"{judged.base.name}, choosing the problems": judged.choosing_health} if judged.choosing_health else {}
    return judged.health | chose


def _alike(judged: CheckpointJudgement) -> str:
    """Which attempts the readings are of."""
    plan = judged.plan
    return "all attempts" if plan.is_fixed else f"the first {plan.rounds[0]:,} attempts at every problem"


def _graders(judged: CheckpointJudgement) -> str:
    """A word on the grader where the selection was made by another version than today's."""
    made_by = judged.selection.graders
    if not made_by or GRADER_VERSION in made_by:
        return ""
    return f" (graded by version {', '.join(made_by)} then, by {GRADER_VERSION} now)"


def _page(judged: CheckpointJudgement, record: dict[str, Any]) -> str:
    import pandas as pd

    tuned, base, on = judged.tuned.name, judged.base.name, judged.on.name
    curves = judged.judgement.curves(_powers_of_two(judged.plan.n_max))
    if judged.elicited:
        arms = elicitation_curves(judged, _powers_of_two(judged.plan.n_max))
        curves = pd.concat([curves, arms], ignore_index=True)
    figure = plot_pass_at_k(curves, by="who", y_label=f"Expansion (share of {len(judged.problems)} problems)")
    synthetic = _SYNTHETIC if on in shipped_sets() else ""
    marks = "Each mark is a problem: pass@1 of the base across, of the tuned model upwards."
    return render(
        "card.html",
        title=f"{tuned} beside {base} on {on}",
        judged=judged, tuned=tuned, base=base, on=on, synthetic=synthetic, record=record,
        headline=checkpoint_headline(judged),
        warnings=card_warnings(judged),
        sentences=checkpoint_sentences(judged),
        selection=f"{judged.selection.words}{_graders(judged)}",
        expansion=Picture.of(
            figure,
            f"Expansion against the attempts allowed, of {tuned} and of {_fresh(judged)} of {base}, on {on}"
            f"{'; further lines: the base asked otherwise' if judged.elicited else ''}"
            f"{f' ({synthetic})' if synthetic else ''}. Bands: 95 % {intervals_of(curves)}.",
        ),
        parts=PageTable.of(parts_table(judged), "Problems reached, with 95 % intervals of their share"),
        elicited=PageTable.of(arms_table(judged), _ELICITED) if judged.elicited else None,
        apart=separation_sentences(judged.separation),
        apart_tables=separation_tables(judged.separation),
        reached=_reached(judged),
        near=_near(judged),
        ordinary=_ordinary(judged) if judged.saturated else None,
        sharpening=Picture.of(plot_sharpening(judged.changes(), panel="name"), marks) if judged.saturated else None,
        published=(
            published_numbers("Table 2", "problems in D", "reached", "expansion (%)") if on in _PAPERS_SETS else None
        ),
        settings=PageTable.of(
            settings_with_origins(judged), f"Whose settings: {judged.pair.match}. Beside each value, its origin"
        ),
        health=[f"{what}: {health_sentence(health)}" for what, health in _healths(judged).items()],
        confounds=[
            (confounds_sentence(table), PageTable.of(readings_table(judged, name), f"On {name}, {_alike(judged)}"))
            for name, table in judged.confounds.items()
        ],
        by_problem=PageTable.of(changes_table(judged), "What tuning changed, one row a problem", sortable=True),
        provenance=json.dumps(record["provenance"], indent=1),
    )  # fmt: skip


def _reached(judged: CheckpointJudgement) -> list[dict[str, Any]]:
    """Problems reached with tuning, to read."""
    rows, summaries = judged.reached_with_tuning(), []
    for row in rows.itertuples():
        mark = "gained" if row.gained else "reached, not distinguishable from luck"
        beside = f"{judged.base.name} re-drawn {row.redrawn_c} of {row.redrawn_n:,}"
        summaries.append(f"{row.problem}: {mark}; {row.tuned_c} of {row.tuned_n:,} correct, {beside}; gold {row.gold}")
    return _to_read(rows, summaries)


def _near(judged: CheckpointJudgement) -> list[dict[str, Any]]:
    """Near misses to read."""
    return _to_read(judged.near_misses, [
        f"{row.problem}: {row.answer} for {row.gold}, in {row.attempts} attempts"
        for row in misses_table(judged).itertuples()
    ])  # fmt: skip


def _ordinary(judged: CheckpointJudgement) -> PageTable:
    return PageTable.of(
        ordinary_table(judged),
        f"Means over problems. {_differences(judged)} Shares: Clopper-Pearson. Last column, the null of Shrinkage: "
        "problems that one draw of the frozen base reaches and another misses, in expectation.",
    )


def _differences(judged: CheckpointJudgement) -> str:
    return f"Differences of pass@1: 95 %, {intervals_of(judged.ordinary())}."


def _to_read(rows: pd.DataFrame, summaries: list[str]) -> list[dict[str, Any]]:
    """Summary, statement, index and completion."""
    return rows[["statement", "index", "completion"]].assign(summary=summaries).to_dict("records")


def _fresh(judged: CheckpointJudgement) -> str:
    return "a fresh draw" if len(judged.redraws) == 1 else f"the mean of {len(judged.redraws)} fresh draws"


def _powers_of_two(most: int) -> Sequence[int]:
    return sorted({*(2**i for i in range(most.bit_length()) if 2**i <= most), most})
