"""A sieved set, frozen: the problems as JSON lines, and beside them a record of where they came from.

    python -m mathb_kit.construction.release [mini | powered]

sieves the pool of a profile (``mini-pool``) and freezes what is left as its hard set (``mini-math-b``). The stages are
those that notebook 02 shows one by one. Run it again only when the base models or the pool change: every tuned model is
judged on what it wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mathb_kit.construction.construct import construct
from mathb_kit.construction.construction import Construction
from mathb_kit.construction.dataset_repository import release_record
from mathb_kit.construction.filters import Funnel
from mathb_kit.construction.sieve import Sieve
from mathb_kit.errors import MathbError
from mathb_kit.miniature.sets import FOLDER
from mathb_kit.problems import Problem, unsolved_column
from mathb_kit.profiles import load_profile


def freeze(sieve: Sieve, problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Rows of the released set, with one ``<model>_unsolved`` column per model, as in MATH-Beyond's table.

    Args:
        sieve: who solved what.
        problems: those to release, e.g. ``sieve.union()``.

    Returns:
        id (numbered anew), origin (key of the problem in its pool, under which its attempts are stored), statement,
        gold, what the pool says besides, and the columns of the models (true or false).

    Raises:
        MathbError: a problem that was not sieved.
    """
    unsolved = {model.name: {problem.key for problem in sieve.unsolved_by(model.name)} for model in sieve.models}
    sieved = {problem.key for problem in sieve.problems}
    rows = []
    for problem in problems:
        if problem.key not in sieved:
            raise MathbError(f"Problem {problem.key} did not go through the sieve; release a part of what did.")
        columns = {unsolved_column(name): problem.key in keys for name, keys in unsolved.items()}
        own = {"id": f"{len(rows):03d}", "origin": problem.key, "statement": problem.statement, "gold": problem.gold}
        rows.append({**own, **{key: value for key, value in problem.meta.items() if key not in own}, **columns})
    return rows


def write_release(path: Path, rows: Sequence[Mapping[str, Any]], sieve: Sieve, funnel: Funnel) -> Path:
    """Write ``path`` (JSON lines) and, with the suffix ``.provenance.json``, its record; returns the record's path.

    The record holds the models and their keys, plan, draw, run seed, extractor and grader version, and the counts of
    every stage of the funnel.

    Args:
        path: ends in ``.jsonl``.
        rows: from `freeze`.
        sieve: where they come from.
        funnel: all stages up to and including the sieve.

    Raises:
        MathbError: another suffix.
    """
    if path.suffix != ".jsonl":
        raise MathbError(f"A released set is written as .jsonl, not as {path.name}; change the suffix.")
    record = release_record(path.stem, len(rows), sieve, funnel)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    beside = path.with_suffix(".provenance.json")
    beside.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return beside


def construction_of(profile: str = "mini") -> Construction:
    """The construction that a profile of the miniature describes; golds are checked by the exact evaluator."""
    study = load_profile(profile)
    return Construction(
        name=study.hard_set,
        pool=(study.pool,),
        benchmarks=study.sets,
        exact_answers=True,
        screen=study.screen,
        models=study.bases,
        attempts=study.plan.n_max,
        licence="apache-2.0",
    )


def main(profile: str = "mini", folder: Path = FOLDER) -> None:
    result = construct(construction_of(profile))
    rows = freeze(result.sieve, result.sieve.union())
    rows = [{key: value for key, value in row.items() if key != "kind"} for row in rows]
    print(write_release(folder / f"{result.construction.name}.jsonl", rows, result.sieve, result.funnel))
    print(result.funnel.to_frame().to_string(index=False))


if __name__ == "__main__":
    main(*sys.argv[1:2])
