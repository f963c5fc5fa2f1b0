"""A local mirror of the registered sets, filled where there is a network and read where there is none."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError
from mathb_kit.problems.files import data_folder, find_copy
from mathb_kit.problems.hub import HubRows
from mathb_kit.problems.quirks import QUIRKS
from mathb_kit.problems.registry import SetEntry, entry_of, registry
from mathb_kit.progress import progress

_SUFFIX = ".jsonl.zst"
_NO_ROOM = "free space there or give another folder (--to FOLDER)."


def fetch(
    names: str | Sequence[str], folder: str | os.PathLike[str] | None = None, revision: str | None = None
) -> list[Path]:
    """Copies sets from the hub into a folder that ``MATHB_DATA_DIR`` can name.

    A copy ``<stem>.jsonl.zst`` holds the rows after the set's quirk, in the columns that the loader reads, so that it
    gives the same problems as the hub does. It appears whole or not at all. ``<stem>.source.json`` beside it says where
    it came from: set, hub, config, split, revision (as the hub resolved it), rows, columns, note, sha256. A copy that
    is whole and of the wanted revision is left alone, and so is every file that was not fetched by this function.

    Args:
        names: registered sets, or ``all``.
        folder: where to; by default the folder of ``MATHB_DATA_DIR``.
        revision: another commit than the registry's, for all of ``names``.

    Returns:
        The file of every set, one for sets that share their file.

    Raises:
        MathbError: unknown or built-in set, no folder, no network, or a folder that cannot be written.
    """
    target = _target(folder)
    entries = _entries([names] if isinstance(names, str) else names)
    return [_fetch(name, entry, target, revision) for name, entry in entries.items()]


def _target(folder: str | os.PathLike[str] | None) -> Path:
    if folder is not None:
        return Path(folder)
    if target := data_folder():
        return target
    raise MathbError("There is no folder to fetch into; give one (--to FOLDER) or let MATHB_DATA_DIR name it.")


def _entries(names: Iterable[str]) -> dict[str, SetEntry]:
    """One set per file: sets that share it differ only in what the loader keeps of it."""
    chosen: dict[str, SetEntry] = {}
    for name in names:
        whole = name if name == "all" else entry_of(name).of or name
        sets = {whole: entry_of(whole)} if name != "all" else {n: e for n, e in registry().items() if e.hub}
        for each, entry in sets.items():
            if not entry.hub:
                where = "ships with mathb_kit" if entry.builtin else f"is on no hub known here but in {entry.origin}"
                raise MathbError(f"{each} {where}; there is nothing to fetch.")
            if all(entry.files != other.files for other in chosen.values()):
                chosen[each] = entry
    return chosen


def _fetch(name: str, entry: SetEntry, folder: Path, revision: str | None) -> Path:
    import zstandard

    path = folder / f"{entry.files[0]}{_SUFFIX}"
    record = folder / f"{entry.files[0]}.source.json"
    with progress(entry.rows, name, unit="rows") as shown:
        present = find_copy(folder, entry.files)
        if present and (present != path or _is_wanted(path, record, entry, revision or entry.hub.revision)):
            shown.note(f"{present} is there already")
            return present
        rows, remarks, columns, count = HubRows(name, entry, revision), [], {}, 0
        with whole_file(path, _NO_ROOM) as file:
            stream = _Hashed(file)
            with zstandard.ZstdCompressor(level=9).stream_writer(stream, closefd=False) as lines:
                for _, row in QUIRKS[entry.quirk](rows, entry.fields, remarks) if entry.quirk else rows:
                    lines.write(json.dumps(row).encode() + b"\n")
                    columns |= dict.fromkeys(row)
                    count += 1
                    shown.update()
            fields = {
                "set": name,
                "hub": entry.hub.path,
                "config": entry.hub.config,
                "split": entry.hub.split,
                "revision": rows.revision,
                "rows": count,
                "columns": list(columns),
                "note": "; ".join(remarks),
                "sha256": stream.sha256.hexdigest(),
            }
            # Before the data, so that data never lies there with an older record or none.
            with whole_file(record, _NO_ROOM) as file:
                file.write((json.dumps(fields, indent=2) + "\n").encode())
    return path


def _is_wanted(path: Path, record: Path, entry: SetEntry, revision: str | None) -> bool:
    if not record.is_file():
        return True  # somebody's own copy
    try:
        fields = json.loads(record.read_bytes())
        with path.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == fields["sha256"]
        hub = entry.hub
        same = (fields["hub"], fields["config"], fields["split"]) == (hub.path, hub.config, hub.split)
        return whole and same and revision in (None, fields["revision"])
    except (ValueError, KeyError, TypeError):  # a record that is cut short, or not ours
        return False


class _Hashed:
    """A stream that knows the hash of what went through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.sha256 = stream, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self.stream.write(data)
