"""Compaction: the many small files of a folder become few large ones, while others read and write.

Safe at any instant, because a file is deleted only when a committed pack holds all its shards: killed before the pack
is committed, nothing has changed; killed after it, the next compaction deletes what is left over. Shards that a writer
adds meanwhile are in no pack and stay. Two compactions at once may pack a shard twice; readers take it once, and of
two packs with the same shards only the first is kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from mathb_kit.store.packs import PACK_PREFIX, contents, file_names, file_size, locate, with_shards, write_pack
from mathb_kit.store.shards import ShardGone, new_shard_name
from mathb_kit.store.store import Store
from mathb_kit.store.tables import ANSWERS, ATTEMPTS, GRADES

_FULL = 2**26  # bytes on disk; text unpacks to several times that, and one file at a time is in memory
_FOLDERS = (("attempts/*/*", ATTEMPTS), ("answers/*/*/*", ANSWERS), ("grades/*", GRADES))
_DAY = 86_400.0  # no write takes longer, so an older temporary file is of a killed writer


def compact(store: Store) -> tuple[int, int]:
    """Pack the small files of every folder of a store; no reader sees another row than before.

    Returns:
        Numbers of files before and after.

    Raises:
        MathbError: a damaged file (nothing of its folder is lost), or a folder that cannot be written.
    """
    folders = [(folder, schema) for pattern, schema in _FOLDERS for folder in sorted(store.root.glob(pattern))]
    before = sum(len(file_names(folder)) for folder, _ in folders)
    for folder, schema in folders:
        compact_folder(folder, schema)
    return before, sum(len(file_names(folder)) for folder, _ in folders)


def compact_folder(folder: Path, schema: pa.Schema, full: int = _FULL) -> None:
    """Pack the files of one folder that are smaller than half of ``full`` bytes, see `compact`."""
    # First the pack, then the deletions. Whoever is killed in between leaves shards that are there twice: readers take
    # the pack's, and the next compaction deletes the others before it looks for what is small.
    _delete_leftovers(folder)
    for group in _groups(folder, full):
        try:
            places = locate(folder)
            names = [name for file in group for name, _ in contents(folder / file)]
            chosen = {name: places[name] for name in sorted(set(names))}
            write_pack(folder / f"{PACK_PREFIX}{new_shard_name(folder)}", chosen, schema)
        except (ShardGone, KeyError):
            break  # another compaction is at work here and has moved these shards; what it leaves is for the next one
    _delete_leftovers(folder)


def _groups(folder: Path, full: int) -> Iterator[list[str]]:
    """Small files to be packed together, about ``full`` bytes in all."""
    first_shard = with_shards(folder, lambda places: {f: contents(folder / f)[0][0] for f in file_names(folder)})
    group, size = [], 0
    for file in sorted(first_shard, key=first_shard.__getitem__):
        if (own := file_size(folder / file)) >= full / 2:
            continue
        group.append(file)
        size += own
        if size >= full:
            yield group
            group, size = [], 0
    if len(group) > 1:
        yield group


def _delete_leftovers(folder: Path) -> None:
    """Delete every file whose shards a pack holds, too, and what killed writers left half written."""
    shards = with_shards(folder, lambda places: {f: {n for n, _ in contents(folder / f)} for f in file_names(folder)})
    packs = {file: held for file, held in shards.items() if file.startswith(PACK_PREFIX)}
    packs_of: dict[str, list[str]] = {}
    for pack, held in packs.items():
        for shard in held:
            packs_of.setdefault(shard, []).append(pack)
    for file, held in shards.items():
        others = (pack for pack in packs_of.get(min(held), ()) if pack != file)
        # Of equals the first pack stays: without such an order two compactions could each delete the other's.
        if any(held < packs[pack] or (held == packs[pack] and (file not in packs or pack < file)) for pack in others):
            (folder / file).unlink(missing_ok=True)
    for temporary in folder.glob(".*.tmp"):
        try:
            if time.time() - temporary.stat().st_mtime > _DAY:
                temporary.unlink()
        except FileNotFoundError:
            continue
