"""`Samples`: outcomes that were sampled elsewhere, with where they come from; kept under a name."""

from __future__ import annotations

import hashlib
import io
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError
from mathb_kit.foreign.tables import stem_of
from mathb_kit.outcomes import KEY
from mathb_kit.places import imports_root
from mathb_kit.plan import Plan
from mathb_kit.settings import did_you_mean, parse_json_of_others, read_json, shortened

ELSEWHERE = "sampled elsewhere"
_RECORD = "origin.json"
_OLD = {"outcomes.parquet", "verdicts.parquet"}  # tables of records that name none
_AGAIN = "delete its folder and import it again"
_REMEDY = "free space there or let MATHB_RUNS name another disk."
_DAY = 86_400.0  # no import is written for longer


@dataclass(frozen=True)
class Samples:
    """Outcomes of models that were sampled elsewhere, on one problem set.

    Attributes:
        on: name of the problem set.
        outcomes: one row per model, problem and draw: name, set, model, problem, draw, n, c, grader_failed (attempts
            without a verdict), plan (fixed), grader, complete; gold where it is known. first_correct, tokens and
            truncated only where the attempts themselves were read: counts do not tell in which order they came.
        origin: JSON-ready: format, files (name, sha256, rows), grader, and what is known of source, licence, settings.
        verdicts: one row per attempt, where texts were read: model, problem, draw, index, answer, verdict, rung,
            their_verdict (the log's own, null where it has none), truncated, tokens.
    """

    on: str
    outcomes: pd.DataFrame = field(repr=False)
    origin: Mapping[str, Any]
    verdicts: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def models(self) -> list[str]:
        """Names of the models, in order of appearance."""
        return list(dict.fromkeys(self.outcomes["model"]))

    @property
    def note(self) -> str:
        """For captions: that it was sampled elsewhere, by whom, under which licence."""
        told = [self.origin[key] for key in ("source", "licence") if self.origin.get(key)]
        files = ", ".join(dict.fromkeys(each["name"] for each in self.origin.get("files", [])))
        return f"{ELSEWHERE}: {'; '.join(map(str, told or [files]))}; verdicts {self.origin['grader']}"

    def arm(self, model: str, draw: str | None = None) -> pd.DataFrame:
        """The outcomes of one model and draw.

        Raises:
            MathbError: no such model or draw, or several draws and none named.
        """
        rows = self.outcomes[self.outcomes["model"] == model]
        if not len(rows):
            raise MathbError(
                f"There is no model {model!r}{did_you_mean(model, self.models)} in {self.on}; there are "
                f"{', '.join(self.models)}."
            )
        draws = list(dict.fromkeys(rows["draw"]))
        if draw is None and len(draws) > 1:
            raise MathbError(f"{model} has the draws {', '.join(draws)}; name one, as {model}:{draws[0]}.")
        if draw is not None and draw not in draws:
            raise MathbError(f"{model} has no draw {draw!r}; it has {', '.join(draws)}.")
        return rows if draw is None else rows[rows["draw"] == draw].reset_index(drop=True)

    def summary(self) -> pd.DataFrame:
        """One row per arm: model, draw, problems, n, attempts, correct, solved (problems), without_verdict."""
        arms = self.outcomes.groupby(["model", "draw"], sort=False)
        table = arms.agg(
            problems=("problem", "size"), least=("n", "min"), most=("n", "max"), attempts=("n", "sum"),
            correct=("c", "sum"), solved=("c", lambda c: int((c > 0).sum())), without_verdict=("grader_failed", "sum"),
        )  # fmt: skip
        n = [f"{low:,}" if low == high else f"{low:,} to {high:,}" for low, high in zip(table["least"], table["most"])]
        table.insert(1, "n", n)
        return table.drop(columns=["least", "most"]).reset_index()

    def save(self, name: str) -> Path:
        """Keep it under a name, replacing what was there; returns the folder.

        The record names the tables that belong to it and is written last: whoever reads, writes or is killed meanwhile,
        there is one import under the name, whole.
        """
        folder = imports_root() / import_name(name)
        record, own = folder / _RECORD, uuid.uuid4().hex[:12]
        tables = {}
        for stem, frame in (("outcomes", self.outcomes), ("verdicts", self.verdicts)):
            if frame is not None:
                content = frame.to_parquet(index=False)
                tables[stem] = {"file": f"{stem}-{own}.parquet", "sha256": hashlib.sha256(content).hexdigest()}
                with whole_file(folder / tables[stem]["file"], _REMEDY) as stream:
                    stream.write(content)
        replaced = _files(read_json(record, _AGAIN)) if record.is_file() else set()
        content = json.dumps({"on": self.on, "tables": tables, "origin": self.origin}, default=str)
        content = json.dumps(parse_json_of_others(content.encode()), indent=1)  # no NaN, which JSON does not know
        with whole_file(record, _REMEDY) as stream:
            stream.write(content.encode())
        _tidy(folder, replaced, {table["file"] for table in tables.values()})
        return folder


def _files(record: Mapping[str, Any]) -> set[str]:
    """The tables that a record names."""
    return {table["file"] for table in record["tables"].values()} if "tables" in record else _OLD


