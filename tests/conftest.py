"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

# A background job of a script ignores Ctrl-C, and so would the children that tests send it to.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Root of the repository."""
    return CHECKOUT


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data: ``MATHB_DATA_DIR``, else ``../shared/data`` beside the checkout, else a skip."""
    folder = Path(os.environ.get("MATHB_DATA_DIR") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; MATHB_DATA_DIR names another folder")
    return folder.resolve()


@pytest.fixture(autouse=True)
def _runs_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the developer's own runs, and none reads local mirrors unless it asks to."""
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("MATHB_DATA_DIR", raising=False)
    monkeypatch.delenv("MATHB_CHECKPOINTS", raising=False)
