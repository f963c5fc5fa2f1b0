"""Our grader beside an LLM judge, on completions of real models that Epoch AI's judge had seen."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from mathb_kit.foreign import samples_from_attempts
from mathb_kit.foreign.logs import read_plain
from mathb_kit.foreign.samples import origin_of
from mathb_kit.problems.files import data_folder
from mathb_kit.real.sources import FOLDER, real_sources
from mathb_kit.verdicts import Verdict

FILE = "epoch_otis_completions_2epochs.jsonl.zst"
CUT = "..."  # how the log viewer ends a completion that it cut short
_LINE = re.compile(r"ANSWER\W*?(\d[\d,]*)", re.I)


def judged_completions() -> Path | None:
    """The file of completions with the judge's verdicts, if this machine has it."""
    folder = data_folder()
    path = folder / FOLDER / FILE if folder else None
    return path if path and path.is_file() else None


def judge_beside_grader(path: Path, few: int | None = None) -> pd.DataFrame:
    """One row per completion: problem, gold, answer (ours), ours, judge (verdicts), cut, line.

    The prompt asked for a last line ``ANSWER: n``, and golds are integers from 000 to 999, so what such a line says is
    a third opinion that needs no judgement: ``line`` is ``gold``, ``another number`` or ``none``. It is no truth: a
    completion may end on another word. ``cut`` marks completions that the copy of the log had cut short; the judge saw
    them whole, and nobody else can.

    Args:
        path: from `judged_completions`.
        few: only the first so many rows.
    """
    attempts = pd.DataFrame(list(read_plain(path).rows)[:few]).astype({"text": object, "gold": object})
    origin = origin_of(path, "jsonl", source=real_sources()["otis"].who, licence=real_sources()["otis"].licence)
    verdicts = samples_from_attempts(attempts, origin, "OTIS Mock AIME").verdicts
    texts = attempts["text"].fillna("")
    lines = [_LINE.findall(text) for text in texts]
    said = [int(each[-1].replace(",", "")) if each else None for each in lines]
    line = ["none" if number is None else "gold" if number == int(gold) else "another number"
            for number, gold in zip(said, attempts["gold"])]  # fmt: skip
    judge = verdicts["their_verdict"].map({True: "correct", False: "wrong"}).fillna("no verdict")
    return pd.DataFrame(
        {"problem": attempts["problem"], "gold": attempts["gold"], "answer": verdicts["answer"],
         "ours": verdicts["verdict"].astype(str), "judge": judge, "line": line,
         "cut": texts.str.rstrip().str.endswith(CUT)}
    )  # fmt: skip


def judge_table(beside: pd.DataFrame) -> pd.DataFrame:
    """Whole completions by who calls them correct and by what their last ANSWER line says.

    Returns:
        called_correct_by (both, neither, grader only, judge only, no verdict), completions, gold, another_number, none.
    """
    whole = beside[~beside["cut"]]
    ours, judge = whole["ours"] == Verdict.CORRECT, whole["judge"] == "correct"
    undecided = (whole["ours"] == Verdict.GRADER_FAILED) | (whole["judge"] == "no verdict")
    names = pd.Series("neither", index=whole.index)
    names[ours & judge], names[ours & ~judge], names[~ours & judge] = "both", "grader only", "judge only"
    names[undecided] = "no verdict"
    table = pd.crosstab(names, whole["line"]).reindex(
        index=["both", "neither", "grader only", "judge only", "no verdict"],
        columns=["gold", "another number", "none"], fill_value=0,
    )  # fmt: skip
    table.insert(0, "completions", table.sum(axis=1))
    table = table.rename(columns={"another number": "another_number"})
    return table.rename_axis(index="called_correct_by", columns=None).reset_index()