def _tidy(folder: Path, replaced: set[str], kept: set[str]) -> None:
    """Remove the tables of the record that was replaced, and what killed imports left; another's new ones stay."""
    for file in [*folder.glob("*.parquet"), *folder.glob(".*.tmp")]:
        try:
            if file.name not in kept and (file.name in replaced or time.time() - file.stat().st_mtime > _DAY):
                file.unlink()
        except FileNotFoundError:
            continue


def imported_names() -> list[str]:
    """Names under which samples were kept."""
    root = imports_root()
    return sorted(path.parent.name for path in root.glob(f"*/{_RECORD}")) if root.is_dir() else []


def load_samples(name: str) -> Samples:
    """What was kept under a name.

    Raises:
        MathbError: nothing was, or it is damaged.
    """
    record = imports_root() / import_name(name) / _RECORD
    if not record.is_file():
        there = imported_names()
        raise MathbError(
            f"Nothing was imported as {name!r}{did_you_mean(name, there)}; "
            f"{'there are ' + ', '.join(there) if there else 'mathb import FILE --name NAME brings it in'}."
        )
    for last_try in (*[False] * 20, True):
        content = read_json(record, _AGAIN)
        try:
            return _read(record.parent, content)
        except FileNotFoundError as error:  # perhaps another import replaced it between the two readings
            if last_try or read_json(record, _AGAIN) == content:
                raise MathbError(f"The import {name!r} lacks one of its tables ({error}); {_AGAIN}.") from error
        except (OSError, AttributeError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise MathbError(f"The import {name!r} in {record.parent} is damaged ({error}); {_AGAIN}.") from error
    raise AssertionError("the last try returns or raises")


def _read(folder: Path, record: Mapping[str, Any]) -> Samples:
    frames = {}
    if "tables" in record:
        for stem, table in record["tables"].items():
            content = (folder / table["file"]).read_bytes()
            if hashlib.sha256(content).hexdigest() != table["sha256"]:
                raise ValueError(f"{table['file']} has another hash")
            frames[stem] = pd.read_parquet(io.BytesIO(content))
    else:
        frames = {file.partition(".")[0]: pd.read_parquet(folder / file) for file in _OLD if (folder / file).is_file()}
    origin = dict(record["origin"])
    return Samples(record["on"], frames["outcomes"], origin | {"grader": origin["grader"]}, frames.get("verdicts"))


def origin_of(path: Path, form: str, **facts: Any) -> dict[str, Any]:
    """The record of one file: format, name and hash (no path), and what else is known of it."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    told = {key: value for key, value in facts.items() if value not in ("", None, {})}
    return {"format": form, "files": [{"name": path.name, "sha256": digest}], **told}


def require_comparable(base: pd.DataFrame, tuned: pd.DataFrame, *, mixed_graders: bool = False) -> None:
    """MathbError where two arms may not be set beside each other as they are.

    Args:
        base, tuned: outcomes of one model and draw each.
        mixed_graders: the reader was told that two graders decided, and wants to see it all the same.

    Raises:
        MathbError: different problems, golds, graders, or different n within an arm.
    """
    for who, rows in (("the base", base), ("the tuned model", tuned)):
        if rows[KEY].duplicated().any():
            raise MathbError(f"{rows['model'].iloc[0]} has a problem twice; name a draw.")
        if rows["plan"].nunique() > 1:
            sizes = sorted({Plan.parse(text).n_max for text in rows["plan"].unique()})
            raise MathbError(
                f"{rows['model'].iloc[0]}, {who}, has between {sizes[0]:,} and {sizes[-1]:,} attempts at a problem; "
                "reach and its null need one n: keep problems of one n, or drop the attempts beyond the smallest."
            )
    names = [str(rows["model"].iloc[0]) for rows in (base, tuned)]
    if alone := sorted(set(base["problem"]) ^ set(tuned["problem"])):
        raise MathbError(
            f"{names[0]} and {names[1]} were not asked the same problems: {len(alone)} are in one of them only, the "
            f"first being {alone[0]!r}; keep those that both have."
        )
    if "gold" in base and "gold" in tuned:
        golds = base.set_index("problem")["gold"]
        other = tuned.set_index("problem")["gold"].loc[golds.index]
        if (differ := golds != other).any():
            first = golds.index[differ][0]
            raise MathbError(
                f"The golds of {names[0]} and {names[1]} differ at {int(differ.sum())} problems: {first!r} has "
                f"{golds[first]!r} and {other[first]!r}; grade both against one gold."
            )
    graders = [" and ".join(dict.fromkeys(rows["grader"])) for rows in (base, tuned)]
    if graders[0] != graders[1] and not mixed_graders:
        raise MathbError(
            f"{names[0]} was graded {graders[0]!r}, {names[1]} {graders[1]!r}, and a difference may be the graders'; "
            "import both with their texts, name their common grader (--grader), or see them all the same with "
            "--mixed-graders, which every caption will say."
        )


def import_name(name: str | None, files: Sequence[Path] = ()) -> str:
    """The name of an import, by default the first file's without its suffixes.

    Raises:
        MathbError: it cannot be a folder's.
    """
    name = stem_of(files[0]) if name is None else name
    if not 0 < len(name.encode("utf-8", "replace")) <= 200 or name[0] == "." or "/" in name or not name.isprintable():
        raise MathbError(f"{shortened(name)} cannot name an import; use letters, digits, dashes and dots (--name).")
    return name
