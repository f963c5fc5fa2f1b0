"""The tables of a checkpoint's card: what was measured, under the models' names and with intervals in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.judging import CheckpointJudgement, elicitation_table
from mathb_kit.models.showing import asked_table
from mathb_kit.problems import set_and_id
from mathb_kit.report.comparison import confounds_table, counts_by_problem
from mathb_kit.sentences.formats import signed_points

if TYPE_CHECKING:
    import pandas as pd


def parts_table(judged: CheckpointJudgement) -> pd.DataFrame:
    """`CheckpointJudgement.parts` with intervals in words."""
    table = judged.parts().query("problems > 0").copy()
    columns = {"tuned": judged.tuned.name, "redrawn": f"{judged.base.name} re-drawn"}
    for who, column in columns.items():
        shares = zip(table[who], table[f"{who}_low"], table[f"{who}_high"])
        table[column] = [f"{count:g} ({100 * low:.1f} to {100 * high:.1f} %)" for count, low, high in shares]
    return table[["part", "problems", *columns.values()]].rename(columns={"part": "reached of"})


def arms_table(judged: CheckpointJudgement) -> pd.DataFrame:
    """`elicitation_table` with intervals in words."""
    table = elicitation_table(judged)
    shares = zip(table["reached"], table["of"], table["low"], table["high"])
    table["reached"] = [
        f"{count:.4g} of {of} ({100 * low:.1f} to {100 * high:.1f} %)" for count, of, low, high in shares
    ]
    columns = {"arm": "the base asked", "only_tuned": "only with tuning", "only_arm": "only so", "p": "p"}
    table["p"] = table["p"].map("{:.2g}".format)
    return table[["arm", "reached", *list(columns)[1:]]].rename(columns=columns)


def readings_table(judged: CheckpointJudgement, name: str) -> pd.DataFrame:
    """`CheckpointJudgement.confounds` of one set under the models' names."""
    base = f"{judged.base.name}{' re-drawn' if name == judged.on.name else ''}"
    return confounds_table(judged.confounds[name], base, judged.tuned.name)


def settings_with_origins(judged: CheckpointJudgement) -> pd.DataFrame:
    """`CheckpointJudgement.settings` with where each value comes from, in place of whether the two differ."""
    table = judged.settings().drop(columns="")
    for place, model in ((2, judged.base), (4, judged.tuned)):
        origins = {row["setting"]: row["origin"] for row in asked_table(model)}
        table.insert(place, " " * place, [origins.get(name, "") for name in table["setting"]])
    return table


def misses_table(judged: CheckpointJudgement) -> pd.DataFrame:
    """`CheckpointJudgement.near_misses` without their texts."""
    import pandas as pd

    misses = judged.near_misses
    return pd.DataFrame(
        {
            "problem": map(set_and_id, misses["problem"]),
            "gold": misses["gold"],
            "answer": misses["answer"],
            "attempts": [f"{count:,} of {n:,}" for count, n in zip(misses["count"], misses["n"])],
        }
    )


def ordinary_table(judged: CheckpointJudgement) -> pd.DataFrame:
    """`CheckpointJudgement.ordinary` with intervals in words."""
    import pandas as pd

    return pd.DataFrame(
        {
            "set": row.set,
            "problems": row.problems,
            "pass@1, base": f"{row.base_pass_1:.1%}",
            "tuned": f"{row.tuned_pass_1:.1%}",
            "difference in points": signed_points(row.difference, row.low, row.high),
            f"pass@{row.k:,}, base": f"{row.base_pass_k:.1%}",
            "tuned ": f"{row.tuned_pass_k:.1%}",
            "reached by the base alone": f"{row.shrinkage} ({row.shrinkage_low:.1%} to {row.shrinkage_high:.1%})",
            f"frozen base, two draws of {row.null_k:,}": f"{row.null:.2g}",
        }
        for row in judged.ordinary().itertuples()
    )


def ordinary_in_short(judged: CheckpointJudgement) -> pd.DataFrame:
    """The same as narrow as a terminal: a set is two rows, at one attempt and at all of them."""
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


def changes_table(judged: CheckpointJudgement) -> pd.DataFrame:
    """`CheckpointJudgement.gains` in words: what tuning changed, one row a problem."""
    gains, yes = judged.gains, {True: "yes", False: ""}
    return counts_by_problem(gains, f"{judged.base.name} re-drawn").assign(
        adjusted=gains["gain_adjusted"].map("{:.2g}".format),
        gained=gains["gained"].map(yes),
        lost=gains["lost"].map(yes),
    )
