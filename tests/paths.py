"""Where a test's child process imports from."""

from __future__ import annotations

import os
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def import_path(test_file: str) -> str:
    """A ``PYTHONPATH`` with the test's own room, what the rooms share, this checkout, and what was there before."""
    folders = [Path(test_file).resolve().parent, TESTS, TESTS.parent]
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
