"""Forgetting: chunks with cut attempts leave the store, so that the next run samples them again.

The rows that stay are committed under a new name first, and a record of what goes (``forgotten/<time>.json``: model,
draw, chunks, the provenance they had); only then does the old file go. A kill in between leaves rows twice, which
readers pass over, or cut rows that the same call forgets again. No compaction should run meanwhile: it could bring back
what it has read before.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mathb_kit.errors import MathbError
from mathb_kit.provenance import provenance
from mathb_kit.store.packs import PACK_PREFIX, Place, by_file, locate, sources, write_pack
from mathb_kit.store.shards import new_shard_name, read_shard, write_atomically, write_table
from mathb_kit.store.store import Store
from mathb_kit.store.tables import ATTEMPTS


def forget_cut(
    store: Store,
    model: str | None = None,
    draw: str | None = None,
    problems: Collection[str] | None = None,
    dry_run: bool = False,
) -> list[dict[str, Any]]:
    """Remove every chunk that holds a cut attempt.

    Args:
        store: the store.
        model: key of a model or its name on record; all models by default.
        draw: name of a draw; all by default.
        problems: problem keys; all by default.
        dry_run: only look.

    Returns:
        What goes, by model, draw and shard: ``model``, ``draw``, ``shard``, ``chunks`` ([problem, first] each),
        ``attempts`` and how many of them are ``cut``.

    Raises:
        MathbError: no such model or draw, a damaged shard, or a folder that cannot be written.
    """
    named = {key for key, about in store.models().items() if model in (key, about.get("name"))}
    folders = sorted((store.root / "attempts").glob("*/*"))
    folders = [
        folder
        for folder in folders
        if (model is None or folder.parent.name in named | {model}) and draw in (None, folder.name)
    ]
    if not folders and (model or draw):
        raise MathbError(
            f"The store has no attempts of {model or 'any model'}, draw {draw or 'any'}; mathb store counts lists all."
        )
    return [record for folder in folders for record in _forget_in(store, folder, problems, dry_run)]


def _forget_in(store: Store, folder: Path, problems: Collection[str] | None, dry_run: bool) -> list[dict[str, Any]]:
    records = []
    for path, shards in by_file(locate(folder)):
        cut: dict[str, tuple[pa.Table, pa.Array]] = {}
        table = read_shard(path, ATTEMPTS, ATTEMPTS.names)
        for name, place in shards:
            rows = table.slice(place.first, place.rows)
            goes = _in_cut_chunks(rows, problems)
            if pc.any(goes).as_py():
                cut[name] = rows, goes
        if not cut:
            continue
        source_of = {name: source for name, _, source in sources(path)}
        told = [_record(folder, name, rows.filter(goes), source_of[name]) for name, (rows, goes) in cut.items()]
        records += told
        if dry_run:
            continue
        for name, (rows, goes) in cut.items():
            _commit_rest(folder, name, rows.filter(pc.invert(goes)), source_of[name])
        content = json.dumps(provenance(forgotten=told), indent=1).encode()
        write_atomically(
            store.root / "forgotten" / f"{new_shard_name(store.root / 'forgotten').removesuffix('.parquet')}.json",
            lambda stream: stream.write(content),
        )
        if path.name.startswith(PACK_PREFIX):
            _write_pack_of_rest(folder, [(name, place) for name, place in shards if name not in cut])
        path.unlink(missing_ok=True)
    return [{key: value for key, value in record.items() if key != "provenance"} for record in records]


def _in_cut_chunks(rows: pa.Table, problems: Collection[str] | None) -> pa.Array:
    """For every row whether its chunk holds a cut attempt (at one of these problems)."""
    frame = rows.select(["problem", "first", "finish"]).to_pandas()
    goes = frame["finish"].eq("cut").groupby([frame["problem"], frame["first"]]).transform("any")
    if problems is not None:
        goes &= frame["problem"].isin(set(problems))
    return pa.array(goes, pa.bool_())


def _record(folder: Path, shard: str, rows: pa.Table, source: str | None) -> dict[str, Any]:
    chunks = rows.select(["problem", "first"]).to_pandas().drop_duplicates()
    return {
        "model": folder.parent.name,
        "draw": folder.name,
        "shard": shard,
        "chunks": [[row.problem, int(row.first)] for row in chunks.itertuples()],
        "attempts": len(rows),
        "cut": pc.sum(pc.equal(rows["finish"], "cut")).as_py(),
        "provenance": json.loads(source) if source else None,
    }


def _commit_rest(folder: Path, shard: str, rows: pa.Table, source: str | None) -> None:
    """The rows that stay, under a name of the same age: of two writers' rows the older one's go on to count."""
    if len(rows):
        age = shard.partition("-")[0]
        if source is not None:
            rows = rows.replace_schema_metadata({"provenance": source})
        write_table(folder / f"{age}-{uuid.uuid4().hex[:12]}.parquet", rows)


def _write_pack_of_rest(folder: Path, shards: list[tuple[str, Place]]) -> None:
    if shards:
        write_pack(folder / f"{PACK_PREFIX}{new_shard_name(folder)}", dict(shards), ATTEMPTS)
