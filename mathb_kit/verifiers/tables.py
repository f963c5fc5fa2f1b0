"""Tables of the comparison: failure modes by framework, agreement with labels, time."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mathb_kit.verdicts import Verdict
from mathb_kit.verifiers.failure_modes import load_failure_modes, mode_titles
from mathb_kit.verifiers.runner import row_key

# A verifier that gives no verdict agrees with nobody.
_WORDS = {"hang": "hang", "died": "died", "grader_failed": "no verdict"}


def failure_table(verdicts: pd.DataFrame, reasons: Mapping[str, str]) -> pd.DataFrame:
    """The paper's Table 1 with our completions: one row per failure case, what each verifier said of it.

    Args:
        verdicts: from ``read_comparison``.
        reasons: verifiers that did not run, from the same.

    Returns:
        Columns mode, problem, gold, snippet (the end of the completion), reader (``right`` or ``wrong``), then one per
        verifier: ``correct``, ``wrong``, ``no verdict``, ``raised``, ``hang``, ``died`` or ``not run``.
    """
    cases = load_failure_modes()
    table = pd.DataFrame(
        {
            "mode": [case.mode for case in cases],
            "problem": [case.problem for case in cases],
            "gold": [case.gold for case in cases],
            "snippet": [case.snippet for case in cases],
            "reader": ["right" if case.is_right else "wrong" for case in cases],
        }
    )
    keys = [row_key(case.gold, case.completion) for case in cases]
    graded = verdicts[verdicts["source"] == "failure modes"]
    for verifier, rows in graded.groupby("verifier", sort=False):
        words = {row.row: _word(row.correct, row.error) for row in rows.itertuples()}
        table[verifier] = [words.get(key, "not run") for key in keys]
    return table.assign(**dict.fromkeys(reasons, "not run"))


def framework_table(verdicts: pd.DataFrame, reasons: Mapping[str, str]) -> pd.DataFrame:
    """The paper's Table 3 on our completions: on how many of each failure mode a verifier agrees with a careful reader.

    Args:
        verdicts: from ``read_comparison``.
        reasons: verifiers that did not run, from the same.

    Returns:
        One row per verifier and failure mode: verifier, mode, agrees, of (0: not run), false_equals (accepted, though
        wrong), false_differences (not accepted, though right), cell (``3/4``, or ``not run``), reason.
    """
    table = failure_table(verdicts, reasons)
    rows = []
    for verifier in table.columns[5:]:
        for mode in mode_titles():
            cases = table[table["mode"] == mode]
            right, verdict = cases["reader"] == "right", cases[verifier]
            agrees = int(((right & (verdict == Verdict.CORRECT)) | (~right & (verdict == Verdict.WRONG))).sum())
            of = int((verdict != "not run").sum())
            false_equals = int((~right & (verdict == Verdict.CORRECT)).sum())
            false_differences = int((right & ~verdict.isin(["correct", "not run"])).sum())
            cell = f"{agrees}/{of}" if of else "not run"
            rows.append((verifier, mode, agrees, of, false_equals, false_differences, cell, reasons.get(verifier, "")))
    columns = ["verifier", "mode", "agrees", "of", "false_equals", "false_differences", "cell", "reason"]
    return pd.DataFrame(rows, columns=columns)


def label_agreement(verdicts: pd.DataFrame) -> pd.DataFrame:
    """How verifiers agree with the labels, source by source, and how long they take.

    Returns:
        One row per source and verifier: source, verifier, rows, labelled (rows with a label), agree (share of these),
        false_equals, false_differences (counts), no_verdict (skipped, raised, died), hangs, accepted (share of all
        rows), seconds (all rows), slowest (seconds).
    """
    label, correct = verdicts["label"], verdicts["correct"]
    labelled = label.notna()
    marks = verdicts[["source", "verifier", "seconds"]].assign(
        rows=1,
        labelled=labelled.astype(int),
        agreeing=(labelled & correct.notna() & (correct == label)).astype(int),
        false_equals=((label == False) & (correct == True)).astype(int),  # noqa: E712 (three-valued)
        false_differences=((label == True) & (correct != True)).astype(int),  # noqa: E712
        no_verdict=(correct.isna() & (verdicts["error"] != "hang")).astype(int),
        hangs=(verdicts["error"] == "hang").astype(int),
        accepted=(correct == True).astype(int),  # noqa: E712
        slowest=verdicts["seconds"],
    )
    counts = ["rows", "labelled", "agreeing", "false_equals", "false_differences", "no_verdict", "hangs", "accepted"]
    table = marks.groupby(["source", "verifier"], sort=False).agg(
        {**dict.fromkeys([*counts, "seconds"], "sum"), "slowest": "max"}
    )
    table["agree"] = table["agreeing"] / table["labelled"].where(table["labelled"] > 0)
    table["accepted"] = table["accepted"] / table["rows"]
    columns = ["rows", "labelled", "agree", "false_equals", "false_differences", "no_verdict", "hangs", "accepted"]
    return pd.DataFrame(table[[*columns, "seconds", "slowest"]]).reset_index()


def disagreements(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Rows on which a verifier and the label differ, for reading.

    Returns:
        verifier, source, fault (``false equal``: called right, though wrong; ``false difference``: called wrong or not
        judged, though right), gold, said, completion (its end); verifiers and rows in their order.
    """
    label, correct = verdicts["label"], verdicts["correct"]
    false_equal = (label == False) & (correct == True)  # noqa: E712 (three-valued)
    rows = verdicts[false_equal | ((label == True) & (correct != True))]  # noqa: E712
    columns = {
        "verifier": rows["verifier"],
        "source": rows["source"],
        "fault": rows["label"].map({False: "false equal", True: "false difference"}),
        "gold": rows["gold"].str.slice(0, 60),
        "said": [_word(correct, error) for correct, error in zip(rows["correct"], rows["error"])],
        "completion": ["… " + " ".join(text.split())[-110:] for text in rows["completion"]],
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def slowest(verdicts: pd.DataFrame, count: int = 10) -> pd.DataFrame:
    """The rows that took longest, all verifiers together: verifier, source, seconds, characters, said, completion."""
    rows = verdicts.sort_values("seconds", ascending=False, kind="stable").head(count)
    columns = {
        "verifier": rows["verifier"],
        "source": rows["source"],
        "seconds": rows["seconds"],
        "characters": rows["completion"].str.len(),
        "said": [_word(correct, error) for correct, error in zip(rows["correct"], rows["error"])],
        "completion": ["… " + " ".join(text.split())[-60:] for text in rows["completion"]],
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _word(correct: bool | None, error: str | None) -> str:
    if isinstance(error, str):
        return _WORDS.get(error, "raised")
    return "no verdict" if correct is None else "correct" if correct else "wrong"
