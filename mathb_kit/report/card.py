"""A checkpoint's verdict on one page, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.judging import CheckpointJudgement
from mathb_kit.miniature import shipped_sets
from mathb_kit.places import cards_root
from mathb_kit.plots import plot_pass_at_k, plot_sharpening
from mathb_kit.provenance import provenance
from mathb_kit.report.html import PageTable, Picture, render
from mathb_kit.report.records import json_ready
from mathb_kit.report.sections import identity, published_numbers
from mathb_kit.sentences import checkpoint_sentences

if TYPE_CHECKING:
    import pandas as pd

_SYNTHETIC = "synthetic arithmetic problems that ship with mathb_kit"
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
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{judged.tuned.name}-over-{judged.base.name}-on-{judged.on.name}"
    record = card_record(judged)
    data, page = folder / f"{stem}.json", folder / f"{stem}.html"
    data.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    page.write_text(_page(judged, record), encoding="utf-8")
    return page, data


def card_record(judged: CheckpointJudgement) -> dict[str, Any]:
    """Everything on the card as JSON-ready values; NaN becomes null."""
    evaluations = [judged.tuned_attempts, judged.redrawn_attempts, *sum(judged.saturated.values(), ())]
    return {
        **dict(zip(("verdict", "problem_by_problem"), checkpoint_sentences(judged))),
        "tuned": identity(judged.tuned),
        "base": identity(judged.base),
        "on": {"set": judged.on.name, "source": judged.on.source, "note": judged.on.note, "problems": len(judged.on)},
        "judged_on": {"selection": judged.selection, "problems": [problem.key for problem in judged.problems]},
        "plan": str(judged.plan),
        "match": judged.pair.match,
        "reach": json_ready(judged.judgement.to_frame()),
        "parts": json_ready(judged.parts()),
        "gains": json_ready(judged.gains),
        "reached_with_tuning": json_ready(judged.reached_with_tuning()),
        "ordinary_sets": json_ready(judged.ordinary()) if judged.saturated else [],
        "settings": json_ready(judged.settings()),
        "attempts": int(sum(each.outcomes["n"].sum() for each in evaluations)),
        "tokens": int(sum(each.outcomes["tokens"].sum() for each in evaluations)),
        "provenance": provenance(),
    }


def card_text(judged: CheckpointJudgement) -> str:
    """The same for a terminal, without the completions."""
    shown = {"index": False, "float_format": "{:.3f}".format}
    lines = [
        *checkpoint_sentences(judged),
        f"\nJudged on: {judged.selection}.",
        judged.judgement.to_frame().to_string(**shown),
        "\nBy part:",
        judged.parts().to_string(**shown),
    ]
    if judged.saturated:
        lines += ["\nOrdinary sets:", judged.ordinary().set_index("set").T.to_string(float_format="{:.3f}".format)]
    return "\n".join([*lines, f"\nSettings (--match {judged.pair.match}):", judged.settings().to_string(index=False)])


def _page(judged: CheckpointJudgement, record: dict[str, Any]) -> str:
    tuned, base, on = judged.tuned.name, judged.base.name, judged.on.name
    curves = judged.judgement.curves(_powers_of_two(judged.plan.n_max))
    figure = plot_pass_at_k(curves, by="who", y_label=f"Expansion (share of {len(judged.problems)} problems)")
    synthetic = _SYNTHETIC if on in shipped_sets() else ""
    parts = judged.parts().rename(columns=lambda name: name.replace("_", " "))
    marks = "Each mark is a problem: pass@1 of the base across, of the tuned model upwards."
    return render(
        "card.html",
        title=f"{tuned} beside {base} on {on}",
        judged=judged, tuned=tuned, base=base, on=on, synthetic=synthetic, record=record,
        sentences=checkpoint_sentences(judged),
        expansion=Picture.of(
            figure,
            f"Expansion against the attempts allowed, of {tuned} and of a fresh draw of {base}, on {on}"
            f"{f' ({synthetic})' if synthetic else ''}. Bands: 95 % {curves['interval'].iloc[0]}.",
        ),
        parts=PageTable.of(parts, "Problems reached, with 95 % Clopper-Pearson intervals of their share"),
        reached=_reached(judged),
        ordinary=_ordinary(judged) if judged.saturated else None,
        sharpening=Picture.of(plot_sharpening(judged.changes(), panel="name"), marks) if judged.saturated else None,
        published=(
            published_numbers("Table 2", "problems in D", "reached", "expansion (%)") if on in _PAPERS_SETS else None
        ),
        settings=PageTable.of(judged.settings().rename(columns={"": "remark"}), f"Whose settings: {judged.pair.match}"),
        by_problem=PageTable.of(_by_problem(judged), "What tuning changed, one row a problem", sortable=True),
        provenance=json.dumps(record["provenance"], indent=1),
    )  # fmt: skip


def _reached(judged: CheckpointJudgement) -> list[dict[str, Any]]:
    """Problems reached with tuning, to read: summary, statement, index and completion."""
    problems = []
    for row in judged.reached_with_tuning().itertuples():
        mark = "gained" if row.gained else "reached, not distinguishable from luck"
        summary = (
            f"{row.problem}: {mark}; {row.tuned_c} of {row.tuned_n:,} correct, re-drawn base {row.redrawn_c} of "
            f"{row.redrawn_n:,}; gold {row.gold}"
        )
        problems.append({"summary": summary, "statement": row.statement, "index": row.index,
                         "completion": row.completion})  # fmt: skip
    return problems


def _ordinary(judged: CheckpointJudgement) -> PageTable:
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
    return PageTable.of(
        pd.DataFrame(rows),
        "Means over problems, 95 % intervals (problems as a sample; Clopper-Pearson). Last column, the null of "
        "Shrinkage: problems that one draw of the frozen base reaches and another misses, in expectation.",
    )


def _by_problem(judged: CheckpointJudgement) -> pd.DataFrame:
    columns = {
        "problem": "problem", "redrawn": "re-drawn base", "tuned": "tuned", "gain_p": "p (gain)",
        "gain_adjusted": "adjusted", "gained": "gained", "lost": "lost",
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


def _powers_of_two(most: int) -> Sequence[int]:
    return sorted({*(2**i for i in range(most.bit_length()) if 2**i <= most), most})
