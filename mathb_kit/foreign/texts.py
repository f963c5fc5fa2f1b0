"""Attempts with their texts, graded by this project's grader; the verdict that came with them is kept and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.foreign.samples import Samples
from mathb_kit.grading import EXTRACTOR_VERSION, GRADER_VERSION, POLICIES, Grader
from mathb_kit.grading.stored import grade_texts
from mathb_kit.outcomes import outcomes_from_verdicts
from mathb_kit.plan import Plan
from mathb_kit.store import Store
from mathb_kit.verdicts import Verdict

OTHER_READINGS = POLICIES[1:]
"""Policies beside the one that decides: what each attempt's verdict would be under them is kept, for its confounds."""

OURS, THEIRS = f"by mathb_kit's grader {GRADER_VERSION}", "as in the log"


def samples_from_attempts(attempts: pd.DataFrame, origin: Mapping[str, Any], on: str) -> Samples:
    """Outcomes from attempts, however many a problem has.

    Args:
        attempts: one row per attempt, in order: model, problem, text (None: the log has none, the attempt failed),
            gold (None: unknown), their_verdict (True, False, None: no verdict), truncated (True, False, None:
            unknown), tokens (None: unknown); perhaps draw and answer (what the log extracted).
        origin: JSON-ready; its ``grader`` is set here.
        on: name of the problem set.

    Where every attempt has a gold and one at least a text, our grader decides. Where no gold is known, the log's own
    verdicts stand and are called that.

    Raises:
        MathbError: an empty gold among others, golds that differ within a problem, or neither golds nor verdicts.
    """
    rows = attempts.reset_index(drop=True)
    rows = rows.assign(draw=rows.get("draw", "main"))
    rows["index"] = rows.groupby(["model", "draw", "problem"], sort=False).cumcount()
    golds = rows["gold"].map(lambda gold: "" if gold is None or gold != gold else str(gold).strip())
    ours = (golds != "").any() and rows["text"].notna().any()
    if ours:
        _check_golds(rows.assign(gold=golds), on)
        verdicts = _graded(rows.assign(gold=golds))
    elif rows["their_verdict"].notna().any():
        verdicts = rows.assign(answer=rows.get("answer"), rung="log", verdict=rows["their_verdict"].map(_own_words))
    else:
        raise MathbError(f"{on} has neither golds with texts nor verdicts, so nothing can be counted; export either.")
    truncated, tokens = verdicts["truncated"], verdicts["tokens"]
    known = verdicts.assign(truncated=truncated.eq(True), tokens=pd.to_numeric(tokens, errors="coerce").fillna(0))
    grader = OURS if ours else THEIRS
    longest = int(rows["index"].max()) + 1
    outcomes = outcomes_from_verdicts(known.astype({"tokens": "int64"}), Plan.fixed(longest), grader)
    outcomes["plan"] = outcomes["n"].map({n: str(Plan.fixed(n)) for n in outcomes["n"].unique()})
    outcomes = outcomes.assign(complete=True)
    outcomes = outcomes.drop(columns=[c for c, v in (("truncated", truncated), ("tokens", tokens)) if v.isna().any()])
    outcomes.insert(0, "name", outcomes["model"])
    outcomes.insert(1, "set", on)
    if ours:
        by_problem = verdicts.drop_duplicates("problem").set_index("problem")["gold"]
        outcomes["gold"] = outcomes["problem"].map(by_problem)
    kept = ["model", "problem", "draw", "index", "answer", "verdict", "rung", "their_verdict", "truncated", "tokens"]
    kept += OTHER_READINGS if ours else []
    facts = {**origin, "grader": grader, "copies": _copies(rows)} | ({"extractor": EXTRACTOR_VERSION} if ours else {})
    return Samples(on, outcomes, facts, verdicts[kept])


def compare_verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Our verdicts beside the log's own: model, both_correct, both_wrong, only_ours, only_theirs, one_sided.

    only_ours: correct by us alone. one_sided: attempts with a verdict on one side only.
    """
    decided = verdicts["verdict"] != Verdict.GRADER_FAILED
    theirs = verdicts["their_verdict"]
    both = decided & theirs.notna()
    our_yes, their_yes = verdicts["verdict"] == Verdict.CORRECT, theirs.eq(True)
    frame = pd.DataFrame(
        {
            "model": verdicts["model"],
            "both_correct": both & our_yes & their_yes, "both_wrong": both & ~our_yes & ~their_yes,
            "only_ours": both & our_yes & ~their_yes, "only_theirs": both & ~our_yes & their_yes,
            "one_sided": decided != theirs.notna(),
        }
    )  # fmt: skip
    return frame.groupby("model", sort=False).sum().astype(int).reset_index()


def _graded(rows: pd.DataFrame) -> pd.DataFrame:
    """answer, verdict and rung of every row, and its verdicts under the other readings of its text."""
    plain = rows.drop(columns=["answer"], errors="ignore")
    with Grader(Store()) as grader:
        graded = grade_texts(plain, grader)
        others = {policy: grade_texts(plain, grader, policy=policy)["verdict"] for policy in OTHER_READINGS}
    return graded.assign(**others)


def _copies(rows: pd.DataFrame) -> list[str]:
    """Models that were tried several times at a problem and always gave one text."""
    by_problem = rows.groupby(["model", "draw", "problem"], sort=False)["text"].agg(["size", "nunique"])
    several = by_problem[by_problem["size"] > 1].groupby("model", sort=False)["nunique"].max()
    return [str(model) for model in several.index[several <= 1]]


def _own_words(theirs: object) -> str:
    if theirs is None or theirs != theirs:
        return str(Verdict.GRADER_FAILED)
    return str(Verdict.CORRECT if theirs else Verdict.WRONG)


def _check_golds(rows: pd.DataFrame, on: str) -> None:
    if (empty := rows["gold"] == "").any():
        first = rows.loc[empty, "problem"].iloc[0]
        raise MathbError(f"Problem {first!r} of {on} has an empty gold, so no attempt at it can be graded; fill it in.")
    several = rows.drop_duplicates(["problem", "gold"])
    if (twice := several["problem"].duplicated()).any():
        first = several.loc[twice, "problem"].iloc[0]
        golds = several.loc[several["problem"] == first, "gold"].tolist()
        raise MathbError(f"Problem {first!r} of {on} has several golds ({golds[0]!r}, {golds[1]!r}); keep one of them.")


def remarks(samples: Samples) -> list[str]:
    """What a reader of imported texts should know: how the verdicts agree, and copies that pass for samples."""
    lines = []
    if samples.verdicts is None:
        return lines
    if samples.origin["grader"] == THEIRS:
        return ["No golds are known, so the log's own verdicts stand; they are not this project's."]
    for row in compare_verdicts(samples.verdicts).itertuples():
        if decided := row.both_correct + row.both_wrong + row.only_ours + row.only_theirs:
            lines.append(
                f"{row.model}: of {decided:,} attempts with both verdicts ours and the log's agree on "
                f"{row.both_correct + row.both_wrong:,}; correct by ours only {row.only_ours:,}, by the log's only "
                f"{row.only_theirs:,}."
            )
    lines += [
        f"{model}: all attempts at every problem are one and the same text: copies, not samples."
        for model in samples.origin.get("copies", [])
    ]
    return lines
