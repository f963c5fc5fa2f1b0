"""Is this copy the table as released? Told by the record of ``mathb problems fetch``, or else from its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from mathb_kit.problems.registry import Hub

Identity = Literal["released", "synthetic", "unrecognised"]
"""``synthetic``: the table says so itself, in a column of that name. ``unrecognised``: nobody knows."""

# SHA-256 of JSON lines that the repository MohammedYaseen97/latent-markov-world-model wrote from the pinned
# revision (its data/benchmark_manifest.json): all 181 rows, those with pass@1024 = 0 for all eleven bases (40), and
# those that all 21 models left unsolved (13).
_ALL = "75c0089c12a3657bf1ac4d1ca2fbbf4c27ac4139ce7d07f04cb32c916479f9ea"
_BASES = "60093e6abf9d1b6a51960d78cb8ab3a7a394f4f0efffa40c5215a4cd2977dc5f"
_EVERYBODY = "f182a4f8b13d0749c8e27ed1615e0398c18382ddcf56daf228491376004a98a2"
_BASE_STEMS = (
    "qwen2.5-1.5b", "qwen2.5-7b", "qwen2.5-math-1.5b", "qwen2.5-math-7b", "qwen3-4b-base", "qwen3_8b_base", "r1-1.5b",
    "r1-7b", "olmo_7b", "olmo_2_1124_7b", "llama3.1_8b",
)  # fmt: skip


def is_fetched(path: Path, hub: Hub) -> bool:
    """Whether ``<stem>.source.json`` beside a copy says that it was fetched at the pinned revision and is unchanged."""
    record = path.with_name(f"{path.name.split('.')[0]}.source.json")
    if not record.is_file():
        return False
    expected = {"hub": hub.path, "revision": hub.revision, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    try:
        fetched = json.loads(record.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(fetched, dict) and expected.items() <= fetched.items()


def identify(rows: list[dict[str, Any]]) -> Identity:
    """Whether these rows are the released table's, from their content.

    Statements, golds, sources, topics, difficulties and order must be the released ones, in the hub's own types (a copy
    that went through CSV may have changed them), and so must the two intersections that the flags and pass@1024
    columns mark.
    """
    if not rows:
        return "unrecognised"
    if "synthetic" in rows[0]:
        return "synthetic"
    flags = [column for column in rows[0] if column.endswith("_unsolved")]
    parts = {
        _ALL: range(len(rows)),
        _BASES: [at for at, row in enumerate(rows) if all(row.get(f"{stem}_pass@1024") == 0 for stem in _BASE_STEMS)],
        _EVERYBODY: [at for at, row in enumerate(rows) if all(row.get(column) in (True, 1) for column in flags)],
    }
    released = all(_digest(_line(at, rows[at]) for at in part) == known for known, part in parts.items())
    return "released" if released else "unrecognised"


def _line(at: int, row: dict[str, Any]) -> str:
    record = {
        "problem_id": f"math_b_{at:04d}",
        "source_index": at,
        "prompt": row.get("problem"),
        "ground_truth": row.get("answer"),
        "data_source": row.get("data_source"),
        "topic": row.get("topic"),
        "difficulty": row.get("difficulty"),
    }
    return json.dumps(record, ensure_ascii=False, default=str) + "\n"


def _digest(lines: Iterator[str]) -> str:
    return hashlib.sha256("".join(lines).encode(errors="surrogatepass")).hexdigest()
