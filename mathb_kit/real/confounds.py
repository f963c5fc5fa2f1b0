"""What a difference may be made of, where the texts of real models are here: two models among Epoch AI's logs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mathb_kit.foreign import samples_from_attempts
from mathb_kit.foreign.logs import read_plain
from mathb_kit.foreign.samples import origin_of
from mathb_kit.grading.stored import grader_of
from mathb_kit.judging import confounds_of_attempts
from mathb_kit.real.sources import Lineage, lineages, real_sources
from mathb_kit.store import Store


def lineage_with_texts(path: Path) -> Lineage | None:
    """The first pair of a lineage both of whose models have completions in this file (`judged_completions`)."""
    there = {row["model"] for row in read_plain(path).rows}
    return next((each for each in lineages() if {each.base, each.tuned} <= there), None)


def confounds_of_texts(path: Path, lineage: Lineage) -> pd.DataFrame:
    """``confounds_of_attempts`` of the two, graded by our grader, in as many attempts as both have at every problem.

    The judge's verdict, which the log has, is one of the readings. Token limits and lengths were not copied.
    """
    models = (lineage.base, lineage.tuned)
    rows = [row for row in read_plain(path).rows if row["model"] in models]
    source = real_sources()["otis"]
    origin = origin_of(path, "jsonl", source=source.who, licence=source.licence)
    attempts = pd.DataFrame(rows).astype({"text": object, "gold": object})
    samples = samples_from_attempts(attempts, origin, "OTIS Mock AIME")
    arms = [samples.attempts(model, samples.draws(model)[0]) for model in models]
    with grader_of(Store()) as grader:
        return confounds_of_attempts(*arms, grade_pairs=grader.grade_pairs)
