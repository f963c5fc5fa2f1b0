"""Replies of requests on disk: what was paid for is not paid for again."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

from mathb_kit.atomic import whole_file


class ReplyCache:
    """One file per request, named by the hash of the server's address, the path below it and the body."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def holds(self, path: str, body: dict[str, Any]) -> bool:
        return self._file(path, body).is_file()

    def read(self, path: str, body: dict[str, Any]) -> Any:
        """The reply; None where there is none, or a damaged one."""
        file = self._file(path, body)
        try:
            return json.loads(gzip.decompress(file.read_bytes())) if file.is_file() else None
        except (OSError, EOFError, zlib.error, ValueError, RecursionError):
            return None

    def keep(self, path: str, body: dict[str, Any], reply: Any) -> None:
        with whole_file(self._file(path, body), "free space there or move MATHB_RUNS.") as stream:
            stream.write(gzip.compress(json.dumps(reply).encode(), mtime=0))

    def _file(self, path: str, body: dict[str, Any]) -> Path:
        name = hashlib.sha256(json.dumps([self.url, path, body], sort_keys=True).encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.json.gz"
