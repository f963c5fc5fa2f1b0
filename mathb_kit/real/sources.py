"""Where the real counts are, who made them, and whether a file is the one that the committed figures are from."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.foreign import Samples, counts_from_frame, read_counts_table
from mathb_kit.foreign.samples import origin_of
from mathb_kit.problems.files import data_folder
from mathb_kit.settings import Settings, read_toml

FOLDER = "real_counts"


class Source(Settings):
    """One file of real counts, see ``sources.toml``."""

    file: str
    sha256: str
    what: str
    who: str
    address: str
    licence: str
    grader: str
    settings: dict[str, Any] = {}
    weights: dict[str, str] = {}

    @property
    def note(self) -> str:
        """For captions."""
        return f"sampled elsewhere: {self.who}; {self.licence}; verdicts {self.grader}"


class Lineage(Settings):
    """Two models of one maker, and who says how they are related."""

    base: str
    tuned: str
    says: str


@cache
def _tables() -> dict[str, Any]:
    return read_toml(Path(__file__).with_name("sources.toml"))


def real_sources() -> dict[str, Source]:
    """By name: pair, otis, pythia, stages."""
    return {name: Source.parse(table, name) for name, table in _tables().items() if name != "lineage"}


def lineages() -> list[Lineage]:
    """Pairs among the models of ``otis``."""
    return [Lineage.parse(table, "lineage") for table in _tables()["lineage"]]


def path_of(name: str) -> Path:
    """The file of a source.

    Raises:
        MathbError: it is not on this machine.
    """
    source, folder = real_sources()[name], data_folder()
    path = folder / FOLDER / source.file if folder else None
    if path is None or not path.is_file():
        raise MathbError(
            f"The counts {source.file} are not here; put them into {FOLDER}/ of the folder that MATHB_DATA_DIR names. "
            f"They were made from {source.address} ({source.licence})."
        )
    return path


def as_committed() -> bool:
    """Whether every file is the one that the committed figures were drawn from."""
    known = real_sources().items()
    return all(hashlib.sha256(path_of(name).read_bytes()).hexdigest() == source.sha256 for name, source in known)


def real_counts(name: str) -> Samples:
    """The counts of a source as outcomes, by model (``stages``: ``sft`` and ``rl`` by stage as draws)."""
    source, path = real_sources()[name], path_of(name)
    table = read_counts_table(path)
    columns = {}
    if name == "pair":
        table = table.rename(columns={"c_base": "c_Qwen2.5-7B", "c_rl": "c_SimpleRL-Zoo", "index": "problem"})
        on = "MATH-500"
    elif name == "otis":
        # n of the file counts scored attempts only, and some problems of some runs have none.
        table = table[["run", "model", "problem_id", "n", "c", "unscored"]].astype({"n": int, "unscored": int})
        table = table.assign(n=table["n"] + table["unscored"], draw=table["run"])
        columns, on = {"problem": "problem_id"}, "OTIS Mock AIME"
    elif name == "pythia":
        columns, on = {"problem": "problem_idx"}, "128 MATH problems"
    else:
        table = table.rename(columns={"run": "draw", "qid": "problem", "k": "n", "c_sft": "c_SFT", "c_rl": "c_RLVR"})
        on = "30 GSM8K problems"
    kept = [each for each in table if each not in ("unique_id", "benchmark", "run")]
    facts = origin_of(path, "counts", source=source.who, licence=source.licence, grader=source.grader,
                      settings=source.settings, weights=source.weights)  # fmt: skip
    return counts_from_frame(pd.DataFrame(table[kept]), facts, columns=columns, on=on, where=str(path))
