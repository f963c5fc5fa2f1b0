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
from mathb_kit.report.comparison import confounds_table
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
from mathb_kit.sentences.formats import signed_points

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
    tables = [titled(f"Reached, of what {base} left unsolved", _reached_by_part(judged))]
    if judged.saturated:
        tables.append(titled("On ordinary sets", _ordinary_in_short(judged)))
    if judged.elicited:
        tables.append(titled(_ELICITED, _elicited(judged)))
    if len(misses := judged.near_misses):
        title = f"Near misses of {tuned} where it reached nothing (the card has their texts)"
        tables.append(titled(title, _missed_rows(misses)))
    for name in judged.confounds:
        tables.append(titled(f"What else it may be, on {name} ({_alike(judged)})", _readings(judged, name)))
    settings = f"Settings (--match {judged.pair.match}), and where they come from"
    tables.append(titled(settings, _settings(judged)))
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


def _reached_by_part(judged: CheckpointJudgement) -> pd.DataFrame:
    """`CheckpointJudgement.parts` with intervals in words."""
    table = judged.parts().query("problems > 0").copy()
    columns = {"tuned": judged.tuned.name, "redrawn": f"{judged.base.name} re-drawn"}
    for who, column in columns.items():
        shares = zip(table[who], table[f"{who}_low"], table[f"{who}_high"])
        table[column] = [f"{count:g} ({100 * low:.1f} to {100 * high:.1f} %)" for count, low, high in shares]
    return table[["part", "problems", *columns.values()]].rename(columns={"part": "reached of"})


def _readings(judged: CheckpointJudgement, name: str) -> pd.DataFrame:
    """`CheckpointJudgement.confounds` of one set under the models' names."""
    base = f"{judged.base.name}{' re-drawn' if name == judged.on.name else ''}"
    return confounds_table(judged.confounds[name], base, judged.tuned.name)


def _alike(judged: CheckpointJudgement) -> str:
    """Which attempts the readings are of."""
    plan = judged.plan
    return "all attempts" if plan.is_fixed else f"the first {plan.rounds[0]:,} attempts at every problem"


def _elicited(judged: CheckpointJudgement) -> pd.DataFrame:
    """`elicitation_table` with intervals in words."""
    table = elicitation_table(judged)
    shares = zip(table["reached"], table["of"], table["low"], table["high"])
    table["reached"] = [
        f"{count:.4g} of {of} ({100 * low:.1f} to {100 * high:.1f} %)" for count, of, low, high in shares
    ]
    columns = {"arm": "the base asked", "only_tuned": "only with tuning", "only_arm": "only so", "p": "p"}
    table["p"] = table["p"].map("{:.2g}".format)
    return table[["arm", "reached", *list(columns)[1:]]].rename(columns=columns)


def _settings(judged: CheckpointJudgement) -> pd.DataFrame:
    """`CheckpointJudgement.settings` with where each value comes from, in place of whether the two differ."""
    table = judged.settings().drop(columns="")
    for place, model in ((2, judged.base), (4, judged.tuned)):
        origins = {row["setting"]: row["origin"] for row in asked_table(model)}
        table.insert(place, " " * place, [origins.get(name, "") for name in table["setting"]])
    return table


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
        parts=PageTable.of(_reached_by_part(judged), "Problems reached, with 95 % intervals of their share"),
        elicited=PageTable.of(_elicited(judged), _ELICITED) if judged.elicited else None,
        apart=separation_sentences(judged.separation),
        apart_tables=separation_tables(judged.separation),
        reached=_reached(judged),
        near=_near(judged),
        ordinary=_ordinary(judged) if judged.saturated else None,
        sharpening=Picture.of(plot_sharpening(judged.changes(), panel="name"), marks) if judged.saturated else None,
        published=(
            published_numbers("Table 2", "problems in D", "reached", "expansion (%)") if on in _PAPERS_SETS else None
        ),
        settings=PageTable.of(_settings(judged), f"Whose settings: {judged.pair.match}. Beside each value, its origin"),
        health=[f"{what}: {health_sentence(health)}" for what, health in _healths(judged).items()],
        confounds=[
            (confounds_sentence(table), PageTable.of(_readings(judged, name), f"On {name}, {_alike(judged)}"))
            for name, table in judged.confounds.items()
        ],
        by_problem=PageTable.of(_by_problem(judged), "What tuning changed, one row a problem", sortable=True),
        provenance=json.dumps(record["provenance"], indent=1),
    )  # fmt: skip


def _missed_rows(misses: pd.DataFrame) -> pd.DataFrame:
    """`near_misses` without their texts."""
    import pandas as pd

    return pd.DataFrame(
        {
            "problem": [key.partition("@")[0] for key in misses["problem"]],
            "gold": misses["gold"],
            "answer": misses["answer"],
            "attempts": [f"{count:,} of {n:,}" for count, n in zip(misses["count"], misses["n"])],
        }
    )


