"""Files that appear under their name with their whole content, or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mathb_kit.errors import MathbError


@contextmanager
def whole_file(path: Path, remedy: str) -> Iterator[BinaryIO]:
    """A stream into a new or replaced file, which readers see when the block has ended and its bytes are on disk.

    Args:
        path: the file; its folder is made if missing.
        remedy: end of the sentence for those who cannot write there.

    Raises:
        MathbError: the folder cannot be written (full disk, quota, permissions); no temporary file stays behind.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("x+b") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise MathbError(f"Cannot write {path} ({error.strerror or error}); {remedy}") from error


def write_text(path: Path, text: str) -> None:
    """A text in UTF-8 that appears whole or not at all; half pairs of surrogates, which UTF-8 lacks, become ``?``.

    Raises:
        MathbError: as `whole_file`.
    """
    target, content = Path(os.path.realpath(path)), text.encode("utf-8", "replace")  # a link stays one
    if target.exists() and not target.is_file():  # a device or a pipe cannot be replaced
        target.write_bytes(content)
        return
    with whole_file(target, "free space there or name another place.") as stream:
        stream.write(content)


def _sync_folder(folder: Path) -> None:
    """See that the rename itself survives a power cut, where disk and permissions let folders be opened and synced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT):  # others say that this disk does not do it
            raise
    finally:
        os.close(descriptor)
