"""Logs of Inspect (https://inspect.aisi.org.uk), as ``.eval`` archives or as JSON; epochs are attempts."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.foreign.logs.attempts import Attempts, attempt, finished, laid_out, yes_or_no
from mathb_kit.problems.files import refuse_bomb
from mathb_kit.settings import parse_json_of_others, read_json, shortened

VERSIONS = (1, 2)
_ZSTD = 93  # a method of zip archives that Python reads from 3.14 on; Inspect writes it


def read_inspect(path: Path, model: str | None = None) -> Attempts:
    """The samples of one log.

    Their verdict is that of the log's first scorer. A sample that ended with an error has no text.

    Args:
        path: ``.eval`` or ``.json``.
        model: name to use instead of the log's.

    Raises:
        MathbError: a damaged file, another version of the format, or a log without samples (a header only).
    """
    header, samples = _archive(path) if path.suffix == ".eval" else _json(path)
    if header.get("version") not in VERSIONS or not isinstance(header.get("eval"), Mapping):
        raise MathbError(
            f"{path} is an Inspect log of version {shortened(header.get('version'))}; this reads {VERSIONS[0]} and "
            f"{VERSIONS[1]}: convert it with a newer or older Inspect (inspect log convert)."
        )
    told = header["eval"]
    name = model or told.get("model") or path.stem
    rows = []
    for where, sample in samples:
        with laid_out(where, "Inspect"):
            rows.append((int(sample.get("epoch") or 1), _row(sample, name)))
    if not rows:
        raise MathbError(f"{path} holds no samples, only a header; export it with its samples (log_samples=True).")
    with laid_out(f"{path}, its header,", "Inspect"):
        dataset = (told.get("dataset") or {}).get("name") or told.get("task") or path.stem
        settings = {
            "tool": f"inspect_ai {(told.get('packages') or {}).get('inspect_ai', '?')}",
            "task": told.get("task"), "epochs": (told.get("config") or {}).get("epochs"),
            "status": header.get("status"), **(header.get("plan") or {}).get("config", {}),
        }  # fmt: skip
    in_order = [row for _, row in sorted(rows, key=lambda pair: pair[0])]
    return Attempts(str(dataset), in_order, {key: value for key, value in settings.items() if value is not None})


def _row(sample: Mapping[str, Any], model: str) -> dict[str, Any]:
    output = sample.get("output") or {}
    choices = output.get("choices") or [{}]
    text = None if sample.get("error") else output.get("completion", _said(choices[0].get("message") or {}))
    scores = sample.get("scores") or ({"score": sample["score"]} if sample.get("score") else {})
    first = next(iter(scores.values()), None) or {}
    target = sample.get("target")
    if isinstance(target, list):
        target = target[0] if len(target) == 1 else None
    return attempt(
        model, sample.get("id"), text or None, target, yes_or_no(first.get("value")),
        truncated=finished(choices[0].get("stop_reason")), tokens=(output.get("usage") or {}).get("output_tokens"),
    )  # fmt: skip


def _said(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


Located = Iterable[tuple[str, Any]]


def _json(path: Path) -> tuple[dict[str, Any], Located]:
    header = read_json(path, "give a whole Inspect log", parse_json_of_others)
    samples = header.pop("samples", None) or []
    if not isinstance(samples, list):
        raise MathbError(f"{path} is no Inspect log: its samples are a {type(samples).__name__}; give the log itself.")
    return header, ((f"{path}, sample {number},", sample) for number, sample in enumerate(samples, 1))


def _archive(path: Path) -> tuple[dict[str, Any], Located]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {entry.filename: entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise MathbError(f"{path} is no whole .eval archive ({error}); copy it again.") from error
    head = next((name for name in ("header.json", "_journal/start.json") if name in names), None)
    if head is None:
        raise MathbError(f"{path} has no header.json, so it is no Inspect log of a known version; convert it to JSON.")
    refuse_bomb(path, path.stat().st_size, sum(entry.file_size for entry in names.values()))
    header = _member(path, names[head])
    if not isinstance(header, dict):
        raise MathbError(f"{head} in {path} is no header of a log but a {type(header).__name__}; copy the log again.")
    samples = (entry for name, entry in sorted(names.items()) if name.startswith("samples/"))
    return header, ((f"{entry.filename} in {path}", _member(path, entry)) for entry in samples)


def _member(path: Path, entry: zipfile.ZipInfo) -> Any:
    """What a file of the archive says."""
    try:
        return parse_json_of_others(_content(path, entry))
    except ValueError as error:
        raise MathbError(f"{entry.filename} in {path} is not JSON ({error}); copy the log again.") from error


def _content(path: Path, entry: zipfile.ZipInfo) -> bytes:
    """A file of the archive, by any of the methods that Inspect writes; never more than its size on record."""
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
        with zstandard.ZstdDecompressor().stream_reader(packed) as unpacked:
            data = unpacked.read(entry.file_size)
        if len(data) != entry.file_size or zlib.crc32(data) != entry.CRC:
            raise zipfile.BadZipFile("a wrong checksum")
        return data
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, struct.error, zlib.error,
            _zstd_error()) as error:  # fmt: skip
        raise MathbError(f"{entry.filename} in {path} is damaged ({error}); copy the log again.") from error


def _zstd_error() -> type[Exception]:
    import zstandard

    return zstandard.ZstdError