def _near(judged: CheckpointJudgement) -> list[dict[str, Any]]:
    """Near misses to read: summary, statement, index and completion."""
    misses, problems = judged.near_misses, []
    for row, shown in zip(misses.itertuples(), _missed_rows(misses).itertuples()):
        summary = f"{shown.problem}: {shown.answer} for {shown.gold}, in {shown.attempts} attempts"
        problems.append({"summary": summary, "statement": row.statement, "index": row.index,
                         "completion": row.completion})  # fmt: skip
    return problems


def _reached(judged: CheckpointJudgement) -> list[dict[str, Any]]:
    """Problems reached with tuning, to read: summary, statement, index and completion."""
    problems = []
    for row in judged.reached_with_tuning().itertuples():
        mark = "gained" if row.gained else "reached, not distinguishable from luck"
        beside = f"{judged.base.name} re-drawn {row.redrawn_c} of {row.redrawn_n:,}"
        summary = f"{row.problem}: {mark}; {row.tuned_c} of {row.tuned_n:,} correct, {beside}; gold {row.gold}"
        problems.append({"summary": summary, "statement": row.statement, "index": row.index,
                         "completion": row.completion})  # fmt: skip
    return problems


def _ordinary(judged: CheckpointJudgement) -> PageTable:
    return PageTable.of(
        _ordinary_rows(judged),
        f"Means over problems. {_differences(judged)} Shares: Clopper-Pearson. Last column, the null of "
        "Shrinkage: problems that one draw of the frozen base reaches and another misses, in expectation.",
    )


def _differences(judged: CheckpointJudgement) -> str:
    return f"Differences of pass@1: 95 %, {intervals_of(judged.ordinary())}."


def _ordinary_rows(judged: CheckpointJudgement) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for row in judged.ordinary().itertuples():
        rows.append(
            {
                "set": row.set,
                "problems": row.problems,
                "pass@1, base": f"{row.base_pass_1:.1%}",
                "tuned": f"{row.tuned_pass_1:.1%}",
                "difference in points": f"{100 * row.difference:+.1f} ({100 * row.low:+.1f} to {100 * row.high:+.1f})",
                f"pass@{row.k:,}, base": f"{row.base_pass_k:.1%}",
                "tuned ": f"{row.tuned_pass_k:.1%}",
                "reached by the base alone": f"{row.shrinkage} ({row.shrinkage_low:.1%} to {row.shrinkage_high:.1%})",
                f"frozen base, two draws of {row.null_k:,}": f"{row.null:.2g}",
            }
        )
    return pd.DataFrame(rows)


def _ordinary_in_short(judged: CheckpointJudgement) -> pd.DataFrame:
    """`CheckpointJudgement.ordinary` as narrow as a terminal: a set is two rows, at one attempt and at all of them."""
    import pandas as pd

    rows = []
    for row in judged.ordinary().itertuples():
        shares = (row.base_pass_1, row.tuned_pass_1, row.base_pass_k, row.tuned_pass_k)
        base_1, tuned_1, base_k, tuned_k = (f"{100 * share:.1f} %" for share in shares)
        lost = f"{row.shrinkage} of {row.problems} only by the base"
        rows += [
            (row.set, "pass@1", base_1, tuned_1, f"{signed_points(row.difference, row.low, row.high)} points"),
            ("", f"pass@{row.k:,}", base_k, tuned_k, lost),
        ]
    return pd.DataFrame(rows, columns=["set", "", judged.base.name, judged.tuned.name, "what tuning changed"])


def _by_problem(judged: CheckpointJudgement) -> pd.DataFrame:
    columns = {
        "problem": "problem", "redrawn": f"{judged.base.name} re-drawn", "tuned": "tuned",
        "gain_p": "p (gain)", "gain_adjusted": "adjusted", "gained": "gained", "lost": "lost",
    }  # fmt: skip
    table = judged.gains.assign(
        problem=[key.partition("@")[0] for key in judged.gains["problem"]],
        redrawn=[f"{c} of {n:,}" for c, n in zip(judged.gains["base_c"], judged.gains["base_n"])],
        tuned=[f"{c} of {n:,}" for c, n in zip(judged.gains["tuned_c"], judged.gains["tuned_n"])],
        gain_p=judged.gains["gain_p"].map("{:.2g}".format),
        gain_adjusted=judged.gains["gain_adjusted"].map("{:.2g}".format),
        gained=judged.gains["gained"].map({True: "yes", False: ""}),
        lost=judged.gains["lost"].map({True: "yes", False: ""}),
    )
    return table[list(columns)].rename(columns=columns)


def _fresh(judged: CheckpointJudgement) -> str:
    return "a fresh draw" if len(judged.redraws) == 1 else f"the mean of {len(judged.redraws)} fresh draws"


def _powers_of_two(most: int) -> Sequence[int]:
    return sorted({*(2**i for i in range(most.bit_length()) if 2**i <= most), most})
