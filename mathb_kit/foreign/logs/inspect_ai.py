"""Logs of Inspect (https://inspect.aisi.org.uk), as ``.eval`` archives or as JSON; epochs are attempts."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.foreign.logs.attempts import Attempts, attempt, finished, yes_or_no

VERSIONS = (1, 2)
_ZSTD = 93  # a method of zip archives that Python reads from 3.14 on; Inspect writes it


def read_inspect(path: Path, model: str | None = None) -> Attempts:
    """The samples of one log.

    Their verdict is that of the log's first scorer. A sample that ended with an error has no text; one that ended at a
    limit of the task (tokens, time, messages) was cut short.

    Args:
        path: ``.eval`` or ``.json``.
        model: name to use instead of the log's.

    Raises:
        MathbError: a damaged file, another version of the format, or a log without samples (a header only).
    """
    header, samples = _archive(path) if path.suffix == ".eval" else _json(path)
    if header.get("version") not in VERSIONS or not isinstance(header.get("eval"), Mapping):
        raise MathbError(
            f"{path} is an Inspect log of version {header.get('version')!r}; this reads {VERSIONS[0]} and "
            f"{VERSIONS[1]}: convert it with a newer or older Inspect (inspect log convert)."
        )
    told = header["eval"]
    name = model or told.get("model") or path.stem
    rows = []
    for sample in sorted(samples, key=lambda each: each.get("epoch", 1)):
        rows.append(_row(sample, name))
    if not rows:
        raise MathbError(f"{path} holds no samples, only a header; export it with its samples (log_samples=True).")
    dataset = (told.get("dataset") or {}).get("name") or told.get("task") or path.stem
    settings = {
        "tool": f"inspect_ai {(told.get('packages') or {}).get('inspect_ai', '?')}",
        "task": told.get("task"), "epochs": (told.get("config") or {}).get("epochs"),
        "status": header.get("status"), **(header.get("plan") or {}).get("config", {}),
    }  # fmt: skip
    return Attempts(dataset, rows, {key: value for key, value in settings.items() if value is not None})


def _row(sample: Mapping[str, Any], model: str) -> dict[str, Any]:
    output = sample.get("output") or {}
    choices = output.get("choices") or [{}]
    there = bool(output.get("choices") or output.get("completion")) and not sample.get("error")
    text = output.get("completion", _content(choices[0].get("message") or {})) if there else None
    cut = True if sample.get("limit") else finished(choices[0].get("stop_reason"))
    scores = sample.get("scores") or ({"score": sample["score"]} if sample.get("score") else {})
    first = next(iter(scores.values()), None) or {}
    target = sample.get("target")
    if isinstance(target, list):
        target = target[0] if len(target) == 1 else None
    return attempt(
        model, sample.get("id"), text, target, yes_or_no(first.get("value")),
        truncated=cut, tokens=(output.get("usage") or {}).get("output_tokens"),
    )  # fmt: skip


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _json(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        header = json.loads(path.read_bytes())
    except ValueError as error:
        raise MathbError(f"{path} is no whole JSON file ({error}); copy it again.") from error
    if not isinstance(header, dict):
        raise MathbError(f"{path} is no Inspect log but a {type(header).__name__}; give the log itself.")
    return header, header.pop("samples", None) or []


def _archive(path: Path) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {entry.filename: entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise MathbError(f"{path} is no whole .eval archive ({error}); copy it again.") from error
    head = next((name for name in ("header.json", "_journal/start.json") if name in names), None)
    if head is None:
        raise MathbError(f"{path} has no header.json, so it is no Inspect log of a known version; convert it to JSON.")
    header = json.loads(_member(path, names[head]))
    samples = (entry for name, entry in sorted(names.items()) if name.startswith("samples/"))
    return header, (json.loads(_member(path, entry)) for entry in samples)


def _member(path: Path, entry: zipfile.ZipInfo) -> bytes:
    """A file of the archive, by any of the methods that Inspect writes."""
    try:
        if entry.compress_type != _ZSTD:
            with zipfile.ZipFile(path) as archive:
                return archive.read(entry)
        import zstandard

        with path.open("rb") as stream:
            stream.seek(entry.header_offset)
            name, extra = struct.unpack("<HH", stream.read(30)[26:])  # of the local header, before the data
            stream.seek(entry.header_offset + 30 + name + extra)
            packed = stream.read(entry.compress_size)
        data = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        if len(data) != entry.file_size or zlib.crc32(data) != entry.CRC:
            raise zipfile.BadZipFile("a wrong checksum")
        return data
    except (zipfile.BadZipFile, OSError, NotImplementedError, _zstd_error()) as error:
        raise MathbError(f"{entry.filename} in {path} is damaged ({error}); copy the log again.") from error


def _zstd_error() -> type[Exception]:
    import zstandard

    return zstandard.ZstdError
